# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All ways to write the same thing mean the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.resolve.guest import passwords

BASE = "{name: forms, nodes: {sw: {kind: ovs, ipv4: 10.4.0.1/24}, one: {kind: netns}, two: {kind: vm}}, links: [%s]}"
SAME = {
    "a link": [
        "one sw",
        "one:eth0 sw",
        "[one, sw]",
        "['one:eth0', sw]",
        "{endpoints: [one, sw]}",
        "{endpoints: one sw}",
        "[{node: one}, {node: sw}]",
    ],
    "an address": [
        "{endpoints: [one, sw], ipv4: 10.4.0.7}",
        "{endpoints: [one, sw], ipv4: 10.4.0.7/24}",
        "{endpoints: [one, sw], ipv4: [10.4.0.7/24]}",
        "{endpoints: [one, sw], ipv4: {one: 10.4.0.7/24}}",
        "{endpoints: [one, sw], ipv4: {'one': 10.4.0.7/24}, gateway: 10.4.0.1}",
        "{endpoints: [{node: one, ipv4: 10.4.0.7}, sw]}",
    ],
    "a port": [
        "two sw:port7",
        "{endpoints: [two, sw], device: port7}",
        "[two, {node: sw, device: port7}]",
        "[two, {node: sw, interface: port7}]",
    ],
    "an IPv6 address": [
        "{endpoints: [one, sw], ipv6: 'fd00:4::7/64'}",
        "{endpoints: [one, sw], ipv6: ['fd00:0004::0007/64']}",
        "[{node: one, ipv6: 'fd00:4:0::7/64'}, sw]",
    ],
    "a trunk with a native VLAN": [
        "{endpoints: [one, sw], native: 7, trunks: [8]}",
        "{endpoints: [one, sw], tag: 7, vlan_mode: native-untagged, trunks: [8]}",
        "[one, {node: sw, native: 7, trunks: 8}]",
    ],
    "a slow link": [
        "{endpoints: [one, sw], rate: 10mbit, delay: 1ms}",
        "{endpoints: [one, sw], rate: 10000000, delay: 1000us}",
        "[{node: one, rate: 10 Mbit, delay: 1ms}, {node: sw, rate: 10000kbit, delay: 0.001s}]",
        "{endpoints: [one, {node: sw, delay: 1ms, rate: 10mbit}], rate: {one: 10mbit}, delay: {one: 1ms}}",
    ],
    "a model": ["{endpoints: [two, sw], model: e1000}", "[{node: two, model: e1000}, sw]", "{endpoints: [two, sw], model: {two: e1000}}"],
    "no address": ["{endpoints: [one, sw], ipv4: none}", "{endpoints: [one, sw], ipv4: []}"],
    "nothing said": ["{endpoints: [one, sw], mtu: , tag: , ipv4: }", "one sw"],
}


def compiled(text: str) -> Any:
    return compile_share(load(yaml.safe_load(text)))


@pytest.mark.parametrize("case", SAME)
def test_forms_of_a_link(case: str) -> None:
    first, *others = (compiled(BASE % form) for form in SAME[case])
    for other in others:
        assert other == first


def test_forms_of_nodes() -> None:
    first, *others = (
        compiled(f"{{name: forms, nodes: {nodes}}}")
        for nodes in ("{a: {kind: netns}, b: {kind: netns}}", "{a: netns, b: netns}", "{a: , b: {}}", "[a, b]")
    )
    for other in others:
        assert other == first


def test_forms_of_routes_gateways_and_loopbacks() -> None:
    switch = "{kind: bridge, subnet: 10.4.0.0/24, subnet6: 'fd00:4::/64'}"
    text = f"{{name: forms, nodes: {{a: {{%s, ipv4: 10.4.0.9, ipv6: 'fd00:4::9'}}, s: {switch}}}, links: [a s]}}"
    for first, *others in (
        ("routes: [10.5.0.0/16 via 10.4.0.1]", "routes: 10.5.0.0/16 via 10.4.0.1", "routes: [{to: 10.5.0.0/16, via: 10.4.0.1}]"),
        ("gateway: [10.4.0.1, 'fd00:4::1']", "routes: [default via 10.4.0.1, 'default via fd00:4::1']"),
        ("loopback: [10.255.0.7/32]", "loopback: 10.255.0.7", "loopback: 10.255.0.7/32"),
    ):
        for other in others:
            assert compiled(text % other) == compiled(text % first)


def test_a_nodes_own_key_goes_before_the_default() -> None:
    share = compiled(
        "{name: forms, defaults: {vm: {cpus: 4, model: pcnet}}, nodes: {a: vm, b: {kind: vm, cpus: 2}, s: bridge}, links: [a s, b s]}"
    )
    assert [(vm["name"], vm["cpus"], vm["nics"][0]["model"]) for vm in share["vms"]] == [("a", 4, "pcnet"), ("b", 2, "pcnet")]


def test_interfaces_are_numbered_around_the_named_ones() -> None:
    share = compiled("{name: forms, nodes: {a: , s: bridge}, links: ['a s', 'a:eth1 s', 'a s', 'a:lan s']}")
    assert [interface["name"] for interface in share["nodes"][0]["interfaces"]] == ["eth0", "eth1", "eth2", "lan"]


def test_the_first_interface_has_the_default_route() -> None:
    text = "{name: forms, nodes: {a: , s: {kind: bridge, ipv4: 10.4.0.1/24}, t: {kind: bridge, ipv4: 10.5.0.1/24}}, links: [%s, %s]}"
    share = compiled(text % ("{endpoints: [a, s], ipv4: 10.4.0.9}", "{endpoints: [a, t], ipv4: 10.5.0.9}"))
    assert [interface["gateway"] for interface in share["nodes"][0]["interfaces"]] == ["10.4.0.1", None]


def test_what_is_empty_is_removed_and_what_is_left_out_is_not_managed() -> None:
    share = compiled(
        "{name: forms, nodes: {a: {ipv4: none}, b: , s: {kind: ovs, ipv4: none, controllers: [], other_config: {stp-priority: ''}},"
        " t: ovs}, links: [{endpoints: [a, s], tag: none, trunks: []}, b t]}"
    )
    bridges = {bridge["altname"]: bridge for bridge in share["bridges"]}
    assert bridges["forms.s"]["controllers"] == []
    assert bridges["forms.s"]["other_config"] == {"stp-priority": ""}
    assert bridges["forms.s"]["ports"][0].items() >= {"tag": "", "trunks": []}.items()
    assert bridges["forms.t"].keys() == {"name", "altname", "mac", "datapath_type", "ports"}
    assert bridges["forms.t"]["ports"][0].keys() == {"name"}
    addresses = {(item["netns"], item["name"]): item for item in share["addresses"]}
    assert addresses["forms.a", "eth0"]["addresses"] == []
    assert addresses["", bridges["forms.s"]["name"]]["addresses"] == []
    assert ("", bridges["forms.t"]["name"]) not in addresses
    assert ("forms.b", "eth0") not in addresses


def test_names_resolve_to_addresses_of_both_families() -> None:
    share = compiled(
        "{name: forms, nodes: {a: , b: {kind: vm, ipv4: none}, s: {kind: bridge, ipv4: 10.4.0.1/24, dhcp: true, ipv6: 'fd00:4::1/64'}},"
        " links: [{endpoints: [a, s], ipv6: ['fd00:4::7', 'fd00:4::8']}, b s]}"
    )
    records = {record["name"]: record["addresses"] for record in share["dnsmasq"]["records"]}
    assert records["s"] == ["10.4.0.1", "fd00:4::1"]
    assert records["a"][1:] == ["fd00:4::7", "fd00:4::8"]
    assert [":" in address for address in records["a"] + records["b"]] == [False, True, True, True]


GUESTS = """
name: forms
nodes:
  one:
    kind: vm
    user: grace
    authorized_keys: [key-1]
    users:
      - {name: ada, sudo: true, authorized_keys: key-2}
      - {name: grace, authorized_keys: [key-1, key-3], hashed_password: $6$grace}
      - {name: ada, hashed_password: $6$ada}
  two: {kind: vm, hashed_password: $6$two}
  three: {kind: vm, users: [bob]}
"""


def test_a_user_that_is_listed_twice_is_one_user() -> None:
    assert compiled(GUESTS)["vms"][0]["users"] == [
        {"name": "grace", "sudo": True, "authorized_keys": ["key-1", "key-3"], "hashed_password": None},
        {"name": "ada", "sudo": True, "authorized_keys": ["key-2"], "hashed_password": None},
    ]


def test_passwords_are_apart_from_the_share() -> None:
    topology = load(yaml.safe_load(GUESTS))
    assert "$6$" not in str(compile_share(topology))
    assert passwords(topology) == {"one": {"grace": "$6$grace", "ada": "$6$ada"}, "two": {"debian": "$6$two"}}


def test_the_network_of_an_interface() -> None:
    share = compiled(
        "{name: forms, nodes: {a: , b: , s: bridge, t: ovs, u: ovs},"
        " links: [t s, a s, 'a:lan b:wan', {endpoints: [b, t], tag: 7}, {endpoints: [b, t], trunks: [8, 9]}, b u]}"
    )
    assert {(node["name"], interface["name"]): interface["network"] for node in share["nodes"][:2] for interface in node["interfaces"]} == {
        ("a", "eth0"): "s",
        ("a", "lan"): "a:lan--b:wan",
        ("b", "wan"): "a:lan--b:wan",
        ("b", "eth0"): "s/7",
        ("b", "eth1"): "s/8,9",
        ("b", "eth2"): "u",
    }
    assert [node["interfaces"][0]["network"] for node in share["nodes"][2:]] == ["s", "s", "u"]
