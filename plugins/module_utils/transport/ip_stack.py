# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host's own IP stack takes part in what arrives at an interface.

What is read is read out of what the kernel tells of an interface (IFLA_AF_SPEC): two files of /proc for each of a thousand switch ports
take longer than all else about them. What is written is written in the namespace that this thread is in.
"""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6
from typing import NamedTuple

from .attributes import attributes
from .rtnetlink import GEN_MODE_NONE, INET6_ADDR_GEN_MODE


class _Setting(NamedTuple):
    """One of /proc/sys/net, and the same in linux/if_link.h with linux/ip.h and linux/ipv6.h: the attribute with all, and its place."""

    key: str
    value: int
    attribute: int
    place: int


_SILENT: dict[int, _Setting] = {
    AF_INET: _Setting("ipv4/conf/{}/arp_ignore", 8, 1, 18),
    AF_INET6: _Setting("ipv6/conf/{}/disable_ipv6", 1, 2, 26),
}


def silent(families: bytes) -> bool:
    """Say whether the host keeps quiet on an interface; a family that the kernel, or the interface, has not is quiet."""
    told = attributes(families)
    return all(_told(told[family], wanted) == wanted.value for family, wanted in _SILENT.items() if family in told)


def link_local(families: bytes) -> bool | None:
    """Say whether the kernel gives an interface an IPv6 address by itself, None where it has no IPv6."""
    ipv6 = attributes(families).get(AF_INET6)
    return None if ipv6 is None else attributes(ipv6).get(INET6_ADDR_GEN_MODE, b"\0")[0] != GEN_MODE_NONE


def set_silent(name: str, on: bool) -> None:
    """Have the host keep quiet on an interface, or take part again."""
    for setting in _SILENT.values():
        _write(setting.key.format(name), str(setting.value if on else 0))


def give_link_local(name: str) -> None:
    """Have the kernel give an interface an IPv6 address by itself, as it does unless it is told not to."""
    _write(f"ipv6/conf/{name}/addr_gen_mode", "0")


def _told(family: bytes, setting: _Setting) -> int:
    return int(struct.unpack_from("i", attributes(family)[setting.attribute], 4 * setting.place)[0])


# A kernel may lack IPv6.
def _write(setting: str, value: str) -> None:
    try:
        with open(f"/proc/sys/net/{setting}", "r+", encoding="ascii") as file:
            file.write(value)
    except FileNotFoundError:
        if not setting.startswith("ipv6/"):
            raise
