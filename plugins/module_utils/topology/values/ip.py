# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of a topology file that have to do with IP addresses, for both families."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from typing import Any, Union

from ..addressing import Ip, Route, Version
from . import ListOf, Type
from .scalars import either

Interface = Union[IPv4Interface, IPv6Interface]

# A node's name: no address has a letter before all dots and colons, or none of these.
_NAME = re.compile(r"[A-Za-z0-9-]*[A-Za-z-][A-Za-z0-9-]*")

EXAMPLES: dict[Version, str] = {4: "192.168.100.7", 6: "fd00:100::7"}
PREFIXES: dict[Version, int] = {4: 24, 6: 64}


def is_ipv4(text: str) -> bool:
    """Say whether a text is an IPv4 address."""
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def is_name(text: str) -> bool:
    """Say whether a text is the name of a node, and no address or network."""
    return not any(mark in text for mark in ".:/")


def usable(interface: Interface) -> str:
    """Say why a node cannot have this address; empty if it can. A /31 and a /32 use all of theirs (RFC 3021), and so IPv6's (RFC 6164)."""
    network = interface.network
    if network.max_prefixlen - network.prefixlen <= 1:
        return ""
    kinds = {network.network_address: "network" if interface.version == 4 else "subnet-router anycast"}
    if interface.version == 4:
        kinds[network.broadcast_address] = "broadcast"
    if interface.ip in kinds:
        return f"{interface.ip} is the {kinds[interface.ip]} address of {network}; choose one between"
    return ""


def _parsed(parse: Callable[[Any], Any], value: Any, version: int | None) -> Any:
    """Return an address, interface or network of text; ValueError without a text means: not such a thing at all."""
    if not isinstance(value, str):
        raise ValueError
    try:
        found = parse(value)
    except ValueError:
        raise ValueError from None
    if version not in (None, found.version):
        raise ValueError
    return found


def _address(version: int | None) -> Callable[[Any], str]:
    return lambda value: str(_parsed(ip_address, value, version))


def _interface(value: Any, version: int | None) -> str:
    interface = _parsed(ip_interface, value, version)
    wrong = usable(interface)
    if wrong:
        raise ValueError(wrong)
    return str(interface)


def _cidr(version: Version) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        return _interface(value, version)

    return parse


def _ip(version: Version) -> Callable[[Any], Ip]:
    def parse(value: Any) -> Ip:
        if value in ("auto", "none"):
            return Ip(value)
        if value == "dhcp":
            if version == 6:
                raise ValueError("there is no DHCP for IPv6; give an address, or 'auto'")
            return Ip("dhcp")
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) and item for item in items):
            raise ValueError
        # An address without a prefix takes the one of the switch's subnet.
        addresses = tuple(_interface(item, version) if "/" in item else _address(version)(item) for item in items)
        return Ip("static", addresses) if addresses else Ip("none")

    return parse


def _network(version: int | None) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        interface = _parsed(ip_interface, value, version)
        if interface.ip != interface.network.network_address:
            raise ValueError(f"'{value}' has bits behind its prefix; the network is {interface.network}")
        return str(interface.network)

    return parse


def _subnet(version: Version) -> Type:
    whole = Type(
        f"an IPv{version} network such as {ip_network(f'{EXAMPLES[version]}/{PREFIXES[version]}', strict=False)}", _network(version)
    )
    return Type(f"'auto' or {whole.name}", lambda value: "auto" if value == "auto" else whole.parse(value))


def _gateways(value: Any) -> tuple[str, ...]:
    if value in ("none", "", []):
        return ()
    found = tuple(_address(None)(item) for item in (value if isinstance(value, list) else [value]))
    if len({ip_address(address).version for address in found}) < len(found):
        raise ValueError("give at most one IPv4 and one IPv6 address")
    return found


def _range(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    return _address(4)(value[0]), _address(4)(value[1])


def _split_route(value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        to, middle, via = (*value.split(), "", "", "")[:3]
        if middle != "via" or len(value.split()) != 3:
            raise ValueError
        value = {"to": to, "via": via}
    if not isinstance(value, dict) or value.keys() != {"to", "via"}:
        raise ValueError
    if not all(isinstance(part, str) for part in value.values()):
        raise ValueError
    return value["to"], value["via"]


def _route(value: Any) -> Route:
    """Read a route of networks and addresses."""
    to, via = _split_route(value)
    gateway = _parsed(ip_address, via, None)
    if to == "default":
        return Route(to, str(gateway))
    network = _network(None)(to if "/" in to else str(_parsed(ip_interface, to, None)))
    if ip_network(network).version != gateway.version:
        raise ValueError(f"the network {network} and the gateway {gateway} are of two families")
    return Route(network, str(gateway))


def _named_route(value: Any) -> Route:
    """Read a route in which names of nodes may stand for networks and addresses."""
    to, via = _split_route(value)
    parts = [_NAME.fullmatch(to) and to != "default", _NAME.fullmatch(via)]
    if not any(parts):
        return _route(value)
    network = to if parts[0] or to == "default" else _network(None)(to if "/" in to else str(_parsed(ip_interface, to, None)))
    return Route(network, via if parts[1] else str(_parsed(ip_address, via, None)))


def _loopback(value: Any) -> tuple[str, ...]:
    if value == "auto":
        return ("auto",)
    # Without a prefix length it is the one address.
    return tuple(str(_parsed(ip_interface, item, None)) for item in (value if isinstance(value, list) else [value]))


ADDRESS = Type(f"an IPv4 address such as {EXAMPLES[4]}", _address(4))
ADDRESS6 = Type(f"an IPv6 address such as {EXAMPLES[6]}", _address(6))
ADDRESSES = ListOf("a list of IPv4 addresses", ADDRESS)
EITHER_ADDRESS = Type(f"an address such as {EXAMPLES[4]}", _address(None))
CIDR: dict[Version, Type] = {
    4: Type("an IPv4 address with its prefix length such as 192.168.100.1/24", _cidr(4)),
    6: Type("an IPv6 address with its prefix length such as fd00:100::1/64", _cidr(6)),
}
IP: dict[Version, Type] = {
    4: Type("'dhcp', 'auto', 'none', or IPv4 addresses such as 192.168.100.7/24", _ip(4)),
    6: Type("'auto', 'none', or IPv6 addresses such as fd00:100::7/64", _ip(6)),
}
SUBNET: dict[Version, Type] = {4: _subnet(4), 6: _subnet(6)}
NETWORK: dict[Version, Type] = {
    4: Type("an IPv4 network such as 10.16.0.0/12", _network(4)),
    6: Type("an IPv6 network such as fd00:100::/48", _network(6)),
}
ROUTER = either("none", ADDRESS)
GATEWAY = Type(f"'none' or an address such as {EXAMPLES[4]}, at most one of each family", _gateways)
RANGE = Type("the first and the last address as in [192.168.100.2, 192.168.100.200]", _range)
ROUTE = Type("a route such as '10.2.0.0/16 via 10.1.0.2'", _route)
NAMED_ROUTE = Type("a route such as '10.2.0.0/16 via 10.1.0.2' or 's2 via r2'", _named_route)
LOOPBACK = Type("'auto' or addresses such as 10.255.0.1/32", _loopback)
