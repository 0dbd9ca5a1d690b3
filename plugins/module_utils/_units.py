# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities as people write them, with units: rates, sizes, times, shares. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .topology.values import Type

_RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "kib": 2**10, "mib": 2**20}
_TIMES = {"us": 1, "ms": 10**3, "s": 10**6}


def quantity(name: str, units: Mapping[str, int]) -> Type:
    """Return the type of numbers with one of some units; a number alone is in the first unit."""
    first = next(iter(units))

    def parse(value: Any) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-zA-Z]*)", str(value).strip())
        if isinstance(value, bool) or found is None or (found[2] or first).lower() not in units:
            raise ValueError
        return round(float(found[1]) * units[(found[2] or first).lower()])

    return Type(name, parse)


def _share(value: Any) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%?", str(value).strip())
    if isinstance(value, bool) or found is None or float(found[1]) > 100:
        raise ValueError
    return float(found[1])


RATE = quantity("a rate such as 10mbit, 1.5gbit or a number of bit/s", _RATES)
SIZE = quantity("a size such as 32kb, 16KiB or a number of bytes", _SIZES)
TIME = quantity("a time such as 20ms, 1.5s or a number of microseconds", _TIMES)
PERCENT = Type("a share such as 0.5% or a number from 0 to 100", _share)
