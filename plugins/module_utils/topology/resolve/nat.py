# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a logical router translates between: the port that leads out, its addresses there, and what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_interface

from ..logical import Port, Router
from ..model import Topology, addresses
from ..values import Problems
from .routes import DEFAULT


def outside_of(router: Router) -> Port | None:
    """Return the port that leads out, None if nothing asks for one."""
    own = router.node.router
    if own is None:
        return None
    linked = (port for port in router.ports if port.open)
    named = next((port for port in router.ports if port.switch == own.outside), None)
    return named or next(linked, None)


def own_addresses(port: Port) -> list[IPv4Interface]:
    """Return a router's IPv4 addresses at a port."""
    return [one for one in map(ip_interface, port.networks) if isinstance(one, IPv4Interface)]


def inner_networks(router: Router) -> list[IPv4Network]:
    """Return the IPv4 networks of a router's other ports."""
    outside = outside_of(router)
    out = {str(address.network) for address in own_addresses(outside)} if outside else set()
    return [IPv4Network(network) for network in router.behind if network not in out]


def inside_of(name: str, router: Router, topology: Topology) -> str | None:
    """Return the address of a node in one of a router's inner networks, None if it has none; what is no node is an address."""
    if name not in topology.nodes:
        return name
    inner = {str(network) for network in inner_networks(router)}
    found = [ip_interface(address) for end, _far, _link in topology.ends(name) for address in addresses(end)]
    return next((str(one.ip) for one in found if str(one.network) in inner), None)


def check_nat(ways: Sequence[Router], topology: Topology, problems: Problems) -> None:
    """Say what logical routers cannot translate."""
    for router in ways:
        own, outside = router.node.router, outside_of(router)
        if own is None or outside is None or not (own.snat or own.dnat):
            continue
        if not own_addresses(outside):
            what = f"'{router.node.name}' has no IPv4 address at '{outside.switch}', which leads out; give its end of that link one"
            problems.append(f"{router.node.path}.{'snat' if own.snat else 'dnat'}: {what}")
            continue
        for address, inside in own.dnat.items():
            problems += [f"{router.node.path}.dnat.{address}: {problem}" for problem in _dnat(address, inside, outside, router, topology)]


def _dnat(address: str, inside: str, outside: Port, router: Router, topology: Topology) -> list[str]:
    there, inner = [one.network for one in own_addresses(outside)], inner_networks(router)
    # By a router inside, others are reached too.
    routes = [route.to for port in router.ports if port.end for route in port.end.routes if route.to != DEFAULT]
    routed = [IPv4Network(network) for network in routes if ":" not in network]
    target = inside_of(inside, router, topology)
    found = []
    if not _within(address, there):
        found.append(f"is not in {' or '.join(map(str, there))}, the network of '{outside.switch}', which leads out")
    if target is None or not _within(target, [*inner, *routed]):
        what = f"'{inside}' has no address" if inside in topology.nodes else f"{inside} is not"
        found.append(f"{what} in a network behind '{router.node.name}': {', '.join(map(str, inner)) or 'there is none'}")
    return found


def _within(address: str, networks: Sequence[IPv4Network]) -> bool:
    return any(IPv4Address(address) in network for network in networks)
