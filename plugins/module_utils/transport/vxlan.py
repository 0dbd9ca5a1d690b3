# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN devices: Ethernet frames to other machines in UDP (RFC 7348), a copy of each broadcast to each machine that is listed.

Netlink's codes for linux/if_link.h and linux/neighbour.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from .attributes import attribute, attributes, number, whole
from .rtnetlink import Request, message

PORT = 4789  # IANA's; the kernel's own default is an older one
AF_BRIDGE = 7
_ID, _LOCAL, _PORT, _LOCAL6 = 1, 4, 15, 17
_NEWNEIGH, _DELNEIGH = 28, 29
_CREATE, _APPEND = 0x400, 0x800
_NDA_DST, _NDA_LLADDR = 1, 2
_NTF_SELF, _NUD_PERMANENT, _NUD_NOARP = 0x02, 0x80, 0x40
_ANY = bytes(6)  # where frames go whose address is not known, and broadcasts


class Vxlan(NamedTuple):
    """What a VXLAN device is made as."""

    vni: int
    local: str
    port: int


def vxlan_data(vni: int, local: str) -> bytes:
    """Pack what a device is made as; it learns which machine an address is on."""
    address = ip_address(local)
    own = attribute(_LOCAL if address.version == 4 else _LOCAL6, address.packed)
    return number(_ID, vni) + own + attribute(_PORT, struct.pack("!H", PORT))


def vxlan_of(data: bytes) -> Vxlan:
    """Unpack it."""
    found = attributes(data)
    local = found.get(_LOCAL) or found.get(_LOCAL6)
    port = struct.unpack("!H", found[_PORT])[0] if _PORT in found else 0
    return Vxlan(whole(found.get(_ID, b"")), str(ip_address(local)) if local and any(local) else "", port)


def set_floods(index: int, name: str, have: Iterable[str], want: Iterable[str]) -> list[Request]:
    """Ask for the machines that get a copy of each broadcast, and for the end of the others."""
    have, want = set(have), set(want)
    added = (_flood(index, remote, _NEWNEIGH, _CREATE | _APPEND, f"send '{name}' to {remote}") for remote in sorted(want - have))
    gone = (_flood(index, remote, _DELNEIGH, 0, f"end sending '{name}' to {remote}") for remote in sorted(have - want))
    return [*added, *gone]


def floods_by_index(entries: Iterable[bytes]) -> Mapping[int, tuple[str, ...]]:
    """Return the machines that each device sends broadcasts to, from the entries of forwarding tables."""
    found: dict[int, set[str]] = {}
    for data in entries:
        index, state = struct.unpack_from("iH", data, 20)
        entry = attributes(data, 28)
        if entry.get(_NDA_LLADDR) == _ANY and _NDA_DST in entry and state & _NUD_PERMANENT:
            found.setdefault(index, set()).add(str(ip_address(entry[_NDA_DST])))
    return {index: tuple(sorted(remotes)) for index, remotes in found.items()}


def _flood(index: int, remote: str, kind: int, flags: int, purpose: str) -> Request:
    address = ip_address(remote)
    body = struct.pack("BxxxiHBB", AF_BRIDGE, index, _NUD_PERMANENT | _NUD_NOARP, _NTF_SELF, 0)
    body += attribute(_NDA_LLADDR, _ANY) + attribute(_NDA_DST, address.packed)
    return Request(purpose, (message(kind, flags, body),))
