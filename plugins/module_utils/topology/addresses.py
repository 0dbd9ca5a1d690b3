# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each interface of a topology gets its IPv4 addresses and its default route."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from .model import SWITCHES, Endpoint, Ipv4, Link, Node, Topology
from .scalars import usable
from .subnets import Subnet, subnets
from .values import Problems


def addressed(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with every interface's addresses, reservations included."""
    return _Addressing(topology, problems).result()


class _Addressing:
    def __init__(self, topology: Topology, problems: Problems) -> None:
        self._topology = topology
        self._problems = problems
        self._subnets = subnets(topology.nodes, problems)
        self._segments = segments(topology)
        self._homes: dict[str, list[Subnet]] = defaultdict(list)
        for name, subnet in self._subnets.items():
            self._homes[self._segments[name]].append(subnet)
        self._owners: dict[tuple[str, IPv4Address], str] = {}
        self._wanting: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._seen: set[str] = set()
        self._routed: set[str] = set()

    def result(self) -> Topology:
        """Give static addresses first, then reserve the others' around them."""
        for name, subnet in self._subnets.items():
            self._own(self._segments[name], str(subnet.address), f"switch '{name}'", subnet.node.path)
        links = tuple(self._link(link) for link in self._topology.links)
        for node in self._topology.nodes.values():
            if (node.ipv4 or node.gateway) and node.name not in self._seen:
                self._problems.append(f"{node.path}: has an address or a gateway, but no link that could carry it; add a link")
        reserved: dict[tuple[str, str], str] = {}
        for name, ends in self._wanting.items():
            reserved.update(self._subnets[name].reserve(self._topology.name, ends, self._problems))
        nodes = {name: self._node(node) for name, node in self._topology.nodes.items()}
        return replace(self._topology, nodes=nodes, links=tuple(_with_reservations(link, reserved) for link in links))

    def _node(self, node: Node) -> Node:
        subnet = self._subnets.get(node.name)
        return replace(node, switch=replace(node.switch, dhcp=subnet.dhcp)) if subnet and node.switch else node

    def _link(self, link: Link) -> Link:
        first, second = link.ends
        return replace(link, ends=(self._end(first, second, link), self._end(second, first, link)))

    def _end(self, end: Endpoint, far: Endpoint, link: Link) -> Endpoint:
        node = self._topology.nodes[end.node]
        if node.kind in SWITCHES:
            return end
        if node.name not in self._seen:
            self._seen.add(node.name)
            end = replace(end, ipv4=end.ipv4 or node.ipv4, gateway=node.gateway if end.gateway is None else end.gateway)
        name = network(far, link, self._segments)
        # The switch's own address is in no VLAN, and on no wire: these networks have no subnets.
        homes = self._homes.get(name, [])
        serving = next((home for home in homes if home.dhcp), None)
        end = replace(end, network=(serving or homes[0]).node.name if homes else None)
        ipv4 = end.ipv4 or (Ipv4("dhcp") if serving and node.kind != "host" else None)
        if ipv4 and ipv4.method == "dhcp":
            return self._leased(replace(end, ipv4=ipv4), node, serving)
        if ipv4 and ipv4.method == "static":
            ipv4 = Ipv4("static", tuple(self._static(address, end, name, homes) for address in ipv4.addresses))
            return self._with_route(replace(end, ipv4=ipv4), node, homes)
        if end.gateway:
            self._problems.append(f"{end.path}: gateway {end.gateway} of {end} cannot be reached without an address; add ipv4")
        return replace(end, ipv4=ipv4)

    def _leased(self, end: Endpoint, node: Node, serving: Subnet | None) -> Endpoint:
        if node.kind == "host":
            self._problems.append(
                f"{end.path}: {end} is an interface of the lab host itself, which asks no lab for an address; give it a static one"
            )
        elif serving is None:
            self._problems.append(f"{end.path}: no DHCP where {end} is; add dhcp to its switch, or give it a static address")
        elif end.gateway is not None:
            self._problems.append(
                f"{end.path}: {end} is told its default route by DHCP; set dhcp.router of '{serving.node.name}' instead of gateway"
            )
        else:
            self._wanting[serving.node.name].append((end.node, end.interface or ""))
            router = serving.dhcp.router if serving.dhcp else None
            if router:
                self._routed.add(node.name)
            return replace(end, gateway=router)
        return end

    def _static(self, address: str, end: Endpoint, network_name: str, homes: list[Subnet]) -> str:
        """Return an address with its prefix length, checked against the network that it is in."""
        before = len(self._problems)
        bare = address.partition("/")[0]
        home = next((home for home in homes if IPv4Address(bare) in home.network), None)
        if homes and home is None:
            known = " or ".join(f"{home.network}, the subnet of '{home.node.name}'" for home in homes)
            self._problems.append(f"{end.path}: address {bare} of {end} is outside of {known}")
        elif home and "/" not in address:
            address = f"{address}/{home.network.prefixlen}"
        elif home and IPv4Interface(address).network != home.network:
            self._problems.append(
                f"{end.path}: address {address} of {end} needs the prefix length of its subnet, /{home.network.prefixlen}"
            )
        elif "/" not in address:
            self._problems.append(f"{end.path}: address {address} of {end} needs a prefix length, as in {address}/24")
        if len(self._problems) > before:
            return address
        wrong = usable(IPv4Interface(address))
        if wrong:
            self._problems.append(f"{end.path}: {wrong}")
        self._own(network_name, bare, str(end), end.path)
        if home:
            home.taken.add(IPv4Address(bare))
        return address

    def _own(self, network_name: str, address: str, owner: str, path: str) -> None:
        other = self._owners.setdefault((network_name, IPv4Address(address)), owner)
        if other != owner:
            self._problems.append(f"{path}: address {address} of {owner} is the one of {other} already")

    def _with_route(self, end: Endpoint, node: Node, homes: list[Subnet]) -> Endpoint:
        if node.kind == "host":
            if end.gateway:
                self._problems.append(
                    f"{end.path}: {end} is an interface of the lab host itself, whose default route is not the lab's; leave out gateway"
                )
            return end
        gateway = end.gateway
        if gateway is None and homes and node.name not in self._routed:
            gateway = homes[0].gateway
        elif gateway:
            networks = [IPv4Interface(address).network for address in (end.ipv4.addresses if end.ipv4 else ()) if "/" in address]
            if networks and not any(IPv4Address(gateway) in network for network in networks):
                self._problems.append(f"{end.path}: gateway {gateway} of {end} is outside of {', '.join(map(str, networks))}")
        if gateway:
            self._routed.add(node.name)
        return replace(end, gateway=gateway)


def network(far: Endpoint, link: Link, heads: Mapping[str, str]) -> str:
    """Return the name of the layer-2 network of an interface whose link ends in far: segment, VLAN in a segment, or wire."""
    if far.node not in heads:
        return "--".join(map(str, link.ends))
    vlan = far.tag or ",".join(map(str, far.trunks or ()))
    return f"{heads[far.node]}/{vlan}" if vlan else heads[far.node]


def segments(topology: Topology) -> dict[str, str]:
    """Return for every switch the name of the first switch that it is linked with, over any number of others."""
    heads = {name: name for name, node in topology.nodes.items() if node.kind in SWITCHES}

    def head(name: str) -> str:
        while heads[name] != name:
            heads[name] = name = heads[heads[name]]
        return name

    for first, second in (link.ends for link in topology.links):
        if first.node in heads and second.node in heads:
            heads[head(second.node)] = head(first.node)
    return {name: head(name) for name in heads}


def _with_reservations(link: Link, reserved: Mapping[tuple[str, str], str]) -> Link:
    def complete(end: Endpoint) -> Endpoint:
        address = reserved.get((end.node, end.interface or ""))
        return replace(end, ipv4=Ipv4("dhcp", (address,))) if address else end

    return replace(link, ends=(complete(link.ends[0]), complete(link.ends[1])))
