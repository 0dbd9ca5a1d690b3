# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The offloads of an interface, by the ioctl of ethtool(8)."""

from __future__ import annotations

import array
import fcntl
import socket
import struct

from .._errors import LabError

# linux/sockios.h, linux/ethtool.h
_SIOCETHTOOL = 0x8946
_GTXCSUM, _STXCSUM = 0x16, 0x17


def tx_offload(control: socket.socket, name: str) -> bool:
    """Say whether the kernel leaves transmit checksums to the interface, in the namespace of a socket of any family."""
    return bool(_call(control, name, _GTXCSUM, 0, "read"))


def set_tx_offload(name: str, on: bool) -> None:
    """Leave transmit checksums to the interface, or have the kernel compute them (and so switch off segmentation offload).

    It is one of the namespace that this thread is in.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _call(control, name, _STXCSUM, int(on), "set")


def _call(control: socket.socket, name: str, command: int, value: int, verb: str) -> int:
    data = array.array("I", (command, value))
    request = struct.pack("16sP", name.encode(), data.buffer_info()[0])
    try:
        fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError as error:
        raise LabError(f"Cannot {verb} the transmit offload of '{name}': {error.strerror}.") from error
    return data[1]
