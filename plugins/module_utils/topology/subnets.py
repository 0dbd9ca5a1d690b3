# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subnets of a topology's switches: what is in them, and which addresses their DHCP gives out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from .model import Dhcp, Node
from .names import digest
from .scalars import usable
from .values import Problems


class Subnet:
    """The subnet of one switch, and which of its addresses are taken."""

    def __init__(self, node: Node, interface: IPv4Interface, dhcp: Dhcp | None) -> None:
        self.node = node
        self.address = interface.ip
        self.network = interface.network
        self.dhcp = dhcp
        self.taken: set[IPv4Address] = {interface.ip}

    @property
    def gateway(self) -> str:
        """Return the switch's own address."""
        return str(self.address)

    def reserve(self, lab: str, ends: Iterable[tuple[str, str]], problems: Problems) -> dict[tuple[str, str], str]:
        """Give each (node, interface) an address of the range, by its name and, where that is taken, the next free one.

        Who comes later in the file gives way, so that a node added at the end moves nobody.
        """
        wanting = list(ends)
        if self.dhcp is None or self.dhcp.range is None or not wanting:
            return {}
        first, last = (int(IPv4Address(bound)) for bound in self.dhcp.range)
        size = last - first + 1
        taken = {int(address) - first for address in self.taken if first <= int(address) <= last}
        if size - len(taken) < len(wanting):
            problems.append(f"{self.node.path}.dhcp.range: has {size - len(taken)} free addresses for {len(wanting)} nodes; widen it")
            return {}
        reserved = {}
        for node, interface in wanting:
            offset = int.from_bytes(digest(lab, node, interface)[:8], "big") % size
            while offset in taken:
                offset = (offset + 1) % size
            taken.add(offset)
            reserved[node, interface] = f"{IPv4Address(first + offset)}/{self.network.prefixlen}"
        return reserved


def subnets(nodes: Mapping[str, Node], problems: Problems) -> dict[str, Subnet]:
    """Return the subnet of every switch that has one, by the switch's name."""
    found = {}
    for node in nodes.values():
        switch = node.switch
        if switch is None:
            continue
        if not switch.ipv4:
            for name, wish in (("dhcp", switch.dhcp), ("nat", switch.nat)):
                if wish:
                    problems.append(f"{node.path}.{name}: needs the switch's own address; add ipv4, such as 192.168.100.1/24")
            continue
        interface = IPv4Interface(switch.ipv4)
        found[node.name] = Subnet(node, interface, switch.dhcp and _complete(switch.dhcp, interface, f"{node.path}.dhcp", problems))
    _check_overlaps(found.values(), problems)
    return found


def _check_overlaps(found: Iterable[Subnet], problems: Problems) -> None:
    widest: Subnet | None = None
    for subnet in sorted(found, key=lambda subnet: subnet.network):
        if widest and subnet.network.overlaps(widest.network):
            problems.append(
                f"{subnet.node.path}.ipv4: {subnet.network} overlaps {widest.network} of switch '{widest.node.name}'; "
                "each switch of a lab host needs a subnet of its own"
            )
        else:
            widest = subnet


def _complete(dhcp: Dhcp, own: IPv4Interface, path: str, problems: Problems) -> Dhcp:
    """Return DHCP's settings with everything that the file leaves out."""
    gateway = str(own.ip)
    return replace(
        dhcp,
        range=_checked(dhcp.range, own, f"{path}.range", problems) if dhcp.range else _widest(own, f"{path}.range", problems),
        dns=(gateway,) if dhcp.dns is None else dhcp.dns,
        router=_inside(dhcp.router, own.network, f"{path}.router", problems) if dhcp.router else gateway if dhcp.router is None else "",
    )


def _checked(given: tuple[str, str], own: IPv4Interface, path: str, problems: Problems) -> tuple[str, str] | None:
    first, last = (IPv4Address(bound) for bound in given)
    network = own.network
    before = len(problems)
    for bound in (first, last):
        if bound not in network:
            problems.append(f"{path}: {bound} is outside of the switch's subnet {network}")
        else:
            wrong = usable(IPv4Interface((bound, network.prefixlen)))
            problems.extend([f"{path}: {wrong}"] if wrong else [])
    if first > last:
        problems.append(f"{path}: begins with {first}, which is after its end {last}; swap the two")
    elif first <= own.ip <= last:
        problems.append(f"{path}: holds the switch's own address {own.ip}; let the range begin after it or end before it")
    return given if len(problems) == before else None


def _widest(own: IPv4Interface, path: str, problems: Problems) -> tuple[str, str] | None:
    """Return the larger part of the subnet beside the switch's own address."""
    lowest, highest = int(own.network.network_address) + 1, int(own.network.broadcast_address) - 1
    below, above = (lowest, int(own.ip) - 1), (int(own.ip) + 1, highest)
    first, last = max(below, above, key=lambda part: (part[1] - part[0], part))
    if first > last:
        problems.append(f"{path}: the subnet {own.network} has no address besides the switch's own; choose a larger one")
        return None
    return str(IPv4Address(first)), str(IPv4Address(last))


def _inside(address: str, network: IPv4Network, path: str, problems: Problems) -> str:
    if IPv4Address(address) not in network:
        problems.append(f"{path}: {address} is outside of the switch's subnet {network}")
    return address
