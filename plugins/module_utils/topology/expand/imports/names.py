# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of nodes from names that other tools allow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_LONGEST = 48


class Names:
    """Makes names of nodes, each once, and remembers which had to be changed."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: set[str] = set()
        self._by: dict[str, str] = {}
        self._changed: list[tuple[str, str]] = []

    def name(self, key: str, wanted: str) -> str:
        """Return the name of the node ``key``, as near to the wanted one as possible."""
        plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-") or "node"
        plain = f"{self._prefix}{plain}"[: _LONGEST - 5].rstrip("-")
        name, number = plain, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name.lower())
        self._by[key] = name
        if name != f"{self._prefix}{wanted}":
            self._changed.append((wanted, name))
        return name

    def known(self, key: str) -> str:
        """Return the name that a node has been given."""
        return self._by.get(key, f"{self._prefix}{key}")

    def notices(self, source: str) -> Iterator[str]:
        """Say which names were changed."""
        if self._changed:
            listed = ", ".join(f"'{wanted}' is {name}" for wanted, name in self._changed[:10])
            more = f" and {len(self._changed) - 10} more" if len(self._changed) > 10 else ""
            yield f"{source}: names of nodes were changed into valid ones: {listed}{more}"
