# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a resolved topology to what a lab host must have: its share, in types that JSON knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .addresses import network, segments
from .expect import compiled
from .guest import image_of, machine, user_of
from .model import SWITCHES, Endpoint, Link, Node, Switch, Topology
from .names import LOCAL_MAC, altname, macs
from .parse import parse
from .resolve import resolve
from .services import dnsmasq, forwarding

Item = dict[str, Any]

TAP_OWNER = "netvirt"  # the user that QEMU runs as


def load(data: Any) -> Topology:
    """Return the resolved topology of a file's content. Raise LabErrors."""
    return resolve(parse(data))


def compile_share(topology: Topology) -> Item:
    """Return what the one lab host of a resolved topology must have, but for the passwords of its guests."""
    nodes = topology.nodes.values()
    switches = [(node, node.switch) for node in nodes if node.switch]
    heads = segments(topology)
    return {
        "lab": topology.name,
        "images": _given(**topology.images),
        "namespaces": [{"name": node.netns} for node in nodes if node.kind == "netns"],
        "links": [
            *(_bridge_link(node, switch, topology) for node, switch in switches if node.kind == "bridge"),
            *(item for link in topology.links for item in _link(link, topology)),
        ],
        "bridges": [_ovs_bridge(node, switch, topology) for node, switch in switches if node.kind == "ovs"],
        "addresses": [
            *(item for node, switch in switches for item in _switch_address(node, switch)),
            *(item for link in topology.links for end in link.ends for item in _address(end, topology)),
        ],
        "forwarding": forwarding(topology),
        "dnsmasq": dnsmasq(topology),
        "dhcp_clients": [
            {"netns": _netns(end, topology), "interface": end.interface}
            for link in topology.links
            for end in link.ends
            if topology.nodes[end.node].kind == "netns" and end.ipv4 and end.ipv4.method == "dhcp"
        ],
        "vms": [machine(node, node.guest, topology) for node in nodes if node.guest],
        "nodes": [_node(node, heads, topology) for node in nodes],
        **({"expect": compiled(topology.expect)} if topology.expect else {}),
    }


def _netns(end: Endpoint, topology: Topology) -> str:
    return topology.nodes[end.node].netns or ""


def _given(**values: Any) -> Item:
    """Return the values that are managed."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return _given(**value) if isinstance(value, dict) else value


def _bridge_link(node: Node, switch: Switch, topology: Topology) -> Item:
    mac = _switch_mac(node, topology)
    return {"name": switch.device, "netns": "", "kind": "bridge", "mac": mac, "up": True, "altname": altname(topology.name, node.name)}


def _switch_mac(node: Node, topology: Topology) -> str:
    # Without one of its own a bridge takes the lowest of its ports' addresses, a new one whenever they change.
    return next(macs(LOCAL_MAC, topology.name, node.name))


def _master(end: Endpoint, topology: Topology) -> str | None:
    node = topology.nodes[end.node]
    return node.switch.device if node.switch and node.kind == "bridge" else None


def _link(link: Link, topology: Topology) -> Iterator[Item]:
    """Return the interfaces that a link is made of: a tap, or both ends of a veth pair."""
    for end, far in (link.ends, link.ends[::-1]):
        kinds = topology.nodes[end.node].kind, topology.nodes[far.node].kind
        item = _given(
            name=end.interface,
            netns=_netns(end, topology),
            mtu=link.mtu,
            up=link.up,
            altname=end.altname,
            master=_master(end, topology),
            silent=True if topology.nodes[end.node].switch else None,
        )
        if kinds[1] == "vm":
            yield {**item, "kind": "tap", "owner": TAP_OWNER}
        elif kinds[0] != "vm":
            yield {**item, **_given(kind="veth", mac=end.mac, peer=(_netns(far, topology), far.interface))}


def _ovs_bridge(node: Node, switch: Switch, topology: Topology) -> Item:
    ports = [
        _given(name=end.interface, tag=end.tag, trunks=end.trunks, vlan_mode=end.vlan_mode) for end, _far, _link in topology.ends(node.name)
    ]
    given = {"datapath_type": None, "mac": _switch_mac(node, topology), **_given(**switch.bridge)}
    return {"name": switch.device, "altname": altname(topology.name, node.name), **given, "ports": ports}


def _switch_address(node: Node, switch: Switch) -> Iterator[Item]:
    if switch.ipv4 is not None:
        yield {"name": switch.device, "netns": "", "addresses": [switch.ipv4] if switch.ipv4 else [], "up": True}
    elif node.kind == "ovs":
        yield {"name": switch.device, "netns": "", "up": True}


def _address(end: Endpoint, topology: Topology) -> Iterator[Item]:
    if topology.nodes[end.node].kind not in ("netns", "host") or end.ipv4 is None or end.ipv4.method == "dhcp":
        return
    item: Item = {"name": end.interface, "netns": _netns(end, topology), "addresses": list(end.ipv4.addresses)}
    if end.gateway is not None:
        item["routes"] = [{"to": "default", "via": end.gateway}] if end.gateway else []
    yield item


def _node(node: Node, heads: Mapping[str, str], topology: Topology) -> Item:
    """Return what checks and benchmarks need to know about a node."""
    guest = node.guest
    return {
        "name": node.name,
        "kind": node.kind,
        "netns": node.netns,
        "user": user_of(guest, topology) if guest else None,
        "cloud_init": bool(guest and image_of(guest, topology).cloud_init),
        "state": guest.state if guest else None,
        "interfaces": [_own_device(node.switch, heads[node.name])]
        if node.switch
        else [_interface(end, far, network(far, link, heads), topology) for end, far, link in topology.ends(node.name)],
        "hostname": (guest and guest.hostname) or node.name,
    }


def _own_device(switch: Switch, network_name: str) -> Item:
    method, addresses = ("static", [switch.ipv4]) if switch.ipv4 else ("none", [])
    return {
        "name": switch.device,
        "mac": None,
        "device": switch.device,
        "switch": None,
        "network": network_name,
        "method": method,
        "addresses": addresses,
        "gateway": None,
    }


def _interface(end: Endpoint, far: Endpoint, network_name: str, topology: Topology) -> Item:
    kind, far_kind = topology.nodes[end.node].kind, topology.nodes[far.node].kind
    on_host = end.interface if kind == "host" else far.interface if far_kind in (*SWITCHES, "host") else None
    return {
        "name": end.interface,
        "mac": end.mac,
        "device": on_host,
        "switch": far.node if far_kind in SWITCHES else None,
        "network": network_name,
        "method": end.ipv4.method if end.ipv4 else "none",
        "addresses": list(end.ipv4.addresses) if end.ipv4 else [],
        "gateway": end.gateway or None,
    }
