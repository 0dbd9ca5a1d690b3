# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a resolved topology to what a lab host must have: its share, in types that JSON knows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..expand.include import Files
from ..expect import compiled
from ..model import Topology
from ..parse import parse
from ..plain import Item, given
from ..resolve import resolve
from ..resolve.guest import machine
from ..resolve.networks import Place, places, segments
from . import links as of_links
from . import nodes as of_nodes
from .services import dnsmasq, forwarding


def load(data: Any, files: Files | None = None) -> Topology:
    """Return the resolved topology of a file's content; ``files`` reads what it includes. Raise LabErrors."""
    return resolve(parse(data, files))


def compile_share(topology: Topology) -> Item:
    """Return what the one lab host of a resolved topology must have, but for the passwords of its guests."""
    nodes = topology.nodes.values()
    switches = [(node, node.switch) for node in nodes if node.switch]
    heads = segments(topology)
    here: dict[str, list[Place]] = defaultdict(list)
    for place in places(topology, heads):
        here[place.node.name].append(place)
    return {
        "lab": topology.name,
        "images": given(**topology.images),
        "namespaces": [{"name": node.netns} for node in nodes if node.space],
        "links": [
            *(of_links.bridge_link(node, switch, topology) for node, switch in switches if node.kind == "bridge"),
            *(item for link in topology.links for item in of_links.interfaces(link, topology)),
            *(item for node in nodes for item in of_links.vlans(node)),
        ],
        "members": [item for link in topology.links for item in of_links.members(link, topology)],
        "bridges": [of_links.ovs_bridge(node, switch, topology) for node, switch in switches if node.kind == "ovs"],
        "shaping": [item for link in topology.links for item in of_links.shaping(link, topology)],
        "addresses": [
            *(item for node, switch in switches for item in of_nodes.switch_address(node, switch)),
            *(item for node in nodes for item in of_nodes.loopback(node)),
            *(item for group in here.values() for place in group for item in of_nodes.interface_address(place, topology)),
        ],
        "sysctls": [item for node in nodes for item in of_nodes.sysctls(node)],
        "firewalls": [item for node in nodes for item in of_nodes.firewalls(node)],
        "forwarding": forwarding(topology),
        "dnsmasq": dnsmasq(topology),
        "dhcp_clients": [
            {"netns": place.node.netns, "interface": place.name}
            for group in here.values()
            for place in group
            if place.node.space and place.interface.ipv4 and place.interface.ipv4.method == "dhcp"
        ],
        "vms": [machine(node, node.guest, topology) for node in nodes if node.guest],
        "commands": [item for node in nodes for item in of_nodes.commands(node)],
        "services": [item for node in nodes for item in of_nodes.services(node)],
        "frr": [item for node in nodes for item in of_nodes.frr(node, topology)],
        "nodes": [of_nodes.described(node, here[node.name], heads.get(node.name), topology) for node in nodes if not node.hidden],
        **({"uplinks": uplinks} if (uplinks := [item for link in topology.links for item in of_links.uplinks(link, topology)]) else {}),
        **({"persist": True} if topology.persist else {}),
        **({"expect": compiled(topology.expect)} if topology.expect else {}),
    }
