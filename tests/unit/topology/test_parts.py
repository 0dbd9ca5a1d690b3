# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares of a lab on several lab hosts: each has its part, and the tunnels to the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import packed_apart, unpacked

MACHINES = (Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2", mtu=1600), Machine("oak", "198.18.0.3", mtu=9000))
NODES: dict[str, Any] = {
    "lan": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": True, "nat": True, "gateway": "fir"},
    "a": {"host": "elm"},
    "b": {"host": "oak"},
    "v": {"kind": "vm", "image": "tiny", "host": "elm"},
}
LINKS: list[Any] = ["a lan", "b lan", "v lan"]


def shares(nodes: dict[str, Any], links: list[Any], name: str = "wood") -> dict[str, Any]:
    found = compile_shares(load({"name": name, "nodes": nodes, "links": links}, machines=MACHINES))
    assert json.loads(json.dumps(found)) == found
    return found


def tunnels(share: dict[str, Any]) -> dict[str, Any]:
    return {link["name"]: link for link in share["links"] if link["kind"] == "vxlan"}


def test_each_lab_host_has_its_nodes_and_the_switch() -> None:
    found = shares(NODES, LINKS)
    assert {name: [item["name"] for item in share["namespaces"]] for name, share in found.items()} == {
        "elm": ["wood.a"],
        "fir": [],
        "oak": ["wood.b"],
    }
    assert {name: [vm["name"] for vm in share["vms"]] for name, share in found.items()} == {"elm": ["v"], "fir": [], "oak": []}
    assert len({share["bridges"][0]["name"] for share in found.values()}) == 1


def test_address_dhcp_and_the_way_out_are_at_the_gateway_only() -> None:
    found = shares(NODES, LINKS)
    own = {name: [item["addresses"] for item in share["addresses"] if item["netns"] == ""] for name, share in found.items()}
    assert own == {"elm": [[]], "fir": [["10.1.0.1/24"]], "oak": [[]]}
    assert [name for name, share in found.items() if share["forwarding"]] == ["fir"]
    assert [name for name, share in found.items() if share["dnsmasq"]] == ["fir"]
    (network,) = found["fir"]["dnsmasq"]["networks"]
    assert {host["name"] for host in network["hosts"]} == {"a", "b", "v"}
    assert network["options"] == {"mtu": "1450"}
    assert len({share["bridges"][0]["mac"] for share in found.values()}) == 3  # what is sent to one is not kept by another


def test_who_is_addressed_from_another_lab_host_asks_for_its_reservation() -> None:
    found = shares(NODES, LINKS)
    (network,) = found["fir"]["dnsmasq"]["networks"]
    reserved = {host["name"]: host["address"] for host in network["hosts"]}
    assert [item["request"] for name in ("elm", "oak") for item in found[name]["dhcp_clients"]] == [reserved["a"], reserved["b"]]
    assert {
        interface["server"]
        for share in found.values()
        for node in share["nodes"]
        for interface in node["interfaces"][:1]
        if node["name"] in "abv"
    } == {"fir"}


def test_tunnels_lead_to_the_other_lab_hosts() -> None:
    found = shares(NODES, LINKS)
    (device,) = tunnels(found["elm"])
    assert {name: tunnels(share)[device]["remotes"] for name, share in found.items()} == {
        "elm": ["198.18.0.2", "198.18.0.3"],
        "fir": ["198.18.0.1", "198.18.0.3"],
        "oak": ["198.18.0.1", "198.18.0.2"],
    }
    assert {name: tunnels(share)[device]["local"] for name, share in found.items()} == {one.name: one.underlay for one in MACHINES}
    assert len({tunnels(share)[device]["vni"] for share in found.values()}) == 1
    assert all({"name": device} in share["bridges"][0]["ports"] for share in found.values())


def test_two_labs_have_other_numbers_and_the_file_may_give_one() -> None:
    numbers = [next(iter(tunnels(shares(NODES, LINKS, name)["elm"]).values()))["vni"] for name in ("wood", "moor")]
    assert numbers[0] != numbers[1]
    given = {**NODES, "lan": {**NODES["lan"], "vni": 100}}
    assert next(iter(tunnels(shares(given, LINKS)["elm"]).values()))["vni"] == 100


def mtus(share: dict[str, Any]) -> Iterator[int]:
    yield from (link["mtu"] for link in share["links"] if "mtu" in link)


def test_the_mtu_is_what_the_smallest_underlay_leaves() -> None:
    assert {mtu for share in shares(NODES, LINKS).values() for mtu in mtus(share)} == {1450}
    large = {**NODES, "lan": {**NODES["lan"], "gateway": "oak"}, "a": {"host": "fir"}, "v": {"host": "fir"}}
    assert {mtu for share in shares(large, LINKS).values() for mtu in mtus(share)} == {1550}
    tagged = ["a lan", {"endpoints": ["b", "lan"], "tag": 7}, "v lan"]
    assert {mtu for share in shares(NODES, tagged).values() for mtu in mtus(share)} == {1446}


def test_a_network_on_one_lab_host_is_left_alone() -> None:
    found = shares({"s": {"kind": "bridge"}, "a": {"host": "elm"}, "b": {"host": "elm"}, "c": {"host": "fir"}}, ["a s", "b s"])
    assert tunnels(found["elm"]) == {}
    assert list(mtus(found["elm"])) == []
    assert found["fir"]["links"] == []


def test_a_larger_mtu_is_reported() -> None:
    with pytest.raises(LabErrors) as raised:
        shares(NODES, ["b lan", {"endpoints": ["a", "lan"], "mtu": 1500}])
    assert raised.value.problems == (
        "links[1].mtu: 1500 bytes do not fit through the tunnels between the lab hosts, which carry 1450; "
        "if the underlay takes larger packets, say so by the lab hosts' variable netvirt_underlay_mtu",
    )


def test_a_link_from_machine_to_machine_is_a_wire_of_its_own() -> None:
    link = {"endpoints": ["a:wan", "b:wan"], "ipv4": {"a": "10.9.0.1/30", "b": "10.9.0.2/30"}, "loss": "1%"}
    found = shares({"a": {"host": "elm"}, "b": {"host": "oak"}}, [link])
    for share, node in ((found["elm"], "a"), (found["oak"], "b")):
        (tunnel,) = tunnels(share).values()
        (near,) = (item for item in share["links"] if item["netns"] == "" and item["kind"] == "veth")
        assert near["master"] == tunnel["master"]
        assert [item["netns"] for item in share["shaping"]] == [f"wood.{node}"]
        assert [item["name"] for item in share["nodes"]] == [node]
    assert found["fir"]["links"] == []
    ends = [share["nodes"][0]["interfaces"][0] for share in (found["elm"], found["oak"])]
    assert len({end["network"] for end in ends}) == 1
    assert len({ip_interface(end["addresses"][0]).network for end in ends}) == 1


def test_a_switch_that_the_file_puts_on_one_lab_host_is_there_only() -> None:
    found = shares({"s": {"kind": "bridge", "host": "fir"}, "a": {"host": "elm"}, "b": {"host": "fir"}}, ["a s", "b s"])
    assert [link["altname"] for share in found.values() for link in share["links"] if link["kind"] == "bridge" and "altname" in link] == [
        "wood.s"
    ]
    assert {name: len(tunnels(share)) for name, share in found.items()} == {"elm": 1, "fir": 1, "oak": 0}


def test_two_switches_are_linked_once() -> None:
    nodes = {"s": {"kind": "bridge"}, "t": {"kind": "bridge"}, **{f"{one}{two}": {"host": two} for one in "st" for two in ("elm", "fir")}}
    found = shares(nodes, ["s t", *(f"{node} {node[0]}" for node in nodes if len(node) > 1)])
    bridges = {link["name"] for share in found.values() for link in share["links"] if link["kind"] == "bridge"}
    joining = [
        (name, link["name"])
        for name, share in found.items()
        for link in share["links"]
        if link["kind"] == "veth" and link["netns"] == "" and link["peer"][0] == ""
    ]
    assert len(bridges) == 2
    assert len({name for name, _link in joining}) == 1


def test_vlans_pass_between_the_halves_of_a_linux_bridge() -> None:
    nodes = {"s": {"kind": "bridge"}, "a": {"host": "elm"}, "b": {"host": "fir"}}
    found = shares(nodes, [{"endpoints": ["a", "s"], "tag": 10}, {"endpoints": ["b", "s"], "trunks": [10, 20]}])
    for name in ("elm", "fir"):
        (tunnel,) = tunnels(found[name]).values()
        assert (tunnel["tag"], tunnel["trunks"]) == (1, [10, 20])
        assert [link["bridge"] for link in found[name]["links"] if link["kind"] == "bridge"] == [{"vlan_filtering": True}]


def test_a_guest_is_reached_from_where_its_network_has_an_address() -> None:
    found = shares(NODES, LINKS)
    (own,) = [node for node in found["elm"]["nodes"] if node["name"] == "v"]
    assert (own["home"], own["access"]) == ("elm", "fir")
    assert [node["name"] for node in found["fir"]["visitors"]] == ["v"]
    assert "visitors" not in found["elm"]


def test_a_guest_that_is_linked_with_another_lab_host_is_reached_from_there() -> None:
    nodes = {"v": {"kind": "vm", "image": "tiny", "host": "elm"}, "gate": {"kind": "host", "host": "oak"}}
    found = shares(nodes, [{"endpoints": ["v", "gate"], "ipv4": {"v": "10.9.0.2/30", "gate": "10.9.0.1/30"}}])
    (own,) = found["elm"]["nodes"]
    assert (own["access"], own["ssh"]) == ("oak", {"address": "10.9.0.2", "port": 22})
    assert [node["name"] for node in found["oak"]["visitors"]] == ["v"]


def test_the_names_are_one_word_for_all_lab_hosts() -> None:
    found = shares({**NODES, "yard": {"kind": "bridge", "ipv4": "10.2.0.1/24", "dhcp": True, "gateway": "elm"}}, LINKS)
    words, names = packed_apart(found)
    assert {name: unpacked(f"{word} {names}") for name, word in words.items()} == found
    assert unpacked(words["oak"]) == found["oak"]  # which serves no DNS
    assert unpacked(words["elm"])["dnsmasq"] == {**found["elm"]["dnsmasq"], "records": []}


def test_a_share_of_one_lab_host_knows_nothing_of_all_this() -> None:
    nodes = {**NODES, "lan": {**NODES["lan"], "gateway": "elm"}, "b": {"host": "elm"}}
    plain = {name: {key: value for key, value in node.items() if key not in ("host", "gateway")} for name, node in nodes.items()}
    lab = {"name": "wood", "links": LINKS}
    assert compile_share(load({**lab, "nodes": nodes}, machines=MACHINES[:1])) == compile_share(load({**lab, "nodes": plain}))


def test_some_nodes_only_come_with_the_tunnel_of_a_switch_that_is_made() -> None:
    share = shares({"s": {"kind": "bridge"}, "a": {"host": "elm"}, "b": {"host": "fir"}}, ["a s", "b s"])["elm"]
    device = next(link["name"] for link in share["links"] if link["kind"] == "bridge")
    assert len(tunnels(narrowed(share, ["a"], [])[0])) == 1
    assert len(tunnels(narrowed(share, ["a"], [device])[0])) == 0
