# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations with the kernel about interfaces, addresses and routes: whole dumps, and changes in batches.

One ``send`` for 64 requests is what makes hundreds of nodes a matter of seconds.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType

from .._errors import LabError, LabErrors
from . import ethtool
from .attributes import attribute, attributes
from .bridge import ForwardingRecord, PortVlan, dump_forwarding, dump_vlans, forwarding_record, vlans_record
from .namespaces import descriptors, inside, nameless
from .rtnetlink import (
    AddressRecord,
    LinkRecord,
    Request,
    RouteRecord,
    address_record,
    ifinfo,
    link_record,
    message,
    route_destination,
    route_record,
)
from .tc import QdiscRecord, dump_filters, dump_qdiscs, qdisc_record, redirect_record
from .vxlan import floods_by_index

# linux/netlink.h and linux/rtnetlink.h
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP = 0x1, 0x300
_GETLINK, _GETADDR, _GETROUTE, _GETNEIGH, _GETQDISC, _GETTFILTER, _NEWNSID, _GETNSID = 18, 22, 26, 30, 38, 46, 88, 90
_IFLA_EXT_MASK = 29
# linux/net_namespace.h
_NETNSA_NSID, _NETNSA_FD, _NETNSA_TARGET, _NETNSA_CURRENT = 1, 3, 4, 5
_SOL_NETLINK, _STRICT_CHECK = 270, 12
_SKIP_STATS = 8  # RTEXT_FILTER_SKIP_STATS: counters that nobody reads are most of a dump
_BATCH = 64
# Linux (6.18 does) may end a dump of namespaces with its first 32 KiB, which are 900 of them.
_WHOLE = 500


class Netlink:
    """A conversation with one network namespace ('' is the one this process is in)."""

    def __init__(self, netns: str = "") -> None:
        with inside(netns):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def links(self) -> list[LinkRecord]:
        """Return all interfaces of the namespace."""
        body = ifinfo() + attribute(_IFLA_EXT_MASK, struct.pack("I", _SKIP_STATS))
        return [link_record(data) for data in self._dump(_GETLINK, body)]

    def addresses(self) -> list[AddressRecord]:
        """Return all addresses but the link-local ones that the kernel gives itself."""
        return addresses_of(self.packed_addresses())

    def packed_addresses(self) -> list[bytes]:
        """Return what addresses_of() reads."""
        return list(self._dump(_GETADDR, bytes(8)))

    def routes(self) -> list[RouteRecord]:
        """Return the unicast routes of the main table that lead through an interface."""
        return routes_of(self.packed_routes())

    def packed_routes(self) -> list[bytes]:
        """Return what routes_of() reads."""
        return list(self._dump(_GETROUTE, bytes(12)))

    def destinations(self) -> frozenset[str]:
        """Return where the routes of the main table lead to, those by several ways and those that only drop included."""
        return frozenset(filter(None, (route_destination(data) for data in self._dump(_GETROUTE, bytes(12)))))

    def vlans(self) -> dict[int, frozenset[PortVlan]]:
        """Return the VLANs of all ports of bridges that know VLANs, and of these bridges themselves, by index."""
        return dict(vlans_record(data) for data in self._dump(_GETLINK, dump_vlans()))

    def forwarding(self) -> list[ForwardingRecord]:
        """Return the forwarding tables of all bridges."""
        return [forwarding_record(data) for data in self._dump(_GETNEIGH, dump_forwarding())]

    def floods(self) -> Mapping[int, tuple[str, ...]]:
        """Return the machines that each VXLAN device sends broadcasts to, by index."""
        return floods_by_index(self._dump(_GETNEIGH, dump_forwarding()))

    def tx_offload(self, name: str) -> bool:
        """Say whether checksums are left to an interface. Raise LabError."""
        return ethtool.tx_offload(self._socket, name)

    def qdiscs(self) -> list[QdiscRecord]:
        """Return the queueing disciplines at the root and at the ingress of all interfaces."""
        records = (qdisc_record(data) for data in self._dump(_GETQDISC, dump_qdiscs()))
        return [record for record in records if record is not None]

    def redirect(self, index: int, lab: str) -> int | None:
        """Return the index that a lab's redirect of what comes in at an interface goes to, 0 if it is gone, None without one."""
        found = [redirect_record(data, lab) for data in self._dump(_GETTFILTER, dump_filters(index))]  # all, or answers stay behind
        return next((target for target in found if target is not None), None)

    def strict(self) -> None:
        """Have the kernel heed what narrows a dump."""
        self._socket.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)

    def refusal(self, request: Request) -> int:
        """Have the kernel try a request, and return the error number that it gives, 0 if there is none."""
        self._socket.send(b"".join(request.numbered(0)))
        return -int(struct.unpack_from("i", next(_messages(self._socket.recv(1 << 16)))[2], 16)[0])

    def translated(self, number: int, others: int) -> dict[int, int]:
        """Return the numbers by which the namespace that has a number here knows others, with those that these have here, 0 to others."""
        target = bytes(4) + attribute(_NETNSA_TARGET, struct.pack("i", number))
        answers = [attributes(data, 20) for data in self._dump(_GETNSID, target)]
        if len(answers) < _WHOLE:
            return {_signed(found[_NETNSA_NSID]): _signed(found[_NETNSA_CURRENT]) for found in answers}
        known: dict[int, int] = {}
        for other in range(others):
            body = target + attribute(_NETNSA_NSID, struct.pack("i", other))
            self._socket.send(struct.pack("IHHII", 16 + len(body), _GETNSID, _REQUEST, 0, 0) + body)
            kind, _sequence, data = next(_messages(self._socket.recv(1 << 16)))
            if kind != _ERROR:
                known[_signed(attributes(data, 20)[_NETNSA_NSID])] = other
        known.pop(-1, None)
        return known

    def number_of(self, descriptor: int) -> int:
        """Return the number by which this namespace knows another one, given by an open descriptor; it gets one if it has none."""
        self.refusal(_number(-1, descriptor))  # it may have one already
        body = bytes(4) + attribute(_NETNSA_FD, struct.pack("I", descriptor))
        self._socket.send(struct.pack("IHHII", 16 + len(body), _GETNSID, _REQUEST, 0, 0) + body)
        return _signed(attributes(next(_messages(self._socket.recv(1 << 16)))[2], 20)[_NETNSA_NSID])

    def send(self, requests: Sequence[Request]) -> None:
        """Have the kernel carry out the requests in order. Raise LabErrors with all that it refused."""
        problems: dict[Request, str] = {}
        for start in range(0, len(requests), _BATCH):
            batch = requests[start : start + _BATCH]
            self._socket.send(b"".join(data for number, request in enumerate(batch) for data in request.numbered(number)))
            missing = sum(len(request.messages) for request in batch)
            while missing:
                for kind, sequence, data in _messages(self._socket.recv(1 << 18)):
                    if kind == _ERROR:
                        missing -= 1
                        code = -struct.unpack_from("i", data, 16)[0]
                        if code:
                            request = batch[sequence]
                            problems.setdefault(request, f"Cannot {request.purpose}: the kernel said: {os.strerror(code)}.")
        if problems:
            raise LabErrors(problems.values())

    def _dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        self._socket.send(struct.pack("IHHII", 16 + len(body), kind, _REQUEST | _DUMP, 0, 0) + body)
        while True:
            for answer, _sequence, data in _messages(self._socket.recv(1 << 18)):
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    raise LabError(f"Cannot read the interfaces: the kernel said: {os.strerror(-struct.unpack_from('i', data, 16)[0])}.")
                yield data


@contextmanager
def directory(names: Sequence[str]) -> Iterator[Netlink]:
    """Yield a conversation with a namespace of its own, in which the namespaces of these names have their places in it as numbers.

    One that has several names has the place of the first.
    """
    numbered: set[int] = set()
    with descriptors([""]) as home, nameless(), Netlink() as book:
        book.strict()
        for start in range(0, len(names), _BATCH):
            with descriptors(names[start : start + _BATCH]) as opened:
                requests = []
                for place, name in enumerate(opened):
                    descriptor = opened[name] if name else home[""]
                    inode = os.fstat(descriptor).st_ino
                    if inode not in numbered:
                        numbered.add(inode)
                        requests.append(_number(start + place, descriptor))
                book.send(requests)
        yield book


def _signed(value: bytes) -> int:
    return int(struct.unpack("i", value)[0])


def _number(number: int, descriptor: int) -> Request:
    body = bytes(4) + attribute(_NETNSA_FD, struct.pack("I", descriptor)) + attribute(_NETNSA_NSID, struct.pack("i", number))
    return Request("number a network namespace", (message(_NEWNSID, 0, body),))


def addresses_of(packed: Iterable[bytes]) -> list[AddressRecord]:
    """Return all addresses but the link-local ones that the kernel gives itself."""
    return [record for record in map(address_record, packed) if not record.address.startswith("fe80:")]


def routes_of(packed: Iterable[bytes]) -> list[RouteRecord]:
    """Return the unicast routes of the main table that lead through an interface."""
    return [record for record in map(route_record, packed) if record is not None]


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Split what one recv(2) gave into (type, sequence number, message)."""
    offset = 0
    while offset < len(data):
        length, kind, _flags, sequence = struct.unpack_from("IHHI", data, offset)
        yield kind, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3
