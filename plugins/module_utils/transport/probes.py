# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes on the network: an echo, a connection, a datagram or a DNS query, each sent without waiting for its answer.

A channel is an open socket of one network namespace. It stays in that namespace wherever the process goes, so one process
asks from hundreds of them at once.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal, Protocol

from . import dns
from .namespaces import inside

Kind = Literal["ping", "tcp", "udp", "dns"]

# linux/icmp.h, linux/icmpv6.h, linux/in.h, linux/in6.h
_ECHO_REQUEST, _ECHO_REPLY, _UNREACHABLE, _NEEDS_FRAGMENTS = 8, 0, 3, 4
_ECHO_REQUEST_6, _ECHO_REPLY_6, _UNREACHABLE_6, _TOO_BIG_6 = 128, 129, 1, 2
_SOL_RAW, _ICMP_FILTER, _SOL_ICMPV6, _ICMP6_FILTER = 255, 1, 58, 1
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _IPV6_DONTFRAG, _PROBE = 10, 23, 62, 3
_HEADERS = {4: 28, 6: 48}  # bytes of IP and ICMP headers
_BUFFER = 1 << 20
_WORDS = {0: "network unreachable", 1: "host unreachable", 3: "port unreachable", 9: "prohibited", 10: "prohibited", 13: "prohibited"}
_WORDS_6 = {0: "no route", 1: "prohibited", 3: "host unreachable", 4: "port unreachable"}


@dataclass(frozen=True)
class Outcome:
    """What came of a probe; ``text`` says more, mtu is what a router or the interface lets through, in bytes.

    answered: the thing asked for. closed: the host has nobody at that port. unreachable: a router, or this end, knows no way.
    large: the packet must not be cut and is too large. silent: nothing came. skipped: the time was over before it was sent.
    """

    kind: Literal["answered", "closed", "unreachable", "large", "silent", "skipped"]
    text: str = ""
    mtu: int = 0


SILENT = Outcome("silent")


@dataclass(frozen=True)
class Probe:
    """Something to send from a network namespace.

    size is that of a ping's whole IP packet; name is what DNS is asked for, wanted the family of the addresses that are.
    """

    netns: str
    kind: Kind
    address: str
    port: int = 0
    size: int = 0
    name: str = ""
    wanted: int = 4

    @property
    def family(self) -> int:
        """Return 4 or 6."""
        return 6 if ":" in self.address else 4


class Channel(Protocol):
    """An open socket: send() starts a probe under a number, receive() yields the numbers of those that came to an end."""

    socket: socket.socket

    def send(self, number: int, probe: Probe) -> Outcome | None:
        """Send; return the outcome if there is one already."""

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """Read what has come."""


class Echo:
    """ICMP echo requests of one family. A namespace's ping sockets are closed even to root (ping_group_range), raw ones are not."""

    def __init__(self, netns: str, family: int, identity: int) -> None:
        self.family, self.identity = family, identity
        self._targets: dict[int, str] = {}
        protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
        with inside(netns):
            self.socket = socket.socket(_family(family), socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        # Every raw socket gets a copy of every ICMP packet; the kernel keeps back all but answers and errors.
        if family == 4:
            self.socket.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("I", 0xFFFFFFFF & ~(1 << _ECHO_REPLY | 1 << _UNREACHABLE)))
            self.socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PROBE)
        else:
            passed = (_ECHO_REPLY_6, _UNREACHABLE_6, _TOO_BIG_6)
            blocked = [0xFFFFFFFF & ~sum(1 << kind % 32 for kind in passed if kind // 32 == word) for word in range(8)]
            self.socket.setsockopt(_SOL_ICMPV6, _ICMP6_FILTER, struct.pack("8I", *blocked))
            self.socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PROBE)
            self.socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_DONTFRAG, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    def send(self, number: int, probe: Probe) -> Outcome | None:
        """Send an echo request; with a size it must not be cut into fragments."""
        data = bytes(max(0, probe.size - _HEADERS[self.family]))
        request = _ECHO_REQUEST if self.family == 4 else _ECHO_REQUEST_6
        head = struct.pack("!BBHHH", request, 0, 0, self.identity, number)
        if self.family == 4:  # for ICMPv6 the kernel fills in the checksum
            head = head[:2] + struct.pack("!H", _checksum(head)) + head[4:]
        self._targets[number] = probe.address
        return _attempt(lambda: self.socket.sendto(head + data, (probe.address, 0)))

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """Yield what answers and ICMP errors say."""
        while True:
            try:
                data, source = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:
                continue
            found = _answer_4(data) if self.family == 4 else _answer_6(data)
            if found is None:
                continue
            identity, number, outcome = found
            answered = outcome.kind != "answered" or _same(source[0], self._targets.get(number, ""))
            if identity == self.identity and number in self._targets and answered:
                yield number, outcome


class Dns:
    """DNS queries to one server."""

    def __init__(self, netns: str, server: str) -> None:
        self._names: dict[int, str] = {}
        with inside(netns):
            self.socket = _datagrams(server)
        self.socket.connect((server, 53))

    def send(self, number: int, probe: Probe) -> Outcome | None:
        """Ask for the name's addresses of the probe's family."""
        self._names[number] = probe.name
        return _attempt(lambda: self.socket.send(dns.query(number, probe.name, probe.wanted)))

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """Yield the addresses that came, as words."""
        while True:
            try:
                data = self.socket.recv(4096)
            except BlockingIOError:
                return
            except OSError as error:  # one for all who asked
                yield from ((number, _failed(error)) for number in tuple(self._names))
                return
            number, addresses = dns.answer(data)
            if number in self._names:
                yield number, Outcome("answered", " ".join(addresses)) if addresses else Outcome("closed", "there is no such name")


class Tcp:
    """One attempt to connect."""

    def __init__(self, probe: Probe) -> None:
        self._number = 0
        with inside(probe.netns):
            self.socket = socket.socket(_family(probe.family), socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def send(self, number: int, probe: Probe) -> Outcome | None:
        """Begin to connect."""
        self._number = number
        code = self.socket.connect_ex((probe.address, probe.port))
        return Outcome("answered") if code == 0 else None if code == errno.EINPROGRESS else _failed(OSError(code, os.strerror(code)))

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """Yield how it went."""
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        yield self._number, _failed(OSError(code, os.strerror(code))) if code else Outcome("answered")


class Udp:
    """One datagram."""

    def __init__(self, probe: Probe) -> None:
        self._number = 0
        with inside(probe.netns):
            self.socket = _datagrams(probe.address)

    def send(self, number: int, probe: Probe) -> Outcome | None:
        """Send a datagram: to DNS's port a query, else one zero byte."""
        self._number = number
        data = dns.query(number & 0xFFFF, "localhost", 4) if probe.port == 53 else b"\0"

        def send() -> None:
            self.socket.connect((probe.address, probe.port))
            self.socket.send(data)

        return _attempt(send)

    def receive(self) -> Iterator[tuple[int, Outcome]]:
        """Yield that there was an answer, or which error."""
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return
        except OSError as error:
            yield self._number, _failed(error)
        else:
            yield self._number, Outcome("answered")


def _datagrams(address: str) -> socket.socket:
    return socket.socket(_family(6 if ":" in address else 4), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _family(version: int) -> socket.AddressFamily:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _same(address: str, other: str) -> bool:
    return address == other or (":" in other and IPv6Address(address.partition("%")[0]) == ip_address(other.partition("%")[0]))


def _attempt(send: Callable[[], object]) -> Outcome | None:
    try:
        send()
    except OSError as error:
        # A full queue or neighbour table is no answer: it is tried again.
        return None if error.errno in (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM) else _failed(error)
    return None


def _failed(error: OSError) -> Outcome:
    if error.errno == errno.ECONNREFUSED:
        return Outcome("closed", "connection refused")
    if error.errno == errno.EMSGSIZE:
        return Outcome("large", "larger than its own interface allows")
    if error.errno == errno.ETIMEDOUT:
        return SILENT
    return Outcome("unreachable", os.strerror(error.errno or 0).lower())


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of a head whose data is all zeros."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return 0xFFFF - ((total + (total >> 16)) & 0xFFFF)


def _answer_4(packet: bytes) -> tuple[int, int, Outcome] | None:
    """Return identity, number and outcome of an IPv4 packet; an error quotes the packet that it is about."""
    data = packet[(packet[0] & 15) * 4 :]
    if data[0] == _ECHO_REPLY:
        return (*struct.unpack_from("!HH", data, 4), Outcome("answered"))
    quoted = data[8:]
    asked = quoted[(quoted[0] & 15) * 4 :] if quoted else b""
    if len(asked) < 8 or quoted[9] != socket.IPPROTO_ICMP or asked[0] != _ECHO_REQUEST:
        return None
    sender = socket.inet_ntoa(packet[12:16])
    if data[1] == _NEEDS_FRAGMENTS:
        outcome = _too_large(sender, struct.unpack_from("!H", data, 6)[0])
    else:
        outcome = Outcome("unreachable", f"{_WORDS.get(data[1], 'unreachable')}, says {sender}")
    return (*struct.unpack_from("!HH", asked, 4), outcome)


def _answer_6(data: bytes) -> tuple[int, int, Outcome] | None:
    """Return identity, number and outcome of an ICMPv6 packet."""
    if data[0] == _ECHO_REPLY_6:
        return (*struct.unpack_from("!HH", data, 4), Outcome("answered"))
    asked = data[48:]
    if len(asked) < 8 or data[14] != socket.IPPROTO_ICMPV6 or asked[0] != _ECHO_REQUEST_6:
        return None
    if data[0] == _TOO_BIG_6:
        outcome = _too_large("a router", struct.unpack_from("!I", data, 4)[0])
    else:
        outcome = Outcome("unreachable", _WORDS_6.get(data[1], "unreachable"))
    return (*struct.unpack_from("!HH", asked, 4), outcome)


def _too_large(sender: str, mtu: int) -> Outcome:
    return Outcome("large", f"{sender} lets at most {mtu} bytes through", mtu)
