# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rtnetlink's messages (rtnetlink(7)) as plain records and requests. They are few and fixed: packed here, not by a library."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from socket import AF_INET, AF_INET6, AF_UNSPEC

from .attributes import attribute, attributes, each, number, text, whole, word

# linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE, _NEWLINKPROP, _DELLINKPROP = 16, 17, 20, 21, 24, 25, 108, 109
_IFF_UP = 1
_IFA_F_NODAD = 0x02
_RT_TABLE_MAIN, _RTN_UNICAST, RTPROT_STATIC, _SCOPE_UNIVERSE, _SCOPE_LINK = 254, 1, 4, 0, 253
_NESTED = 0x8000
# linux/if_link.h, linux/veth.h
_ADDRESS, _IFNAME, _MTU, _LINK, _QDISC, _MASTER, _LINKINFO, _IFALIAS, _GROUP, _NET_NS_FD = 1, 3, 4, 5, 6, 10, 18, 20, 27, 28
_AF_SPEC, _LINK_NETNSID, _PROP_LIST, _ALT_IFNAME = 26, 37, 52, 53
INET6_ADDR_GEN_MODE, GEN_MODE_NONE = 8, 1
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_INFO_PEER = 1
_MACVLAN_MODE, MACVLAN_MODES = 1, {"private": 1, "vepa": 2, "bridge": 4}
# linux/if_addr.h, linux/rtnetlink.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_CACHEINFO = 1, 2, 4, 6
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_VIA = 1, 4, 5, 18
_FOREVER = 0xFFFFFFFF


@dataclass(frozen=True)
class LinkRecord:
    """An interface as the kernel tells it. The other end of a veth has the index iflink, in the namespace numbered netnsid.

    data and port are what its kind says of it and what its bridge says of it as a port: attributes, still packed.
    families is what its protocols say of it, packed too.
    """

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    alias: str
    altnames: tuple[str, ...]
    master: int
    iflink: int
    netnsid: int | None
    qdisc: str
    data: bytes = b""
    port: bytes = b""
    families: bytes = b""


@dataclass(frozen=True)
class AddressRecord:
    """An address of an interface, written with its prefix length; lifetime is True if it expires (DHCP, SLAAC)."""

    index: int
    address: str
    lifetime: bool


@dataclass(frozen=True)
class RouteRecord:
    """A route; ``to`` is 'default' or a network."""

    index: int
    to: str
    via: str | None
    protocol: int


@dataclass(frozen=True)
class Request:
    """A change: messages that the kernel gets in one piece, and the words that complete "Cannot ..." if it refuses them."""

    purpose: str
    messages: tuple[bytes, ...]

    def numbered(self, number: int) -> list[bytes]:
        """Return the messages with their sequence number filled in."""
        return [data[:8] + struct.pack("I", number) + data[12:] for data in self.messages]


@dataclass(frozen=True)
class LinkAttributes:
    """What an interface is to have; see link_attributes."""

    name: str
    mac: str | None = None
    mtu: int | None = None
    up: bool | None = None
    master: int | None = None
    netns: int | None = None
    parent: int | None = None
    parent_netns: int | None = None

    def packed(self) -> bytes:
        """Return the body of a message: struct ifinfomsg and attributes."""
        parts = [ifinfo(flags=_IFF_UP if self.up else 0, change=0 if self.up is None else _IFF_UP), text(_IFNAME, self.name)]
        if self.mac is not None:
            parts.append(attribute(_ADDRESS, bytes.fromhex(self.mac.replace(":", ""))))
        numbers = {_MTU: self.mtu, _MASTER: self.master, _NET_NS_FD: self.netns, _LINK: self.parent, _LINK_NETNSID: self.parent_netns}
        return b"".join([*parts, *(number(kind, value) for kind, value in numbers.items() if value is not None)])

    def words(self) -> str:
        """Say what is set, for a message to the user."""
        given = {"address": self.mac, "mtu": self.mtu, "master": self.master}
        values = [f"{name} {value}" for name, value in given.items() if value is not None]
        return ", ".join([*values, *([] if self.up is None else ["up" if self.up else "down"])])


def link_attributes(
    name: str,
    mac: str | None = None,
    mtu: int | None = None,
    up: bool | None = None,
    master: int | None = None,
    netns: int | None = None,
) -> LinkAttributes:
    """Return an interface's attributes; master is an index (0: none), netns an open descriptor."""
    return LinkAttributes(name, mac, mtu, up, master, netns)


def create_veth(near: LinkAttributes, far: LinkAttributes, mark: str) -> Request:
    """Ask for a veth pair of two link_attributes; the near end is here."""
    return _create(near, "veth", attribute(_VETH_INFO_PEER, far.packed()), f"the veth pair '{near.name}' and '{far.name}'", mark)


def create_bridge(attributes: LinkAttributes, mark: str, data: bytes = b"") -> Request:
    """Ask for a Linux bridge with link_attributes and packed settings (bridge.settings_data)."""
    return _create(attributes, "bridge", data, f"the bridge '{attributes.name}'", mark)


def create_link(
    attributes: LinkAttributes, kind: str, mark: str, data: bytes = b"", parent: int | None = None, parent_netns: int | None = None
) -> Request:
    """Ask for an interface of a kind, with the kind's own packed attributes; parent is the index of the interface that it sits on.

    parent_netns is the number by which the namespace asked knows that interface's, None for itself.
    """
    whole = replace(attributes, parent=parent, parent_netns=parent_netns)
    return _create(whole, kind, data, f"the {kind} interface '{attributes.name}'", mark)


def macvlan_data(mode: str) -> bytes:
    """Pack how interfaces on the same one see each other."""
    return number(_MACVLAN_MODE, MACVLAN_MODES[mode])


def macvlan_mode(data: bytes) -> str:
    """Unpack it."""
    value = whole(attributes(data).get(_MACVLAN_MODE, b""))
    return next((name for name, known in MACVLAN_MODES.items() if known == value), str(value))


def probe_link(kind: str) -> Request:
    """Ask for what no kernel grants, an interface with an address of one byte: EOPNOTSUPP says that it does not know the kind."""
    body = ifinfo() + attribute(_ADDRESS, b"\0") + attribute(_LINKINFO, text(_INFO_KIND, kind))
    return Request(f"ask for the kind {kind}", (message(_NEWLINK, _CREATE | _EXCL, body),))


def set_link(attributes: LinkAttributes) -> Request:
    """Ask for new link_attributes of an existing interface."""
    return Request(f"set the interface '{attributes.name}' to {attributes.words()}", (message(_NEWLINK, 0, attributes.packed()),))


def set_kind(name: str, kind: str, data: bytes, what: str) -> Request:
    """Ask for other attributes of an existing interface's kind, packed; what names them."""
    info = attribute(_LINKINFO, text(_INFO_KIND, kind) + attribute(_INFO_DATA | _NESTED, data))
    return Request(f"set {what} of '{name}'", (message(_NEWLINK, 0, _named(name) + info),))


def set_port(name: str, kind: str, data: bytes, what: str) -> Request:
    """Ask for attributes of an interface as a port of a kind of master, packed; what names them."""
    info = attribute(_LINKINFO | _NESTED, text(_INFO_SLAVE_KIND, kind) + attribute(_INFO_SLAVE_DATA | _NESTED, data))
    return Request(f"set {what} of '{name}'", (message(_NEWLINK, 0, _named(name) + info),))


def mark_link(name: str, mark: str) -> Request:
    """Ask for an interface's alias."""
    return Request(f"mark the interface '{name}'", (_alias(name, mark),))


def lone_link(name: str) -> Request:
    """Ask that the kernel give an interface no IPv6 address by itself; it has to be asked before the interface comes up."""
    mode = attribute(AF_INET6, number(INET6_ADDR_GEN_MODE, GEN_MODE_NONE, "B"))
    body = _named(name) + attribute(_AF_SPEC, mode)
    return Request(f"leave the interface '{name}' without a link-local address", (message(_NEWLINK, 0, body),))


def name_link(name: str, altname: str, remove: bool = False) -> Request:
    """Ask for an alternative, longer name of an interface, or for its end."""
    body = _named(name) + attribute(_PROP_LIST | _NESTED, text(_ALT_IFNAME, altname))
    kind, flags = (_DELLINKPROP, 0) if remove else (_NEWLINKPROP, _CREATE | _EXCL)
    return Request(f"change the alternative name '{altname}' of the interface '{name}'", (message(kind, flags, body),))


def delete_links(names: Sequence[str], group: int) -> list[Request]:
    """Ask for the end of interfaces (and of their veth peers), all at once: one by one the kernel waits 20 ms for each.

    group is a number that no interface is a member of.
    """
    joined = [Request(f"remove the interface '{name}'", (message(_NEWLINK, 0, _named(name) + number(_GROUP, group)),)) for name in names]
    ended = message(_DELLINK, 0, ifinfo() + number(_GROUP, group))
    return [*joined, Request(f"remove the interfaces {', '.join(names)}", (ended,))]


def set_address(index: int, name: str, address: str, remove: bool = False) -> Request:
    """Ask for an address, usable at once (an IPv6 one skips the duplicate-address wait), or for its end."""
    parsed = ipaddress.ip_interface(address)
    flags = _IFA_F_NODAD if parsed.version == 6 else 0
    body = struct.pack("BBBBI", _family(parsed.version), parsed.network.prefixlen, flags, 0, index)
    body += attribute(_IFA_LOCAL, parsed.ip.packed) + attribute(_IFA_ADDRESS, parsed.ip.packed)
    if parsed.version == 4 and parsed.network.prefixlen < 31:
        body += attribute(_IFA_BROADCAST, parsed.network.broadcast_address.packed)
    if remove:
        return Request(f"take the address {address} from '{name}'", (message(_DELADDR, 0, body),))
    return Request(f"give '{name}' the address {address}", (message(_NEWADDR, _CREATE | _REPLACE, body),))


def set_route(index: int, name: str, to: str, via: str | None, remove: bool = False) -> Request:
    """Ask for a route to a network or to 'default' through an interface, or for its end."""
    network = None if to == "default" else ipaddress.ip_network(to)
    gateway = ipaddress.ip_address(via) if via else None
    version = network.version if network else gateway.version if gateway else 4
    scope = _SCOPE_UNIVERSE if via or version == 6 else _SCOPE_LINK
    prefix = network.prefixlen if network else 0
    body = struct.pack("BBBBBBBBI", _family(version), prefix, 0, 0, _RT_TABLE_MAIN, RTPROT_STATIC, scope, _RTN_UNICAST, 0)
    body += number(_RTA_OIF, index)
    body += attribute(_RTA_DST, network.network_address.packed) if network else b""
    if gateway and gateway.version == version:
        body += attribute(_RTA_GATEWAY, gateway.packed)
    elif gateway:  # an IPv4 network behind an IPv6 neighbour (RFC 5549)
        body += attribute(_RTA_VIA, struct.pack("H", _family(gateway.version)) + gateway.packed)
    purpose = f"{'remove' if remove else 'set'} the route to {to}{f' via {via}' if via else ''} of '{name}'"
    kind, flags = (_DELROUTE, 0) if remove else (_NEWROUTE, _CREATE | _REPLACE)
    return Request(purpose, (message(kind, flags, body),))


def link_record(data: bytes) -> LinkRecord:
    """Decode an interface."""
    index, flags = struct.unpack_from("iI", data, 20)
    found = attributes(data, 32)
    info = attributes(found.get(_LINKINFO, b""))
    netnsid = found.get(_LINK_NETNSID)
    return LinkRecord(
        index=index,
        name=word(found.get(_IFNAME, b"")),
        kind=word(info.get(_INFO_KIND, b"")),
        mac=found.get(_ADDRESS, b"").hex(":"),
        mtu=whole(found.get(_MTU, b"")),
        up=bool(flags & _IFF_UP),
        alias=word(found.get(_IFALIAS, b"")),
        altnames=tuple(word(value) for kind, value in each(found.get(_PROP_LIST, b"")) if kind == _ALT_IFNAME),
        master=whole(found.get(_MASTER, b"")),
        iflink=whole(found.get(_LINK, b"")),
        netnsid=None if netnsid is None else int(struct.unpack("i", netnsid)[0]),
        qdisc=word(found.get(_QDISC, b"")),
        data=info.get(_INFO_DATA, b""),
        port=info.get(_INFO_SLAVE_DATA, b""),
        families=found.get(_AF_SPEC, b""),
    )


def address_record(data: bytes) -> AddressRecord:
    """Decode an address."""
    prefix, index = struct.unpack_from("xBxxI", data, 16)
    found = attributes(data, 24)
    address = ipaddress.ip_address(found.get(_IFA_LOCAL) or found[_IFA_ADDRESS])
    lifetime = found.get(_IFA_CACHEINFO)
    return AddressRecord(index, f"{address}/{prefix}", bool(lifetime) and struct.unpack_from("xxxxI", lifetime or b"")[0] != _FOREVER)


def route_record(data: bytes) -> RouteRecord | None:
    """Decode a route, None unless it is a unicast one of the main table that leads through an interface."""
    family, prefix, table, protocol, kind = struct.unpack_from("BBxxBBxB", data, 16)
    if table != _RT_TABLE_MAIN or kind != _RTN_UNICAST or family not in _FAMILIES:  # most are of the local table
        return None
    found = attributes(data, 28)
    index = whole(found.get(_RTA_OIF, b""))
    if not index:
        return None
    to, via = found.get(_RTA_DST), found.get(_RTA_GATEWAY) or found.get(_RTA_VIA, b"")[2:]
    network = f"{ipaddress.ip_address(to)}/{prefix}" if to else "default"
    return RouteRecord(index, network, str(ipaddress.ip_address(via)) if via else None, protocol)


def route_destination(data: bytes) -> str | None:
    """Decode where a route leads to, 'default' or a network, by however many ways; None unless it is one of the main table."""
    family, prefix, table = struct.unpack_from("BBxxB", data, 16)
    if table != _RT_TABLE_MAIN or family not in _FAMILIES:
        return None
    to = attributes(data, 28).get(_RTA_DST)
    return f"{ipaddress.ip_address(to)}/{prefix}" if to else "default"


def _create(wanted: LinkAttributes, kind: str, data: bytes, what: str, mark: str) -> Request:
    # The kernel ignores an alias in the message that creates an interface; in one piece with the next message
    # no kill comes between the two, so nothing is ever left unmarked.
    info = text(_INFO_KIND, kind) + (attribute(_INFO_DATA | _NESTED, data) if data else b"")
    body = wanted.packed() + attribute(_LINKINFO | _NESTED, info)
    return Request(f"create {what}", (message(_NEWLINK, _CREATE | _EXCL, body), _alias(wanted.name, mark)))


def _alias(name: str, mark: str) -> bytes:
    return message(_NEWLINK, 0, _named(name) + attribute(_IFALIAS, mark.encode()))


def _named(name: str) -> bytes:
    return ifinfo() + text(_IFNAME, name)


def ifinfo(family: int = AF_UNSPEC, index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    """Return a struct ifinfomsg, with which every message about interfaces begins."""
    return struct.pack("BxHiII", family, 0, index, flags, change)


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Return a request that the kernel confirms, of a number of rtnetlink's."""
    return struct.pack("IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 0, 0) + body


_FAMILIES = (AF_INET, AF_INET6)


def _family(version: int) -> int:
    return int(AF_INET if version == 4 else AF_INET6)
