# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read captured packets: files of libpcap (pcap-savefile(5)) and pcapng, of either byte order, one frame at a time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .._errors import LabError

ETHERNET = 1  # LINKTYPE_ETHERNET
MOST = 1 << 18  # bytes of a frame, libpcap's own limit
_MICRO, _NANO, _SECTION, _ORDER = 0xA1B2C3D4, 0xA1B23C4D, 0x0A0D0D0A, 0x1A2B3C4D
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14
_SECOND = 10**9


@dataclass(frozen=True)
class Frame:
    """A packet: when it was seen, in nanoseconds, its bytes as far as they were kept, and how many it had."""

    time: int
    data: bytes
    length: int

    @property
    def whole(self) -> bool:
        """Say whether nothing was cut off."""
        return len(self.data) >= self.length


def frames(path: str) -> Iterator[Frame]:
    """Yield the Ethernet frames of a file in its order. A last one that was not written to its end is left out. Raise LabError."""
    try:
        with Path(path).open("rb") as file:
            magic = file.read(4)
            if struct.unpack("<I", magic.ljust(4, b"\0"))[0] == _SECTION:
                yield from _Sections(file, path).frames()
            else:
                yield from _classic(file, magic, path)
    except OSError as error:
        raise LabError(f"Cannot read the capture '{path}': {error.strerror}.") from error
    except (struct.error, IndexError) as error:
        raise LabError(f"Cannot read the capture '{path}': it is damaged.") from error


def _classic(file: BinaryIO, magic: bytes, path: str) -> Iterator[Frame]:
    orders = {(order, number) for order in "<>" for number in (_MICRO, _NANO) if struct.pack(f"{order}I", number) == magic}
    if not orders:
        raise LabError(f"Cannot read '{path}': it is no capture in the format pcap or pcapng.")
    order, number = orders.pop()
    unit = 1 if number == _NANO else 1000
    header = file.read(20)
    _require_ethernet(struct.unpack_from(f"{order}I", header, 16)[0] & 0xFFFF, path)
    while len(head := file.read(16)) == 16:
        seconds, fraction, kept, length = struct.unpack(f"{order}IIII", head)
        _require_sane(kept, path)
        data = file.read(kept)
        if len(data) < kept:
            return
        yield Frame(seconds * _SECOND + fraction * unit, data, length)


class _Sections:
    """The blocks of a pcapng file; each section has a byte order and interfaces of its own."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._path = path
        self._order = "<"
        self._interfaces: list[tuple[int, int, int, int]] = []  # link type, snaplen, units of a second, offset in seconds

    def frames(self) -> Iterator[Frame]:
        self._file.seek(0)
        while len(head := self._file.read(8)) == 8:
            if struct.unpack("<I", head[:4])[0] == _SECTION:
                magic = self._file.read(4)
                self._order = "<" if struct.unpack("<I", magic)[0] == _ORDER else ">"
                self._file.seek(-4, 1)
                self._interfaces = []
            kind, length = struct.unpack(f"{self._order}II", head)
            _require_sane(length - 12, self._path, MOST + (1 << 16))
            body = self._file.read(length - 12)
            if len(body) < length - 12 or len(self._file.read(4)) < 4:
                return
            if kind == _INTERFACE:
                self._interfaces.append(self._interface(body))
            elif kind in (_ENHANCED, _OLD_PACKET, _SIMPLE):
                yield self._frame(kind, body)

    def _frame(self, kind: int, body: bytes) -> Frame:
        if kind == _SIMPLE:
            (length,) = struct.unpack_from(f"{self._order}I", body)
            link, snaplen, _units, _offset = self._interfaces[0]
            number, high, low, kept, begin = 0, 0, 0, min(length, snaplen or length), 4
        else:
            layout = "HHIIII" if kind == _OLD_PACKET else "IIIII"
            number, *_drops, high, low, kept, length = struct.unpack_from(f"{self._order}{layout}", body)
            begin = 20
        link, _snaplen, units, offset = self._interfaces[number]
        _require_ethernet(link, self._path)
        return Frame((high << 32 | low) * _SECOND // units + offset * _SECOND, body[begin : begin + kept], length)

    def _interface(self, body: bytes) -> tuple[int, int, int, int]:
        link, snaplen = struct.unpack_from(f"{self._order}HxxI", body)
        units, offset, place = 10**6, 0, 8
        while place + 4 <= len(body):
            code, length = struct.unpack_from(f"{self._order}HH", body, place)
            value = body[place + 4 : place + 4 + length]
            if code == _TSRESOL:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == _TSOFFSET:
                (offset,) = struct.unpack(f"{self._order}q", value)
            elif code == 0:
                break
            place += 4 + (length + 3 & ~3)
        return link, snaplen, units, offset


def _require_ethernet(link: int, path: str) -> None:
    if link != ETHERNET:
        raise LabError(f"Cannot use the capture '{path}': its packets are no Ethernet frames (link type {link}); capture at one interface.")


def _require_sane(length: int, path: str, most: int = MOST) -> None:
    if not 0 <= length <= most:
        raise LabError(f"Cannot read the capture '{path}': it is damaged.")
