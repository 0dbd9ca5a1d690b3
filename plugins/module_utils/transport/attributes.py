# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink's attributes (netlink(7)): numbered values, one behind the other, some of which hold such values themselves."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator

_NUMBER = 0x3FFF  # the other bits say "nested" and "big-endian"
_HEAD = struct.Struct("HH")


def attribute(kind: int, data: bytes) -> bytes:
    """Return one attribute, padded."""
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a word."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int, form: str = "I") -> bytes:
    """Return an attribute that holds a number, as struct's form says."""
    return attribute(kind, struct.pack(form, value))


def each(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of the attributes that begin at an offset."""
    # A lab of a thousand nodes has a quarter of a million of them.
    head, last = _HEAD.unpack_from, len(data) - 4
    while offset <= last:
        length, kind = head(data, offset)
        if length < 4:
            return
        yield kind & _NUMBER, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return the attributes that begin at an offset, by number."""
    return dict(each(data, offset))


def word(data: bytes) -> str:
    """Return the word that an attribute's value holds."""
    return data.rstrip(b"\0").decode(errors="replace")


def whole(data: bytes) -> int:
    """Return the number that an attribute's value holds, in the machine's byte order and of any width."""
    return int.from_bytes(data, sys.byteorder)
