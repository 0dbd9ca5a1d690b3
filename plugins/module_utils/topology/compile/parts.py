# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a topology is on each lab host, and the tunnels by which its switches meet themselves on the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from ..model import Link, Node, Switch, Topology
from ..names import LOCAL_MAC, bond_port, macs
from ..plain import Item, given
from ..port_settings import possible
from ..tunnels import PAIRED, kind_of
from .links import DEFAULT_VLAN, has_vlans


def parts(topology: Topology) -> dict[str, Topology]:
    """Return the part of each lab host. A switch is in several; its address, DHCP and NAT are at its home only."""
    nodes: dict[str, dict[str, Node]] = defaultdict(dict)
    links: dict[str, list[Link]] = defaultdict(list)
    for name, node in topology.nodes.items():
        home, *others = topology.carriers[name]
        nodes[home][name] = node
        for machine in others:
            nodes[machine][name] = _lent(node, machine, topology.name)
    for link in topology.links:
        links[topology.machine_of(link)].append(link)
    found = {one.name: replace(topology, nodes=nodes[one.name], links=tuple(links[one.name])) for one in topology.machines}
    return {
        name: replace(part, nodes={key: _with_ports_here(node, name, part) for key, node in part.nodes.items()})
        for name, part in found.items()
    }


def _with_ports_here(node: Node, machine: str, part: Topology) -> Node:
    """Return a switch with the tunnels that it has on this lab host, and what it says of ports that it has there, and of none."""
    if node.switch is None or not node.switch.tunnels:
        return node
    switch = replace(node.switch, tunnels=tuple(tunnel for tunnel in node.switch.tunnels if tunnel.far != machine))
    if node.kind != "ovs":
        return replace(node, switch=switch)
    ends = [end for end, _far, _link in part.ends(node.name)]
    interfaces = {*(end.interface or "" for end in ends), *(tunnel.device for tunnel in switch.tunnels)}
    ports = {*interfaces, *(bond_port(part.name, node.name, end.bond) for end in ends if end.bond)}
    return replace(node, switch=replace(switch, bridge=possible(switch.bridge, interfaces, ports)))


def _lent(node: Node, machine: str, lab: str) -> Node:
    """Return a switch away from its home: it has no address there, also if its home has changed.

    Its MAC address is another: a bridge keeps what is sent to its own, which would be what is meant for its home.
    """
    if node.switch is None:
        return node
    ipv4, ipv6 = (None if own is None else "" for own in (node.switch.ipv4, node.switch.ipv6))
    mac = next(macs(LOCAL_MAC, lab, node.name, machine))
    return replace(node, switch=replace(node.switch, mac=mac, dhcp=None, nat=False, ipv4=ipv4, ipv6=ipv6))


def tunnels(node: Node, switch: Switch, machine: str, topology: Topology) -> Iterator[Item]:
    """Return the ports of a switch that lead to the same switch on other lab hosts, each of which gets its own copy of a broadcast."""
    underlay = {one.name: one.underlay or "" for one in topology.machines}
    others = sorted(underlay[other] for other in topology.carriers.get(node.name, ()) if other != machine)
    for tunnel in switch.tunnels:
        yield given(
            name=tunnel.device,
            netns="",
            kind=kind_of(topology.mesh, underlay[machine]),
            vni=switch.vni,
            local=underlay[machine],
            **({"remote": underlay[tunnel.far]} if tunnel.far else {"remotes": others}),
            mtu=switch.mtu,
            up=True,
            altname=tunnel.altname,
            silent=True,
            **(_membership(node, switch, topology) if node.kind == "bridge" else {}),
        )


def _membership(node: Node, switch: Switch, topology: Topology) -> Item:
    """Return the port of a Linux bridge: with all VLANs that the bridge has anywhere, and kept apart from other tunnels."""
    ends = [end for end, _far, _link in topology.ends(node.name)]
    port: Item = given(master=switch.device, mesh=True if topology.mesh in PAIRED else None)
    if not any(map(has_vlans, ends)):
        return port
    vlans = {vlan for end in ends for vlan in (end.tag, *(end.trunks or ())) if isinstance(vlan, int)}
    return {**port, "tag": DEFAULT_VLAN, "trunks": sorted(vlans - {DEFAULT_VLAN})}
