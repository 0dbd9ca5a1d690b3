# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routers of a lab's logical switches: those of the file, and one for each switch that has an address of its own without any.

Behind each of them stands the lab host that is its home, by a network of two: so it reaches the nodes as it does where the switch is a
bridge of its own, and what nat lets out leaves as it does there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_interface

from .model import Endpoint, Node, Topology, addresses
from .names import LOCAL_MAC, altname, devices, digest, macs

_TRANSIT = IPv4Network("100.64.0.0/10")  # for what is between a provider's own routers (RFC 6598)


@dataclass(frozen=True)
class Port:
    """A router's port at a logical switch: its name, MAC address and addresses in CIDR notation; an open switch has an uplink."""

    name: str
    switch: str
    mac: str
    networks: tuple[str, ...]
    open: bool
    end: Endpoint | None = None

    @property
    def inside(self) -> set[str]:
        """Return the IPv4 networks of a switch that does not go on outside of the lab."""
        found = (ip_interface(address).network for address in self.networks if not self.open)
        return {str(network) for network in found if network.version == 4}


@dataclass(frozen=True)
class Router:
    """A logical router. ``device`` and ``port`` are the lab host's link to it, ``transit`` its address there and the router's own."""

    name: str
    home: str
    node: Node
    ports: tuple[Port, ...]
    device: str
    port: str
    host_mac: str
    mac: str
    transit: tuple[str, str]
    mtu: int | None

    prefix = _TRANSIT.max_prefixlen - 2

    @property
    def transit_network(self) -> str:
        """Return the network of the two."""
        return str(ip_interface(f"{self.transit[0]}/{self.prefix}").network)

    @property
    def host_port(self) -> str:
        """Return the name of the lab host's port."""
        return f"{self.name}.host"

    @property
    def behind(self) -> list[str]:
        """Return the IPv4 networks that the router is in, but for those that go on outside of the lab."""
        return sorted({network for port in self.ports for network in port.inside})


def routers(topology: Topology) -> list[Router]:
    """Return all routers of a lab."""
    found: list[tuple[Node, tuple[Port, ...], str]] = []
    served: set[str] = set()
    for node in topology.nodes.values():
        if node.router:
            ports = tuple(_port(end, far, topology) for end, far, _link in topology.ends(node.name))
            served.update(port.switch for port in ports)
            found.append((node, ports, next(devices(node.name, topology.name, node.name, "router"))))
    for node in topology.nodes.values():
        switch = node.switch
        own = [address for address in (switch.ipv4, switch.ipv6) if address] if switch else []
        if switch and switch.logical and own and node.name not in served:
            mac = next(macs(LOCAL_MAC, topology.name, node.name))
            port = Port(altname(topology.name, node.name, "gateway"), node.name, mac, tuple(own), _open(node.name, topology))
            found.append((node, (port,), switch.device or ""))
    taken: set[str] = set()
    return [_router(node, ports, device, taken, topology) for node, ports, device in found]


def port_name(end: Endpoint, topology: Topology) -> str:
    """Return the name that a port has in OVN: by the node at its end, which has it as iface-id where it is an interface of a lab host."""
    return altname(topology.name, end.node, end.interface or "")


def with_name_servers(ways: Sequence[Router], topology: Topology) -> Topology:
    """Return the topology with DHCP of logical switches that tells of the lab host behind the router: a router is no name server."""
    servers = {switch: router.transit[0] for switch, (router, _port) in gateways(ways, topology).items()}

    def node(old: Node) -> Node:
        switch = old.switch
        if not (switch and switch.logical and switch.dhcp and switch.ipv4 and old.name in servers):
            return old
        own = str(ip_interface(switch.ipv4).ip)
        dns = tuple(servers[old.name] if address == own else address for address in switch.dhcp.dns or ())
        return replace(old, switch=replace(switch, dhcp=replace(switch.dhcp, dns=dns)))

    return replace(topology, nodes={name: node(one) for name, one in topology.nodes.items()})


def with_doors(ways: Sequence[Router], topology: Topology) -> Topology:
    """Return the topology with the lab host behind each logical switch."""
    return replace(topology, doors={switch: router.home for switch, router in ways_in(ways, topology).items()})


def ways_in(ways: Sequence[Router], topology: Topology) -> dict[str, Router]:
    """Return, for each switch that a lab host has routes to, the one router that they lead by: the gateway, if it can."""
    found = {switch: router for switch, (router, port) in gateways(ways, topology).items() if not port.open}
    for router in ways:
        for port in router.ports:
            if port.inside:
                found.setdefault(port.switch, router)
    return found


def gateways(ways: Sequence[Router], topology: Topology) -> dict[str, tuple[Router, Port]]:
    """Return the router, and its port, that has the own IPv4 address of each switch."""
    ports = ((router, port, topology.nodes[port.switch].switch) for router in ways for port in router.ports)
    return {port.switch: (router, port) for router, port, switch in ports if switch and switch.ipv4 in port.networks}


def _port(end: Endpoint, far: Endpoint, topology: Topology) -> Port:
    return Port(port_name(end, topology), far.node, end.mac or "", tuple(addresses(end)), _open(far.node, topology), end)


def _router(node: Node, ports: tuple[Port, ...], device: str, taken: set[str], topology: Topology) -> Router:
    home = topology.carriers[node.name][0] if topology.carriers else ""
    sizes = [size for port in ports if (size := _mtu(topology.nodes[port.switch])) is not None]
    host, own = next(macs(LOCAL_MAC, topology.name, node.name, "host")), next(macs(LOCAL_MAC, topology.name, node.name, "transit"))
    transit = _transit(topology.name, node.name, taken)
    name, port = altname(topology.name, node.name), next(devices(node.name, topology.name, node.name, "behind"))
    return Router(name, home, node, ports, device, port, host, own, transit, min(sizes, default=None))


def _open(switch: str, topology: Topology) -> bool:
    return any(topology.nodes[far.node].device for _end, far, _link in topology.ends(switch))


def _mtu(node: Node) -> int | None:
    return node.switch.mtu if node.switch else None


def _transit(lab: str, name: str, taken: set[str]) -> tuple[str, str]:
    """Return two addresses by a hash of names: the lab host's and the router's."""
    number = int.from_bytes(digest(lab, name, "transit")[:4], "big")
    while True:
        first = _TRANSIT.network_address + 4 * (number % (_TRANSIT.num_addresses // 4))
        if str(first) not in taken:
            taken.add(str(first))
            return str(first + 1), str(first + 2)
        number += 1
