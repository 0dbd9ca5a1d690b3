# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What routing daemons are told that only the whole topology knows: their own names, and the addresses of their neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

from ..model import Node, Space, Topology, addresses
from ..values import Problems, suggestion
from ..values.ip import is_name
from .networks import Place, places, segments


def acquainted(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with a router_id for every router that runs daemons, and the addresses of its neighbours."""
    if not any(node.space and node.space.frr is not None for node in topology.nodes.values()):
        return topology
    here: dict[str, list[Place]] = defaultdict(list)
    for place in places(topology, segments(topology)):
        here[place.node.name].append(place)
    nodes = {
        name: replace(node, space=replace(node.space, frr=_told(node, node.space, topology, here, problems)))
        if node.space and node.space.frr is not None
        else node
        for name, node in topology.nodes.items()
    }
    return replace(topology, nodes=nodes)


def _told(node: Node, space: Space, topology: Topology, here: Mapping[str, Sequence[Place]], problems: Problems) -> dict[str, Any]:
    frr = dict(space.frr or {})
    everything = [*(space.loopback or ()), *(address for place in here[node.name] for address in addresses(place.interface))]
    first = next((str(ip_interface(address).ip) for address in everything if ":" not in address), None)
    frr["router_id"] = frr.get("router_id") or first
    if frr["router_id"] is None:
        problems.append(
            f"{node.path}.frr: '{node.name}' has no IPv4 address that could be its name among routers; give it one, or router_id"
        )
    if frr.get("bgp"):
        neighbors = enumerate(frr["bgp"]["neighbors"])
        path = f"{node.path}.frr.bgp.neighbors"
        known = [one for n, each in neighbors for one in _neighbors(node, each, f"{path}[{n}]", topology, here, problems)]
        frr["bgp"] = {**frr["bgp"], "neighbors": known}
    return frr


def _neighbors(
    node: Node, given: Mapping[str, Any], path: str, topology: Topology, here: Mapping[str, Sequence[Place]], problems: Problems
) -> list[dict[str, Any]]:
    """Return the addresses of a neighbour, one of each family that a network of both has, and its autonomous system."""
    name, asn = given["address"], given["asn"]
    found = [name]
    if is_name(name):
        far = topology.nodes.get(name)
        if far is None:
            problems.append(f"{path}: no node '{name}'{suggestion(name, topology.nodes)}")
            return []
        mine = {place.network for place in here[node.name]}
        near = [address for place in here[name] if place.network in mine for address in addresses(place.interface)]
        found = [str(ip_interface(one[0]).ip) for one in (_of(near, False), _of(near, True)) if one]
        if not found:
            problems.append(f"{path}: '{node.name}' and '{name}' share no network in which '{name}' has an address")
        bgp = (far.space.frr or {}).get("bgp") if far.space else None
        asn = asn or (bgp["asn"] if bgp else None)
    if asn is None:
        problems.append(f"{path}: the autonomous system of '{name}' is not known; add asn")
    return [{"address": address, "asn": asn} for address in found]


def _of(found: Sequence[str], ipv6: bool) -> list[str]:
    return [address for address in found if (":" in address) == ipv6]
