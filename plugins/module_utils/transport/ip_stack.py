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

from .attributes import attributes
from .rtnetlink import GEN_MODE_NONE, INET6_ADDR_GEN_MODE

_SILENT = {"ipv4/conf/{}/arp_ignore": 8, "ipv6/conf/{}/disable_ipv6": 1}
# The same in linux/if_link.h with linux/ip.h and linux/ipv6.h: by family the attribute with all settings, and the place in it.
_PLACES: dict[int, tuple[int, int]] = {AF_INET: (1, 18), AF_INET6: (2, 26)}


def silent(families: bytes) -> bool:
    """Say whether the host keeps quiet on an interface; a family that the kernel, or the interface, has not is quiet."""
    told = attributes(families)
    return all(_setting(told[family], family) == value for family, value in zip(_PLACES, _SILENT.values()) if family in told)


def link_local(families: bytes) -> bool | None:
    """Say whether the kernel gives an interface an IPv6 address by itself, None where it has no IPv6."""
    ipv6 = attributes(families).get(AF_INET6)
    return None if ipv6 is None else attributes(ipv6).get(INET6_ADDR_GEN_MODE, b"\0")[0] != GEN_MODE_NONE


def set_silent(name: str, on: bool) -> None:
    """Have the host keep quiet on an interface, or take part again."""
    for key, value in _SILENT.items():
        _write(key.format(name), str(value if on else 0))


def give_link_local(name: str) -> None:
    """Have the kernel give an interface an IPv6 address by itself, as it does unless it is told not to."""
    _write(f"ipv6/conf/{name}/addr_gen_mode", "0")


def _setting(told: bytes, family: int) -> int:
    kind, place = _PLACES[family]
    return int(struct.unpack_from("i", attributes(told)[kind], 4 * place)[0])


# A kernel may lack IPv6.
def _write(setting: str, value: str) -> None:
    try:
        with open(f"/proc/sys/net/{setting}", "r+", encoding="ascii") as file:
            file.write(value)
    except FileNotFoundError:
        if not setting.startswith("ipv6/"):
            raise
