# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's routes on the lab host take no network from others."""

from __future__ import annotations

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver, Addressing, Route


def planned(way_to: list[str], theirs: dict[str, tuple[str, ...]], netns: str = "") -> None:
    addresses, others = theirs.get("addresses", ()), tuple(Route(to, "192.0.2.1") for to in theirs.get("routes", ()))
    lan = Addressing("lan0", netns, addresses=addresses, routes=others)
    way = Addressing("way0", netns, "wood", True, ("100.64.0.1/30",), tuple(Route(to, "100.64.0.2") for to in way_to))
    driver = AddressDriver()
    driver.plan({lan.key: lan}, Goal(driver, (way,)), Scope("wood"), ())


@pytest.mark.parametrize(
    ("route", "theirs", "owner"),
    [
        ("10.1.0.0/24", {"addresses": ("10.1.0.5/24",)}, "10.1.0.0/24"),
        ("10.1.0.128/25", {"addresses": ("10.1.0.5/16",)}, "10.1.0.0/16"),
        ("10.1.0.0/24", {"routes": ("10.1.0.0/24",)}, "10.1.0.0/24"),
    ],
)
def test_a_network_of_the_lab_host_is_refused(route: str, theirs: dict[str, tuple[str, ...]], owner: str) -> None:
    with pytest.raises(LabErrors) as raised:
        planned([route], theirs)
    assert list(raised.value.problems) == [
        f"The network {route}, which 'way0' leads to, is in use: 'lan0' has {owner}; choose another subnet, or free that one."
    ]


def test_what_takes_nothing_passes() -> None:
    planned(["default", "10.0.0.0/8", "10.2.0.0/24"], {"addresses": ("10.1.0.5/24",), "routes": ("10.0.0.0/9", "10.2.0.0/16", "default")})
    planned(["10.1.0.0/24"], {"addresses": ("10.1.0.5/24",)}, netns="wood.a")
