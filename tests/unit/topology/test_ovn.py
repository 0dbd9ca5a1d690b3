# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs on OVN: what each lab host's share says of its part, and what a logical switch cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.dhcp_options import in_ovn, seconds
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed

MACHINES = (Machine("elm", "198.18.0.1", mtu=1600), Machine("fir", "198.18.0.2", mtu=1500), Machine("oak", "198.18.0.3", mtu=9000))
NODES: dict[str, Any] = {
    "lan": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": True, "nat": True, "gateway": "fir"},
    "a": {"host": "elm"},
    "b": {"host": "oak"},
}
LINKS: list[Any] = ["a lan", "b lan"]


def shares(nodes: dict[str, Any], links: list[Any], machines: tuple[Machine, ...] = MACHINES) -> dict[str, Any]:
    return compile_shares(load({"name": "wood", "fabric": "ovn", "nodes": nodes, "links": links}, machines=machines))


def rows(share: dict[str, Any], table: str) -> dict[str, Any]:
    return {row["name"]: row for row in share["ovn"]["rows"] if row["table"] == table}


def mistakes(nodes: dict[str, Any], links: list[Any], fabric: str = "ovn") -> list[str]:
    with pytest.raises(LabErrors) as raised:
        load({"name": "wood", "fabric": fabric, "nodes": nodes, "links": links}, machines=MACHINES)
    return list(raised.value.problems)


def test_a_switch_is_no_bridge_and_its_ports_are_bound_where_its_nodes_are() -> None:
    found = shares(NODES, LINKS)
    bound = {
        name: [port["interface_external_ids"]["iface-id"] for bridge in share["bridges"] for port in bridge["ports"]]
        for name, share in found.items()
    }
    assert bound == {"elm": ["wood.a.eth0"], "fir": ["wood.lan.host"], "oak": ["wood.b.eth0"]}
    assert not any(link["kind"] == "vxlan" for share in found.values() for link in share["links"])
    assert {bridge["name"] for share in found.values() for bridge in share["bridges"]} == {"br-netvirt"}


def test_the_first_lab_host_has_the_database_or_the_one_that_says_so() -> None:
    assert [name for name, share in shares(NODES, LINKS).items() if "rows" in share["ovn"]] == ["elm"]
    machines = (*MACHINES[:2], Machine("oak", "198.18.0.3", central=True))
    found = shares(NODES, LINKS, machines)
    assert [name for name, share in found.items() if "rows" in share["ovn"]] == ["oak"]
    assert {share["ovn"]["remote"] for share in found.values()} == {"tcp:198.18.0.3:6642"}


def test_one_lab_host_has_its_address_too_where_it_is_given_and_else_no_port() -> None:
    content = {"name": "wood", "fabric": "ovn", "nodes": {"lan": "ovs", "a": None}, "links": ["a lan"]}
    alone = compile_share(load(content))["ovn"]
    assert alone["address"] == "127.0.0.1"
    assert not alone.keys() & {"remote", "port"}
    given = compile_share(load(content, machines=(Machine("elm", "198.18.0.1", central=True),)))["ovn"]
    assert given["central"]
    several = shares(NODES, LINKS)["elm"]["ovn"]
    same = ("chassis", "address", "remote", "port")
    assert {key: given[key] for key in same} == {key: several[key] for key in same}


def test_all_packets_fit_through_the_tunnels_of_the_smallest_underlay() -> None:
    found = shares(NODES, LINKS)
    assert {link["mtu"] for share in found.values() for link in share["links"]} == {1442}
    assert {share["ovn"]["packets"] for share in found.values()} == {1442}
    assert rows(found["elm"], "DHCP_Options")["wood.lan"]["columns"]["options"]["mtu"] == "1442"


def test_the_way_out_is_by_the_gateway() -> None:
    found = shares(NODES, LINKS)
    assert {name: share["forwarding"] is not None for name, share in found.items()} == {"elm": False, "fir": True, "oak": False}
    (own,) = [item for item in found["fir"]["addresses"] if item["netns"] == ""]
    assert [route["to"] for route in own["routes"]] == ["10.1.0.0/24"]
    (route,) = rows(found["elm"], "Logical_Router_Static_Route").values()
    assert own["addresses"] == [f"{route['columns']['nexthop']}/30"]
    (network,) = found["fir"]["dnsmasq"]["networks"]
    assert f"{network['address']}/30" in own["addresses"]
    assert rows(found["elm"], "DHCP_Options")["wood.lan"]["columns"]["options"]["dns_server"] == network["address"]
    assert [name for name, share in found.items() if share["dnsmasq"]] == ["fir"]


def test_a_router_leads_out_where_its_uplink_is() -> None:
    nodes = {
        "in": {"kind": "ovs", "ipv4": "10.2.0.1/24", "dhcp": True},
        "out": {"kind": "ovs", "subnet": "172.31.0.0/24"},
        "up": {"kind": "uplink", "device": "ext0", "host": "oak"},
        "r": {"kind": "logical_router", "host": "elm", "snat": True, "dnat": {"172.31.0.9": "a"}},
        "a": {"host": "fir", "ipv4": "10.2.0.5"},
    }
    found = shares(nodes, ["a in", "r in", {"endpoints": ["r", "out"], "ipv4": "172.31.0.1"}, "up out"])
    (gateway,) = rows(found["elm"], "Gateway_Chassis").values()
    assert gateway["columns"]["chassis_name"] == found["oak"]["ovn"]["chassis"]
    ((network, bridge),) = found["oak"]["ovn"]["mappings"].items()
    assert rows(found["elm"], "Logical_Switch_Port")["wood.out.localnet"]["columns"]["options"] == {"network_name": network}
    assert [port["name"] for item in found["oak"]["bridges"] if item["name"] == bridge for port in item["ports"]] == ["ext0"]
    assert {(row["columns"]["external_ip"], row["columns"]["logical_ip"]) for row in rows(found["elm"], "NAT").values()} == {
        ("172.31.0.1", "10.2.0.0/24"),
        ("172.31.0.9", "10.2.0.5"),
    }


def test_addresses_come_from_the_lab_host_of_the_databases_which_is_not_asked_for_any_by_name() -> None:
    found = shares(NODES, LINKS)
    (interface,) = guest(found["oak"], "b")["interfaces"]
    assert (interface["method"], interface["server"]) == ("dhcp", "elm")
    assert {share["ovn"]["databases"] for share in found.values()} == {"elm"}
    assert not [client for share in found.values() for client in share["dhcp_clients"] if "request" in client]


def test_some_nodes_only_bring_their_own_ports() -> None:
    share = compile_share(load({"name": "wood", "fabric": "ovn", "nodes": {"lan": "ovs", "a": None, "b": None}, "links": LINKS}))
    part, _theirs = narrowed(share, ["a"], ["br-netvirt"])
    (bridge,) = part["bridges"]
    assert [port["interface_external_ids"]["iface-id"] for port in bridge["ports"]] == ["wood.a.eth0"]
    assert bridge["existing"]


WRONG: dict[str, tuple[dict[str, Any], list[Any], list[str]]] = {
    "what a bridge has": (
        {"s": {"kind": "ovs", "stp": True, "flows": ["actions=drop"], "vni": 7}},
        [],
        [
            f"nodes.s.{key}: cannot be had of a logical switch (fabric: ovn); leave it out, or make 's' one of kind bridge"
            for key in ("stp", "flows", "vni")
        ],
    ),
    "one lab host": (
        {"s": {"kind": "ovs", "host": "elm"}},
        [],
        ["nodes.s.host: a logical switch is wherever its nodes are; use gateway for the lab host that is its way out"],
    ),
    "two switches": (
        {"s": "ovs", "t": "ovs"},
        ["s t"],
        ["links[0]: two logical switches (fabric: ovn) are not linked with each other, but both with a logical_router"],
    ),
    "VLANs": (
        {"s": "ovs", "a": None},
        [{"endpoints": ["a", "s"], "tag": 7}],
        ["links[0].endpoints[1]: tag cannot be had at the logical switch 's' (fabric: ovn); leave it out"],
    ),
    "an endpoint of an ACL": (
        {"s": {"kind": "ovs", "acls": [{"match": 'outport == "anm"'}]}, "ann": None},
        ["ann s"],
        ["nodes.s.acls[0].match: no endpoint 'anm' at this switch (did you mean 'ann'?)"],
    ),
    "a router in an ACL": (
        {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24", "acls": [{"match": 'outport == "r"'}]}, "r": "logical_router"},
        ["r s"],
        [
            "nodes.s.acls[0].match: 'r' is a logical router, at which ACLs do not hold; name addresses, such as ip4.dst == 192.0.2.0/24, "
            "or a node's endpoint"
        ],
    ),
    "an uplink in an ACL": (
        {"s": {"kind": "ovs", "acls": [{"match": "ip4"}, {"match": 'inport == "up"'}]}, "up": {"kind": "uplink", "device": "ext0"}},
        ["up s"],
        [
            "nodes.s.acls[1].match: 'up' is an uplink, at which ACLs do not hold; name addresses, such as ip4.dst == 192.0.2.0/24, "
            "or a node's endpoint"
        ],
    ),
    "one of two links in an ACL": (
        {"s": {"kind": "ovs", "acls": [{"match": 'inport == "a" || inport == "a:eth1" || inport == "b"'}]}, "a": None, "b": None},
        ["a s", "b s", "a s"],
        ["nodes.s.acls[0].match: 'a' has several links with this switch; name one of a:eth0, a:eth1"],
    ),
    "half a match": (
        {"s": {"kind": "ovs", "acls": [{"match": "(ip4"}]}},
        [],
        ["nodes.s.acls[0].match: a quotation mark or a parenthesis has no partner, in '(ip4'"],
    ),
    "an option": (
        {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": {"options": {"sip-server": "10.1.0.9"}}}},
        [],
        ["nodes.s.dhcp.options.sip-server: OVN's DHCP cannot tell this option"],
    ),
    "a lease behind a bridge": (
        {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": True}, "br": "bridge", "a": None, "b": {"ipv4": "auto"}},
        ["br s", "a br", "b br"],
        [
            "links[1].endpoints[0]: OVN answers DHCP at the ports of 's' only, and a:eth0 is behind 'br'; link it with 's' itself, "
            "or give it a static address or auto"
        ],
    ),
    "nat and a router": (
        {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24", "nat": True}, "r": "logical_router"},
        ["r s"],
        ["nodes.s.nat: its way out is the logical router 'r'; use snat there"],
    ),
    "a router and a namespace": (
        {"r": "logical_router", "a": None},
        ["r a"],
        ["links[0]: 'r' is a logical router, which is linked with switches of kind ovs only; 'a' is of kind netns"],
    ),
    "outside": (
        {"s": "ovs", "r": {"kind": "logical_router", "outside": "x", "snat": True}},
        ["r s"],
        ["nodes.r.outside: 'r' is not linked with a switch 'x' (linked: s)"],
    ),
    "no way out": (
        {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24"}, "r": {"kind": "logical_router", "snat": True}},
        ["r s"],
        ["nodes.r.snat: nothing says which switch leads out; link one of the router's switches with an uplink, or name it as outside"],
    ),
    "one to one": (
        {"s": "ovs", "r": {"kind": "logical_router", "outside": "s", "dnat": {"172.31.0.9": "wep"}}, "web": None},
        ["r s", "web s"],
        ["nodes.r.dnat.172.31.0.9: no node 'wep' (did you mean 'web'?)"],
    ),
    "a cable of a router": (
        {"s": "ovs", "r": "logical_router", "a": None},
        ["a s", {"endpoints": ["r", "s"], "delay": "5ms", "mtu": 1300, "up": False}],
        [f"links[1].{key}: is not for a logical router, whose links are no devices; leave it out" for key in ("delay", "mtu", "up")],
    ),
    "half an address": (
        {"s": "ovs", "r": {"kind": "logical_router", "outside": "s", "dnat": {"172.31.0.9": "1.2"}}},
        ["r s"],
        ["nodes.r.dnat.172.31.0.9: no node '1.2'"],
    ),
    "an address that is none": (
        {"r": {"kind": "logical_router", "dnat": {"172.31.0": "web"}}},
        [],
        ["nodes.r.dnat: '172.31.0' is not an IPv4 address such as 172.31.0.11"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_logical_switch_cannot_be_is_named(name: str) -> None:
    nodes, links, expected = WRONG[name]
    found = mistakes(nodes, links)
    assert [problem.partition(" (known:")[0] for problem in found] == expected


def test_without_ovn_there_are_no_logical_routers_and_acls() -> None:
    nodes = {"r": {"kind": "logical_router"}, "s": {"kind": "ovs", "acls": [{"match": "ip4"}]}}
    assert mistakes(nodes, [], "vxlan") == [
        "nodes.r.kind: a logical_router needs OVN; add 'fabric: ovn' to the file, or make it a netns with router",
        "nodes.s.acls: need OVN; add 'fabric: ovn' to the file",
    ]


def test_options_in_the_words_of_ovn() -> None:
    given = {"ntp-server": "10.1.0.1,10.1.0.2", "option:mtu": "1400", "66": "10.1.0.3"}
    assert in_ovn(given) == {"ntp_server": "{10.1.0.1, 10.1.0.2}", "mtu": "1400", "tftp_server": '"10.1.0.3"'}
    assert [seconds(lease) for lease in ("90m", "12h", "2d", "300", "infinite")] == [5400, 43200, 172800, 300, 4294967295]


def guest(share: dict[str, Any], name: str) -> dict[str, Any]:
    return next(node for node in share["nodes"] if node["name"] == name)


def routed(found: dict[str, Any]) -> dict[str, list[str]]:
    """Return the networks that each lab host has routes to."""
    return {name: [route["to"] for item in share["addresses"] for route in item.get("routes", ())] for name, share in found.items()}


def test_a_guest_is_reached_from_behind_its_router() -> None:
    nodes = {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24", "dhcp": True}, "r": {"kind": "logical_router", "host": "fir"}}
    found = shares({**nodes, "g": {"kind": "vm", "image": "tiny", "host": "elm"}}, ["g s", "r s"])
    assert routed(found) == {"elm": [], "fir": ["10.1.0.0/24"], "oak": []}
    assert (guest(found["elm"], "g")["access"], guest(found["elm"], "g")["home"]) == ("fir", "elm")
    assert [node["name"] for node in found["fir"]["visitors"]] == ["g"]


@pytest.mark.parametrize("switch", [{"ipv6": "fd00:1::1/64"}, {"ipv4": "10.1.0.1/24", "dhcp": True}])
def test_a_guest_that_no_lab_host_has_routes_to_has_no_login(switch: dict[str, Any]) -> None:
    """IPv6 alone has no way in, and what lies on an uplink goes on outside of the lab."""
    nodes: dict[str, Any] = {"s": {"kind": "ovs", **switch}, "g": {"kind": "vm", "image": "tiny", "host": "elm"}}
    links = ["g s"]
    if "ipv4" in switch:
        nodes["up"] = {"kind": "uplink", "device": "ext0", "host": "oak"}
        links.append("up s")
    found = shares(nodes, links)
    assert not any(routed(found).values())
    described = guest(found["elm"], "g")
    assert described["interfaces"][0]["addresses"]
    assert (described["ssh"], described["access"]) == (None, "elm")


def test_of_two_routers_at_a_switch_the_gateway_is_the_way_in() -> None:
    nodes = {"s": {"kind": "ovs", "ipv4": "10.1.0.1/24"}, **{name: {"kind": "logical_router", "host": "fir"} for name in ("q", "r")}}
    found = shares({**nodes, "a": None}, ["a s", {"endpoints": ["q", "s"], "ipv4": "10.1.0.9"}, "r s"])
    (own,) = [item for item in found["fir"]["addresses"] if item.get("routes")]
    assert [route["to"] for route in own["routes"]] == ["10.1.0.0/24"]
    ports = [(row["in"], row["columns"]["networks"]) for row in rows(found["elm"], "Logical_Router_Port").values()]
    assert ("wood.r", ["10.1.0.1/24"]) in ports
    assert ("wood.r", [f"{own['routes'][0]['via']}/30"]) in ports


NAT = {"in": {"kind": "ovs", "ipv4": "10.2.0.1/24"}, "out": {"kind": "ovs", "subnet": "172.31.0.0/24"}, "a": {"ipv4": "10.2.0.5"}}


def test_what_a_router_cannot_translate_is_named() -> None:
    nodes = {
        **NAT,
        "up": {"kind": "uplink", "device": "ext0", "host": "elm"},
        "r": {
            "kind": "logical_router",
            "routes": ["10.7.0.0/16 via 10.2.0.5"],
            "dnat": {
                "172.31.0.9": "b",
                "172.31.1.9": "a",
                "172.31.0.10": "10.3.0.1",
                "172.31.0.11": "10.7.1.1",
                "172.31.0.12": "10.2.0.77",
            },
        },
        "b": {"ipv4": "172.31.0.5"},
    }
    assert mistakes(nodes, ["a in", "b out", "r in", {"endpoints": ["r", "out"], "ipv4": "172.31.0.1"}, "up out"]) == [
        "nodes.r.dnat.172.31.0.9: 'b' has no address in a network behind 'r': 10.2.0.0/24",
        "nodes.r.dnat.172.31.1.9: is not in 172.31.0.0/24, the network of 'out', which leads out",
        "nodes.r.dnat.172.31.0.10: 10.3.0.1 is not in a network behind 'r': 10.2.0.0/24",
    ]


def test_without_an_address_outside_nothing_is_translated() -> None:
    nodes = {**NAT, "out": {"kind": "ovs", "ipv6": "fd00:9::1/64"}, "r": {"kind": "logical_router", "outside": "out", "snat": True}}
    assert mistakes(nodes, ["a in", "r in", "r out"]) == [
        "nodes.r.snat: 'r' has no IPv4 address at 'out', which leads out; give its end of that link one"
    ]
