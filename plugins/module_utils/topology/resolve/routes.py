# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of a topology's nodes, once all addresses of a family are known: default routes and static ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface

from ..addressing import Ip, Route, Version
from ..model import Endpoint, Node
from ..values import Problems
from ..values.ip import is_name
from .networks import Place
from .subnets import Subnet

Key = tuple[str, str]
DEFAULT = "default"


@dataclass(frozen=True)
class Addressed:
    """An interface with its addresses and the subnets of its network."""

    place: Place
    ip: Ip | None
    homes: tuple[Subnet, ...]
    path: str

    @cached_property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """Return the networks that it has addresses in."""
        return [ip_interface(address).network for address in (self.ip.addresses if self.ip else ())]

    @property
    def leased(self) -> bool:
        """Say whether its addresses and routes come by DHCP."""
        return bool(self.ip and self.ip.method == "dhcp")

    def reaches(self, address: str) -> bool:
        """Say whether an address is in one of its networks."""
        return any(ip_address(address) in network for network in self.networks)


Index = tuple[str, int]
Networks = Callable[[str], Sequence[str]]


def routes(
    known: Sequence[Addressed], version: Version, networks: Networks, problems: Problems
) -> tuple[dict[Key, tuple[Route, ...]], set[Index]]:
    """Return the routes by each interface, and which of the nodes' own, by node and number, mean something in this family.

    networks tells what the name of a node stands for as a target.
    """
    found = _Routes(known, version, networks, problems)
    return found.result(), found.laid


class _Routes:
    def __init__(self, known: Sequence[Addressed], version: Version, networks: Networks, problems: Problems) -> None:
        self.laid: set[Index] = set()
        self._networks = networks
        self._version = version
        self._problems = problems
        self._found: dict[Key, list[Route]] = {one.place.key: [] for one in known}
        self._of: dict[str, list[Addressed]] = defaultdict(list)
        self._routers: dict[str, list[Addressed]] = defaultdict(list)
        for one in known:
            self._of[one.place.node.name].append(one)
            if one.place.node.forwards(version) and one.networks:
                self._routers[one.place.network].append(one)

    def result(self) -> dict[Key, tuple[Route, ...]]:
        """Return what the file says, and for nodes of which it says nothing a default route by the first interface that offers one."""
        for here in self._of.values():
            node = here[0].place.node
            told = self._by_node(node, here)
            for one in here:
                told = self._by_interface(one, told) or told
        return {key: tuple(found) for key, found in self._found.items()}

    def _by_node(self, node: Node, here: Sequence[Addressed]) -> bool:
        """Lay the routes of a node; say whether its default route is settled by that."""
        default = self._mine(node.gateway)
        for number, named in enumerate(node.routes):
            for route in self._meant(named, here):
                self.laid.add((node.name, number))
                self._lay(node, f"{node.path}.routes", route, here)
        for via in default or ():
            self._lay(node, f"{node.path}.gateway", Route(DEFAULT, via), here)
        return default is not None or any(route.to == DEFAULT and self._meant(route, here) for route in node.routes)

    def _meant(self, route: Route, here: Sequence[Addressed]) -> list[Route]:
        """Return what a route means in this family, its names resolved: for a switch each of its subnets."""
        via = route.via
        if is_name(via):
            places = {one.place.network for one in here}
            theirs = (one for one in self._of.get(via, ()) if one.place.network in places)
            addresses = (str(ip_interface(address).ip) for one in theirs for address in (one.ip.addresses if one.ip else ()))
            via = next((address for address in addresses if any(one.reaches(address) for one in here)), "")
        if not via or (":" in via) != (self._version == 6):
            return []
        targets = self._networks(route.to) if route.to != DEFAULT and is_name(route.to) else [route.to]
        return [Route(to, via) for to in targets if to == DEFAULT or (":" in to) == (self._version == 6)]

    def _mine(self, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return what of a gateway key is about this family: () is none, None nothing."""
        if not given:
            return given
        return tuple(via for via in given if (":" in via) == (self._version == 6)) or None

    def _lay(self, node: Node, path: str, route: Route, here: Sequence[Addressed]) -> None:
        what = f"the gateway {route.via} of '{node.name}'"
        one = next((one for one in here if one.reaches(route.via)), None)
        if one is None:
            known = ", ".join(str(network) for each in here for network in each.networks)
            self._problems.append(f"{path}: {what} is in none of its networks ({known or 'it has no address of that family'})")
        elif any(str(ip_interface(address).ip) == route.via for address in (one.ip.addresses if one.ip else ())):
            self._problems.append(f"{path}: {what} is its own address")
        elif one.leased and node.space:
            self._problems.append(self._leased(path, one, "gateway" if route.to == DEFAULT else "this route"))
        else:
            self._found[one.place.key].append(route)

    def _leased(self, path: str, one: Addressed, what: str) -> str:
        switch = next((home.node.name for home in one.homes if home.dhcp and home.node), "its switch")
        if what == "gateway":
            return f"{path}: {one.place} is told its default route by DHCP; set dhcp.router of '{switch}' instead of gateway"
        return f"{path}: {one.place} is told its routes by DHCP; set dhcp.options of '{switch}' instead, or give it an address"

    def _by_interface(self, one: Addressed, told: bool) -> bool:
        """Lay the default route of an interface; say whether it has one."""
        interface, found = one.place.interface, self._found[one.place.key]
        given = self._mine(interface.gateway) if isinstance(interface, Endpoint) else None
        if given and one.place.node.kind == "host":
            what = "is an interface of the lab host itself, whose default route is not the lab's; leave out gateway"
            self._problems.append(f"{one.path}: {one.place} {what}")
        elif one.leased and given is not None:
            self._problems.append(self._leased(one.path, one, "gateway"))
        elif one.leased:
            via = next((home.dhcp.router for home in one.homes if home.dhcp), None)
            found.extend([Route(DEFAULT, via)] if via else [])
            return bool(via)
        elif given:
            self._check(given[0], one)
            found.append(Route(DEFAULT, given[0]))
            return True
        elif given is None and not told and one.networks and one.place.node.kind != "host":
            via = self._offered(one)
            found.extend([Route(DEFAULT, via)] if via else [])
            return bool(via)
        return False

    def _check(self, gateway: str, one: Addressed) -> None:
        if not one.networks:
            what = f"cannot be reached without an address; add ipv{self._version}"
            self._problems.append(f"{one.path}: gateway {gateway} of {one.place} {what}")
        elif not one.reaches(gateway):
            self._problems.append(f"{one.path}: gateway {gateway} of {one.place} is outside of {', '.join(map(str, one.networks))}")

    def _offered(self, one: Addressed) -> str | None:
        """Return the switch's own address, else that of the first router there; a router waits to be told."""
        if one.place.node.router:
            return None
        for home in one.homes:
            if home.own and one.reaches(home.own):
                return home.own
        node = one.place.node
        if node.space and node.space.router:
            return None
        others = (other for other in self._routers.get(one.place.network, ()) if other.place.node is not node)
        addresses = (str(ip_interface(address).ip) for other in others for address in (other.ip.addresses if other.ip else ()))
        return next((address for address in addresses if one.reaches(address)), None)
