# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Macvtaps: a program's cable to an interface of the machine. Each is a character device of its own (drivers/net/macvtap.c)."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import tempfile
from pathlib import Path

from .._errors import LabError

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_CLASS = Path("/sys/class/net")


def device(name: str) -> tuple[int, int] | None:
    """Return major and minor number of a macvtap's device, None for any other interface."""
    for file in (_CLASS / name / "macvtap").glob("tap*/dev"):
        major, _colon, minor = file.read_text(encoding="ascii").strip().partition(":")
        return int(major), int(minor)
    return None


def opened(name: str, vnet_hdr: bool) -> int:
    """Return a descriptor of a macvtap. Raise LabError."""
    numbers = device(name)
    if numbers is None:
        raise LabError(f"Cannot open the macvtap '{name}': it does not exist.")
    # By a node of our own: udev, which would make /dev/tapN, may not run. Its name, by which seen() knows it again, is the index.
    with tempfile.TemporaryDirectory(prefix="netvirt-", dir="/run") as folder:
        node = f"{folder}/macvtap{(_CLASS / name / 'ifindex').read_text(encoding='ascii').strip()}"
        os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(*numbers))
        try:
            descriptor = os.open(node, os.O_RDWR | os.O_CLOEXEC)
            flags = _IFF_TAP | _IFF_NO_PI | (_IFF_VNET_HDR if vnet_hdr else 0)
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"", flags))
        except OSError as error:
            raise LabError(f"Cannot open the macvtap '{name}': {error.strerror}.") from error
    return descriptor


def seen(target: str) -> str | None:
    """Return the macvtap that a process has open, by what its descriptor leads to; '' if it is gone, None if it is none."""
    name = os.path.basename(target.replace(" (deleted)", ""))
    if not (name.startswith("macvtap") and "/netvirt-" in target):
        return None
    for entry in _CLASS.glob("*/macvtap"):
        if (entry.parent / "ifindex").read_text(encoding="ascii").strip() == name[len("macvtap") :]:
            return entry.parent.name
    return ""
