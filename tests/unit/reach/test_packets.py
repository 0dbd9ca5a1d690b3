# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packets of probes: what is sent, and what is read out of answers and ICMP errors."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import dns, probes

IPV4 = bytes((0x45,)) + bytes(8) + b"\x01" + bytes(2) + socket.inet_aton("10.8.0.1") + socket.inet_aton("10.8.0.7")
ASKED = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 77)
IPV6 = bytes(6) + b"\x3a" + bytes(33)


def test_the_checksum_is_the_internets() -> None:
    head = struct.pack("!BBHHH", 8, 0, 0, 0xFFFF, 0xFFFE)
    whole = head[:2] + struct.pack("!H", probes._checksum(head)) + head[4:]
    total = sum(struct.unpack("!4H", whole))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.mark.parametrize(
    ("icmp", "kind", "text", "mtu"),
    [
        (struct.pack("!BBHHH", 0, 0, 0, 0x1234, 77), "answered", "", 0),
        (struct.pack("!BBHI", 3, 1, 0, 0) + IPV4 + ASKED, "unreachable", "host unreachable, says 10.8.0.1", 0),
        (struct.pack("!BBHI", 3, 13, 0, 0) + IPV4 + ASKED, "unreachable", "prohibited, says 10.8.0.1", 0),
        (struct.pack("!BBHHH", 3, 4, 0, 0, 1400) + IPV4 + ASKED, "large", "10.8.0.1 lets at most 1400 bytes through", 1400),
    ],
)
def test_answers(icmp: bytes, kind: str, text: str, mtu: int) -> None:
    assert probes._answer_4(IPV4 + icmp) == (0x1234, 77, probes.Outcome(kind, text, mtu))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("icmp", "kind", "mtu"),
    [
        (struct.pack("!BBHHH", 129, 0, 0, 0x1234, 77), "answered", 0),
        (struct.pack("!BBHI", 1, 3, 0, 0) + IPV6 + b"\x80" + ASKED[1:], "unreachable", 0),
        (struct.pack("!BBHI", 2, 0, 0, 1300) + IPV6 + b"\x80" + ASKED[1:], "large", 1300),
    ],
)
def test_answers_of_ipv6(icmp: bytes, kind: str, mtu: int) -> None:
    found = probes._answer_6(icmp)
    assert found is not None
    assert (*found[:2], found[2].kind, found[2].mtu) == (0x1234, 77, kind, mtu)


def test_errors_about_other_packets_are_nobodys() -> None:
    udp = IPV4[:9] + b"\x11" + IPV4[10:]
    assert probes._answer_4(IPV4 + struct.pack("!BBHI", 3, 3, 0, 0) + udp + ASKED) is None
    assert probes._answer_4(IPV4 + struct.pack("!BBHI", 3, 3, 0, 0)) is None


def test_a_query_and_its_answer() -> None:
    question = dns.query(7, "bob.park.internal", 4)
    assert question[12:] == b"\x03bob\x04park\x08internal\0\0\x01\0\x01"
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton("10.8.0.9")
    other = b"\xc0\x0c" + struct.pack("!HHIH", 28, 1, 60, 16) + socket.inet_pton(socket.AF_INET6, "fd01::9")
    assert dns.answer(struct.pack("!6H", 7, 0x8180, 1, 2, 0, 0) + question[12:] + record + other) == (7, ["10.8.0.9", "fd01::9"])
    assert dns.answer(struct.pack("!6H", 7, 0x8183, 1, 0, 0, 0) + question[12:]) == (7, [])


def test_what_is_no_answer_is_none() -> None:
    assert dns.answer(b"") == (-1, [])
    assert dns.answer(struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + b"\x03bo") == (-1, [])
