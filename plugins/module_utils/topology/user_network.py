# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network inside of QEMU that the backend 'user' is: its addresses, and the ways into it and out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from .values.sockets import split_address

Backend = Mapping[str, Any]  # the values of the block 'user' in schema/backends.py
_NET = "10.0.2.0/24"  # QEMU's own (net/slirp.c), as are these of its addresses: in another network they have the same last bits
_OWN = {"host": "10.0.2.2", "dns": "10.0.2.3", "dhcpstart": "10.0.2.15"}
_WIDEST, _NARROWEST = 4, 30


@dataclass(frozen=True)
class Forward:
    """A port of the lab host that leads into a guest; the host '' is every address."""

    protocol: str
    host: str
    port: int
    guest: str
    guest_port: int

    def __str__(self) -> str:
        """Return it as QEMU takes it, with nothing left out."""
        return f"{self.protocol}:{self.host}:{self.port}-{self.guest}:{self.guest_port}"

    def meets(self, other: Forward) -> bool:
        """Say whether both want one port of the lab host."""
        alike = (self.protocol, self.port) == (other.protocol, other.port)
        return alike and (self.host == other.host or "" in (self.host, other.host))


def lease(backend: Backend) -> str:
    """Return the address, with its prefix length, that QEMU's own DHCP gives the guest."""
    return f"{_own(backend, 'dhcpstart')}/{_network(backend).prefixlen}"


def gateway(backend: Backend) -> str:
    """Return the address by which the guest reaches the lab host."""
    return str(_own(backend, "host"))


def forwards(backend: Backend) -> list[Forward]:
    """Return the ports of the lab host that lead through a backend into the guest."""
    found = []
    for rule in backend["hostfwd"] if backend["type"] == "user" else ():
        outside, inside = rule.split("-")
        protocol, _colon, outer = outside.partition(":")
        host, port = split_address(outer)
        guest, guest_port = split_address(inside)
        bare = lease(backend).partition("/")[0]
        found.append(Forward(protocol or "tcp", "" if host == "0.0.0.0" else host, port, guest or bare, guest_port))
    return found


def mistakes(backend: Backend) -> Iterator[str]:
    """Yield what is wrong with its values, each beginning with the key."""
    network = _network(backend)
    if not _WIDEST <= network.prefixlen <= _NARROWEST:
        yield f"net: {network} is too {'wide' if network.prefixlen < _WIDEST else 'narrow'}; from /{_WIDEST} to /{_NARROWEST} are possible"
        return
    own: dict[IPv4Address, str] = {}
    for key in _OWN:
        address = _own(backend, key)
        if backend[key] is not None:
            yield from _outside(key, address, network)
        elif key == "dhcpstart" and any(_outside(key, address, network)):
            yield f"dhcpstart: is missing; {network} has no 15th address"
        if address in own:
            yield f"{key}: {address} is that of {own[address]}; choose another one in {network}"
        own.setdefault(address, key)
    for number, rule in enumerate(backend["guestfwd"]):
        address = IPv4Address(rule.split(":")[1])
        yield from _outside(f"guestfwd[{number}]", address, network)
        if own.get(address) in ("host", "dns"):
            yield f"guestfwd[{number}]: {address} is that of {own[address]}; choose another one in {network}"
    yield from _mistakes_of_forwards(backend, network)


def _mistakes_of_forwards(backend: Backend, network: IPv4Network) -> Iterator[str]:
    found: list[Forward] = []
    for number, (rule, forward) in enumerate(zip(backend["hostfwd"], forwards(backend))):
        if forward.guest in rule:
            yield from _outside(f"hostfwd[{number}]", IPv4Address(forward.guest), network)
        if any(forward.meets(other) for other in found):
            yield f"hostfwd[{number}]: port {forward.port}/{forward.protocol} of the lab host is forwarded already"
        found.append(forward)


def _network(backend: Backend) -> IPv4Network:
    return IPv4Network(backend.get("net") or _NET)


def _own(backend: Backend, key: str) -> IPv4Address:
    """Return an address of QEMU's own network: the one that is given, else QEMU's choice."""
    if backend.get(key) is not None:
        return IPv4Address(backend[key])
    network = _network(backend)
    return network.network_address + (int(IPv4Address(_OWN[key])) & 0xFFFF & int(network.hostmask))


def _outside(key: str, address: IPv4Address, network: IPv4Network) -> Iterator[str]:
    if address not in network or address in (network.network_address, network.broadcast_address):
        yield f"{key}: {address} is no address of a node in {network}; choose one between"
