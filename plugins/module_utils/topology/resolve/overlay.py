# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the packets of networks are that reach over several lab hosts: as the underlay's, less what tunnels take."""

from __future__ import annotations

from dataclasses import replace

from ..model import Endpoint, Link, Node, Switch, Topology
from ..values import Problems
from .networks import segments

_TAG = 4  # bytes of a VLAN's tag in a frame


def fitted(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with an MTU for each link of such a network."""
    if not any(node.switch and _tunnelled(node.switch, topology) for node in topology.nodes.values()):
        return topology
    heads = segments(topology)
    most = _most(topology, heads)

    def link(old: Link) -> Link:
        room = next((most[heads[end.node]] for end in old.ends if heads.get(end.node) in most), None)
        if room is None or all(end.node in heads for end in old.ends):
            return old
        if old.mtu and old.mtu > room:
            problems.append(
                f"{old.path}.mtu: {old.mtu} bytes do not fit through the tunnels between the lab hosts, which carry {room}; "
                "if the underlay takes larger packets, say so by the lab hosts' variable netvirt_underlay_mtu"
            )
        return replace(old, mtu=old.mtu or room)

    def node(old: Node) -> Node:
        if old.switch is None or heads[old.name] not in most:
            return old
        return replace(old, switch=replace(old.switch, mtu=most[heads[old.name]]))

    nodes = {name: node(one) for name, one in topology.nodes.items()}
    return replace(topology, nodes=nodes, links=tuple(map(link, topology.links)))


def _most(topology: Topology, heads: dict[str, str]) -> dict[str, int]:
    """Return what each network over several lab hosts carries, by its first switch."""
    logical = min((machine.room("ovn") for machine in topology.machines), default=0)
    rooms = {machine.name: machine.room(topology.mesh) for machine in topology.machines}
    most: dict[str, int] = {}
    for name, head in heads.items():
        switch = topology.nodes[name].switch
        if switch and _tunnelled(switch, topology):
            # Any node may talk with any other by way of a router.
            room = logical if switch.logical else min(rooms[machine] for machine in topology.carriers[name])
            most[head] = min(room, most.get(head, room))
    subs = {name for name, node in topology.nodes.items() if node.space and node.space.interfaces}
    tagged = {heads[name] for name in heads for end, far, _link in topology.ends(name) if _tags(end) or far.node in subs}
    return {head: room - _TAG if head in tagged else room for head, room in most.items()}


def _tunnelled(switch: Switch, topology: Topology) -> bool:
    return bool(switch.tunnels) or (switch.logical and bool(topology.carriers))


def _tags(end: Endpoint) -> bool:
    return end.tag is not None or end.trunks is not None
