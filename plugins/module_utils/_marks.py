# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark that says to which lab an interface or a namespace belongs: the alias of a link."""

from __future__ import annotations

_PREFIX = "netvirt:"


def mark(lab: str) -> str:
    """Return the alias that marks a link as the lab's."""
    return _PREFIX + lab


def owner(alias: str) -> str | None:
    """Return the lab that an alias names, None if it is no mark."""
    return alias[len(_PREFIX) :] if alias.startswith(_PREFIX) else None
