# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Geneve and GRE devices in the kernel of a simulated lab host, and the ports of a mesh, which pass nothing on to each other.

Kernels differ: what this one has not is refused by name, and what it has is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._interface import link_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources._network import Survey
from ansible_collections.netvirt.lab.plugins.module_utils.resources._underlay import require_tunnels
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features

from ..wires import check_split_horizon
from .converging import Links, sh

LAB = "net"
BRIDGE = {"name": "plaza", "kind": "bridge", "up": True}
V4, V6 = ("192.0.2.9", "192.0.2.21", "192.0.2.22"), ("2001:db8::9", "2001:db8::21", "2001:db8::22")
KINDS = [("geneve", V4), ("geneve", V6), ("gretap", V4), ("ip6gretap", V6)]
OPTIONS = {
    "geneve": ("CONFIG_GENEVE", "geneve"),
    "gretap": ("CONFIG_NET_IPGRE", "ip_gre"),
    "ip6gretap": ("CONFIG_IPV6_GRE", "ip6_gre"),
}


run, settle = Links(LAB).run, Links(LAB).settle


@pytest.fixture(autouse=True)
def underlay() -> Iterator[None]:
    sh(f"ip link add under9 type bridge; ip link set under9 up; ip addr add {V4[0]}/24 dev under9")
    sh(f"ip addr add {V6[0]}/64 dev under9 nodad")
    yield
    run()
    assert "plaza" not in sh("ip link")
    sh("ip link del under9")


def tunnel(kind: str, addresses: tuple[str, ...], far: int = 1, **more: Any) -> dict[str, Any]:
    own = {"name": f"plaza-{far}", "kind": kind, "vni": 7700, "local": addresses[0], "remote": addresses[far], "mtu": 1400, "up": True}
    return {**own, "altname": f"net.plaza.{addresses[far]}", "silent": True, "master": "plaza", "mesh": True, **more}


def details(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sh(f"ip -d -j link show {name}"))[0]
    return found


def port(name: str) -> tuple[str, bool, int]:
    """Return the bridge that an interface is in, whether it is isolated there, and whether it gets all multicast (2)."""
    found = details(name)
    (settings,) = json.loads(sh(f"bridge -d -j link show dev {name}"))
    return found["master"], settings["isolated"], settings["mcast_router"]


def require(kind: str) -> None:
    if not features.has_link_kind(kind):
        pytest.skip(f"this kernel lacks {OPTIONS[kind][0]} (module {OPTIONS[kind][1]})")


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_kernel_without_it_is_told_by_the_name_of_its_option(kind: str) -> None:
    if features.has_link_kind(kind):
        pytest.skip(f"this kernel has {OPTIONS[kind][0]}")
    addresses = dict(KINDS)[kind]
    with pytest.raises(LabErrors) as raised:
        run(BRIDGE, tunnel(kind, addresses))
    option, module = OPTIONS[kind]
    assert f"This kernel lacks {option}, which the interface 'plaza-1' needs; load the module {module} ('modprobe {module}'" in str(
        raised.value
    )
    assert "plaza" not in sh("ip link")


@pytest.mark.parametrize(("kind", "addresses"), KINDS)
def test_a_tunnel_leads_to_one_other_lab_host(kind: str, addresses: tuple[str, ...]) -> None:
    require(kind)
    settle(BRIDGE, tunnel(kind, addresses), tunnel(kind, addresses, 2))
    for far in (1, 2):
        found = details(f"plaza-{far}")
        told = found["linkinfo"]["info_data"]
        assert (found["linkinfo"]["info_kind"], found["mtu"], found["ifalias"], "UP" in found["flags"]) == (kind, 1400, "netvirt:net", True)
        assert told.get("remote", told.get("remote6")) == addresses[far]
        if kind == "geneve":
            assert (told["id"], told["port"]) == (7700, 6081)
        else:
            assert (told["local"], told["ikey"], told["okey"], told["ttl"]) == (addresses[0], "0.0.30.20", "0.0.30.20", 64)
        assert port(f"plaza-{far}") == ("plaza", True, 2)


@pytest.mark.parametrize(("kind", "addresses"), KINDS)
def test_another_lab_host_leaves_the_tunnels_to_the_others(kind: str, addresses: tuple[str, ...]) -> None:
    require(kind)
    run(BRIDGE, tunnel(kind, addresses))
    index = details("plaza-1")["ifindex"]
    assert [(change.key, change.action) for change in settle(BRIDGE, tunnel(kind, addresses), tunnel(kind, addresses, 2))] == [
        ("plaza-2", "create")
    ]
    assert details("plaza-1")["ifindex"] == index
    assert [(change.key, change.action) for change in settle(BRIDGE, tunnel(kind, addresses, 2))] == [("plaza-1", "remove")]


@pytest.mark.parametrize(("kind", "addresses"), KINDS)
@pytest.mark.parametrize("other", [{"vni": 7701}, {"remote": 2}])
def test_another_number_or_lab_host_takes_another_device(kind: str, addresses: tuple[str, ...], other: dict[str, Any]) -> None:
    require(kind)
    run(BRIDGE, tunnel(kind, addresses))
    index = details("plaza-1")["ifindex"]
    more = {"remote": addresses[2]} if "remote" in other else other
    assert [change.action for change in settle(BRIDGE, tunnel(kind, addresses, **more))] == ["replace"]
    assert details("plaza-1")["ifindex"] != index


@pytest.mark.parametrize(("kind", "addresses"), KINDS[2:])
def test_a_tunnel_that_somebody_has_changed_is_made_anew(kind: str, addresses: tuple[str, ...]) -> None:
    require(kind)
    run(BRIDGE, tunnel(kind, addresses))
    sh(f"ip link set plaza-1 type {kind} local {addresses[0]} remote {addresses[1]} key 7700 ttl 1")
    assert [change.action for change in settle(BRIDGE, tunnel(kind, addresses))] == ["replace"]
    assert details("plaza-1")["linkinfo"]["info_data"]["ttl"] == 64


def test_geneve_from_another_address_of_the_machine_is_refused() -> None:
    sh("ip route add 203.0.113.77/32 dev under9 src 192.0.2.9; ip addr add 192.0.2.10/24 dev under9")
    require_tunnels([link_from(tunnel("geneve", ("192.0.2.9", "203.0.113.77")), LAB)], Survey())
    with pytest.raises(LabErrors, match=r"sends to 203\.0\.113\.77 from 192\.0\.2\.9, .*; the other lab hosts expect 192\.0\.2\.10"):
        require_tunnels([link_from(tunnel("geneve", ("192.0.2.10", "203.0.113.77")), LAB)], Survey())


# Ports of a mesh, of whatever kind: here veths, one end of which is the far end of a tunnel, or a node.


def ends(name: str, **more: Any) -> list[dict[str, Any]]:
    near = {"name": name, "kind": "veth", "up": True, "peer": ["", f"{name}-far"], "silent": True, "master": "plaza", **more}
    return [near, {"name": f"{name}-far", "kind": "veth", "up": True, "peer": ["", name], "silent": True}]


def triangle(**of_second: Any) -> list[dict[str, Any]]:
    return [BRIDGE, *ends("first", mesh=True), *ends("second", **{"mesh": True, **of_second}), *ends("node")]


def test_a_port_of_a_mesh_is_isolated_from_its_first_moment_and_again_if_it_is_not() -> None:
    settle(*triangle())
    assert [port(name) for name in ("first", "second", "node")] == [("plaza", True, 2), ("plaza", True, 2), ("plaza", False, 1)]
    for spoilt in (
        "bridge link set dev first isolated off",
        "bridge link set dev first mcast_router 1",
        "ip link set first nomaster",
        "ip link set first down nomaster",
    ):
        sh(spoilt)
        assert [(change.key, change.action) for change in settle(*triangle())] == [("first", "update")]
        assert port("first") == ("plaza", True, 2)
        assert "UP" in details("first")["flags"]


def test_what_comes_in_by_one_port_of_a_mesh_goes_to_nodes_and_to_no_other() -> None:
    run(*triangle())
    check_split_horizon(["first-far", "second-far", "node-far"])
