# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab host does for a lab besides carrying it: DHCP, DNS, and the way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from ..model import Dhcp, Endpoint, Switch, Topology, addresses

Item = dict[str, Any]


def forwarding(topology: Topology) -> Item | None:
    """Return what leaves through the uplink, None if nothing does."""
    natted = [node.switch for node in topology.nodes.values() if node.switch and node.switch.nat and topology.uplink != "none"]
    hosts = [(node.gate, end) for node in topology.nodes.values() if node.gate for end, _far, _link in topology.ends(node.name)]
    own = [address for host, end in hosts if host.nat and topology.uplink != "none" for address in _family_4(end)]
    interfaces = [*(switch.device for switch in natted), *(end.interface for host, end in hosts if host.router)]
    if not interfaces:
        return None
    return {
        "interfaces": interfaces,
        "subnets": [str(IPv4Interface(address).network) for address in (*(switch.ipv4 for switch in natted), *own) if address],
        "uplink": topology.uplink if natted or own else "none",
    }


class Names:
    """What the name and DHCP servers of all lab hosts know, found out once."""

    def __init__(self, topology: Topology) -> None:
        self.hosts = _hosts(topology)
        self.records = records(topology)


def dnsmasq(topology: Topology, names: Names, more: Sequence[Item] = ()) -> Item | None:
    """Return the networks of a lab host with DHCP, and more that are told names only, with those of all nodes; None if there are none."""
    networks = [
        _network(node.switch, IPv4Interface(node.switch.ipv4), node.switch.dhcp, names.hosts[node.name])
        for node in topology.nodes.values()
        if node.switch and node.switch.ipv4 and node.switch.dhcp and not node.switch.logical
    ]
    networks += more
    if not networks:
        return None
    upstream = None if topology.resolvers is None else list(topology.resolvers)
    return {"domain": topology.domain, "upstream": upstream, "networks": networks, "records": names.records}


def _network(switch: Switch, own: IPv4Interface, dhcp: Dhcp, hosts: list[Item]) -> Item:
    # By its number or its name (RFC 2132, section 5.1), as the user may have it.
    mtu = {} if switch.mtu is None or {"mtu", "26", "option:mtu"} & dhcp.options.keys() else {"mtu": str(switch.mtu)}
    return {
        "interface": switch.device,
        "address": str(own.ip),
        "subnet": str(own.network),
        "range": list(dhcp.range) if dhcp.range else None,
        "lease": dhcp.lease,
        "router": dhcp.router or None,
        "dns": list(dhcp.dns or ()),
        "options": {**mtu, **dhcp.options},
        "hosts": hosts,
    }


def _hosts(topology: Topology) -> dict[str, list[Item]]:
    """Return the reservations of each switch; static addresses in its range are kept from others by one too."""
    hosts: dict[str, list[Item]] = defaultdict(list)
    if not any(node.switch and node.switch.dhcp for node in topology.nodes.values()):
        return hosts
    for end in (end for link in topology.links for end in link.ends):
        switch = topology.nodes[end.network].switch if end.network else None
        if end.ipv4 is None or end.network is None or switch is None or switch.dhcp is None or switch.dhcp.range is None:
            continue
        first, last = (IPv4Address(bound) for bound in switch.dhcp.range)
        reserved = [address for address in _bare(end) if end.ipv4.method == "dhcp" or first <= IPv4Address(address) <= last]
        # One address a host: dnsmasq knows an interface by its MAC address.
        hosts[end.network].extend({"mac": end.mac, "address": address, "name": end.node} for address in reserved[:1])
    return hosts


def records(topology: Topology) -> list[Item]:
    """Return the names of all nodes that have addresses."""
    found = []
    for node in topology.nodes.values():
        own = [own for own in (node.switch.ipv4, node.switch.ipv6) if own] if node.switch else []
        subs = node.space.interfaces if node.space else ()
        ends = (end for end, _far, _link in topology.ends(node.name) if not (end.ipv4 and end.ipv4.method == "user"))
        known = [*own, *(address for end in ends for address in addresses(end))]
        known += [address for sub in subs for address in addresses(sub)]
        if known:
            found.append({"name": node.name, "addresses": [address.partition("/")[0] for address in known]})
    return found


def _family_4(end: Endpoint) -> tuple[str, ...]:
    return end.ipv4.addresses if end.ipv4 else ()


def _bare(end: Endpoint) -> list[str]:
    return [address.partition("/")[0] for address in end.ipv4.addresses] if end.ipv4 else []
