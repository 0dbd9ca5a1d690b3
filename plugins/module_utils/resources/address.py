# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interface has above its link layer: addresses, routes, being up."""

from __future__ import annotations

import ipaddress
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare
from ..topology.values import ListOf, Type
from ..transport.namespaces import inside
from ..transport.netlink import Netlink
from ..transport.rtnetlink import RTPROT_STATIC, Request, RouteRecord, link_attributes, set_address, set_link, set_route
from ._network import Survey, key_of, lost

_KERNEL = 2  # RTPROT_KERNEL: routes that come and go with an address
# What a namespace's lo has from the kernel is nobody's to manage.
_OWN = frozenset(("127.0.0.1/8", "::1/128"))


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError:
        raise ValueError from None


ADDRESSES = ListOf("a list of addresses", Type("an address with its prefix length such as 192.0.2.1/24 or 2001:db8::1/64", _address))


@dataclass(frozen=True)
class Route:
    """A static route: ``to`` is 'default' or a network, ``via`` a gateway or None for what is on the link."""

    to: str
    via: str | None = None


@dataclass(frozen=True)
class Addressing:
    """An interface's addresses ('192.0.2.1/24') and static routes; whoever owns the interface owns these.

    ``family`` (4 or 6) is the one that is managed, None for both: DHCP may look after the other.
    """

    name: str
    netns: str = ""
    lab: str | None = None
    up: bool | None = None
    addresses: tuple[str, ...] | None = None
    routes: tuple[Route, ...] | None = None
    family: int | None = field(default=None, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return 'name' on the lab host, 'netns/name' elsewhere."""
        return key_of(self.netns, self.name)

    def only(self, family: int | None) -> Addressing:
        """Return what it has of one family, or all."""
        if family is None:
            return self
        addresses = tuple(address for address in self.addresses or () if _version(address) == family)
        # Routes without a gateway are the link's own, and of the family of their network.
        routes = tuple(route for route in self.routes or () if _version(route.via or route.to) == family)
        return replace(self, addresses=addresses, routes=routes, family=family)


class AddressDriver:
    """Set the addresses and routes of interfaces that exist or are about to."""

    kind = "address"

    def observe(self, goal: Goal[Addressing], scope: Scope) -> Mapping[str, Addressing]:
        """Read all interfaces of the namespaces that the goal names."""
        have: dict[str, Addressing] = {}
        wanted = {target.key for target in goal.want}
        survey = Survey.of(scope)
        spaces = {target.netns for target in goal.want}
        for netns in [*({""} & spaces), *survey.present(spaces)]:
            addresses: dict[int, list[str]] = defaultdict(list)
            routes: dict[int, list[RouteRecord]] = defaultdict(list)
            for address in survey.addresses(netns):
                if not address.lifetime and address.address not in _OWN:
                    addresses[address.index].append(address.address)
            for route in survey.routes(netns):
                routes[route.index].append(route)
            for link in survey.links(netns):
                key = key_of(netns, link.name)
                places = tuple(sorted(addresses[link.index])), _routes(routes[link.index], managed=key in wanted)
                have[key] = Addressing(link.name, netns, scope.lab, link.up, *places)
        return have

    def plan(
        self, have: Mapping[str, Addressing], goal: Goal[Addressing], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Addressing]]:
        """Compare; what an interface had before it is replaced, or in a namespace that is, is lost."""
        gone = lost(earlier)
        left = {key: found for key, found in have.items() if key not in gone and found.netns not in gone}
        problems = _overlaps(goal.want, left.values())
        if problems:
            raise LabErrors(problems)
        here = {target.key: left[target.key].only(target.family) for target in goal.want if target.key in left}
        return compare(self.kind, here, goal, scope)

    def remove(self, changes: Sequence[Change[Addressing]], scope: Scope) -> None:
        """Do nothing: addresses go with their interface."""

    def apply(self, changes: Sequence[Change[Addressing]], scope: Scope) -> None:
        """Bring interfaces up, then set addresses, then routes, namespace by namespace."""
        groups: dict[str, list[Change[Addressing]]] = defaultdict(list)
        for change in changes:
            groups[change.target.netns].append(change)
        for netns, group in groups.items():
            with inside(netns), Netlink() as kernel:
                kernel.send([request for change in group for request in _requests(change)])


def addressing(item: Mapping[str, Any], lab: str) -> Addressing:
    """Return the record of a share's or a module's mapping, its addresses in canonical form."""
    routes = item.get("routes")
    addresses = item.get("addresses")
    return Addressing(
        name=item["name"],
        netns=item.get("netns") or "",
        lab=lab,
        up=item.get("up"),
        family=item.get("family"),
        addresses=None if addresses is None else tuple(sorted(str(ipaddress.ip_interface(address)) for address in addresses)),
        routes=None if routes is None else tuple(sorted((Route(route["to"], route.get("via")) for route in routes), key=str)),
    )


def _routes(records: Sequence[RouteRecord], managed: bool) -> tuple[Route, ...]:
    """Return an interface's routes: the managed ones only, or all that are in the way of others."""
    # A DHCP client's, a routing daemon's and those of somebody at a shell are theirs, and say so by their protocol.
    chosen = (record for record in records if (record.protocol == RTPROT_STATIC if managed else record.protocol != _KERNEL))
    return tuple(sorted((Route(record.to, record.via) for record in chosen), key=str))


def _version(text: str) -> int:
    return 6 if ":" in text else 4


def _requests(change: Change[Addressing]) -> list[Request]:
    before, after = change.before, change.target
    index = socket.if_nametoindex(after.name)
    old, new = set(before.addresses or ()) if before else set(), set(after.addresses or ())
    routes_before, routes = set(before.routes or ()) if before else set(), set(after.routes or ())
    requests = [set_route(index, after.name, route.to, route.via, remove=True) for route in sorted(routes_before - routes, key=str)]
    requests += [set_address(index, after.name, address, remove=True) for address in sorted(old - new)]
    if after.up is not None and (before is None or before.up != after.up):
        requests.append(set_link(link_attributes(after.name, up=after.up)))
    requests += [set_address(index, after.name, address) for address in sorted(new - old)]
    # The kernel drops a route with the address that made its gateway reachable, so all are asked for again.
    return requests + [set_route(index, after.name, route.to, route.via) for route in sorted(routes, key=str)]


def _overlaps(targets: Sequence[Addressing], others: Iterable[Addressing]) -> list[str]:
    """Name the interfaces, other than the targets, that already use a subnet of a target in its namespace."""
    own = {target.key for target in targets}
    used: dict[str, list[tuple[str, tuple[str, bool]]]] = defaultdict(list)
    for other in others:
        if other.key not in own:
            used[other.netns] += [(other.key, network) for network in _networks(other)]
    problems = []
    for target in targets:
        for address in (target.addresses or ()) if used[target.netns] else ():
            theirs = {key: network[0] for key, network in reversed(used[target.netns]) if _claims(network, address)}
            subnet = ipaddress.ip_interface(address).network
            problems += [
                f"The subnet {subnet} of '{target.key}' is in use: '{key}' has {network}; choose another subnet, or free that one."
                for key, network in reversed(theirs.items())
            ]
        # In its namespaces a lab may do as it likes; on the lab host its routes would take those of others from them.
        for route in (target.routes or ()) if not target.netns else ():
            owners = {key: network[0] for key, network in reversed(used[""]) if route.to != "default" and _covered(route.to, network)}
            problems += [
                f"The network {route.to}, which '{target.key}' leads to, is in use: '{key}' has {network}; "
                "choose another subnet, or free that one."
                for key, network in reversed(owners.items())
            ]
    return problems


def _covered(route: str, used: tuple[str, bool]) -> bool:
    """Say whether a route would take traffic of a network that is used: all that lies in one's subnet does, of routes the same alone."""
    ours, theirs = ipaddress.ip_network(route), ipaddress.ip_network(used[0])
    within = theirs.version == ours.version and theirs.overlaps(ours) and theirs.prefixlen <= ours.prefixlen
    return within and (used[1] or theirs == ours)


def _networks(interface: Addressing) -> list[tuple[str, bool]]:
    """Return the networks that an interface has an address in (True) or a route to (False)."""
    own = [(str(ipaddress.ip_interface(address).network), True) for address in interface.addresses or ()]
    return own + [(route.to, False) for route in interface.routes or () if route.to != "default"]


def _claims(used: tuple[str, bool], address: str) -> bool:
    """Say whether a network is in the way of an address's subnet: a wide route (a VPN's, say) is not, as the narrow one wins."""
    theirs, ours = ipaddress.ip_network(used[0]), ipaddress.ip_interface(address).network
    return theirs.version == ours.version and theirs.overlaps(ours) and (used[1] or theirs.prefixlen >= ours.prefixlen)
