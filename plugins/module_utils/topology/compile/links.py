# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What links are made of on a lab host: interfaces, ports of switches, and what becomes of packets on them."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Endpoint, Link, Node, Space, Switch, Topology
from ..names import LOCAL_MAC, altname, macs
from ..plain import Item, given
from ..resolve.wires import based, patched
from ..tunnels import PAIRED
from .openflow import FLOW_KEYS, bonded, queued

TAP_OWNER = "netvirt"  # the user that QEMU runs as
DEFAULT_VLAN = 1  # where a Linux bridge has ports without a tag (net/bridge/br_vlan.c, br_vlan_init())


def netns_of(end: Endpoint, topology: Topology) -> str:
    """Return the network namespace that an end is in; '' is the lab host's."""
    return topology.nodes[end.node].netns or ""


def bridge_link(node: Node, switch: Switch, topology: Topology) -> Item:
    """Return the device of a Linux bridge."""
    settings = dict(switch.bridge)
    if "vlan_filtering" not in settings and any(has_vlans(end) for end, _far, _link in topology.ends(node.name)):
        settings["vlan_filtering"] = True
    return given(
        name=switch.device,
        netns="",
        kind="bridge",
        mac=_switch_mac(node, switch, topology),
        up=True,
        altname=None if node.hidden else altname(topology.name, node.name),
        silent=True if node.hidden else None,
        bridge=settings or None,
    )


def interfaces(link: Link, topology: Topology) -> Iterator[Item]:
    """Return the interfaces that a link is made of: a tap, or both ends of a veth pair; for patch ports and switches' uplinks none."""
    if base := based(link, topology):
        yield _on_base(link, base, topology)
    if patched(link, topology) or any(made_elsewhere(end, topology) for end in link.ends):
        return
    for end, far in (link.ends, link.ends[::-1]):
        node, kinds = topology.nodes[end.node], (topology.nodes[end.node].kind, topology.nodes[far.node].kind)
        item = given(
            name=end.interface,
            netns=netns_of(end, topology),
            mtu=link.mtu,
            up=link.up,
            altname=end.altname,
            silent=True if node.switch else None,
            tx_offload=end.offload,
            **(_membership(end, node.switch) if node.switch and node.kind == "bridge" else {}),
        )
        if kinds[1] == "vm":
            yield {**item, **given(kind="tap", mac=end.mac, owner=TAP_OWNER, multi_queue=(far.queues or 1) > 1 or None)}
        elif kinds[0] != "vm":
            own = given(link_local=None if node.space is None else speaks_ipv6(node.space, end))
            yield {**item, **own, **given(kind="veth", mac=end.mac, peer=(netns_of(far, topology), far.interface))}
        if end.ifb:
            yield {"name": end.ifb, "netns": netns_of(far, topology), "up": True, "kind": "ifb"}


def made_elsewhere(end: Endpoint, topology: Topology) -> bool:
    """Say whether what an end is, is made by others: an uplink is there, QEMU and OVN make their own."""
    node = topology.nodes[end.node]
    return bool(node.device or node.router or end.backend)


def _on_base(link: Link, base: str, topology: Topology) -> Item:
    """Return what a namespace or a guest has on an interface of the lab host: a MAC address of its own there."""
    end, far = link.ends if topology.nodes[link.ends[1].node].device else link.ends[::-1]
    node = topology.nodes[end.node]
    common = given(mac=end.mac, up=True, base=base, mode=link.mode or "bridge")
    if node.space is None:  # a guest's is the lab host's, as a tap is
        return {"name": far.interface, "netns": "", "kind": "macvtap", "altname": far.altname, "silent": True, **common}
    return {"name": end.interface, "netns": node.netns, "kind": "macvlan", **common, **given(link_local=speaks_ipv6(node.space, end))}


def speaks_ipv6(space: Space, end: Endpoint) -> bool:
    """Say whether an end of a namespace has a use for IPv6: unless the file says so, or leaves to the node what it does.

    Each link-local address is announced to the whole network: at a switch of 500 nodes these are a million packets.
    """
    at_work = bool(space.exec or space.services or space.router or space.frr or space.interfaces or space.container)
    return end.ipv4 is None or end.ipv6 is not None or at_work or any("ipv6" in name for name in space.sysctls)


def vlans(node: Node) -> Iterator[Item]:
    """Return the VLANs that a namespace has of its interfaces."""
    for sub in node.space.interfaces if node.space else ():
        item = given(name=sub.name, netns=node.netns, mtu=sub.mtu, up=True)
        yield {**item, "kind": "vlan", "parent": sub.parent, "vlan": sub.vlan, "protocol": sub.protocol}


def members(link: Link, topology: Topology) -> Iterator[Item]:
    """Return the interface of the lab host that a link makes a port of a switch; one of Open vSwitch's is only kept up."""
    for end, far in (link.ends, link.ends[::-1]):
        node = topology.nodes[end.node]
        if topology.nodes[far.node].device and node.switch:
            yield {"name": end.interface, **(_membership(end, node.switch) if node.kind == "bridge" else {})}


def uplinks(link: Link, topology: Topology) -> Iterator[Item]:
    """Return the interface of the lab host whose addresses the switch gets that a link makes it a port of."""
    for end, far in (link.ends, link.ends[::-1]):
        move, home = topology.nodes[end.node].move, topology.nodes[far.node]
        if move and home.switch:
            yield {"name": end.interface, "to": home.switch.device, "kind": home.kind, "timeout": move.timeout, "check": list(move.check)}


def shaping(link: Link, topology: Topology) -> Iterator[Item]:
    """Return what holds for what each end sends. What a guest sends comes in at its tap, which hands it to a device of its own."""
    for end, far in (link.ends, link.ends[::-1]):
        if end.ifb:
            yield {"name": end.ifb, "netns": netns_of(far, topology), **end.shaping}
        elif topology.nodes[end.node].kind != "vm" and (end.shaping or far.ifb):
            yield given(name=end.interface, netns=netns_of(end, topology), **end.shaping, redirect=far.ifb)


def ovs_bridge(node: Node, switch: Switch, topology: Topology) -> Item:
    """Return an Open vSwitch bridge with its ports."""
    settings = dict(switch.bridge)
    derived = {}
    if (time := settings.pop("ageing_time", None)) is not None:
        derived["mac-aging-time"] = str(time)
    if (priority := settings.pop("priority", None)) is not None:
        protocols = [name for name in ("stp", "rstp") if settings.get(name)] or ["stp", "rstp"]
        derived.update({f"{name}-priority": str(priority) for name in protocols})
    if derived:
        settings["other_config"] = {**derived, **(settings.get("other_config") or {})}
    single = [(end, ovs_port(end, far, link, topology)) for end, far, link in topology.ends(node.name) if not far.backend]
    bonds, qos = settings.pop("bonds", {}), settings.pop("qos", {})
    ports = [queued(port, qos) for port in bonded(single, bonds, topology.name)]
    ports += tunnel_ports(switch, topology.mesh)
    for key in FLOW_KEYS:
        settings.pop(key, None)
    own = {"datapath_type": None, "mac": _switch_mac(node, switch, topology), **given(**settings)}
    return {"name": switch.device, "altname": altname(topology.name, node.name), **own, "ports": ports}


def ovs_port(end: Endpoint, far: Endpoint, link: Link, topology: Topology) -> Item:
    """Return the port of an Open vSwitch that a link makes."""
    item = given(name=end.interface, tag=end.tag, trunks=end.trunks, vlan_mode=end.vlan_mode)
    if patched(link, topology):
        return {**item, "type": "patch", "options": {"peer": far.interface}}
    # ovs-vswitchd takes away what others ask of tc, unless it is told to leave a port alone.
    return {**item, "qos": "linux-noop"} if end.shaping or far.ifb else item


def tunnel_ports(switch: Switch, mesh: str) -> list[Item]:
    """Return the ports of an Open vSwitch that lead to other lab hosts; what comes in by one of several goes out by none of them."""
    return [given(name=tunnel.device, protected=True if mesh in PAIRED else None) for tunnel in switch.tunnels]


def _membership(end: Endpoint, switch: Switch) -> Item:
    tag = end.tag if end.tag != "" else DEFAULT_VLAN
    return given(master=switch.device, tag=tag, trunks=end.trunks)


def has_vlans(end: Endpoint) -> bool:
    """Say whether a switch keeps VLANs apart at this port."""
    return end.tag is not None or end.trunks is not None


def _switch_mac(node: Node, switch: Switch, topology: Topology) -> str:
    # Without one of its own a bridge takes the lowest of its ports' addresses, a new one whenever they change.
    return switch.mac or next(macs(LOCAL_MAC, topology.name, node.name))
