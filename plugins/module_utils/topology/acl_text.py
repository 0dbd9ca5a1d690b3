# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of OVN's ACLs (ovn-sb(5), table Logical_Flow, column match): which ports they name. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_QUOTED = re.compile(r'"([^"]*)"')


def with_ports(match: str, lookup: Callable[[str], str | None]) -> tuple[str, list[str]]:
    """Return an expression with its ports by other names, and those that nobody knows; a port stands in quotation marks."""
    unknown: list[str] = []

    def named(quoted: re.Match[str]) -> str:
        found = lookup(quoted[1])
        if found is None:
            unknown.append(quoted[1])
        return f'"{quoted[1] if found is None else found}"'

    return _QUOTED.sub(named, match), unknown
