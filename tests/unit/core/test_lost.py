# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not waited for without a lab host that was not reached, and what is told of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._adjacency import routers
from ansible_collections.netvirt.lab.plugins.module_utils._lost import LEFT_OUT, left_out, missed, remaining, spared
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import nodes_from

OSPF: dict[str, Any] = {"ospf": {"hello": 1, "dead": 4}}
LAB: dict[str, Any] = {
    "name": "wood",
    "nodes": {
        "lan": {"kind": "bridge", "ipv4": "10.1.0.1/24", "dhcp": True, "gateway": "elm"},
        "yard": {"kind": "bridge", "ipv4": "10.2.0.1/24", "dhcp": True, "gateway": "fir"},
        "h[1:2]": {"host": "fir"},
        "own": {"host": "fir"},
        "guest": {"kind": "vm", "image": "tiny", "host": "fir"},
        "visitor": {"kind": "vm", "image": "tiny", "host": "elm"},
        "west": {"host": "fir", "loopback": "auto", "frr": OSPF},
        "mid": {"host": "fir", "loopback": "auto", "frr": OSPF},
        "east": {"host": "elm", "loopback": "auto", "frr": {**OSPF, "bgp": {"asn": 1, "neighbors": [{"address": "mid", "asn": 1}]}}},
    },
    "links": [
        *("h[1:2] lan", "own yard", "guest lan", "visitor yard"),
        *({"endpoints": ends, "ipv4": "auto"} for ends in (["west", "mid"], ["mid", "east"])),
    ],
}
SHARES = compile_shares(load(LAB, machines=(Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2"))))
SHARE = SHARES["fir"]


def waited(lost: list[str]) -> dict[str, list[str]]:
    """Return for each node the interfaces that are waited for."""
    return {node.name: [each["name"] for each in node.interfaces] for node in spared(nodes_from(remaining(SHARE, lost)), lost)}


def test_addresses_that_a_lost_lab_host_gives_are_not_waited_for() -> None:
    everything, less = waited([]), waited(["elm"])
    assert {name for name, interfaces in everything.items() if less.get(name) != interfaces} == {"h1", "h2", "guest", "visitor"}
    assert "visitor" not in less
    assert less["h1"] == []
    assert waited(["oak"]) == everything


def test_neighbours_on_other_lab_hosts_are_waited_for_unless_these_are_lost() -> None:
    def peers(share: dict[str, Any]) -> dict[str, set[str]]:
        return {router.name: {session.peer for session in router.sessions} for router in routers(share)}

    assert peers(SHARE) == {"west": {"mid"}, "mid": {"west", "east"}}
    assert peers(remaining(SHARE, ["elm"])) == {"west": {"mid"}, "mid": {"west"}}
    assert peers(SHARES["elm"]) == {"east": {"mid"}}


def test_routes_to_networks_on_other_lab_hosts_are_waited_for() -> None:
    (east,) = routers(SHARES["elm"])
    far = {address for item in SHARE["frr"] if item["node"] == "west" for address in item["loopbacks"] if ":" not in address}
    assert far
    assert far <= east.routes


def test_what_others_know_of_a_router_is_little() -> None:
    (router,) = SHARE["routers"]
    assert (router["node"], router["home"], router["bgp"], router["config"]) == ("east", "elm", {}, False)
    assert "netns" not in router


def test_what_is_missing_is_told_by_lab_host() -> None:
    nodes = nodes_from(SHARE)
    assert list(missed(nodes, SHARE, ["elm", "oak"], lambda node: node.name != "h2")) == [
        "The lab host 'elm' was not reached, or failed, so this is not waited for: the addresses of h1 come from it; guest can only be "
        "logged in to from there; east would be neighbours of routers here."
    ]
    assert list(missed(nodes, SHARE, [], lambda node: True)) == []


def test_who_was_left_out_and_is_needed_here_is_named() -> None:
    assert left_out(SHARE, ["fir"], []) == ["elm"]
    assert left_out(SHARE, ["fir"], ["elm"]) == left_out(SHARE, ["fir", "elm"], []) == left_out(SHARE, None, []) == []
    assert left_out(SHARES["elm"], ["elm"], []) == ["fir"]
    nodes = [node for node in nodes_from(SHARE) if node.name == "h2"]
    assert list(missed(nodes, {**SHARE, "routers": []}, ["elm"], lambda node: True, LEFT_OUT)) == [
        "The lab host 'elm' takes no part in this run, so this is not waited for: the addresses of h2 come from it; guest can only be "
        "logged in to from there."
    ]


LOGICAL: dict[str, Any] = {
    "name": "wood",
    "fabric": "ovn",
    "nodes": {
        "lan": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": True, "gateway": "fir"},
        "h": {"host": "fir"},
        "still": {"host": "fir", "ipv4": "10.1.0.9"},
        "guest": {"kind": "vm", "image": "tiny", "host": "fir"},
    },
    "links": ["h lan", "still lan", "guest lan"],
}


def test_without_the_databases_of_ovn_nothing_new_is_waited_for() -> None:
    share = compile_shares(load(LOGICAL, machines=(Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2"))))["fir"]
    nodes = nodes_from(share)
    assert {node.name: bool(node.address) for node in spared(nodes, ["oak"]) if node.kind == "vm"} == {"guest": True}
    left = {node.name: ([each["name"] for each in node.interfaces], bool(node.address)) for node in spared(nodes, ["elm"])}
    assert (left["h"], left["still"], left["guest"]) == (([], True), (["eth0"], True), ([], False))
    assert left_out(share, ["fir"], []) == ["elm"]
    assert list(missed(nodes, share, ["elm"], lambda node: True)) == [
        "The lab host 'elm' was not reached, or failed, so this is not waited for: the addresses of h, guest come from it; "
        "OVN's databases are on it, so logical switches stay as they were."
    ]
