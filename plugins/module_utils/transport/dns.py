# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages (RFC 1035), as far as asking for addresses needs them; and where a namespace's name servers stand."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

_TYPES = {4: 1, 6: 28}  # A and AAAA
_RECURSION_DESIRED, _INTERNET = 0x0100, 1


def query(number: int, name: str, family: int) -> bytes:
    """Return the question for a name's addresses of one family (4 or 6)."""
    encoded = name.strip(".").encode("ascii" if name.isascii() else "idna")
    labels = b"".join(bytes((len(label),)) + label for label in encoded.split(b"."))
    return struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, _TYPES[family], _INTERNET)


def answer(data: bytes) -> tuple[int, list[str]]:
    """Return the number of the question and the addresses in an answer; (-1, []) for what is none."""
    try:
        number, _flags, questions, answers = struct.unpack_from("!4H", data)
        offset, addresses = 12, []
        for _question in range(questions):
            offset = _skip(data, offset) + 4
        for _answer in range(answers):
            offset = _skip(data, offset)
            kind, _class, _lifetime, length = struct.unpack_from("!HHIH", data, offset)
            offset += 10
            if kind in _TYPES.values():
                family = socket.AF_INET if kind == _TYPES[4] else socket.AF_INET6
                addresses.append(socket.inet_ntop(family, data[offset : offset + length]))
            offset += length
    except (struct.error, IndexError, ValueError, OSError):
        return -1, []
    return number, addresses


def servers(netns: str) -> tuple[list[str], list[str]]:
    """Return the name servers and search domains that a namespace's programs use, as ip-netns(8) arranges it."""
    own = Path("/etc/netns") / netns / "resolv.conf"
    path = own if netns and own.exists() else Path("/etc/resolv.conf")
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "domain": []}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        word, *values = line.split() or [""]
        if word == "nameserver":
            found[word] += values[:1]
        elif word in found:
            found[word] = values
    return found["nameserver"], found["search"] or found["domain"]


def _skip(data: bytes, offset: int) -> int:
    """Return where a name ends that begins at offset."""
    while True:
        length = data[offset]
        if length & 0xC0:
            return offset + 2
        offset += 1 + length
        if not length:
            return offset
