# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each interface of a topology gets its addresses and its routes, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface

from ..addressing import Ip, Route, Version
from ..model import Endpoint, Link, Node, SubInterface, Topology, ip_of
from ..values import Problems, suggestion
from ..values.ip import is_name
from .choices import Pool, trailing
from .loopbacks import with_loopbacks
from .networks import Place, places, segments
from .routes import DEFAULT, Addressed, routes
from .subnets import Subnet, Want, completed, switch_subnets

Key = tuple[str, str]


def addressed(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with every interface's addresses, reservations included, and its routes."""
    heads = segments(topology)
    topology = with_loopbacks(topology, problems)
    found = list(places(topology, heads))
    _check_idle(topology, {place.node.name for place in found if place.first}, problems)
    families = [_Family(version, topology, heads, found, problems) for version in (4, 6)]
    for family in families:
        family.solve()
    _check_routes(topology, set().union(*(family.laid for family in families)), problems)
    return _whole(topology, families)


def _check_routes(topology: Topology, laid: set[tuple[str, int]], problems: Problems) -> None:
    """Say which routes' names mean nothing."""
    for node in topology.nodes.values():
        for number, route in enumerate(node.routes):
            names = [name for name in (route.to, route.via) if name != DEFAULT and is_name(name)]
            unknown = next((name for name in names if name not in topology.nodes), None)
            path = f"{node.path}.routes[{number}]"
            if unknown:
                problems.append(f"{path}: no node '{unknown}'{suggestion(unknown, topology.nodes)}")
            elif names and (node.name, number) not in laid:
                what = f"'{node.name}' and '{route.via}' share no network, or '{route.to}' has no addresses there"
                problems.append(f"{path}: '{route.to} via {route.via}' leads nowhere: {what}")


def _check_idle(topology: Topology, linked: set[str], problems: Problems) -> None:
    for node in topology.nodes.values():
        given = [ip for ip in (node.ipv4, node.ipv6) if ip and ip.method in ("dhcp", "static")]
        if (given or node.gateway or node.routes) and node.name not in linked:
            problems.append(f"{node.path}: has an address or a gateway, but no link that could carry it; add a link")


class _Family:
    """The addresses and routes of one family."""

    def __init__(self, version: Version, topology: Topology, heads: dict[str, str], found: Sequence[Place], problems: Problems) -> None:
        self.version = version
        self._topology = topology
        self._heads = heads
        self._places = found
        self._problems = problems
        self.subnets = switch_subnets(topology.nodes, version, problems)
        self._homes: dict[str, list[Subnet]] = defaultdict(list)
        for name, subnet in self.subnets.items():
            self._homes[heads[name]].append(subnet)
        # Segments with a switch that wants a subnet from the pool, and the first such switch.
        self._lending: dict[str, str] = {}
        for node in topology.nodes.values():
            if node.switch and node.switch.lent(version) == "auto" and not self._homes[heads[node.name]]:
                self._lending.setdefault(heads[node.name], node.name)
        # Segments that go on outside of the lab, where somebody else may give out addresses.
        ups = [node.name for node in topology.nodes.values() if node.device]
        self._open = {heads[name] for up in ups for name in (up, *(far.node for _end, far, _link in topology.ends(up))) if name in heads}
        self._owners: dict[tuple[str, str], str] = {}
        # Logical routers that have the address of a switch, by its network.
        self._gateways: dict[str, Key] = {}
        self.ips: dict[Key, Ip | None] = {}
        self.networks: dict[Key, str | None] = {}
        self.routes: dict[Key, tuple[Route, ...]] = {}
        self.laid: set[tuple[str, int]] = set()

    def solve(self) -> None:
        """Give static addresses first, then reserve the others' around them, then lay routes over what is known."""
        for name, subnet in self.subnets.items():
            if subnet.own:
                self._own(self._heads[name], subnet.own, f"switch '{name}'", subnet.path)
        for place in self._places:
            self.ips[place.key] = self._wish(place)
        statics = {place.key: self._static(place) for place in self._places if self._method(place) == "static"}
        self.ips.update(statics)
        self._lend()
        self._reserve()
        self._give_gateways()
        known = [
            Addressed(place, self.ips[place.key], tuple(self._homes.get(place.network, ())), place.interface.path) for place in self._places
        ]
        self.routes, self.laid = routes(known, self.version, self._named, self._problems)

    def _named(self, name: str) -> list[str]:
        """Return the networks that a node's name stands for: a switch's subnets, a namespace's loopback addresses."""
        node = self._topology.nodes.get(name)
        if node and node.space:
            return [str(ip_interface(address).network) for address in node.space.loopback or ()]
        return [str(home.network) for home in self._homes.get(self._heads.get(name, ""), ())]

    def _method(self, place: Place) -> str | None:
        ip = self.ips[place.key]
        return ip.method if ip else None

    def _wish(self, place: Place) -> Ip | None:
        """Return what the file says of an interface, or what its network offers."""
        node = place.node
        given = ip_of(place.interface, self.version)
        by_node = node.ipv4 if self.version == 4 else node.ipv6
        if by_node and given is None and (place.first or by_node.method == "auto"):
            given = by_node
        homes = self._homes.get(place.network, [])
        serving = next((home for home in homes if home.dhcp), None)
        near = serving or next((home for home in homes if home.own), None)
        self.networks[place.key] = near.node.name if near and near.node else None
        if node.router and near and (given is None or given.method == "dhcp"):
            # It has the switch's own address, if that is the first router there.
            return Ip("auto") if self._gateways.setdefault(place.network, place.key) != place.key else None
        if given is None and node.kind != "host" and not isinstance(place.interface, SubInterface):
            given = Ip("dhcp") if serving else Ip("auto") if self._offers(place, homes) else None
        if given and given.method == "dhcp" and not self._leasable(place, serving):
            return None
        return given

    def _offers(self, place: Place, homes: Sequence[Subnet]) -> bool:
        """Say whether an interface of which the file says nothing gets an address: on a switch with a subnet, or the lab host's IPv6."""
        return place.network in self._lending or any(home.own is None or self.version == 6 for home in homes)

    def _leasable(self, place: Place, serving: Subnet | None) -> bool:
        if place.node.kind == "host":
            what = "is an interface of the lab host itself, which asks no lab for an address; give it a static one"
            self._problems.append(f"{place.interface.path}: {place} {what}")
        elif serving is None and place.network.partition("/")[0] not in self._open:
            self._problems.append(f"{place.interface.path}: no DHCP where {place} is; add dhcp to its switch, or give it a static address")
        elif serving and serving.node and serving.node.switch and serving.node.switch.logical and place.far.node != serving.node.name:
            name = serving.node.name
            what = f"OVN answers DHCP at the ports of '{name}' only, and {place} is behind '{place.far.node}'"
            self._problems.append(f"{place.interface.path}: {what}; link it with '{name}' itself, or give it a static address or auto")
        else:
            return True
        return False

    def _static(self, place: Place) -> Ip:
        ip = self.ips[place.key]
        homes = self._homes.get(place.network, [])
        found = []
        for given in ip.addresses if ip else ():
            before = len(self._problems)
            address = completed(given, str(place), homes, place.interface.path, self._problems)
            bare = address.partition("/")[0]
            if len(self._problems) == before:
                self._own(place.network, bare, str(place), place.interface.path)
                for home in homes:
                    if bare in home:
                        home.take(bare)
                found.append(address)
        return Ip("static", tuple(found))

    def _own(self, network: str, address: str, owner: str, path: str) -> None:
        other = self._owners.setdefault((network, address), owner)
        if other != owner:
            self._problems.append(f"{path}: address {address} of {owner} is the one of {other} already")

    def _lend(self) -> None:
        """Give a subnet to each network that has none and needs one, in the order in which the links name them."""
        given: dict[str, list[str]] = defaultdict(list)
        wanting: dict[str, list[Place]] = {}
        for place in self._places:
            given[place.network].extend(self._addresses(place))
            if self._method(place) == "auto" and not self._homes.get(place.network):
                wanting.setdefault(place.network, []).append(place)
        for head in self._lending:
            wanting.setdefault(head, [])
        if not wanting:
            return
        # Where a switch asks the pool, the addresses that the file gives there are to be in what it gets.
        others = (str(ip_interface(one).network) for network, found in given.items() if network not in self._lending for one in found)
        used = {str(subnet.network) for subnet in self.subnets.values()}.union(others)
        pools = {name: self._pool(name, used) for name in ("lan", "p2p")}
        for network, here in wanting.items():
            home = self._lent(network, here, given.get(network, ()), pools)
            if home:
                for bare in (address.partition("/")[0] for address in given.get(network, ())):
                    if bare in home:
                        home.take(bare)
                self._homes[network].append(home)

    def _lent(self, network: str, here: Sequence[Place], given: Sequence[str], pools: Mapping[str, Pool]) -> Subnet | None:
        """Return a network's subnet: by its switch's name, its own, or the addresses that the file gives there."""
        name = self._lending.get(network, network)
        switch = self._topology.nodes.get(name)
        path = here[0].interface.path if here else switch.path if switch else name
        if given and network not in self._lending:
            return Subnet(str(ip_interface(given[0]).network), path, switch)
        # Of the links of two nodes, only the ends are in the network's name, and their numbers mean nothing.
        wire = bool(here) and self._wire(here[0])
        pool, number = (pools["p2p"], None) if wire else (pools["lan"], trailing(name))
        subnet = pool.take((self._topology.name, network), number, max(1, len(here)), path)
        return Subnet(subnet, path, switch) if subnet else None

    def _wire(self, place: Place) -> bool:
        far = self._topology.nodes[place.far.node]
        return far.hidden or not far.switch

    def _pool(self, name: str, used: set[str]) -> Pool:
        pool = self._topology.pools[name]
        network, prefix = ("ipv4", "prefix") if self.version == 4 else ("ipv6", "prefix6")
        return Pool(f"{name}.{network}", pool[network], pool[prefix], used, self._problems)

    def _reserve(self) -> None:
        """Give addresses to those that want one: by DHCP from the first switch that has it, else of the first subnet."""
        groups: dict[int, tuple[Subnet, list[Want]]] = {}
        for place in self._places:
            leased, homes = self._method(place) == "dhcp", self._homes.get(place.network, [])
            home = next((home for home in homes if home.dhcp or not leased), None)
            if home and (leased or self._method(place) == "auto"):
                groups.setdefault(id(home), (home, []))[1].append(Want(*place.key, dhcp=leased))
        for home, wants in groups.values():
            found = home.reserve(self._topology.name, wants, self._problems)
            for want in wants:
                address = found.get((want.node, want.interface))
                self.ips[want.node, want.interface] = Ip("dhcp" if want.dhcp else "auto", (address,) if address else ())

    def _give_gateways(self) -> None:
        """Give logical routers the addresses that switches say are their own."""
        for network, key in self._gateways.items():
            own = [f"{home.own}/{home.network.prefixlen}" for home in self._homes[network] if home.own]
            self.ips[key] = Ip("static", tuple(own))

    def _addresses(self, place: Place) -> tuple[str, ...]:
        ip = self.ips[place.key]
        return ip.addresses if ip else ()


def _whole(topology: Topology, families: Sequence[_Family]) -> Topology:
    """Return the topology with what was found out about it."""
    ipv4, ipv6 = families

    def end(old: Endpoint) -> Endpoint:
        key = (old.node, old.interface or "")
        if key not in ipv4.ips:
            return old
        return replace(
            old,
            ipv4=ipv4.ips[key],
            ipv6=ipv6.ips[key],
            routes=ipv4.routes[key] + ipv6.routes[key],
            network=ipv4.networks[key] or ipv6.networks[key],
        )

    def sub(node: Node, old: SubInterface) -> SubInterface:
        key = (node.name, old.name)
        if key not in ipv4.ips:
            return old
        return replace(old, ipv4=ipv4.ips[key], ipv6=ipv6.ips[key], routes=ipv4.routes[key] + ipv6.routes[key])

    def node(old: Node) -> Node:
        subnet = ipv4.subnets.get(old.name)
        if old.switch and subnet:
            return replace(old, switch=replace(old.switch, dhcp=subnet.dhcp))
        if old.space and old.space.interfaces:
            return replace(old, space=replace(old.space, interfaces=tuple(sub(old, one) for one in old.space.interfaces)))
        return old

    def link(old: Link) -> Link:
        return replace(old, ends=(end(old.ends[0]), end(old.ends[1])))

    return replace(
        topology, nodes={name: node(one) for name, one in topology.nodes.items()}, links=tuple(link(one) for one in topology.links)
    )
