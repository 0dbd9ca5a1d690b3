# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each can do alone and must do together: several lab hosts, QEMU's backends, uplinks, containers, settings of ports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.reach.paths import Wiring, shown
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.topology.narrow import narrowed

MACHINES = (Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2"))
GUEST = {"kind": "vm", "image": "tiny"}


def shares(nodes: Mapping[str, Any], links: list[Any], record: Mapping[str, str] | None = None) -> dict[str, Any]:
    found = compile_shares(load({"name": "wood", "nodes": nodes, "links": links}, machines=MACHINES, record=record or {}))
    assert json.loads(json.dumps(found)) == found
    return found


def problems(nodes: Mapping[str, Any], links: list[Any]) -> list[str]:
    with pytest.raises(LabErrors) as caught:
        shares(nodes, links)
    return list(caught.value.problems)


def names(share: Mapping[str, Any], what: str = "nodes") -> list[str]:
    return [item["name"] for item in share.get(what) or ()]


def behind(backend: Any, **more: Any) -> dict[str, Any]:
    return {**GUEST, "interfaces": {"eth0": {"backend": backend}}, **more}


def test_a_guest_with_a_backend_of_its_own_is_placed_like_any_other() -> None:
    found = shares({"g": behind("user", host="fir"), "a": {"host": "elm"}}, ["a g"])
    assert [names(share, "vms") for share in found.values()] == [[], ["g"]]
    assert [nic["backend"]["type"] for nic in found["fir"]["vms"][0]["nics"] if nic.get("backend")] == ["user"]


def test_guests_of_two_lab_hosts_may_meet_behind_their_backends() -> None:
    group = {"type": "mcast", "group": "239.255.1.1:4000"}
    found = shares({"g": behind(group, host="elm"), "h": behind(group, host="fir")}, [])
    assert [names(share, "vms") for share in found.values()] == [["g"], ["h"]]
    assert not any(share["links"] for share in found.values())


@pytest.mark.parametrize("backend", ["socket", "mcast", "udp", "l2tpv3"])
def test_guests_joined_by_a_backend_are_on_one_lab_host(backend: str) -> None:
    link = {"endpoints": ["g", "h"], "backend": backend}
    (share,) = (share for share in shares({"g": GUEST, "h": GUEST}, [link]).values() if share["vms"])
    assert names(share, "vms") == ["g", "h"]
    assert names(shares({"g": GUEST, "h": {**GUEST, "host": "fir"}}, [link])["fir"], "vms") == ["g", "h"]
    assert problems({"g": {**GUEST, "host": "elm"}, "h": {**GUEST, "host": "fir"}}, [link]) == [
        "nodes.h.host: 'h' must be where 'g' is, on 'elm', as the links between them cannot leave a lab host, and not on 'fir'"
    ]


def test_who_must_be_together_later_moves_to_the_first_of_them() -> None:
    link = {"endpoints": ["g", "h"], "backend": "socket"}
    assert names(shares({"g": GUEST, "h": GUEST}, [link], {"g": "fir", "h": "elm"})["fir"], "vms") == ["g", "h"]


def test_a_tap_is_no_reason_to_be_on_one_lab_host() -> None:
    link = {"endpoints": ["g", "a"], "backend": "tap"}
    found = shares({"g": {**GUEST, "host": "elm"}, "a": {"host": "fir"}}, [link])
    assert [names(share, "vms") + names(share, "namespaces") for share in found.values()] == [["g"], ["wood.a"]]


def test_a_bridge_of_one_lab_host_keeps_those_that_qemu_plugs_in_there() -> None:
    nodes = {"g": GUEST, "a": {"host": "elm"}, "lan": {"kind": "bridge", "host": "fir"}}
    found = shares(nodes, ["a lan", {"endpoints": ["g", "lan"], "backend": "bridge"}])
    assert names(found["fir"], "vms") == ["g"]


def test_all_who_sit_on_an_uplink_are_where_it_is() -> None:
    out = {"kind": "uplink", "device": "eth9", "host": "fir"}
    found = shares({"a": {}, "c": {"kind": "container"}, "g": GUEST, "out": out}, ["a out", "c out", "g out"])
    assert not found["elm"]["links"]
    assert sorted((link["kind"], link["base"]) for link in found["fir"]["links"]) == [
        ("macvlan", "eth9"),
        ("macvlan", "eth9"),
        ("macvtap", "eth9"),
    ]


def test_a_container_may_sit_on_an_uplink() -> None:
    lab = {"name": "wood", "nodes": {"c": {"kind": "container"}, "out": {"kind": "uplink", "device": "eth9"}}}
    (link,) = compile_share(load({**lab, "links": [{"endpoints": ["c", "out"], "mode": "private"}]}))["links"]
    assert (link["kind"], link["mode"], link["netns"]) == ("macvlan", "private", "wood.c")


def test_a_guest_is_reached_where_a_port_leads_to_it_and_not_where_its_network_is() -> None:
    forward = {"type": "user", "hostfwd": ["tcp:127.0.0.1:2222-:22"]}
    lan = {"kind": "bridge", "ipv4": "10.4.0.1/24", "dhcp": True, "gateway": "elm"}
    for backend, access in ((forward, "fir"), ("user", "elm")):
        found = shares({"g": behind(backend, host="fir"), "lan": lan}, ["g:eth1 lan"])
        assert next(node["access"] for node in found["fir"]["nodes"] if node["name"] == "g") == access
        assert names(found["elm"], "visitors") == (["g"] if access == "elm" else [])


def test_each_lab_host_has_ports_of_its_own_to_forward() -> None:
    forward = {"type": "user", "hostfwd": ["tcp:127.0.0.1:2222-:22"]}
    found = shares({"g": behind(forward, host="elm"), "h": behind(forward, host="fir")}, [])
    assert [node["ssh"]["port"] for share in found.values() for node in share["nodes"]] == [2222, 2222]
    assert problems({"g": behind(forward, host="elm"), "h": behind(forward, host="elm")}, [])


PORTS: dict[str, Any] = {
    "a": {"host": "elm"},
    "b": {"host": "elm"},
    "c": {"host": "fir"},
    "net": {
        "kind": "ovs",
        "flows": ["in_port=a,actions=output:b", "in_port=c,actions=drop", "actions=NORMAL", "tcp,actions=group:1"],
        "groups": ["group_id=1,type=all,bucket=output:a"],
        "mirrors": [{"name": "one", "select_src_port": ["a"], "output_port": "b"}, {"name": "all", "select_all": True, "output_vlan": 9}],
    },
}


def test_what_a_switch_says_of_ports_is_where_these_are() -> None:
    found = shares(PORTS, ["a net", "b net", "c net"])
    flows = {name: [flow for item in share["flows"] for flow in item["flows"]] for name, share in found.items()}
    assert [len(one) for one in flows.values()] == [3, 2]
    assert all("actions=NORMAL" in one for one in flows.values())
    assert [len(share["flows"][0]["groups"]) for share in found.values()] == [1, 0]
    assert [[mirror["name"] for mirror in share["bridges"][0]["mirrors"]] for share in found.values()] == [["one", "all"], ["all"]]


def test_what_a_switch_says_of_ports_on_several_lab_hosts_is_refused() -> None:
    net = {
        "kind": "ovs",
        "flows": ["in_port=a,actions=output:c", "in_port=a,actions=c", "in_port=a,actions=output:b"],
        "mirrors": [{"name": "one", "select_src_port": ["a"], "output_port": "c"}],
    }
    bond = [{"endpoints": [name, {"node": "net", "bond": "two"}]} for name in ("a", "c")]
    where = "names endpoints on several lab hosts (elm, fir); give the switch, or these nodes, one host"
    assert problems({**PORTS, "net": net}, ["a net", "b net", "c net"]) == [
        f"nodes.net.mirrors[0]: {where}",
        f"nodes.net.flows[0]: {where}",
        f"nodes.net.flows[1]: {where}",
    ]
    assert problems({**PORTS, "net": {"kind": "ovs"}}, [*bond, "b net"]) == [
        "links[0].endpoints[1].bond: its links are on several lab hosts (elm, fir), and a bond is on one; give the far ends one host"
    ]
    assert shares({**PORTS, "net": {**net, "host": "elm"}}, ["a net", "b net", "c net"])["elm"]["flows"]


def test_a_mirror_waits_for_its_ports() -> None:
    share = compile_share(load({"name": "wood", "nodes": PORTS, "links": ["a net", "b net", "c net"]}))
    for spaces, expected in ((["wood.a"], ["all"]), (["wood.a", "wood.b"], ["one", "all"])):
        devices = {link["name"] for link in share["links"] if not link["netns"] and link["peer"][0] in spaces}
        small, _part = narrowed(share, ["net"], devices.union(spaces))
        assert [mirror["name"] for mirror in small["bridges"][0]["mirrors"]] == expected


# Everything that a lab can be made of, on two lab hosts.
ALL: dict[str, Any] = {
    "a": {"host": "elm", "exec": ["true"]},
    "b": {"host": "elm"},
    "c": {"kind": "container", "host": "fir", "services": {"web": {"command": "sleep 9"}}},
    "g": behind("user", host="elm"),
    "h": {**GUEST, "host": "fir"},
    "i": GUEST,
    "me": {"kind": "host", "host": "fir", "nat": True},
    "out": {"kind": "uplink", "device": "eth9", "host": "elm", "move_addresses": True},
    "wan": {"kind": "uplink", "device": "eth8", "host": "fir"},
    "lan": {"kind": "bridge", "ipv4": "10.4.0.1/24", "dhcp": True, "nat": True, "gateway": "fir"},
    "top": {"kind": "bridge"},
    "net": {
        "kind": "ovs",
        "host": "elm",
        "flows": ["in_port=a,actions=output:b", "actions=NORMAL"],
        "qos": {"a": {"queues": {0: {"rate": "1mbit"}}}},
        "mirrors": [{"name": "all", "select_src_port": ["a"], "output_port": "b"}],
        "bonds": {"two": {}},
    },
    "far": {"kind": "ovs", "bonds": {"two": {}}},
}
BOTH = {"endpoints": [{"node": "net", "bond": "two"}, {"node": "far", "bond": "two"}]}
WIRES: list[Any] = [
    *("a net", "b net", "b lan", "c lan", "g:eth1 lan", "c far", "out top", "b top", "c wan"),
    *(BOTH, BOTH, {"endpoints": ["h", "i"], "backend": "socket"}, {"endpoints": ["c", "me"], "ipv4": "auto"}, "h:eth7 a"),
]


def test_all_of_it_together_and_any_two_of_its_nodes() -> None:
    found = shares(ALL, WIRES)
    assert {"a", "b", "g", "net", "out"} <= set(names(found["elm"]))
    assert {"c", "h", "i", "me", "wan"} <= set(names(found["fir"]))
    for share in found.values():
        devices = {name for kind in ("links", "bridges", "members") for name in names(share, kind)}
        there = devices.union(names(share, "namespaces"))
        for some in combinations(names(share), 2):
            for present in (set(), there):
                small, part = narrowed(share, some, present)
                assert set(names(small)) == part.names == set(some)


def test_a_path_leads_over_a_bond() -> None:
    nodes = {"a": {}, "b": {}, "net": {"kind": "ovs"}, "far": {"kind": "ovs"}}
    share = compile_share(load({"name": "wood", "nodes": nodes, "links": ["a net", "b far", BOTH, BOTH]}))
    assert shown(Wiring(share).path("a", "b")) == "a:eth0 - net - far - b:eth0"
