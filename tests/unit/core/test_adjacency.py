# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which routers must become neighbours, and what their daemons say about it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._adjacency import ASK, Router, Session, problems, routers

AREA: dict[str, Any] = {"area": "0.0.0.0"}


def share(**own: dict[str, Any]) -> dict[str, Any]:
    """Return the share of west and east, on a wire, each with a network of its own; own is what each declares."""
    frr, nodes = [], []
    for number, (name, declared) in enumerate(own.items(), 1):
        interfaces = {"eth0": [f"10.0.0.{number}/30", f"fd00::{number}/126"], "eth1": [f"10.{number}.0.1/24"]}
        frr.append(
            {
                "node": name,
                "netns": f"lab.{name}",
                "router_id": f"10.255.0.{number}",
                "loopbacks": [f"10.255.0.{number}/32"],
                "interfaces": [{"name": interface, "addresses": addresses} for interface, addresses in interfaces.items()],
                **declared,
            }
        )
        networks = {"eth0": "wire", "eth1": f"lan{number}"}
        nodes.append({"name": name, "interfaces": [{"name": interface, "network": networks[interface]} for interface in interfaces]})
    return {"frr": frr, "nodes": nodes}


def test_ospf_in_both_families_and_the_routes_that_come_of_it() -> None:
    west, east = routers(share(west={"ospf": AREA}, east={"ospf": {**AREA, "passive": ["eth1"]}}))
    assert west == Router(
        "west",
        "lab.west",
        (Session("OSPFv2", "east", "10.255.0.2", "eth0"), Session("OSPFv3", "east", "10.255.0.2", "eth0")),
        frozenset({"10.2.0.0/24", "10.255.0.2/32"}),
    )
    assert east.routes == {"10.1.0.0/24", "10.255.0.1/32"}
    assert str(west.sessions[1]) == "OSPFv3 with east on eth0"


@pytest.mark.parametrize(
    ("west", "east"),
    [
        ({"ospf": AREA}, {}),
        ({"ospf": AREA}, {"ospf": {"passive": ["eth0"]}}),
        ({"ospf": {"interfaces": ["eth1"]}}, {"ospf": AREA}),
        ({"ospf": AREA}, {"isis": {}}),
        ({"bgp": {"asn": 1, "neighbors": [{"address": "192.0.2.1", "asn": 2}]}}, {}),
        ({"bgp": {"asn": 1, "neighbors": [{"address": "10.0.0.2", "asn": 2}]}}, {"config": "router bgp 2"}),
    ],
    ids=["one only", "passive", "elsewhere", "strangers", "outside", "by hand"],
)
def test_nothing_is_known_of_what_is_not_declared_at_both_ends(west: dict[str, Any], east: dict[str, Any]) -> None:
    assert routers(share(west=west, east=east)) == []


def test_areas_that_differ_are_waited_for() -> None:
    assert len(routers(share(west={"ospf": AREA}, east={"ospf": {"area": "0.0.0.1"}}))) == 2


def test_what_somebody_has_written_may_filter_routes() -> None:
    west, east = routers(share(west={"ospf": AREA, "config": "router ospf\n distance 9\n"}, east={"ospf": AREA}))
    assert west.sessions
    assert west.routes == east.routes == set()


def test_routes_of_isis_are_known_of_one_level() -> None:
    west, _east = routers(share(west={"isis": {}}, east={"isis": {"level": "2"}}))
    assert west.sessions == (Session("IS-IS", "east", "10.255.0.2", "eth0"),)
    assert west.routes == {"10.2.0.0/24", "10.255.0.2/32"}
    assert routers(share(west={"isis": {"level": "1-2"}}, east={"isis": {}}))[0].routes == set()


def test_sessions_of_bgp_go_by_address() -> None:
    peers = [{"address": "10.0.0.2", "asn": 2}, {"address": "FD00:0::2", "asn": 2}, {"address": "10.255.0.2", "asn": 2}]
    (west,) = routers(share(west={"bgp": {"asn": 1, "neighbors": peers}}, east={"bgp": {"asn": 2}}))
    assert [session.key for session in west.sessions] == ["10.0.0.2", "fd00::2", "10.255.0.2"]
    assert str(west.sessions[1]) == "BGP with east at fd00::2"
    assert west.routes == set()


V2, V3 = Session("OSPFv2", "east", "10.255.0.2", "eth0"), Session("OSPFv3", "east", "10.255.0.2", "eth0")
ISIS, BGP = Session("IS-IS", "east", "10.255.0.2", "eth0"), Session("BGP", "east", "fd00::2")


def v2(state: str, interface: str = "eth0") -> dict[str, Any]:
    return {"neighbors": {"10.255.0.2": [{"nbrState": state, "ifaceName": f"{interface}:10.0.0.1"}]}}


def v3(state: str) -> dict[str, Any]:
    return {"neighbors": [{"neighborId": "10.255.0.2", "state": state, "interfaceName": "eth0"}]}


def isis(*states: str) -> dict[str, Any]:
    circuits = [{"adj": "x", "interface": "eth0", "state": state, "snpa": str(number)} for number, state in enumerate(states)]
    return {"areas": [{"area": "netvirt", "circuits": [{"circuit": 0}, *circuits]}]}


def bgp(state: str, age: int) -> dict[str, Any]:
    return {"ipv4Unicast": {"peers": {}}, "ipv6Unicast": {"peers": {"fd00::2": {"state": state, "peerUptimeMsec": age}}}}


@pytest.mark.parametrize(
    ("session", "said", "state"),
    [
        (V2, v2("Full/DR"), None),
        (V2, v2("Init/DROther"), "Init"),
        (V2, v2("2-Way/DROther"), "2-Way"),
        (V2, v2("Full/-", "eth1"), "not heard of"),
        (V2, {}, "not heard of"),
        (V2, None, "ospfd does not answer"),
        (V3, v3("Full"), None),
        (V3, v3("Twoway"), "2-Way"),
        (V3, {"neighbors": []}, "not heard of"),
        (ISIS, isis("Up"), None),
        (ISIS, isis("Initializing"), "Initializing"),
        (ISIS, isis(), "not heard of"),
        (BGP, bgp("Established", 5000), None),
        (BGP, bgp("Established", 50), "Established just now"),
        (BGP, bgp("Active", 0), "Active"),
        (BGP, {}, "not heard of"),
    ],
)
def test_states(session: Session, said: Any, state: str | None) -> None:
    assert problems([session], {session.protocol: said}) == ({session: state} if state else {})


def test_two_way_is_enough_beside_a_designated_router_and_its_backup() -> None:
    many = [Session("OSPFv2", name, f"10.255.0.{number}", "eth0") for number, name in enumerate(("a", "b", "c"), 1)]
    states = {"10.255.0.1": "Full/DR", "10.255.0.2": "Full/Backup", "10.255.0.3": "2-Way/DROther"}
    said = {"neighbors": {key: [{"nbrState": state, "ifaceName": "eth0:10.0.0.9"}] for key, state in states.items()}}
    assert problems(many, {"OSPFv2": said}) == {}
    said["neighbors"]["10.255.0.2"][0]["nbrState"] = "2-Way/DROther"
    assert set(problems(many, {"OSPFv2": said}).values()) == {"2-Way"}


def test_on_a_lan_as_many_must_be_up_as_there_are_routers_of_isis() -> None:
    many = [Session("IS-IS", name, "10.255.0.9", "eth0") for name in ("a", "b")]
    assert problems(many, {"IS-IS": isis("Up", "Up")}) == {}
    assert set(problems(many, {"IS-IS": isis("Up", "Down")}).values()) == {"Down"}


def test_every_protocol_has_a_question() -> None:
    assert set(ASK) == {"OSPFv2", "OSPFv3", "IS-IS", "BGP"}
