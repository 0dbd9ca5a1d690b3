# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a resolved topology to what a lab host must have: its share, in types that JSON knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..expand.include import Files
from ..expect import compiled
from ..machines import Machine
from ..model import Topology
from ..parse import parse
from ..place import placed
from ..plain import Item, given
from ..resolve import resolve
from ..resolve.guest import machine as guest_machine
from ..resolve.networks import Place, places, segments
from . import links as of_links
from . import nodes as of_nodes
from . import openflow, ovn
from .containers import containers, namespace_item
from .elsewhere import acquaint
from .parts import parts, tunnels
from .services import Names, dnsmasq, forwarding


def load(
    data: Any, files: Files | None = None, machines: Sequence[Machine] = (), record: Mapping[str, str] = MappingProxyType({})
) -> Topology:
    """Return the resolved topology of a file's content; ``files`` reads what it includes. Raise LabErrors.

    machines are the lab hosts, and record says what was placed on them before.
    """
    return resolve(placed(parse(data, files), machines, record))


def compile_share(topology: Topology) -> Item:
    """Return what the one lab host of a resolved topology must have, but for the passwords of its guests."""
    return _share("", topology, topology, segments(topology), Names(topology), ovn.overlay(topology))


def compile_shares(topology: Topology) -> dict[str, Item]:
    """Return the share of each lab host of a topology that is on several."""
    heads = segments(topology)
    names, logical = Names(topology), ovn.overlay(topology)
    shares = {name: _share(name, part, topology, heads, names, logical) for name, part in parts(topology).items()}
    acquaint(shares)
    return shares


def _share(machine: str, part: Topology, topology: Topology, heads: Mapping[str, str], names: Names, logical: ovn.Overlay) -> Item:
    """Return what one lab host must have: part is what of the topology is on it."""
    nodes = part.nodes.values()
    switches = [(node, node.switch) for node in nodes if node.switch and not node.switch.logical]
    fabric = ovn.fabric(machine, part, logical)
    here: dict[str, list[Place]] = defaultdict(list)
    for place in places(part, heads):
        here[place.node.name].append(place)
    flows = [item for node, switch in switches if node.kind == "ovs" for item in openflow.flows(node, switch)]
    return {
        "lab": topology.name,
        **({"machine": machine} if machine else {}),
        "images": given(**topology.images),
        "namespaces": [namespace_item(node.space) for node in nodes if node.space],
        "links": [
            *(of_links.bridge_link(node, switch, topology) for node, switch in switches if node.kind == "bridge"),
            *(item for link in part.links for item in of_links.interfaces(link, part)),
            *ovn.links(machine, logical),
            *(item for node in nodes for item in of_links.vlans(node)),
            *(item for node, switch in switches for item in tunnels(node, switch, machine, topology)),
        ],
        "members": [item for link in part.links for item in of_links.members(link, part)],
        "bridges": [of_links.ovs_bridge(node, switch, part) for node, switch in switches if node.kind == "ovs"]
        + list(ovn.bridges(machine, part, logical)),
        "shaping": [item for link in part.links for item in of_links.shaping(link, part)],
        "addresses": [
            *(item for node, switch in switches for item in of_nodes.switch_address(node, switch)),
            *ovn.way_in(machine, logical),
            *(item for node in nodes for item in of_nodes.loopback(node)),
            *(item for group in here.values() for place in group for item in of_nodes.interface_address(place, topology)),
        ],
        "sysctls": [item for node in nodes for item in of_nodes.sysctls(node)],
        "firewalls": [item for node in nodes for item in of_nodes.firewalls(node)],
        "forwarding": forwarding(part),
        "dnsmasq": dnsmasq(part, names, ovn.name_servers(machine, logical)),
        "dhcp_clients": [
            {"netns": place.node.netns, "interface": place.name, **of_nodes.request(place, topology)}
            for group in here.values()
            for place in group
            if place.node.space and place.interface.ipv4 and place.interface.ipv4.method == "dhcp"
        ],
        "vms": [guest_machine(node, node.guest, topology) for node in nodes if node.guest],
        "commands": [item for node in nodes for item in of_nodes.commands(node, topology)],
        "services": [item for node in nodes for item in of_nodes.services(node, topology)],
        "frr": [item for node in nodes for item in of_nodes.frr(node, topology)],
        "nodes": [
            of_nodes.described(node, here[node.name], heads.get(node.name), topology, logical.gate(node.name))
            for node in nodes
            if not node.hidden
        ],
        **({"ovn": fabric} if fabric else {}),
        **({"flows": flows} if flows else {}),
        **containers(part),
        **of_nodes.resolvers(nodes),
        **({"uplinks": uplinks} if (uplinks := [item for link in part.links for item in of_links.uplinks(link, part)]) else {}),
        **({"persist": True} if topology.persist else {}),
        **({"expect": compiled(topology.expect)} if topology.expect else {}),
    }
