# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the kernel whether it has a generic netlink family."""

from __future__ import annotations

import socket
import struct

# linux/netlink.h and linux/genetlink.h
_NETLINK_GENERIC, _ERROR, _REQUEST = 16, 2, 1
_GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_NAME = 16, 3, 2


def available(family: str) -> bool:
    """Say whether the kernel has the family. It loads the family's module if it can (net/netlink/genetlink.c, ctrl_getfamily)."""
    name = family.encode() + b"\0"
    attribute = struct.pack("HH", 4 + len(name), _CTRL_ATTR_FAMILY_NAME) + name + b"\0" * (-len(name) % 4)
    body = struct.pack("BBH", _CTRL_CMD_GETFAMILY, 1, 0) + attribute
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC) as control:
            control.send(struct.pack("IHHII", 16 + len(body), _GENL_ID_CTRL, _REQUEST, 1, 0) + body)
            answer = control.recv(1 << 16)
    except OSError:
        return False
    return bool(struct.unpack_from("H", answer, 4)[0] != _ERROR)
