# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer-2 networks of a topology, and every interface that has addresses, with the network that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..kinds import SWITCHES
from ..model import Endpoint, Link, Node, SubInterface, Topology
from .wires import based


@dataclass(frozen=True)
class Place:
    """An interface: an end of a link, or a VLAN of one. ``switch`` is what the link leads to, None on a wire."""

    node: Node
    interface: Endpoint | SubInterface
    network: str
    far: Endpoint
    first: bool

    @property
    def name(self) -> str:
        """Return the interface's name."""
        return self.interface.name if isinstance(self.interface, SubInterface) else self.interface.interface or ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what names it in the whole topology."""
        return self.node.name, self.name

    def __str__(self) -> str:
        """Return node:interface."""
        return f"{self.node.name}:{self.name}"


def network(far: Endpoint, link: Link, heads: Mapping[str, str]) -> str:
    """Return the name of the layer-2 network of an interface whose link ends in far: segment, VLAN in a segment, or wire."""
    if far.node not in heads:
        return str(link)
    vlan = far.tag or ",".join(map(str, far.trunks or ()))
    return f"{heads[far.node]}/{vlan}" if vlan else heads[far.node]


def segments(topology: Topology) -> dict[str, str]:
    """Return for every switch the name of the first switch of the file that it is linked with, over any number of others.

    A medium is linked with none.
    """
    bases = {based(link, topology) for link in topology.links}
    heads = {
        name: name
        for name, node in topology.nodes.items()
        if node.kind in SWITCHES or node.kind == "medium" or (node.device and node.device in bases)
    }
    position = {name: number for number, name in enumerate(heads)}

    def head(name: str) -> str:
        while heads[name] != name:
            heads[name] = name = heads[heads[name]]
        return name

    for first, second in (link.ends for link in topology.links):
        if first.node in heads and second.node in heads:
            low, high = sorted((head(first.node), head(second.node)), key=position.__getitem__)
            heads[high] = low
    return {name: head(name) for name in heads}


def places(topology: Topology, heads: Mapping[str, str]) -> Iterator[Place]:
    """Yield the interfaces of namespaces, guests and the lab host: those of links in the order of the file, then their VLANs."""
    carriers: dict[tuple[str, str], tuple[str, Endpoint]] = {}
    seen: set[str] = set()
    for link in topology.links:
        for end, far in (link.ends, link.ends[::-1]):
            node = topology.nodes[end.node]
            if node.kind in SWITCHES or node.kind in ("uplink", "medium"):
                continue
            # What has a tag is in a VLAN of the segment, whatever the port does with frames that have none.
            whole = heads.get(far.node) or str(link)
            carriers[node.name, end.interface or ""] = (whole, far)
            fixed = end.ipv4 is not None and end.ipv4.method == "user"
            yield Place(node, end, network(far, link, heads), far, node.name not in seen and not fixed)
            if not fixed:
                seen.add(node.name)
    for node in topology.nodes.values():
        for sub in node.space.interfaces if node.space else ():
            if (node.name, sub.parent) in carriers:
                whole, far = carriers[node.name, sub.parent]
                carriers[node.name, sub.name] = (f"{whole}/{sub.vlan}", far)
                yield Place(node, sub, f"{whole}/{sub.vlan}", far, first=False)
