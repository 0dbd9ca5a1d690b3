# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab has in OVN's northbound database (ovn-nb(5)), as rows.

Each row has a table, a name that is the lab's own (and its column of that name, if it has one), the row that it is a part of ('in'), and
columns: lists are sets, and rows by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_interface

from ..acl_text import with_ports
from ..dhcp_options import in_ovn, seconds
from ..logical import Port, Router, gateways, port_name
from ..model import Endpoint, Node, Switch, Topology, addresses
from ..names import altname
from ..plain import Item
from ..resolve.nat import inner_networks, inside_of, outside_of, own_addresses
from .links import made_elsewhere

_EVERY = {"default": {4: "0.0.0.0/0", 6: "::/0"}}


def northbound(topology: Topology, ways: Sequence[Router], chassis: Mapping[str, str]) -> list[Item]:
    """Return all rows; chassis are the lab hosts' names in OVN."""
    found: list[Item] = []
    servers = {switch: port.mac for switch, (_router, port) in gateways(ways, topology).items()}
    for node in topology.nodes.values():
        if node.switch and node.switch.logical:
            found += _switch(node, node.switch, servers.get(node.name), topology)
    for router in ways:
        found += _router(router, topology, chassis)
    return found


def networks(topology: Topology) -> list[Item]:
    """Return the networks with DHCP by OVN, and the name servers that nodes are told."""
    return [
        {"subnet": str(ip_interface(switch.ipv4).network), "dns": list(switch.dhcp.dns or ())}
        for switch in (node.switch for node in topology.nodes.values())
        if switch and switch.logical and switch.ipv4 and switch.dhcp
    ]


def _row(table: str, name: str, parent: str = "", **columns: object) -> Item:
    return {"table": table, "name": name, **({"in": parent} if parent else {}), "columns": columns}


def _switch(node: Node, switch: Switch, server: str | None, topology: Topology) -> Iterator[Item]:
    name = altname(topology.name, node.name)
    yield _row("Logical_Switch", name, other_config={"vlan-passthru": "true"})
    if switch.dhcp and switch.ipv4:
        yield _row("DHCP_Options", name, cidr=str(ip_interface(switch.ipv4).network), options=_dhcp(switch, server, topology))
    ups, ports = [], {}
    for _port_here, end, _link in topology.ends(node.name):
        far = topology.nodes[end.node]
        if far.device:
            ups.append(far)
        elif not made_elsewhere(end, topology):
            ports.update({one: port_name(end, topology) for one in (far.name, str(end))})
            yield _port(end, name, leased=bool(switch.dhcp and end.ipv4 and end.ipv4.method == "dhcp"), topology=topology)
    if ups:
        options = {"network_name": name}
        own = f"{name}.localnet"
        yield _row("Logical_Switch_Port", own, name, type="localnet", addresses=["unknown"], options=options)
    for number, acl in enumerate(switch.bridge.get("acls") or ()):
        match, _unknown = with_ports(acl["match"], ports.get)
        values = {key: acl[key] for key in ("action", "direction", "priority")}
        yield _row("ACL", f"{name}.acls[{number}]", name, match=match, **values)


def _port(end: Endpoint, switch: str, leased: bool, topology: Topology) -> Item:
    """Return the port of a node. What it sends for others than itself passes too, as it does at a bridge."""
    known = " ".join([end.mac, *(address.partition("/")[0] for address in addresses(end))]) if end.mac else ""
    served: Item = {"dhcpv4_options": [switch]} if leased else {}
    own = port_name(end, topology)
    return _row("Logical_Switch_Port", own, switch, type="", addresses=sorted(filter(None, (known, "unknown"))), **served)


def _dhcp(switch: Switch, server: str | None, topology: Topology) -> dict[str, str]:
    """Return what DHCP tells; server is the MAC address of the router that answers for the switch's own address."""
    dhcp = switch.dhcp
    if dhcp is None or server is None or not switch.ipv4:
        return {}
    told = {
        "server_mac": server,
        "server_id": str(ip_interface(switch.ipv4).ip),
        "lease_time": str(seconds(dhcp.lease)),
        "domain_name": f'"{topology.domain}"',
    }
    if dhcp.router:
        told["router"] = dhcp.router
    if dhcp.dns:
        told["dns_server"] = dhcp.dns[0] if len(dhcp.dns) == 1 else "{" + ", ".join(dhcp.dns) + "}"
    if switch.mtu:
        told["mtu"] = str(switch.mtu)
    return {**told, **in_ovn(dhcp.options)}


def _router(router: Router, topology: Topology, chassis: Mapping[str, str]) -> Iterator[Item]:
    yield _row("Logical_Router", router.name)
    outside = outside_of(router)
    for port in router.ports:
        if port.networks:
            yield from _joint(router, port.name, altname(topology.name, port.switch), port.mac, list(port.networks))
            if port is outside:
                own = chassis[_exit(port, router, topology)]
                yield _row("Gateway_Chassis", port.name, port.name, chassis_name=own, priority=0)
            for route in port.end.routes if port.end else ():
                yield _route(router, route.to, route.via)
    yield from _transit(router)
    if outside:
        yield from _nat(router, outside, topology)


def _joint(router: Router, name: str, switch: str, mac: str, networks: list[str]) -> Iterator[Item]:
    """Yield the two ports that join a router with a switch."""
    yield _row("Logical_Router_Port", name, router.name, mac=mac, networks=sorted(networks))
    there = f"{name}.switch"
    options = {"router-port": name}
    yield _row("Logical_Switch_Port", there, switch, type="router", addresses=["router"], options=options)


def _transit(router: Router) -> Iterator[Item]:
    """Yield the network of the router and the lab host behind it."""
    name = f"{router.name}.transit"
    host, own = router.transit
    yield _row("Logical_Switch", name)
    yield from _joint(router, f"{name}.router", name, router.mac, [f"{own}/{router.prefix}"])
    addresses = [f"{router.host_mac} {host}"]
    yield _row("Logical_Switch_Port", router.host_port, name, type="", addresses=addresses)
    if router.node.router is None:
        yield _route(router, "default", host)


def _route(router: Router, to: str, via: str) -> Item:
    target = _EVERY[to][6 if ":" in via else 4] if to in _EVERY else to
    return _row("Logical_Router_Static_Route", f"{router.name} {target} {via}", router.name, ip_prefix=target, nexthop=via)


def _exit(port: Port, router: Router, topology: Topology) -> str:
    """Return the lab host by which a router leads out: where the uplink is, else the router's own."""
    ups = (far.node for _end, far, _link in topology.ends(port.switch) if topology.nodes[far.node].device)
    return next((topology.carriers[name][0] for name in ups if topology.carriers), router.home)


def _nat(router: Router, outside: Port, topology: Topology) -> Iterator[Item]:
    own = router.node.router
    first = next((str(address.ip) for address in own_addresses(outside)), None)
    if own is None or first is None:
        return
    for network in map(str, inner_networks(router) if own.snat else ()):
        name = f"{router.name} snat {network}"
        yield _row("NAT", name, router.name, type="snat", external_ip=first, logical_ip=network)
    for address, inside in own.dnat.items():
        target = inside_of(inside, router, topology)
        name = f"{router.name} dnat {address}"
        yield _row("NAT", name, router.name, type="dnat_and_snat", external_ip=address, logical_ip=target)
