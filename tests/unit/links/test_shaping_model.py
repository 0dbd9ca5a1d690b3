# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which discipline shaping takes, what is filled in, and what the kernel's rounding does not change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._share import require_redirects
from ansible_collections.netvirt.lab.plugins.module_utils._units import PERCENT, RATE, SIZE, TIME
from ansible_collections.netvirt.lab.plugins.module_utils.resources._shaping_model import (
    Shaping,
    completed,
    shape_of,
    shaping_as,
    shaping_from,
    shapings_from,
    snapped,
)
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import HostDatapath


@pytest.mark.parametrize(
    ("given", "discipline"),
    [
        ({}, ""),
        ({"redirect": "ifb0"}, ""),
        ({"rate": 10**6}, "tbf"),
        ({"rate": 10**6, "queue": 5}, "tbf"),
        ({"queue": 5}, "pfifo"),
        ({"delay": 1}, "netem"),
        ({"loss": 0.1, "rate": 10**6}, "netem"),
        ({"corrupt": 1, "queue": 9}, "netem"),
    ],
)
def test_disciplines(given: dict[str, Any], discipline: str) -> None:
    assert shaping_from({"name": "eth7", **given}, "slow").discipline == discipline


@pytest.mark.parametrize(
    ("given", "mtu", "burst", "queue"),
    [
        ({"rate": 10**6}, 1500, 16384, 100),
        ({"rate": 10**9}, 1500, 500_000, 4128),
        ({"rate": 10**6}, 65535, 65553, 100),
        ({"rate": 1000, "burst": 10**6}, 1500, 125 * 274, 100),
        ({"rate": 10**6, "burst": 2000, "queue": 3}, 1500, 2000, 3),
        ({"rate": 10**6, "delay": 5}, 1500, 0, 1000),
        ({"delay": 5, "queue": 4}, 1500, 0, 4),
        ({"queue": 4}, 1500, 0, 4),
    ],
)
def test_what_is_left_open_is_filled_in(given: dict[str, Any], mtu: int, burst: int, queue: int) -> None:
    full = completed(shaping_from({"name": "eth7", **given}, "slow"), mtu)
    assert (full.burst, full.queue) == (burst, queue)
    assert completed(full, mtu) == full


@pytest.mark.parametrize(
    "given",
    [
        {"rate": 10**7},
        {"rate": 10**7, "delay": 20_000, "jitter": 5_000, "queue": 33},
        {"delay": 600_000_000, "loss": 12.5},
        {"loss": 0.01, "reorder": 0, "duplicate": 100, "corrupt": 33.333333},
        {"queue": 12},
    ],
)
def test_the_kernels_terms_and_ours_are_one(given: dict[str, Any]) -> None:
    full = completed(shaping_from({"name": "eth7", "netns": "blue", **given}, "slow"), 1500)
    assert snapped(full, shaping_as(Shaping("eth7", "blue", "slow"), full.discipline, shape_of(full))) == full


def test_what_waits_for_a_delay_does_not_count_as_queue() -> None:
    # 100 Mbit/s for 100 ms are 825 packets of 1514 bytes.
    assert shape_of(Shaping("eth7", rate=10**8, delay=100_000, queue=50)).packets == 875
    assert shape_of(Shaping("eth7", loss=1.0, queue=50)).packets == 50


def test_rounding_is_forgiven_and_nothing_else() -> None:
    want = Shaping("eth7", rate=10**9 + 3, burst=500_000, queue=100)
    near = Shaping("eth7", rate=10**9, burst=499_995, queue=100)
    assert snapped(want, near) == near
    far = Shaping("eth7", rate=10**9 - 8, burst=499_000, queue=99)
    assert snapped(want, far) == want


def test_items_of_one_interface_are_one() -> None:
    items: list[dict[str, Any]] = [{"name": "tap1", "rate": 10**6}, {"name": "tap1", "netns": "", "redirect": "ifb1"}]
    items.append({"name": "tap1", "netns": "blue", "queue": 3})
    assert shapings_from(items, "slow") == (
        Shaping("tap1", "", "slow", rate=10**6, redirect="ifb1"),
        Shaping("tap1", "blue", "slow", queue=3),
    )


@pytest.mark.parametrize(("host", "chosen", "refused"), [("netdev", None, True), ("system", None, False), ("system", "netdev", True)])
def test_a_redirect_that_the_userspace_datapath_would_not_feel_is_refused(host: str, chosen: str | None, refused: bool) -> None:
    shaping: list[dict[str, Any]] = [{"name": "tap1", "redirect": "ifb1"}, {"name": "tap2", "rate": 10**6}]
    bridges = [{"name": "plaza", "datapath_type": chosen, "ports": [{"name": "tap1"}, {"name": "tap2"}]}]
    datapath = HostDatapath(host, False)
    if refused:
        with pytest.raises(LabErrors, match=r"What the guest at 'tap1' sends cannot be shaped: .* Make the switch one of kind bridge"):
            require_redirects(shaping, bridges, lambda: datapath)
    else:
        require_redirects(shaping, bridges, lambda: datapath)
    require_redirects(shaping[1:], bridges, lambda: datapath)


@pytest.mark.parametrize(
    ("unit", "written", "value"),
    [
        (RATE, "10mbit", 10**7),
        (RATE, "1.5gbit", 1_500_000_000),
        (RATE, 64000, 64000),
        (RATE, "64 Kbit", 64000),
        (SIZE, "32kb", 32000),
        (SIZE, "16KiB", 16384),
        (TIME, "20ms", 20000),
        (TIME, "0.5s", 500_000),
        (TIME, "7", 7),
        (PERCENT, "0.5%", 0.5),
        (PERCENT, 3, 3.0),
    ],
)
def test_units(unit: Any, written: Any, value: float) -> None:
    assert unit.parse(written) == value


@pytest.mark.parametrize(("unit", "written"), [(RATE, "10mbps"), (RATE, "-1"), (TIME, "5m"), (PERCENT, "101"), (SIZE, True), (RATE, "")])
def test_what_is_no_quantity(unit: Any, written: Any) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        unit.parse(written)
