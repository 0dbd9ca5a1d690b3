# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subnets of a topology's networks: what is in them, and which of their addresses are taken."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_address, ip_interface, ip_network

from ..addressing import Version
from ..model import Dhcp, Node
from ..values import Problems
from ..values.ip import PREFIXES, usable
from .choices import choose, room, trailing

# An IPv6 subnet has more addresses than anybody wants to read.
_BITS = 16


@dataclass(frozen=True)
class Want:
    """An interface that wants an address, by DHCP or else any of its subnet."""

    node: str
    interface: str
    dhcp: bool


class Subnet:
    """A subnet, whose it is and which of its addresses are taken. ``own`` is the lab host's address in it, if it has one."""

    def __init__(self, network: str, path: str, node: Node | None = None, own: str | None = None, dhcp: Dhcp | None = None) -> None:
        self.network = ip_network(network)
        self.path = path
        self.node = node
        self.own = own
        self.dhcp = dhcp
        self._start = int(self.network.network_address)
        self._taken: set[int] = set()
        if own:
            self.take(own)

    def __contains__(self, address: object) -> bool:
        """Say whether an address is in the subnet."""
        return isinstance(address, str) and ip_address(address) in self.network

    def take(self, address: str) -> None:
        """Keep others from an address."""
        self._taken.add(int(ip_address(address)) - self._start)

    def reserve(self, lab: str, wants: Sequence[Want], problems: Problems) -> dict[tuple[str, str], str]:
        """Give each an address: that of the number its name ends with or one by its name and, where that is taken, the next free one."""
        short = self._shortage(wants)
        if short:
            problems.append(short)
            return {}
        bounds, found = {True: self._range(), False: self._all()}, {}
        for want in wants:
            first, last = bounds[want.dhcp]
            number = trailing(want.node)
            taken = _Shifted(self._taken, first)
            offset = choose((lab, want.node, want.interface), None if number is None else number - first, last - first + 1, taken)
            if offset is None:
                problems.append(f"{self.path}.dhcp.range: is full of addresses that are not its own; widen it")
                return {}
            self._taken.add(first + offset)
            found[want.node, want.interface] = f"{ip_address(self._start + first + offset)}/{self.network.prefixlen}"
        return found

    def _shortage(self, wants: Sequence[Want]) -> str:
        """Say that there are fewer addresses than are wanted; empty if there are enough."""
        leases = sum(want.dhcp for want in wants)
        places = [(leases, self._range(), f"{self.path}.dhcp.range:")] if leases else []
        places += [(len(wants), self._all(), f"{self.path}: {self.network}")] if leases < len(wants) else []
        for asked, (first, last), what in places:
            free = last - first + 1 - sum(first <= offset <= last for offset in self._taken)
            if asked > free:
                return f"{what} has {free} free addresses for {asked} nodes; widen it"
        return ""

    def _all(self) -> tuple[int, int]:
        """Return the first and the last of the addresses, by their distance from the network's own."""
        bits = min(_BITS, self.network.max_prefixlen - self.network.prefixlen)
        return (0 if bits <= 1 else 1), room(bits) - (bits <= 1)

    def _range(self) -> tuple[int, int]:
        if self.dhcp is None or self.dhcp.range is None:
            return 1, 0
        first, last = (int(IPv4Address(bound)) - self._start for bound in self.dhcp.range)
        return first, last


class _Shifted(Container[int]):
    """Numbers as seen from another one."""

    def __init__(self, numbers: set[int], start: int) -> None:
        self._numbers = numbers
        self._start = start

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number + self._start in self._numbers


def switch_subnets(nodes: Mapping[str, Node], version: Version, problems: Problems) -> dict[str, Subnet]:
    """Return the subnet of every switch whose file gives one, by the switch's name; 'auto' gives none yet."""
    suffix = "" if version == 4 else "6"
    found = {}
    for node in nodes.values():
        switch = node.switch
        if switch is None:
            continue
        own, lent = switch.own(version), switch.lent(version)
        if version == 4 and not own:
            for name, wish in (("dhcp", switch.dhcp), ("nat", switch.nat)):
                if wish:
                    problems.append(f"{node.path}.{name}: needs the switch's own address; add ipv4, such as 192.168.100.1/24")
        if own:
            if lent:
                problems.append(f"{node.path}.subnet{suffix}: the subnet is that of ipv{version} already; leave out one of the two")
            interface = ip_interface(own)
            dhcp = switch.dhcp if version == 4 else None
            whole = _complete(dhcp, IPv4Interface(own), f"{node.path}.dhcp", problems) if dhcp else None
            found[node.name] = Subnet(str(interface.network), node.path, node, str(interface.ip), whole)
        elif lent and lent != "auto":
            found[node.name] = Subnet(lent, f"{node.path}.subnet{suffix}", node)
    _check_overlaps([subnet for subnet in found.values() if subnet.own], version, problems)
    return found


def completed(address: str, end: str, homes: Sequence[Subnet], path: str, problems: Problems) -> str:
    """Return an address with its prefix length, checked against the subnets that its network has."""
    before = len(problems)
    bare = address.partition("/")[0]
    home = next((home for home in homes if bare in home), None)
    version: Version = 6 if ":" in address else 4
    if homes and home is None:
        known = " or ".join(f"{home.network}, the subnet of '{home.node.name}'" for home in homes if home.node)
        problems.append(f"{path}: address {bare} of {end} is outside of {known}")
    elif home and "/" not in address:
        address = f"{address}/{home.network.prefixlen}"
    elif home and ip_interface(address).network != home.network:
        problems.append(f"{path}: address {address} of {end} needs the prefix length of its subnet, /{home.network.prefixlen}")
    elif "/" not in address:
        problems.append(f"{path}: address {address} of {end} needs a prefix length, as in {address}/{PREFIXES[version]}")
    if len(problems) == before:
        wrong = usable(ip_interface(address))
        problems.extend([f"{path}: {wrong}"] if wrong else [])
    return address


def _check_overlaps(found: Iterable[Subnet], version: Version, problems: Problems) -> None:
    widest: Subnet | None = None
    for subnet in sorted(found, key=lambda subnet: (int(subnet.network.network_address), subnet.network.prefixlen)):
        if widest and int(subnet.network.network_address) <= int(widest.network.broadcast_address):
            problems.append(
                f"{subnet.path}.ipv{version}: {subnet.network} overlaps {widest.network} of switch '{widest.node and widest.node.name}'; "
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
