# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's neighbours (ARP and ND) and the routes it would take: what checks look at, and tidy up after themselves."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .namespaces import inside

# linux/rtnetlink.h, linux/neighbour.h
_ERROR, _DONE, _REQUEST, _DUMP = 2, 3, 0x1, 0x300
_NEWNEIGH, _DELNEIGH, _GETNEIGH, _GETROUTE = 28, 29, 30, 26
_CREATE, _EXCL, _NUD_STALE = 0x400, 0x200, 0x04
_NDA_DST, _NDA_LLADDR, _RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 2, 1, 4, 5, 7
_NUD_INCOMPLETE, _NUD_FAILED, _NUD_NOARP, _NUD_PERMANENT = 0x01, 0x20, 0x40, 0x80
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True)
class Neighbour:
    """An entry of the kernel's neighbour table; known says that the other's MAC address is."""

    index: int
    address: str
    known: bool
    lasting: bool
    mac: bytes = b""


@dataclass(frozen=True)
class Way:
    """How a packet would leave: interface, gateway if any, source address; or error, the kernel's reason why it would not."""

    index: int = 0
    via: str = ""
    source: str = ""
    error: str = ""


class Neighbours:
    """A conversation with one network namespace about its neighbours."""

    def __init__(self, netns: str) -> None:
        with inside(netns):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def entries(self) -> list[Neighbour]:
        """Return all neighbours of both families."""
        found = []
        for family in _FAMILIES.values():
            for data in self._ask(_GETNEIGH, _DUMP, struct.pack("BBHiHBB", family, 0, 0, 0, 0, 0, 0)):
                index, state = struct.unpack_from("iH", data, 20)
                values = dict(_attributes(data, 28))
                if _NDA_DST in values and len(values[_NDA_DST]) in (4, 16):
                    address = socket.inet_ntop(family, values[_NDA_DST])
                    known = not state & (_NUD_INCOMPLETE | _NUD_FAILED)
                    found.append(
                        Neighbour(index, address, known, bool(state & (_NUD_NOARP | _NUD_PERMANENT)), values.get(_NDA_LLADDR, b""))
                    )
        return found

    def lend(self, entries: Collection[tuple[int, str, bytes]]) -> None:
        """Tell index, address and MAC address of neighbours. Who is in the table stays as it is."""
        requests = []
        for index, address, mac in entries:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            body = struct.pack("BBHiHBB", family, 0, 0, index, _NUD_STALE, 0, 0)
            attributes = _attribute(_NDA_DST, socket.inet_pton(family, address)) + _attribute(_NDA_LLADDR, mac)
            requests.append(self._message(_NEWNEIGH, _CREATE | _EXCL, body + attributes))
        if requests:
            self._socket.send(b"".join(requests))

    def forget(self, kept: Collection[tuple[int, str]]) -> list[Neighbour]:
        """Forget the neighbours whose index and address are not among those kept; return all. Lasting ones always stay."""
        requests, found = [], self.entries()
        for entry in found:
            if not entry.lasting and (entry.index, entry.address) not in kept:
                family = socket.AF_INET6 if ":" in entry.address else socket.AF_INET
                body = struct.pack("BBHiHBB", family, 0, 0, entry.index, 0, 0, 0)
                requests.append(self._message(_DELNEIGH, 0, body + _attribute(_NDA_DST, socket.inet_pton(family, entry.address))))
        if requests:
            self._socket.send(b"".join(requests))  # who is gone meanwhile is an error that the next question skips
        return found

    def way(self, address: str) -> Way:
        """Ask which way a packet to the address would take."""
        family = _FAMILIES[6 if ":" in address else 4]
        data = socket.inet_pton(family, address)
        body = struct.pack("BBBBBBBBI", family, len(data) * 8, 0, 0, 0, 0, 0, 0, 0) + _attribute(_RTA_DST, data)
        try:
            (message,) = self._ask(_GETROUTE, 0, body)
        except OSError as error:
            return Way(error=os.strerror(error.errno or 0).lower())
        values = dict(_attributes(message, 28))
        via, source = (socket.inet_ntop(family, values[key]) if key in values else "" for key in (_RTA_GATEWAY, _RTA_PREFSRC))
        return Way(struct.unpack("I", values[_RTA_OIF])[0] if _RTA_OIF in values else 0, via, source)

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        return struct.pack("IHHII", 16 + len(body), kind, _REQUEST | flags, self._sequence, 0) + body

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[bytes]:
        """Yield the answers to a question. Raise OSError."""
        self._sequence += 1
        self._socket.send(self._message(kind, flags, body))
        while True:
            data, offset = self._socket.recv(1 << 18), 0
            while offset < len(data):
                length, answer, _flags, sequence = struct.unpack_from("IHHI", data, offset)
                message, offset = data[offset : offset + length], offset + ((length + 3) & ~3)
                if sequence != self._sequence:
                    continue
                if answer == _ERROR:
                    code = -struct.unpack_from("i", message, 16)[0]
                    raise OSError(code, os.strerror(code))
                if answer == _DONE:
                    return
                yield message
                if not flags:
                    return


def _attributes(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, offset)
        yield kind, data[offset + 4 : offset + length]
        offset += max(4, (length + 3) & ~3)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
