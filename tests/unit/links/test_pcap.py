# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures are read whatever program and machine wrote them, and damaged ones are refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import Frame, frames

DATA = bytes(range(60))
WHEN = 1_700_000_000_123_456_000  # ns


def classic(order: str = "<", magic: int = 0xA1B2C3D4, unit: int = 1000, link: int = 1, length: int = 60) -> bytes:
    seconds, rest = divmod(WHEN, 10**9)
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    return head + struct.pack(f"{order}IIII", seconds, rest // unit, 60, length) + DATA


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)


def section(order: str, options: bytes = b"", link: int = 1) -> bytes:
    head = block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    return head + block(order, 1, struct.pack(f"{order}HHI", link, 0, 262144) + options)


def enhanced(order: str, stamp: int) -> bytes:
    return block(order, 6, struct.pack(f"{order}IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, 60, 60) + DATA)


RESOLUTION = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)  # if_tsresol: 10^-9 s
WRITTEN = {
    "microseconds": classic(),
    "nanoseconds": classic(magic=0xA1B23C4D, unit=1),
    "the other byte order": classic(">"),
    "pcapng": section("<") + enhanced("<", WHEN // 1000),
    "pcapng, the other byte order": section(">") + enhanced(">", WHEN // 1000),
    "pcapng with nanoseconds": section("<", RESOLUTION) + enhanced("<", WHEN),
    "pcapng with blocks of other kinds": section("<") + block("<", 5, bytes(12)) + enhanced("<", WHEN // 1000) + block("<", 4, bytes(4)),
    "pcapng in two sections": section(">") + section("<", RESOLUTION) + enhanced("<", WHEN),
}
NOT_READ = {
    "no capture": (b"127.0.0.1 localhost\n", "is no capture in the format pcap or pcapng"),
    "empty": (b"", "is no capture in the format pcap or pcapng"),
    "of an interface without Ethernet": (classic(link=113), "no Ethernet frames (link type 113)"),
    "pcapng of such an interface": (section("<", link=113) + enhanced("<", 0), "no Ethernet frames (link type 113)"),
    "with a frame of a gigabyte": (classic()[:24] + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "is damaged"),
    "a header alone": (classic()[:15], "is damaged"),
    "of an interface that is not described": (section("<")[:28] + enhanced("<", 0), "is damaged"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_every_form_is_read(case: str, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_bytes(WRITTEN[case])
    assert list(frames(str(file))) == [Frame(WHEN, DATA, 60)]


@pytest.mark.parametrize("case", NOT_READ)
def test_what_cannot_be_read_is_refused(case: str, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_bytes(NOT_READ[case][0])
    with pytest.raises(LabError, match=r"Cannot (read|use)") as caught:
        list(frames(str(file)))
    assert NOT_READ[case][1] in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(LabError, match="Cannot read the capture '/nowhere': No such file or directory"):
        list(frames("/nowhere"))


def test_a_frame_of_which_a_part_was_kept_is_known(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_bytes(classic(length=1500))
    assert [one.whole for one in frames(str(file))] == [False]


@pytest.mark.parametrize("case", ["microseconds", "pcapng"])
def test_a_last_frame_that_was_cut_off_is_left_out(case: str, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_bytes(WRITTEN[case] + WRITTEN[case][24 if case == "microseconds" else 48 :][:-5])
    assert len(list(frames(str(file)))) == 1
