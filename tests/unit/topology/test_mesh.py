# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares of a lab whose switches are joined by Geneve or GRE: a tunnel to each other lab host, which passes nothing on to another."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.tunnels import KINDS

IPV4 = {"elm": "198.18.0.1", "fir": "198.18.0.2", "oak": "198.18.0.3"}
IPV6 = {"elm": "2001:db8::1", "fir": "2001:db8::2", "oak": "2001:db8::3"}
NODES: dict[str, Any] = {
    "lan": {"kind": "ovs", "subnet": "10.1.0.0/24"},
    "yard": {"kind": "bridge", "subnet": "10.2.0.0/24"},
    **{f"{switch[0]}-{machine}": {"host": machine} for switch in ("lan", "yard") for machine in IPV4},
}
LINKS: list[Any] = [f"{switch[0]}-{machine} {switch}" for switch in ("lan", "yard") for machine in IPV4]


def shares(fabric: str, nodes: dict[str, Any], links: list[Any], underlay: dict[str, str], name: str = "wood") -> dict[str, Any]:
    machines = [Machine(machine, address) for machine, address in underlay.items()]
    return compile_shares(load({"name": name, "fabric": fabric, "nodes": nodes, "links": links}, machines=machines))


def tunnels(share: dict[str, Any], switch: str) -> dict[str, Any]:
    """Return the tunnels of a switch by the address that they lead to."""
    found = (link for link in share["links"] if link["kind"] in KINDS and f".{switch}." in link["altname"])
    return {link.get("remote", ""): link for link in found}


@pytest.mark.parametrize(("fabric", "underlay", "kind"), [("geneve", IPV4, "geneve"), ("gre", IPV4, "gretap"), ("gre", IPV6, "ip6gretap")])
def test_a_switch_has_a_tunnel_to_each_other_lab_host(fabric: str, underlay: dict[str, str], kind: str) -> None:
    found = shares(fabric, NODES, LINKS, underlay)
    for machine, share in found.items():
        own = underlay[machine]
        for switch in ("lan", "yard"):
            there = tunnels(share, switch)
            assert there.keys() == {*underlay.values()} - {own}
            assert {link["kind"] for link in there.values()} == {kind}
            assert {link["local"] for link in there.values()} == {own}
            assert {far: link["altname"] for far, link in there.items()} == {far: f"wood.{switch}.{fabric}.{far}" for far in there}
            assert all("remotes" not in link and link["up"] and link["silent"] for link in there.values())
        names = [link["name"] for link in share["links"] if link["netns"] == ""]
        assert len({*names}) == len(names)
        assert max(map(len, names)) <= 15
    numbers = {switch: {link["vni"] for share in found.values() for link in tunnels(share, switch).values()} for switch in ("lan", "yard")}
    assert [len(one) for one in numbers.values()] == [1, 1]
    assert numbers["lan"] != numbers["yard"]


@pytest.mark.parametrize("fabric", ["geneve", "gre"])
def test_what_comes_from_one_tunnel_goes_out_by_no_other(fabric: str) -> None:
    for share in shares(fabric, NODES, LINKS, IPV4).values():
        lan, yard = tunnels(share, "lan"), tunnels(share, "yard")
        ports = {port["name"]: port.get("protected") for port in share["bridges"][0]["ports"]}
        assert {name for name, protected in ports.items() if protected} == {link["name"] for link in lan.values()}
        assert len(ports) == 3
        assert all("mesh" not in link for link in lan.values())
        (device,) = (link["name"] for link in share["links"] if link["kind"] == "bridge")
        assert {(link["master"], link["mesh"]) for link in yard.values()} == {(device, True)}


def test_vxlan_stays_one_device_with_a_list() -> None:
    (item,) = tunnels(shares("vxlan", NODES, LINKS, IPV4)["elm"], "yard").values()
    assert (item["kind"], item["remotes"], item["altname"]) == ("vxlan", ["198.18.0.2", "198.18.0.3"], "wood.yard.vxlan")
    assert item.keys().isdisjoint({"remote", "mesh"})


@pytest.mark.parametrize("fabric", ["geneve", "gre"])
def test_another_lab_host_leaves_the_tunnels_between_the_others(fabric: str) -> None:
    few = [link for link in LINKS if "oak" not in link]
    before, after = (shares(fabric, NODES, links, IPV4) for links in (few, LINKS))
    for machine, far in (("elm", IPV4["fir"]), ("fir", IPV4["elm"])):
        for switch in ("lan", "yard"):
            assert tunnels(before[machine], switch) == {far: tunnels(after[machine], switch)[far]}


def test_labs_and_fabrics_have_other_devices_and_labs_other_numbers() -> None:
    found = {
        (fabric, name): tunnels(shares(fabric, NODES, LINKS, IPV4, name)["elm"], "lan")[IPV4["fir"]]
        for fabric in ("geneve", "gre")
        for name in ("wood", "moor")
    }
    assert len({item["name"] for item in found.values()}) == 4
    assert found["gre", "wood"]["vni"] == found["geneve", "wood"]["vni"] != found["gre", "moor"]["vni"]
    given = {**NODES, "lan": {**NODES["lan"], "vni": 100}}
    assert {item["vni"] for item in tunnels(shares("gre", given, LINKS, IPV4)["elm"], "lan").values()} == {100}


# 14 for the frame and 20 or 40 for IP; 16 for UDP and Geneve or VXLAN, 8 for GRE and its key.
MTUS = {
    ("vxlan", 4): 1450,
    ("vxlan", 6): 1430,
    ("geneve", 4): 1450,
    ("geneve", 6): 1430,
    ("gre", 4): 1458,
    ("gre", 6): 1438,
}


@pytest.mark.parametrize(("fabric", "version"), MTUS)
def test_the_mtu_is_what_the_tunnels_leave(fabric: str, version: int) -> None:
    underlay, room = IPV4 if version == 4 else IPV6, MTUS[fabric, version]

    def mtus(links: list[Any]) -> set[int]:
        return {link["mtu"] for share in shares(fabric, NODES, links, underlay).values() for link in share["links"] if "mtu" in link}

    assert mtus(LINKS[:3]) == {room}
    assert mtus([*LINKS[:2], {"endpoints": ["l-oak", "lan"], "tag": 7}]) == {room - 4}
    with pytest.raises(LabErrors) as raised:
        shares(fabric, NODES, [{"endpoints": ["l-elm", "lan"], "mtu": room + 1}, *LINKS[1:3]], underlay)
    assert f"links[0].mtu: {room + 1} bytes do not fit through the tunnels between the lab hosts, which carry {room}" in str(raised.value)


def test_vlans_pass_by_all_tunnels_of_a_linux_bridge() -> None:
    links = [{"endpoints": [f"y-{machine}", "yard"], "tag": tag} for machine, tag in zip(IPV4, (10, 10, 20))]
    for share in shares("geneve", NODES, links, IPV4).values():
        assert [(link["tag"], link["trunks"]) for link in tunnels(share, "yard").values()] == [(1, [10, 20])] * 2


def test_a_link_from_machine_to_machine_is_a_tunnel_of_its_own() -> None:
    found = shares("gre", {"a": {"host": "elm"}, "b": {"host": "oak"}}, ["a b"], IPV4)
    made = {name: [link for link in share["links"] if link["kind"] in KINDS] for name, share in found.items()}
    assert [(link["local"], link["remote"]) for links in made.values() for link in links] == [
        (IPV4["elm"], IPV4["oak"]),
        (IPV4["oak"], IPV4["elm"]),
    ]
    assert made["fir"] == []


def test_some_nodes_only_come_with_all_tunnels_of_a_switch_that_is_made() -> None:
    share = shares("geneve", NODES, LINKS, IPV4)["elm"]
    there = {link["name"] for link in share["links"] if link["kind"] == "bridge"}
    assert len(tunnels(narrowed(share, ["y-elm"], [])[0], "yard")) == 2
    assert len(tunnels(narrowed(share, ["y-elm"], there)[0], "yard")) == 0
    (bridge,) = narrowed(share, ["l-elm"], [])[0]["bridges"]
    assert sum(bool(port.get("protected")) for port in bridge["ports"]) == 2


def mistakes(nodes: dict[str, Any], links: list[Any], fabric: str = "gre", underlay: dict[str, str] | None = None) -> tuple[str, ...]:
    try:
        shares(fabric, nodes, links, underlay or IPV4)
    except LabErrors as error:
        return error.problems
    return ()


END = "on several lab hosts with fabric: gre; make that vxlan, or give the switch one host"
WRONG: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a spanning tree": ("yard", {"stp": True}, ["stp: a spanning tree would shut tunnels that are no loop"]),
    "a rapid one": ("lan", {"rstp": True}, ["rstp: a spanning tree would shut tunnels that are no loop"]),
    "a controller": ("lan", {"controllers": ["tcp:127.0.0.1:6653"]}, ["controllers: what they flood would go round in the tunnels"]),
    "snooping": ("lan", {"mcast_snooping": True}, ["mcast_snooping: a tunnel would only get what was asked for at its other end"]),
    "floods": (
        "lan",
        {
            "flows": ["actions=NORMAL", "priority=2,arp,actions=set_field:1->reg0,FLOOD", "priority=3,ip,action=all"],
            "groups": ["group_id=1,type=all,bucket=output:local,bucket=flood"],
        },
        [
            "flows[1]: what it floods would go round in the tunnels (actions=NORMAL does not)",
            "flows[2]: what it floods would go round in the tunnels (actions=NORMAL does not)",
            "groups[0]: what it floods would go round in the tunnels (actions=NORMAL does not)",
        ],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_heed_that_is_named(name: str) -> None:
    switch, settings, expected = WRONG[name]
    nodes = {**NODES, switch: {**NODES[switch], **settings}}
    assert mistakes(nodes, LINKS) == tuple(f"nodes.{switch}.{problem} {END}" for problem in expected)
    assert mistakes(nodes, LINKS, "vxlan") == ()
    assert mistakes(nodes, [link for link in LINKS if "oak" not in link]) == (), "two lab hosts have one tunnel between them"


def test_flows_that_flood_nothing_are_fine() -> None:
    flows = ["priority=1,actions=NORMAL", "priority=2,tcp,actions=drop", "priority=3,in_port=l-elm,actions=output:l-elm,normal"]
    assert mistakes({**NODES, "lan": {**NODES["lan"], "flows": flows}}, LINKS) == ()


def test_an_underlay_is_of_one_version() -> None:
    assert mistakes(NODES, LINKS, "vxlan", {**IPV4, "oak": IPV6["oak"]}) == (
        "lab host 'oak': netvirt_underlay 2001:db8::3 is IPv6, and that of 'elm' is IPv4; give addresses of one version",
    )
