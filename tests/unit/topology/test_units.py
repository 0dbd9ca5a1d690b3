# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities with units, and what has none that it should have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values import Problems, Type
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values.units import RATE, SHARE, SIZE, TIME

READ: list[tuple[Type, Any, Any]] = [
    (RATE, "10mbit", 10_000_000),
    (RATE, "1.5gbit", 1_500_000_000),
    (RATE, "1.5 Gbit/s", 1_500_000_000),
    (RATE, 9600, 9600),
    (RATE, "0.3mbit", 300_000),
    (SIZE, "64kB", 64_000),
    (SIZE, "64KiB", 65_536),
    (SIZE, 1500, 1500),
    (TIME, "20ms", 20_000),
    (TIME, "1.5ms", 1500),
    (TIME, "2s", 2_000_000),
    (TIME, "300us", 300),
    (SHARE, "1%", 1.0),
    (SHARE, "0.1 %", 0.1),
    (SHARE, 25, 25.0),
    (SHARE, 0.5, 0.5),
]
REFUSED: list[tuple[Type, Any]] = [
    (RATE, "10mbps"),
    (RATE, "fast"),
    (RATE, 0),
    (RATE, True),
    (RATE, -5),
    (RATE, "99999tbit"),
    (SIZE, "64k bits"),
    (SIZE, 0),
    (TIME, 20),
    (TIME, "2h"),
    (TIME, "2m"),
    (SHARE, "101%"),
    (SHARE, -1),
    (SHARE, 1e300),
    (SHARE, float("nan")),
    (SHARE, None),
]


@pytest.mark.parametrize(("kind", "given", "expected"), READ)
def test_a_quantity_is_read_in_its_smallest_unit(kind: Type, given: Any, expected: Any) -> None:
    problems: Problems = []
    found = kind.read(given, "x", problems)
    assert (found, problems) == (expected, [])
    assert type(found) is type(expected)


@pytest.mark.parametrize(("kind", "given"), REFUSED)
def test_what_is_no_quantity_is_refused(kind: Type, given: Any) -> None:
    problems: Problems = []
    assert kind.read(given, "x", problems) is None
    assert problems
    assert problems[0].startswith(f"x: must be {kind.name}, not ")
