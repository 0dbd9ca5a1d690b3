# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which lab host to which the largest packets of a network must get."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine

LAB: dict[str, Any] = {
    "name": "wood",
    "nodes": {
        "lan": {"kind": "bridge", "ipv4": "10.1.0.1/24", "ipv6": "fd00:1::1/64", "dhcp": True, "gateway": "elm"},
        "a[1:3]": {"host": "elm"},
        "b[1:3]": {"host": "fir"},
        "c1": {"host": "oak"},
        "deep": {"kind": "vm", "image": "tiny", "host": "ash", "ipv4": "10.1.0.99"},
        "d1": {"host": "fir"},
        "yard": {"kind": "bridge", "host": "fir", "ipv4": "10.2.0.1/24"},
    },
    "links": [
        *("a[1:3] lan", "b[1:3] lan", "deep lan", "d1 yard", "b1 yard"),
        {"endpoints": ["c1", "lan"], "mtu": 1300},
        {"endpoints": ["a1:wan", "c1:wan"], "ipv4": "auto"},
    ],
}
NAMES = ("elm", "fir", "oak", "ash")
MACHINES = [Machine(name, f"198.18.0.{number}") for number, name in enumerate(NAMES, 1)]
SHARES = compile_shares(load(LAB, machines=MACHINES))


def large(name: str, pairs: Literal["auto", "all", "ring", "none"] = "auto") -> list[tuple[str, str, int]]:
    """Return from whom to whom packets of what size are sent from a lab host."""
    checks = Lab(SHARES[name], (), [SHARES[other] for other in NAMES if other != name]).checks(pairs, None)
    return sorted((check.node, check.column, check.size) for check in checks if check.size)


def test_one_node_sends_to_one_on_each_other_lab_host_what_both_take() -> None:
    assert large("elm") == [("a1", "b1 mtu", 1450), ("a1", "c1 mtu", 1300), ("a1", "c1 mtu", 1450), ("a1", "deep mtu", 1450)]
    assert large("fir") == [("b1", "a1 mtu", 1450), ("b1", "c1 mtu", 1300), ("b1", "deep mtu", 1450)]
    assert large("ash") == []  # a guest's own ping may know no size


def test_in_a_ring_each_lab_host_sends_to_the_next_one_of_the_network() -> None:
    assert large("elm", "ring") == [("a1", "b1 mtu", 1450), ("a1", "c1 mtu", 1450)]
    assert large("fir", "ring") == [("b1", "c1 mtu", 1300)]
    assert large("oak", "ring") == [("c1", "a1 mtu", 1450), ("c1", "deep mtu", 1300)]
    assert large("elm", "none") == []


def test_there_is_nothing_to_find_where_no_underlay_is_between() -> None:
    nodes = {"lan": {"kind": "bridge", "ipv4": "10.1.0.1/24"}, "a": None, "b": None}
    share = compile_share(load({"name": "wood", "nodes": nodes, "links": ["a lan", {"endpoints": ["b", "lan"], "mtu": 1300}]}))
    assert not [check for check in Lab(share, ()).checks("all", None) if check.size]
    assert not [interface for node in share["nodes"] for interface in node["interfaces"] if "mtu" in interface]


@pytest.mark.parametrize(("expect", "known"), [(1450, 1), (1400, 2)])
def test_what_is_expected_anyway_is_asked_once(expect: int, known: int) -> None:
    share = compile_shares(load({**LAB, "expect": [{"from": "b1", "to": "a1", "family": 4, "mtu": expect}]}, machines=MACHINES))
    checks = Lab(share["fir"], (), [share["elm"], share["oak"], share["ash"]]).checks("auto", None)
    assert len([check for check in checks if check.node == "b1" and check.column == "a1 mtu"]) == known
