# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interface has above its link layer, to the last attribute, and how it is handed to another one in one batch of netlink."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from socket import AF_INET6, inet_ntop

from .attributes import attribute, attributes, each, number, whole
from .netlink import Netlink
from .rtnetlink import Request, address_record, link_attributes, message, set_link

# linux/rtnetlink.h
_NEWADDR, _DELADDR, _NEWROUTE, _REPLACE, _CREATE = 20, 21, 24, 0x100, 0x400
_DST, _OIF, _GATEWAY, _MULTIPATH, _CACHEINFO, _TABLE, _VIA, _EXPIRES, _NH_ID = 1, 4, 5, 9, 12, 15, 18, 23, 30
_LOCAL_TABLE, _UNICAST, _CLONED, _ONLINK = 255, 1, 0x200, 4
_PROTO_KERNEL, PROTO_RA = 2, 9
# linux/if_addr.h
_LABEL, _LIFETIMES, _FLAGS = 3, 6, 8
_TEMPORARY, _NODAD, _MANAGE_TEMPORARY, _NO_PREFIX_ROUTE = 0x01, 0x02, 0x100, 0x200
_FOREVER = 0xFFFFFFFF
_USER_HZ = 100
_AT_LEAST = 300  # seconds that an address is given back for, however old its lease is: its client needs time to ask


@dataclass(frozen=True)
class Belongings:
    """Addresses and routes as the kernel dumps them, without what it makes by itself.

    several names the routes that lead by other interfaces too.
    """

    addresses: tuple[bytes, ...] = ()
    routes: tuple[bytes, ...] = ()
    several: tuple[str, ...] = ()

    def merged(self, other: Belongings) -> Belongings:
        """Return these, and those of the other that are not among them."""
        return Belongings(_merged(self.addresses, other.addresses, told), _merged(self.routes, other.routes, route_told))


def read(kernel: Netlink, index: int) -> Belongings:
    """Return what an interface has."""
    addresses = tuple(data for data in kernel.packed_addresses() if _index(data) == index and not _own(data))
    made = {_network(data) for data in addresses if not _flags(data) & _NO_PREFIX_ROUTE}
    routes, several = [], []
    for data in kernel.packed_routes():
        family, table, protocol, kind, flags = _header(data)
        found = attributes(data, 28)
        if whole(found.get(_TABLE, bytes([table]))) == _LOCAL_TABLE or kind != _UNICAST or flags & _CLONED:
            continue
        if _MULTIPATH in found and any(struct.unpack_from("i", hop, 4)[0] == index for hop in _hops(found[_MULTIPATH])):
            several.append(route_told(data))
        if whole(found.get(_OIF, b"")) != index:
            continue
        by_kernel = protocol == _PROTO_KERNEL and (_target(data) in made or (family == AF_INET6 and _target(data)[0][:1] == b"\xfe"))
        if not by_kernel:
            routes.append(data)
    return Belongings(addresses, tuple(routes), tuple(several))


def told(data: bytes) -> str:
    """Return an address in words."""
    return address_record(data).address


def route_told(data: bytes) -> str:
    """Return a route in words, as ip-route(8) has them."""
    family, table, _protocol, _kind, _flags = _header(data)
    found = attributes(data, 28)
    via, table = gateway(data), whole(found.get(_TABLE, bytes([table])))
    to = _written(family, found[_DST]) + f"/{data[17]}" if _DST in found else "default" if family != AF_INET6 else "default (IPv6)"
    return " ".join([to, *(["via", via] if via else []), *(["table", str(table)] if table != 254 else [])])


def gateway(data: bytes) -> str:
    """Return the neighbour that a route leads to, '' if it has none."""
    found = attributes(data, 28)
    if _GATEWAY in found:
        return _written(data[16], found[_GATEWAY])
    return _written(struct.unpack_from("H", found[_VIA])[0], found[_VIA][2:]) if _VIA in found else ""


def lasting(data: bytes) -> bool:
    """Say whether a route stays until somebody removes it; those of a router's advertisements come and go."""
    return _header(data)[2] != PROTO_RA


def handed(
    belongings: Belongings, source: tuple[str, int, Collection[str]], target: tuple[str, int, Collection[str]], age: float | None = None
) -> list[Request]:
    """Ask that the target have what the source had. Both are a name, an index and the addresses that it has now.

    With an age, the seconds since they were read, addresses end when they would have; without, they stay.
    """
    name, index, there = target
    requests = [_address(data, _DELADDR, source[1], source[0]) for data in reversed(belongings.addresses) if told(data) in source[2]]
    requests.append(set_link(link_attributes(name, up=True)))
    requests += [_address(data, _NEWADDR, index, name, age) for data in belongings.addresses if told(data) not in there]
    # Those without a gateway first, as the others need them.
    return requests + [_route(data, index, name, age) for data in sorted(belongings.routes, key=lambda data: bool(gateway(data)))]


def _address(data: bytes, kind: int, index: int, name: str, age: float | None = None) -> Request:
    family, prefix, _old, scope = struct.unpack_from("BBBB", data, 16)
    parts = [attribute(key, value) for key, value in each(data, 24) if key not in (_LABEL, _LIFETIMES, _FLAGS)]
    if kind == _DELADDR:
        purpose = f"take the address {told(data)} from '{name}'"
        return Request(purpose, (message(kind, 0, struct.pack("BBBBI", family, prefix, 0, scope, index) + b"".join(parts)),))
    flags = _flags(data) & (_MANAGE_TEMPORARY | _NO_PREFIX_ROUTE) | (_NODAD if family == AF_INET6 else 0)
    found = attributes(data, 24)
    if age is not None:
        parts += [attribute(_LABEL, found[_LABEL])] if _LABEL in found else []
        parts += [attribute(_LIFETIMES, _remaining(found[_LIFETIMES], age))] if _LIFETIMES in found else []
    body = struct.pack("BBBBI", family, prefix, flags & 0xFF, scope, index) + b"".join(parts) + number(_FLAGS, flags)
    return Request(f"give '{name}' the address {told(data)}", (message(kind, _CREATE | _REPLACE, body),))


def _remaining(lifetimes: bytes, age: float) -> bytes:
    preferred, valid = struct.unpack_from("II", lifetimes)
    left = [life if life == _FOREVER else max(int(life - age), _AT_LEAST) for life in (preferred, valid)]
    return struct.pack("IIII", min(left), left[1], 0, 0)


def _route(data: bytes, index: int, name: str, age: float | None) -> Request:
    head = struct.pack("8sI", data[16:24], _header(data)[4] & _ONLINK)
    found = attributes(data, 28)
    parts = [attribute(key, value) for key, value in found.items() if key not in (_OIF, _CACHEINFO, _EXPIRES, _NH_ID)]
    expires = struct.unpack_from("i", found[_CACHEINFO], 8)[0] // _USER_HZ if len(found.get(_CACHEINFO, b"")) >= 12 else 0
    if expires > 0 and data[16] == AF_INET6:
        parts.append(number(_EXPIRES, max(int(expires - (age or 0)), _AT_LEAST)))
    body = head + b"".join(parts) + number(_OIF, index)
    return Request(f"set the route to {route_told(data)} of '{name}'", (message(_NEWROUTE, _CREATE | _REPLACE, body),))


def _own(data: bytes) -> bool:
    """Say whether the kernel gives an interface this address by itself: link-local and temporary ones."""
    family, _prefix, flags = struct.unpack_from("BBB", data, 16)
    return bool(family == AF_INET6 and (told(data).startswith("fe80:") or flags & _TEMPORARY))


def _flags(data: bytes) -> int:
    found = attributes(data, 24)
    return whole(found[_FLAGS]) if _FLAGS in found else data[18]


def _index(data: bytes) -> int:
    return int(struct.unpack_from("I", data, 20)[0])


def _network(data: bytes) -> tuple[bytes, int]:
    """Return the network of an address, as _target has them."""
    network = ip_interface(told(data)).network
    return network.network_address.packed, network.prefixlen


def _target(data: bytes) -> tuple[bytes, int]:
    return attributes(data, 28).get(_DST, b""), data[17]


def _header(data: bytes) -> tuple[int, int, int, int, int]:
    """Return family, table, protocol, type and flags of a route (struct rtmsg)."""
    family, table, protocol, kind, flags = struct.unpack_from("BxxxBBxBI", data, 16)
    return family, table, protocol, kind, flags


def _hops(data: bytes) -> Iterable[bytes]:
    """Split a route's several ways (struct rtnexthop)."""
    offset = 0
    while offset + 8 <= len(data):
        (length,) = struct.unpack_from("H", data, offset)
        yield data[offset : offset + length]
        offset += max(8, (length + 3) & ~3)


def _written(family: int, packed: bytes) -> str:
    return inet_ntop(family, packed)


def _merged(first: Sequence[bytes], second: Sequence[bytes], name: Callable[[bytes], str]) -> tuple[bytes, ...]:
    known = {name(data) for data in first}
    return (*first, *(data for data in second if name(data) not in known))
