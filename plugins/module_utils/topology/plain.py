# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a topology in the types that JSON knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .addressing import Route

Item = dict[str, Any]


def given(**values: Any) -> Item:
    """Return the values that are managed."""
    return {name: plain(value) for name, value in values.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a value with lists for tuples, and without what is not managed."""
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, Route):
        return asdict(value)
    return {name: plain(part) for name, part in value.items() if part is not None} if isinstance(value, Mapping) else value
