# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tap devices, which the kernel makes by ioctl(2) on /dev/net/tun only, in the namespace that the calling thread is in."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from .._errors import LabError
from . import macvtap
from .attributes import attributes, whole

# linux/if_tun.h
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER, _TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
_TUNGETIFF, _TUNSETOFFLOAD, _TUNGETVNETHDRSZ = 0x800454D2, 0x400454D0, 0x800454D7
_IFF_TAP, _IFF_MULTI_QUEUE, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x0100, 0x1000, 0x4000


def open_tap(name: str, vnet_hdr: bool, multi_queue: bool = False) -> int:
    """Return a descriptor of a tap's (next) queue, for a program that is to be its cable. An absent tap is made, until it is closed."""
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise LabError(f"Cannot open /dev/net/tun for the tap '{name}': {error.strerror}; load the kernel module tun.") from error
    flags = _IFF_TAP | _IFF_NO_PI | (_IFF_VNET_HDR if vnet_hdr else 0) | (_IFF_MULTI_QUEUE if multi_queue else 0)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    except OSError as error:
        os.close(descriptor)
        said = "another process has it open" if error.errno == errno.EBUSY else error.strerror
        raise LabError(f"Cannot open the tap '{name}': {said}.") from error
    return descriptor


@contextmanager
def created(name: str, owner: int | None, group: int | None, vnet_hdr: bool, multi_queue: bool) -> Iterator[None]:
    """Make a tap that outlives this process only when the body has run to its end. owner and group are ids, -1 or None for nobody."""
    descriptor = open_tap(name, vnet_hdr, multi_queue)
    try:
        _own(descriptor, owner, group)
        yield
        fcntl.ioctl(descriptor, _TUNSETPERSIST, 1)
    finally:
        os.close(descriptor)


def change(name: str, owner: int | None, group: int | None, vnet_hdr: bool, multi_queue: bool) -> None:
    """Give an existing tap another owner or group (ids, None to leave it: the kernel cannot take one away) or header."""
    descriptor = open_tap(name, vnet_hdr, multi_queue)
    try:
        _own(descriptor, owner, group)
    finally:
        os.close(descriptor)


def _own(descriptor: int, owner: int | None, group: int | None) -> None:
    for request, value in ((_TUNSETOWNER, owner), (_TUNSETGROUP, group)):
        if value is not None and value >= 0:
            fcntl.ioctl(descriptor, request, value)


def exists(name: str) -> bool:
    """Say whether there is an interface of that name."""
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False


def attach(name: str, vnet_hdr: bool, queues: int = 1) -> list[int]:
    """Return a descriptor per queue of a tap that must exist; a tap of many queues also takes a program that uses one."""
    if not exists(name):
        raise LabError(f"Cannot open the tap '{name}': it does not exist.")
    if macvtap.device(name):
        return [macvtap.opened(name, vnet_hdr) for _queue in range(queues)]
    opened: list[int] = []
    try:
        while len(opened) < queues:
            opened.append(_queue_of(name, vnet_hdr, multi_queue=queues > 1))
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened


def has_header(data: bytes) -> bool:
    """Say whether frames of a tap carry the virtio header, by what netlink tells of its kind (IFLA_TUN_VNET_HDR)."""
    return bool(whole(attributes(data).get(5, b"")))


def header_size(descriptor: int) -> int:
    """Return how many bytes are ahead of each frame of an open tap, and have frames come whole: no header then says anything."""
    (flags,) = struct.unpack_from("H", fcntl.ioctl(descriptor, _TUNGETIFF, bytes(40)), 16)
    if not flags & _IFF_VNET_HDR:
        return 0
    fcntl.ioctl(descriptor, _TUNSETOFFLOAD, 0)
    return int(struct.unpack("i", fcntl.ioctl(descriptor, _TUNGETVNETHDRSZ, bytes(4)))[0])


def _queue_of(name: str, vnet_hdr: bool, multi_queue: bool) -> int:
    try:
        return open_tap(name, vnet_hdr, multi_queue)
    except LabError as error:
        # drivers/net/tun.c, tun_set_iff(): a tap made with IFF_MULTI_QUEUE wants the flag from everybody.
        if multi_queue or getattr(error.__cause__, "errno", None) != errno.EINVAL:
            raise
    return open_tap(name, vnet_hdr, multi_queue=True)
