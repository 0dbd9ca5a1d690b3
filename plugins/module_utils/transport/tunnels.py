# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that carry Ethernet frames to other machines: VXLAN's to any number of them; Geneve's (RFC 8926) and GRE's (RFC 2890) to one.

Netlink's codes for linux/if_link.h and linux/if_tunnel.h. Outside they are alike: as many hops as any packet of the machine, and, of GRE
over IPv4 as of VXLAN, fragments rather than loss where the underlay takes less than was said of it.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import NamedTuple

from .attributes import attribute, attributes, number, whole
from .vxlan import PORT, vxlan_data, vxlan_of

GENEVE_PORT = 6081  # IANA's
_PORT = struct.pack("!H", GENEVE_PORT)
_GENEVE_ID, _GENEVE_REMOTE, _GENEVE_PORT, _GENEVE_COLLECT_METADATA, _GENEVE_REMOTE6 = 1, 2, 5, 6, 7
_GRE_IFLAGS, _GRE_OFLAGS, _GRE_IKEY, _GRE_OKEY, _GRE_LOCAL, _GRE_REMOTE, _GRE_TTL, _GRE_PMTUDISC, _GRE_FLAGS = 2, 3, 4, 5, 6, 7, 8, 10, 13
_GRE_IGNORE_DF = 19
_KEY = struct.pack("!H", 0x2000)  # GRE_KEY
_NO_ENCAPSULATION_LIMIT = 1  # linux/ip6_tunnel.h, IP6_TNL_F_IGN_ENCAP_LIMIT: 8 bytes less in each packet
_FOUND_OUT = 0xFFFF0000  # IP6_TNL_F_CAP_*: what the kernel says among the flags, and takes from nobody
_HOPS = 64  # without it the kernel takes over what the packet inside has, and one for a neighbour would never arrive


class Ends(NamedTuple):
    """What a tunnel is made as; local and remote are '' where it has none.

    vni is None where the number is for another port, and so clashes with none of tunnel_data's. Whether all else is as there, made says.
    """

    vni: int | None
    local: str
    remote: str
    made: bool = True


def tunnel_data(kind: str, vni: int, local: str, remote: str) -> bytes:
    """Pack what a device of a kind is made as. Geneve's has no address of its own: see source()."""
    if kind == "vxlan":
        return vxlan_data(vni, local)
    far = ip_address(remote).packed
    if kind == "geneve":
        where = attribute(_GENEVE_REMOTE if len(far) == 4 else _GENEVE_REMOTE6, far)
        return number(_GENEVE_ID, vni) + where + attribute(_GENEVE_PORT, _PORT)
    key = struct.pack("!I", vni)
    data = attribute(_GRE_IFLAGS, _KEY) + attribute(_GRE_OFLAGS, _KEY) + attribute(_GRE_IKEY, key) + attribute(_GRE_OKEY, key)
    data += attribute(_GRE_LOCAL, ip_address(local).packed) + attribute(_GRE_REMOTE, far) + number(_GRE_TTL, _HOPS, "B")
    if kind == "ip6gretap":
        return data + number(_GRE_FLAGS, _NO_ENCAPSULATION_LIMIT)
    return data + number(_GRE_PMTUDISC, 0, "B") + number(_GRE_IGNORE_DF, 1, "B")


def tunnel_of(kind: str, data: bytes) -> Ends:
    """Unpack it."""
    if kind == "vxlan":
        found = vxlan_of(data)
        return Ends(found.vni if found.port == PORT else None, found.local, "")
    values = attributes(data)
    if kind == "geneve":
        own = has_geneve_port(kind, data) and not shared(kind, data)
        return Ends(whole(values[_GENEVE_ID]) if own else None, "", _address(values.get(_GENEVE_REMOTE) or values.get(_GENEVE_REMOTE6)))
    vni = int.from_bytes(values.get(_GRE_OKEY, b""), "big")
    local, remote = _address(values.get(_GRE_LOCAL)), _address(values.get(_GRE_REMOTE))
    values[_GRE_FLAGS] = struct.pack("I", whole(values.get(_GRE_FLAGS, b"")) & ~_FOUND_OUT)
    made = bool(local and remote) and attributes(tunnel_data(kind, vni, local, remote)).items() <= values.items()
    return Ends(vni, local, remote, made)


def shared(kind: str, data: bytes) -> bool:
    """Say whether a device is one for any machine and number, as Open vSwitch's kernel datapath has it: it has its port for itself."""
    return kind == "geneve" and _GENEVE_COLLECT_METADATA in attributes(data)


def has_geneve_port(kind: str, data: bytes) -> bool:
    """Say whether a device gets what comes in for Geneve."""
    return kind == "geneve" and attributes(data).get(_GENEVE_PORT) == _PORT


def source(remote: str) -> str:
    """Return the address that the machine sends from to another one, as its routes say; '' if it has no way there."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote, GENEVE_PORT))  # sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _address(packed: bytes | None) -> str:
    return str(ip_address(packed)) if packed and any(packed) else ""
