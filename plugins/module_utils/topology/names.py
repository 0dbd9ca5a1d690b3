# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that a topology leaves out, derived from the names it has: the same on every run and every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import count

from .values import Problems

NIC = re.compile(r"(?!lo$)[A-Za-z][A-Za-z0-9_-]{0,14}")  # the name of a guest's interface, which is one in QEMU too
NIC_WORDS = "a letter, then letters, digits, '-' and '_', 15 at most, and not lo"
GUEST_MAC = "52:54:00"  # QEMU's own prefix
LOCAL_MAC = "02"  # locally administered


def altname(lab: str, *parts: str) -> str:
    """Return the long name of a device; no name holds a dot before the last part, so that two never meet."""
    return ".".join((lab, *parts))


def namespace(lab: str, node: str) -> str:
    """Return the name of a node's network namespace."""
    return f"{lab}.{node}"


def digest(*parts: str) -> bytes:
    """Return what names are derived from."""
    return sha256("/".join(parts).encode()).digest()


def devices(prefix: str, *parts: str) -> Iterator[str]:
    """Return names for a device of the lab host in the order of preference; at most 15 characters (IFNAMSIZ)."""
    return (f"{prefix[:8]}-{digest(*parts, *more).hex()[:6]}" for more in _tries())


def bond_port(lab: str, node: str, bond: str) -> str:
    """Return the name of a port that several links make up: no device of the lab host, but unique in Open vSwitch's database."""
    return next(devices(bond, lab, node, "bond", bond))


def macs(prefix: str, *parts: str) -> Iterator[str]:
    """Return MAC addresses that begin with prefix in the order of preference."""
    length = 17 - len(prefix) - 1
    return (f"{prefix}:{digest(*parts, *more).hex(':')[:length]}" for more in _tries())


def vnis(*parts: str) -> Iterator[str]:
    """Return numbers of tunnels in the order of preference, 1 to 2^24 - 1."""
    return (str(int.from_bytes(digest(*parts, *more)[:4], "big") % (2**24 - 1) + 1) for more in _tries())


def _tries() -> Iterator[tuple[str, ...]]:
    return (() if number == 0 else (str(number),) for number in count())


class Names:
    """Names that must differ: those that the file gives come first, then the derived ones keep out of their way."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._owners: dict[str, str] = {}

    def claim(self, name: str, path: str, problems: Problems) -> None:
        """Take a name that the file gives."""
        owner = self._owners.setdefault(name, path)
        if owner != path:
            problems.append(f"{path}: {self._what} '{name}' is taken by {owner}")

    def derive(self, path: str, candidates: Iterator[str]) -> str:
        """Take the first candidate that is free."""
        name = next(name for name in candidates if name not in self._owners)
        self._owners[name] = path
        return name
