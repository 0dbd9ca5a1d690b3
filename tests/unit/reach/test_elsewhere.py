# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways over other lab hosts, and that one of these is the cause."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.elsewhere import machines, missing
from ansible_collections.netvirt.lab.plugins.module_utils.reach.paths import Wiring, shown
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine

LAB: dict[str, Any] = {
    "name": "wood",
    "nodes": {
        "lan": {"kind": "ovs", "ipv4": "10.1.0.1/24", "gateway": "elm"},
        "yard": {"kind": "bridge", "ipv4": "10.2.0.1/24", "gateway": "elm"},
        "a": {"host": "fir"},
        "b": {"host": "oak"},
        "c": {"host": "oak", "ipv4": "10.2.0.7"},
        "d": {"host": "fir", "ipv4": "10.1.0.8"},
        "r": {"host": "elm", "router": True},
    },
    "links": [
        {"endpoints": ["a", "lan"], "ipv4": "10.1.0.5"},
        {"endpoints": ["b", "lan"], "ipv4": "10.1.0.6"},
        *("c yard", "d lan"),
        {"endpoints": ["a:wan", "r:a"], "ipv4": {"a": "10.9.0.1/30", "r": "10.9.0.2/30"}},
        {"endpoints": ["b:wan", "r:b"], "ipv4": {"b": "10.9.1.1/30", "r": "10.9.1.2/30"}},
    ],
}
MACHINES = (Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2"), Machine("oak", "198.18.0.3"))
SHARES = compile_shares(load(LAB, machines=MACHINES))
OTHERS = [SHARES["elm"], SHARES["oak"]]
WIRING = Wiring(SHARES["fir"], OTHERS)


def check(node: str, target: str) -> Check:
    return Check(node, target, "ping", target)


@pytest.mark.parametrize(
    ("node", "target", "path", "over"),
    [
        ("a", "10.1.0.6", "a:eth0 - lan - b:eth0", ["oak"]),
        ("a", "10.1.0.8", "a:eth0 - lan - d:eth0", []),
        ("a", "10.1.0.1", "a:eth0 - lan", ["elm"]),
        ("d", "10.2.0.7", "d:eth0 - lan - the lab host elm - yard - c:eth0", ["elm", "oak"]),
        ("a", "10.9.9.9", "", []),
    ],
)
def test_a_way_over_lab_hosts(node: str, target: str, path: str, over: list[str]) -> None:
    assert shown(WIRING.path_to(node, target)) == path
    assert machines(check(node, target), WIRING) == over


def test_a_lab_host_that_is_not_there_is_the_cause_of_what_leads_over_it() -> None:
    asked: list[str] = []

    def silent(addresses: list[str]) -> set[str]:
        asked.extend(addresses)
        return {"198.18.0.3"}

    checks = [check("d", target) for target in ("10.1.0.6", "10.1.0.5", "10.1.0.1", "10.2.0.7")]
    lost = "the lab host 'elm', which the way leads over, was not reached in this run"
    quiet = "the lab host 'oak', which the way leads over, does not answer at 198.18.0.3, its address in the underlay"
    assert missing(checks, WIRING, OTHERS, ["elm"], silent) == {checks[0]: [quiet], checks[2]: [lost], checks[3]: [lost, quiet]}
    assert asked == ["198.18.0.3"]  # who was not reached is not asked


def test_nobody_is_blamed_where_all_answer() -> None:
    assert missing([check("a", "10.1.0.6")], WIRING, OTHERS, [], lambda addresses: set()) == {}


LOGICAL: dict[str, Any] = {
    "name": "wood",
    "fabric": "ovn",
    "nodes": {
        "front": {"kind": "ovs", "ipv4": "10.1.0.1/24"},
        "back": {"kind": "ovs", "ipv4": "10.2.0.1/24"},
        "own": {"kind": "ovs", "ipv4": "10.3.0.1/24", "gateway": "elm"},
        "r": {"kind": "logical_router", "host": "elm"},
        "a": {"host": "fir", "ipv4": "10.1.0.5"},
        "b": {"host": "oak", "ipv4": "10.1.0.6"},
        "c": {"host": "oak", "ipv4": "10.2.0.7"},
        "d": {"host": "fir", "ipv4": "10.3.0.8"},
    },
    "links": ["a front", "b front", "c back", "r front", "r back", "d own"],
}
LOGICAL_SHARES = compile_shares(load(LOGICAL, machines=MACHINES))
LOGICAL_WIRING = Wiring(LOGICAL_SHARES["fir"], [LOGICAL_SHARES["elm"], LOGICAL_SHARES["oak"]])
(DOOR,) = [link["name"] for link in LOGICAL_SHARES["elm"]["links"] if link.get("altname") == "wood.r"]
(OWN,) = [link["name"] for link in LOGICAL_SHARES["elm"]["links"] if link.get("altname") == "wood.own"]


@pytest.mark.parametrize(
    ("node", "target", "path", "over"),
    [
        ("a", "10.1.0.6", "a:eth0 - front - b:eth0", ["oak"]),
        ("a", "10.1.0.1", "a:eth0 - front", []),
        ("a", "10.2.0.7", "a:eth0 - front - r:eth0 - r:eth1 - back - c:eth0", ["oak"]),  # the router is wherever they are
        (
            "d",
            "10.2.0.7",
            f"d:eth0 - own - the lab host elm:{OWN} - the lab host elm:{DOOR} - r - r:eth1 - back - c:eth0",
            ["elm", "oak"],
        ),
    ],
)
def test_a_way_over_logical_switches(node: str, target: str, path: str, over: list[str]) -> None:
    assert shown(LOGICAL_WIRING.path_to(node, target)) == path
    assert machines(check(node, target), LOGICAL_WIRING) == over


def test_a_lab_host_of_logical_switches_is_asked_at_its_address_in_the_underlay() -> None:
    others = [LOGICAL_SHARES["elm"], LOGICAL_SHARES["oak"]]
    asked = check("a", "10.1.0.6")
    quiet = "the lab host 'oak', which the way leads over, does not answer at 198.18.0.3, its address in the underlay"
    assert missing([asked], LOGICAL_WIRING, others, [], set) == {asked: [quiet]}
