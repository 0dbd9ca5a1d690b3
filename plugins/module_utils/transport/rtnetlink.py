# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rtnetlink's messages as plain records and requests: the one file that knows pyroute2, which encodes and decodes them."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .._library import require

# linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_NEWLINK, _DELLINK, _NEWADDR, _DELADDR, _NEWROUTE, _DELROUTE, _NEWLINKPROP, _DELLINKPROP = 16, 17, 20, 21, 24, 25, 108, 109
_IFF_UP = 1
_IFA_F_NODAD = 0x02
_RT_TABLE_MAIN, _RTN_UNICAST, RTPROT_STATIC, _SCOPE_UNIVERSE, _SCOPE_LINK = 254, 1, 4, 0, 253


@dataclass(frozen=True)
class LinkRecord:
    """An interface as the kernel tells it. The other end of a veth has the index iflink, in the namespace numbered netnsid."""

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
    tun: Mapping[str, Any]


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


def link_attributes(
    name: str,
    mac: str | None = None,
    mtu: int | None = None,
    up: bool | None = None,
    master: int | None = None,
    netns: int | None = None,
) -> dict[str, Any]:
    """Return an interface's attributes as a message body; master is an index (0: none), netns an open descriptor."""
    given = {"IFLA_IFNAME": name, "IFLA_ADDRESS": mac, "IFLA_MTU": mtu, "IFLA_MASTER": master, "IFLA_NET_NS_FD": netns}
    body: dict[str, Any] = {"attrs": [(key, value) for key, value in given.items() if value is not None]}
    if up is not None:
        body.update(flags=_IFF_UP if up else 0, change=_IFF_UP)
    return body


def create_veth(near: dict[str, Any], far: dict[str, Any], mark: str) -> Request:
    """Ask for a veth pair of two link_attributes; the near end is here."""
    what = " and ".join(repr(dict(end["attrs"])["IFLA_IFNAME"]) for end in (near, far))
    return _create(near, "veth", [("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", far)]})], f"the veth pair {what}", mark)


def create_bridge(attributes: dict[str, Any], mark: str) -> Request:
    """Ask for a Linux bridge with link_attributes."""
    return _create(attributes, "bridge", [], f"the bridge '{dict(attributes['attrs'])['IFLA_IFNAME']}'", mark)


def set_link(attributes: dict[str, Any]) -> Request:
    """Ask for new link_attributes of an existing interface."""
    values = [f"{key[5:].lower()} {value}" for key, value in attributes["attrs"][1:]]
    if "flags" in attributes:
        values.append("up" if attributes["flags"] else "down")
    return Request(
        f"set the interface '{attributes['attrs'][0][1]}' to {', '.join(values)}",
        (_message("ifinfmsg", _NEWLINK, 0, attributes),),
    )


def mark_link(name: str, mark: str) -> Request:
    """Ask for an interface's alias."""
    return Request(f"mark the interface '{name}'", (_alias(name, mark),))


def name_link(name: str, altname: str, remove: bool = False) -> Request:
    """Ask for an alternative, longer name of an interface, or for its end."""
    body = {"attrs": [("IFLA_IFNAME", name), ("IFLA_PROP_LIST", {"attrs": [("IFLA_ALT_IFNAME", altname)]})]}
    kind, flags = (_DELLINKPROP, 0) if remove else (_NEWLINKPROP, _CREATE | _EXCL)
    return Request(f"change the alternative name '{altname}' of the interface '{name}'", (_message("ifinfmsg", kind, flags, body),))


def delete_links(names: Sequence[str], group: int) -> list[Request]:
    """Ask for the end of interfaces (and of their veth peers), all at once: one by one the kernel waits 20 ms for each.

    group is a number that no interface is a member of.
    """
    bodies = [{"attrs": [("IFLA_IFNAME", name), ("IFLA_GROUP", group)]} for name in names]
    joined = [Request(f"remove the interface '{name}'", (_message("ifinfmsg", _NEWLINK, 0, body),)) for name, body in zip(names, bodies)]
    ended = _message("ifinfmsg", _DELLINK, 0, {"attrs": [("IFLA_GROUP", group)]})
    return [*joined, Request(f"remove the interfaces {', '.join(names)}", (ended,))]


def set_address(index: int, name: str, address: str, remove: bool = False) -> Request:
    """Ask for an address, usable at once (an IPv6 one skips the duplicate-address wait), or for its end."""
    parsed = ipaddress.ip_interface(address)
    body: dict[str, Any] = {"family": _family(parsed.version), "prefixlen": parsed.network.prefixlen, "index": index}
    body["attrs"] = [("IFA_LOCAL", str(parsed.ip)), ("IFA_ADDRESS", str(parsed.ip))]
    if parsed.version == 6:
        body["flags"] = _IFA_F_NODAD
    elif parsed.network.prefixlen < 31:
        body["attrs"].append(("IFA_BROADCAST", str(parsed.network.broadcast_address)))
    if remove:
        return Request(f"take the address {address} from '{name}'", (_message("ifaddrmsg", _DELADDR, 0, body),))
    return Request(f"give '{name}' the address {address}", (_message("ifaddrmsg", _NEWADDR, _CREATE | _REPLACE, body),))


def set_route(index: int, name: str, to: str, via: str | None, remove: bool = False) -> Request:
    """Ask for a route to a network or to 'default' through an interface, or for its end."""
    network = None if to == "default" else ipaddress.ip_network(to)
    version = network.version if network else ipaddress.ip_address(via).version if via else 4
    given = {"RTA_OIF": index, "RTA_DST": str(network.network_address) if network else None, "RTA_GATEWAY": via}
    body = {
        "family": _family(version),
        "dst_len": network.prefixlen if network else 0,
        "table": _RT_TABLE_MAIN,
        "proto": RTPROT_STATIC,
        "type": _RTN_UNICAST,
        "scope": _SCOPE_UNIVERSE if via or version == 6 else _SCOPE_LINK,
        "attrs": [(key, value) for key, value in given.items() if value is not None],
    }
    purpose = f"{'remove' if remove else 'set'} the route to {to}{f' via {via}' if via else ''} of '{name}'"
    kind, flags = (_DELROUTE, 0) if remove else (_NEWROUTE, _CREATE | _REPLACE)
    return Request(purpose, (_message("rtmsg", kind, flags, body),))


def link_record(data: bytes) -> LinkRecord:
    """Decode an interface."""
    message = _decoded(_class("ifinfmsg")(data))
    info = message.get_attr("IFLA_LINKINFO")
    properties = message.get_attr("IFLA_PROP_LIST")
    kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or ""
    tun = info.get_attr("IFLA_INFO_DATA") if kind == "tun" else None
    return LinkRecord(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=kind,
        mac=message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        up=bool(message["flags"] & _IFF_UP),
        alias=message.get_attr("IFLA_IFALIAS") or "",
        altnames=tuple(properties.get_attrs("IFLA_ALT_IFNAME")) if properties else (),
        master=message.get_attr("IFLA_MASTER") or 0,
        iflink=message.get_attr("IFLA_LINK") or 0,
        netnsid=message.get_attr("IFLA_LINK_NETNSID"),
        tun=dict(tun["attrs"]) if tun else {},
    )


def address_record(data: bytes) -> AddressRecord:
    """Decode an address."""
    message = _decoded(_class("ifaddrmsg")(data))
    address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    lifetime = message.get_attr("IFA_CACHEINFO")
    return AddressRecord(message["index"], f"{address}/{message['prefixlen']}", bool(lifetime) and lifetime["ifa_valid"] != 0xFFFFFFFF)


def route_record(data: bytes) -> RouteRecord | None:
    """Decode a route, None unless it is a unicast one of the main table that leads through an interface."""
    message = _decoded(_class("rtmsg")(data))
    index = message.get_attr("RTA_OIF")
    if message["table"] != _RT_TABLE_MAIN or message["type"] != _RTN_UNICAST or not index:
        return None
    to = message.get_attr("RTA_DST")
    return RouteRecord(index, f"{to}/{message['dst_len']}" if to else "default", message.get_attr("RTA_GATEWAY"), message["proto"])


def _create(attributes: dict[str, Any], kind: str, data: Sequence[tuple[str, Any]], what: str, mark: str) -> Request:
    # The kernel ignores an alias in the message that creates an interface; in one piece with the next message
    # no kill comes between the two, so nothing is ever left unmarked.
    body = {**attributes, "attrs": [*attributes["attrs"], ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), *data]})]}
    name = dict(attributes["attrs"])["IFLA_IFNAME"]
    return Request(f"create {what}", (_message("ifinfmsg", _NEWLINK, _CREATE | _EXCL, body), _alias(name, mark)))


def _alias(name: str, mark: str) -> bytes:
    return _message("ifinfmsg", _NEWLINK, 0, {"attrs": [("IFLA_IFNAME", name), ("IFLA_IFALIAS", mark)]})


@cache
def _class(name: str) -> Any:
    return getattr(require(f"pyroute2.netlink.rtnl.{name}", "python3-pyroute2", "0.7.2"), name)


def _message(family: str, kind: int, flags: int, body: Mapping[str, Any]) -> bytes:
    message = _class(family)()
    for name, value in body.items():
        message[name] = value
    message["header"]["type"] = kind
    message["header"]["flags"] = _REQUEST | _ACK | flags
    message.encode()
    return bytes(message.data)


def _decoded(message: Any) -> Any:
    message.decode()
    return message


def _family(version: int) -> int:
    return int(socket.AF_INET if version == 4 else socket.AF_INET6)
