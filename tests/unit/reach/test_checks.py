# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks a lab gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import declared, implied, leased, told_of_names, unknown
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, node_from, nodes_from


def node(name: str, address: str, switch: str, method: str = "dhcp", gateway: str | None = "10.8.0.1") -> Node:
    interface = {"name": "eth0", "mac": f"02:{name}", "switch": switch, "method": method, "addresses": [address], "gateway": gateway}
    return node_from({"name": name, "kind": "netns", "netns": f"lab.{name}", "interfaces": [{**interface, "network": f"net-{switch}"}]})


NODES = [
    node("ann", "10.8.0.7/24", "plaza"),
    node("bob", "10.8.0.9/24", "plaza", "static"),
    node("eve", "10.9.0.9/24", "island", gateway=None),
]


def test_nodes_on_one_switch_reach_each_other_and_nobody_else() -> None:
    assert [(check.node, check.meaning) for check in implied(NODES, told={"ann", "eve"}, outside="http://192.0.2.80/")] == [
        ("ann", "reach 10.8.0.1"),
        ("ann", "reach 10.8.0.9"),
        ("ann", "resolve bob to 10.8.0.9"),
        ("ann", "fetch http://192.0.2.80/"),
        ("bob", "reach 10.8.0.1"),
        ("bob", "reach 10.8.0.7"),
        ("bob", "fetch http://192.0.2.80/"),
        ("eve", "fetch http://192.0.2.80/"),
    ]
    assert not [check for check in implied(NODES, told=(), outside=None) if check.verb != "ping"]


def pairs(nodes: dict[str, Any], links: list[Any]) -> set[str]:
    """Return who is to reach whom in a lab of namespaces, VMs and switches without gateways."""
    share = compile_share(load({"name": "park", "nodes": nodes, "links": links}))
    checks = implied([node for node in nodes_from(share) if node.kind in ("vm", "netns")], told_of_names(share), outside=None)
    return {f"{check.node} {check.verb} {check.column}" for check in checks if check.column != "gateway"}


@pytest.mark.parametrize(
    ("switches", "links", "expected_pairs"),
    [
        pytest.param(
            {},
            [{"endpoints": ["ann:left", "bob:right"], "ipv4": {"ann": "10.7.0.1/30", "bob": "10.7.0.2/30"}}],
            {"ann ping bob", "bob ping ann"},
            id="a wire",
        ),
        pytest.param(
            {"oak": "bridge", "elm": "ovs"},
            ["oak elm", {"endpoints": ["ann", "oak"], "ipv4": "10.7.0.1/24"}, {"endpoints": ["bob", "elm"], "ipv4": "10.7.0.2/24"}],
            {"ann ping bob", "bob ping ann"},
            id="linked switches",
        ),
        pytest.param(
            {"oak": {"kind": "bridge", "ipv4": "10.7.0.9/24", "dhcp": True}, "elm": "ovs"},
            ["oak elm", "ann oak", {"endpoints": ["bob", "elm"], "ipv4": "10.7.0.2/24"}],
            {"ann ping bob", "bob ping ann", "ann resolve bob"},
            id="a name server that one of them is told of",
        ),
        pytest.param(
            {"oak": {"kind": "bridge", "ipv4": "10.7.0.9/24", "dhcp": {"dns": []}}},
            ["ann oak", "bob oak"],
            {"ann ping bob", "bob ping ann"},
            id="a name server that nobody is told of",
        ),
        pytest.param(
            {"oak": "bridge"},
            [{"endpoints": ["ann", "oak"], "ipv4": "10.7.0.1/24"}, {"endpoints": ["bob", "oak"], "ipv4": "10.9.0.2/24"}],
            set(),
            id="other subnet",
        ),
        pytest.param(
            {"elm": "ovs"},
            [{"endpoints": ["ann", "elm"], "ipv4": "10.7.0.1/24", "tag": 7}, {"endpoints": ["bob", "elm"], "ipv4": "10.7.0.2/24"}],
            set(),
            id="other VLAN",
        ),
    ],
)
def test_who_shares_a_network_reaches_each_other(switches: dict[str, Any], links: list[Any], expected_pairs: set[str]) -> None:
    assert pairs({"ann": None, "bob": None, **switches}, links) == expected_pairs


@pytest.mark.parametrize(
    ("servers", "asks"), [(["10.7.0.9"], True), (["10.7.0.9", "9.9.9.9"], True), (["9.9.9.9", "10.7.0.9"], False), (["9.9.9.9"], False)]
)
def test_who_asks_another_name_server_is_not_asked_for_the_labs_names(servers: list[str], asks: bool) -> None:
    nodes = {"ann": {"resolv_conf": servers}, "bob": None, "oak": {"kind": "bridge", "ipv4": "10.7.0.9/24", "dhcp": True}}
    share = compile_share(load({"name": "park", "nodes": nodes, "links": ["ann oak", "bob oak"]}))
    resolves = {check.node for check in Lab(share, ()).checks("all", None) if check.verb == "resolve"}
    assert resolves == ({"ann", "bob"} if asks else {"bob"})


@pytest.mark.parametrize(("state", "found"), [("running", {"ann", "deep"}), ("paused", {"ann"}), ("stopped", {"ann"})])
def test_vms_that_are_not_meant_to_run_are_neither_asked_nor_reached(state: str, found: set[str]) -> None:
    nodes = {"ann": None, "deep": {"kind": "vm", "state": state}, "oak": {"kind": "bridge", "ipv4": "10.7.0.1/24", "dhcp": True}}
    named = {name for pair in pairs(nodes, ["ann oak", "deep oak"]) for name in pair.split()[::2]}
    assert named == (found if len(found) > 1 else set())
    share = compile_share(load({"name": "park", "nodes": nodes, "links": ["ann oak", "deep oak"]}))
    assert {node.name for node in nodes_from(share)} == {*found, "oak"}


def test_only_interfaces_addressed_by_dhcp_need_a_lease() -> None:
    assert {check.node: problem for check, problem in leased(NODES, {"02:eve"}).items()} == {
        "ann": "the DHCP server has given none",
        "eve": "",
    }


def test_a_ring_has_as_many_checks_as_nodes() -> None:
    nodes = [node(f"h{number}", f"10.8.0.{number + 9}/24", "plaza") for number in range(5)]
    checks = [(check.node, check.column) for check in implied(nodes, told=(), outside=None, pairs="ring") if check.column != "gateway"]
    assert checks == [("h0", "h1"), ("h1", "h2"), ("h2", "h3"), ("h3", "h4"), ("h4", "h0")]
    assert {check.column for check in implied(nodes, told=(), outside=None, pairs="none")} == {"gateway"}


def test_too_many_pairs_are_a_ring() -> None:
    nodes = [node(f"h{number}", f"10.8.{number // 250}.{number % 250 + 2}/16", "plaza", gateway=None) for number in range(201)]
    assert len(implied(nodes, told=(), outside=None, pairs="auto")) == 201
    assert len(implied(nodes[:200], told=(), outside=None, pairs="auto")) == 200 * 199


def expectation(**given: Any) -> dict[str, Any]:
    return {"from": ["ann"], "to": ["bob"], "protocol": "icmp", "port": None, "family": None, "reach": True, "mtu": None, **given}


def two_families(name: str, *places: tuple[str, str]) -> Node:
    interfaces = [
        {
            "name": f"eth{number}",
            "mac": "",
            "switch": network,
            "network": network,
            "method": "static",
            "addresses": [address],
            "gateway": None,
        }
        for number, (network, address) in enumerate(places)
    ]
    return node_from({"name": name, "kind": "netns", "netns": f"lab.{name}", "interfaces": interfaces})


KNOWN = {
    found.name: found
    for found in (
        two_families("ann", ("plaza", "10.8.0.7/24"), ("plaza", "fd01::7/64")),
        two_families("bob", ("island", "10.9.0.9/24"), ("plaza", "10.8.0.9/24"), ("plaza", "fd01::9/64")),
        two_families("eve", ("island", "10.9.0.5/24")),
    )
}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["ping 10.8.0.9 ", "ping fd01::9 "]),
        ({"family": 6}, ["ping fd01::9 "]),
        ({"to": ["bob:eth0"]}, ["ping 10.9.0.9 "]),
        ({"to": ["eve"]}, ["ping 10.9.0.5 "]),
        ({"from": ["eve"], "to": ["ann"]}, ["ping 10.8.0.7 "]),
        ({"from": ["eve"], "to": ["ann:eth1"]}, ["ping  "]),
        ({"to": ["192.0.2.7", "FD01::0:1"]}, ["ping 192.0.2.7 ", "ping fd01::1 "]),
        ({"to": ["web.example"]}, ["ping web.example "]),
        ({"protocol": "tcp", "port": 80, "family": 4}, ["tcp 10.8.0.9 80"]),
        ({"mtu": 1400, "family": 4}, ["ping 10.8.0.9 1400"]),
        ({"from": ["ann", "bob"], "family": 4}, ["ping 10.8.0.9 "]),
        ({"from": ["localhost", "blue"], "to": ["eve"]}, ["ping 10.9.0.5 ", "ping 10.9.0.5 "]),
        ({"to": ["deep"]}, []),
        ({"from": ["deep"]}, []),
    ],
)
def test_expectations_become_checks(given: dict[str, Any], found: list[str]) -> None:
    checks = declared([expectation(**given)], KNOWN, left_out={"deep"})
    assert [f"{check.verb} {check.target} {check.port or check.size or ''}" for check in checks] == found


def test_what_must_not_be_reached_is_so_in_the_check() -> None:
    assert [check.reach for check in declared([expectation(reach=False, family=4)], KNOWN)] == [False]


def test_senders_that_nobody_knows_are_named() -> None:
    (problem,) = unknown([expectation(**{"from": ["ann", "eva"]})], ["ann", "eve"])
    assert problem == "expect: from 'eva': there is no such node, nor a network namespace of that name (did you mean 'eve'?)"
