# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of a topology file that have a unit: rates, sizes, times and shares."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from . import Type

# As tc(8) has them, but for the sizes, which follow the SI and IEC.
RATES = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9, "tbit": 10**12}
SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
TIMES = {"us": 1, "ms": 10**3, "s": 10**6}
SHARES = {"%": 1}


def _quantity(units: dict[str, int], bare: bool, most: int) -> Any:
    """Return a parser of a number with a unit; bare says that it may have none and is then in the smallest unit."""

    def parse(value: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) *([a-z%]*)(?:/s)?", str(value).lower())
        if found is None or found[2] not in ({*units, ""} if bare else units):
            raise ValueError
        amount = Decimal(found[1]) * units.get(found[2], 1)
        if amount > most:
            raise ValueError
        return amount

    return parse


def _whole(name: str, units: dict[str, int], bare: bool, least: int, most: int) -> Type:
    quantity = _quantity(units, bare, most)

    def parse(value: Any) -> int:
        amount = int(quantity(value))
        if amount < least:
            raise ValueError
        return amount

    return Type(name, parse)


def _share(value: Any) -> float:
    return float(_quantity(SHARES, True, 100)(value))


# linux/pkt_sched.h: a 64-bit rate in bytes a second; sizes have 32 bits; netem's times are kept in 64 bits, an hour is plenty.
RATE = _whole("a rate such as 10mbit or 1.5gbit (bit/s)", RATES, True, 8, 10**13)
SIZE = _whole("a size such as 64kB (bytes)", SIZES, True, 1, 2**32 - 1)
TIME = _whole("a time such as 20ms", TIMES, False, 0, 3600 * 10**6)
SHARE = Type("a share such as 1% (from 0 to 100)", _share)
