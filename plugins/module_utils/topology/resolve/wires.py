# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that need something between their ends: two guests are joined by a bridge of their own, which forwards everything.

So are nodes on two lab hosts: their bridge is on both.
"""

from __future__ import annotations

from dataclasses import replace

from ..model import Endpoint, Link, Node, Switch, Topology

# All groups but the three that the kernel keeps for itself (net/bridge/br_private.h, BR_GROUPFWD_RESTRICTED); it learns no address.
_TRANSPARENT = {"stp": False, "ageing_time": 0, "group_fwd_mask": 65528}


def based(link: Link, topology: Topology) -> str | None:
    """Return the lab host's interface that carries a namespace or a guest, None for any other link."""
    nodes = [topology.nodes[end.node] for end in link.ends]
    device = next((node.device for node in nodes if node.device), None)
    return device if any(node.space or node.guest for node in nodes) else None


def joined(topology: Topology) -> Topology:
    """Return the topology with a hidden bridge in each link of two guests, and of nodes on two lab hosts."""
    nodes, carriers, links = dict(topology.nodes), dict(topology.carriers), []
    for link in topology.links:
        ends = [nodes[end.node] for end in link.ends]
        homes = dict.fromkeys(carriers[node.name][0] for node in ends if carriers and not node.spans)
        # What is behind a backend of QEMU's own is its wire.
        if (ends[0].kind == ends[1].kind == "vm" or len(homes) > 1) and not any(end.backend for end in link.ends):
            wire = Node(str(link), "bridge", link.path, switch=Switch(bridge=_TRANSPARENT), hidden=True)
            nodes[wire.name] = wire
            carriers.update({wire.name: tuple(homes)} if homes else {})
            links += [replace(link, ends=(end, Endpoint(wire.name, end.path))) for end in link.ends]
        else:
            links.append(link)
    return replace(topology, nodes=nodes, links=tuple(links), carriers=carriers)


def opposite(end: Endpoint, far: Endpoint, topology: Topology) -> Endpoint:
    """Return the end that a link leads to from end: that behind the hidden bridge, where far is at one."""
    if not topology.nodes[far.node].hidden:
        return far
    return next((other for _own, other, _link in topology.ends(far.node) if other.node != end.node), far)


def patched(link: Link, topology: Topology) -> bool:
    """Say whether a link is a pair of patch ports: between two Open vSwitch bridges, where nothing needs a device.

    ovs-vswitchd 3.1 aborts when RSTP runs over patch ports.
    """
    first, second = (topology.nodes[end.node] for end in link.ends)
    if not (first.kind == second.kind == "ovs" and first.switch and second.switch):
        return False
    settings = [node.bridge for node in (first.switch, second.switch)]
    plain = link.up and not link.mtu and not any(end.shaping or end.bond for end in link.ends)
    alike = settings[0].get("datapath_type") == settings[1].get("datapath_type")
    return plain and alike and not any(bridge.get("rstp") for bridge in settings)
