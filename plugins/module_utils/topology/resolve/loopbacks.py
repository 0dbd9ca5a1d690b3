# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback addresses of namespaces: those of the file, and those that are taken from the pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface

from ..model import Node, Topology
from ..values import Problems
from .subnets import Subnet, Want

_FAMILIES = (("ipv4", 4, 32), ("ipv6", 6, 128))


def with_loopbacks(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with every loopback address; each is one node's only."""
    pools = [(Subnet(topology.pools["loopback"][key], f"pools.loopback.{key}"), prefix) for key, _version, prefix in _FAMILIES]
    owners: dict[str, str] = {}
    asking = []
    for node, given in _given(topology):
        if given == ("auto",):
            asking.append(Want(node.name, "lo", dhcp=False))
        for address in given if given != ("auto",) else ():
            bare = str(ip_interface(address).ip)
            other = owners.setdefault(bare, node.name)
            if other != node.name:
                problems.append(f"{node.path}.loopback: address {bare} is the one of '{other}' already")
            for pool, _prefix in pools:
                if pool.network.version == ip_interface(address).version and bare in pool:
                    pool.take(bare)
    found: dict[str, tuple[str, ...]] = {node.name: given for node, given in _given(topology)}
    reserved = [(pool.reserve(topology.name, asking, problems), prefix) for pool, prefix in pools]
    for want in asking:
        addresses = ((taken.get((want.node, "lo"), ""), prefix) for taken, prefix in reserved)
        found[want.node] = tuple(f"{address.partition('/')[0]}/{prefix}" for address, prefix in addresses if address)
    nodes = {
        name: replace(node, space=replace(node.space, loopback=found[name])) if node.space and name in found else node
        for name, node in topology.nodes.items()
    }
    return replace(topology, nodes=nodes)


def _given(topology: Topology) -> Iterator[tuple[Node, tuple[str, ...]]]:
    return ((node, node.space.loopback) for node in topology.nodes.values() if node.space and node.space.loopback is not None)
