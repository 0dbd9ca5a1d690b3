# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a share has of some nodes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.filter.node_names import node_names
from ansible_collections.netvirt.lab.plugins.module_utils._interface import link_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_model import Port
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace
from ansible_collections.netvirt.lab.plugins.module_utils.resources.uplink import Uplink
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed, without

LAB: dict[str, Any] = {
    "name": "bay",
    "defaults": {"vm": {"image": "tiny", "memory": 192}},
    "nodes": {
        "quay": {"kind": "bridge", "device": "quay", "ipv4": "10.5.0.1/24", "dhcp": True, "nat": True, "stp": True},
        "dock": {"kind": "ovs", "device": "dock", "stp": True},
        "pier": {"kind": "ovs", "device": "pier", "stp": True},
        "eel": {"sysctls": {"net.ipv4.ip_forward": 1}, "loopback": ["10.9.9.9/32"], "exec": ["true"]},
        "cod": {"services": {"swim": "sleep 9"}},
        "ray": {"netns": "manta", "interfaces": {"wire.7": {"parent": "wire", "vlan": 7, "ipv4": "10.7.0.1/24"}}},
        "boat": "vm",
        "raft": "vm",
    },
    "links": [
        *("eel quay", "cod quay", "ray dock"),
        {"endpoints": ["eel:wire", "ray:wire"], "ipv4": {"eel": "10.6.0.1/30", "ray": "10.6.0.2/30"}, "rate": "5mbit"},
        *("dock pier", "boat:eth0 quay", "boat:eth1 raft:eth0"),
        {"endpoints": ["boat:eth2", "dock"], "rate": {"boat": "1mbit"}},
    ],
}
SHARE = compile_share(load(LAB))


def short(items: list[dict[str, Any]]) -> set[str]:
    """Return items by their long names, the hexadecimal part of derived ones left out."""
    return {
        (f"{item['netns']}/" if item.get("netns") else "") + (item.get("altname") or item["name"].rpartition("-")[0] or item["name"])
        for item in items
    }


@pytest.mark.parametrize(
    ("names", "there", "links", "addresses"),
    [
        (["cod"], [], {"bay.quay", "bay.cod.eth0", "bay.cod/eth0"}, {"quay"}),
        (["cod"], ["quay"], {"quay", "bay.cod.eth0", "bay.cod/eth0"}, set()),
        (["eel"], ["quay"], {"quay", "bay.eel.eth0", "bay.eel/eth0"}, {"bay.eel/lo"}),
        (
            ["eel"],
            ["quay", "manta"],
            {"quay", "bay.eel.eth0", "bay.eel/eth0", "bay.eel/wire", "manta/wire", "manta/wire.7"},
            {"bay.eel/lo", "bay.eel/wire", "manta/wire", "manta/wire.7"},
        ),
        (["dock"], ["pier", "quay", "manta", "bay.eel"], set(), set()),
        (["gone"], ["quay", "bay.gone"], set(), set()),
        # A guest cannot start without its card, whoever is at the other end.
        (["boat"], ["quay", "dock"], {"quay", "bay.boat.eth0", "boat-ifb", "bay.boat.eth1", "bay.boat.eth2", "wire"}, set()),
        (
            ["boat", "raft"],
            ["quay", "dock"],
            {"quay", "bay.boat.eth0", "boat-ifb", "bay.boat.eth1", "bay.boat.eth2", "bay.raft.eth0", "wire"},
            set(),
        ),
    ],
)
def test_links_come_with_their_nodes(names: list[str], there: list[str], links: set[str], addresses: set[str]) -> None:
    part, _mine = narrowed(SHARE, names, there)
    assert (short(part["links"]), short(part["addresses"])) == (links, addresses)


def test_the_rest_of_a_node() -> None:
    part, _mine = narrowed(SHARE, ["eel", "boat"], ["dock", "quay"])
    assert [item["netns"] for item in part["sysctls"]] == ["bay.eel"]
    assert [item["netns"] for item in part["commands"]] == ["bay.eel"]
    assert part["services"] == []
    assert part["dhcp_clients"] == [{"netns": "bay.eel", "interface": "eth0"}]
    assert [vm["name"] for vm in part["vms"]] == ["boat"]
    assert [node["name"] for node in part["nodes"]] == ["eel", "boat"]
    assert part["forwarding"] == SHARE["forwarding"]
    assert part["dnsmasq"] == SHARE["dnsmasq"]


def test_a_switch_is_made_whole_or_lends_its_ports() -> None:
    whole, lent = (narrowed(SHARE, ["ray"], there)[0] for there in ([], ["dock"]))
    assert [(bridge["name"], bridge.get("stp"), len(bridge["ports"])) for bridge in whole["bridges"]] == [("dock", True, 1)]
    assert [(bridge["name"], bridge.get("stp"), len(bridge["ports"])) for bridge in lent["bridges"]] == [("dock", None, 1)]
    assert whole["dnsmasq"] is None
    assert whole["forwarding"] is None


def test_a_switch_comes_with_its_links_to_switches() -> None:
    part, _mine = narrowed(SHARE, ["dock"], [])
    assert [(bridge["name"], bridge.get("stp"), [port["type"] for port in bridge["ports"]]) for bridge in part["bridges"]] == [
        ("dock", True, ["patch"]),
        ("pier", True, ["patch"]),
    ]


def test_what_is_removed() -> None:
    links = {one.key: one for one in (link_from(item, "bay") for item in SHARE["links"])}
    port = next(one for one in links.values() if one.altname == "bay.ray.eth0")
    for mine in (narrowed(SHARE, ["ray"], [])[1], without(SHARE, "bay", ["ray"])[1]):
        assert mine.has("netns", Namespace("manta"))
        assert not mine.has("netns", Namespace("bay.eel"))
        assert not mine.has("ovs_port", Port(port.name, "bay", "dock"))
        assert sorted(key for key, link in links.items() if mine.has("link", link)) == sorted(
            key for key, link in links.items() if "manta" in (link.netns, (link.peer or ("",))[0])
        )
        assert mine.has("ovs_port", Port(port.name, "bay", "dock"))
        assert not mine.has("dnsmasq", object())


def test_nodes_are_known_without_a_share() -> None:
    share, mine = without({}, "bay", ["eel"])
    assert share
    assert mine.has("netns", Namespace("bay.eel"))
    assert not mine.has("netns", Namespace("bay.cod"))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("h1,h[3:4]", ["h1", "h3", "h4"]),
        (["web", "h1", "x1"], ["h1", "h2", "x1"]),
        (" h1 , ", ["h1"]),
    ],
)
def test_names(words: Any, names: list[str]) -> None:
    assert node_names(words, {"nodes": ["h1", "h2", "h3"], "web": ["h1", "h2", "machine"]}) == names


@pytest.mark.parametrize("words", ["", [], "h[1:", 7])
def test_no_names(words: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="node"):
        node_names(words, {"nodes": ["h1"]})


def test_flows_come_with_the_ports_that_they_name() -> None:
    flows = ["in_port=eel,actions=drop", "in_port=cod,actions=eel", "arp,actions=normal"]
    lab: dict[str, Any] = {
        "name": "bay",
        "nodes": {
            "quay": {"kind": "ovs", "device": "quay", "flows": flows},
            "dock": {"kind": "ovs", "device": "dock", "flows": ["actions=drop"]},
            "eel": None,
            "cod": None,
        },
        "links": [
            *("eel quay", "cod quay"),
            {"endpoints": ["quay", "dock"], "bond": "lag"},
            {"endpoints": ["quay", "dock"], "bond": "lag"},
        ],
    }
    share = compile_share(load(lab))
    ports = {end["name"] for end in share["bridges"][0]["ports"]}
    eel = next(name for name in ports if name.startswith("eel"))
    (part,) = narrowed(share, ["eel"], [])[0]["flows"]
    assert (part["name"], part["flows"]) == ("quay", [f"in_port={eel},actions=drop", "arp,actions=normal"])
    (part,) = narrowed(share, ["cod"], ["quay", eel])[0]["flows"]
    assert part["flows"] == share["flows"][0]["flows"]
    # A bond comes as a whole, with both of its switches.
    bridges = narrowed(share, ["quay", "dock"], [])[0]["bridges"]
    assert [len(port["interfaces"]) for bridge in bridges for port in bridge["ports"] if port.get("interfaces")] == [2, 2]


def test_an_uplink_comes_with_its_switch_and_leaves_others_alone() -> None:
    nodes = {"sea": {"kind": "uplink", "device": "nic0", "move_addresses": True}, "reef": "ovs", "crab": None, "fish": None}
    share = compile_share(load({"name": "bay", "persist": True, "nodes": nodes, "links": ["sea reef", "crab reef", "fish reef"]}))
    with_switch, _part = narrowed(share, ["reef"], [])
    assert [item["name"] for item in with_switch["uplinks"]] == ["nic0"]
    without_it, _part = narrowed(share, ["crab"], [share["bridges"][0]["name"]])
    assert without_it["uplinks"] == without_it["members"] == []
    # Its addresses go back to it with the switch, and only with that.
    moved = Uplink("nic0", share["bridges"][0]["name"], "bay")
    assert without(share, "bay", ["reef"])[1].has("uplink", moved)
    assert not without(share, "bay", ["crab"])[1].has("uplink", moved)
