# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways to give the kernel a frame: to be sent out of an interface, or as what came in by a tap's cable."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .._errors import LabError
from . import bridge, processes, tap
from .namespaces import inside
from .netlink import Netlink

_ADDRESSES = 14  # bytes of an Ethernet header; less is no frame
_SIOCGIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8913, 0x1, 0x40
_PATIENCE = 40.0  # seconds; a port of a spanning tree listens and learns for up to 30 of them


class Sender:
    """Where frames go. send() says whether the interface took one: it refuses what is longer than its MTU or no frame at all."""

    def __init__(self, name: str, descriptor: int, header: bytes = b"") -> None:
        self._name, self._descriptor, self._header = name, descriptor, header

    def send(self, frame: bytes) -> bool:
        """Give a frame to the kernel. Raise LabError if the interface is down or gone."""
        if len(frame) < _ADDRESSES:
            return False
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                os.write(self._descriptor, self._header + frame)
            except OSError as error:
                if error.errno in (errno.EMSGSIZE, errno.EINVAL):
                    return False
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN) or time.monotonic() > deadline:
                    said = "it is down" if error.errno in (errno.EIO, errno.ENETDOWN) else error.strerror
                    raise LabError(f"Cannot send by '{self._name}': {said}.") from error
                time.sleep(0.001)
            else:
                return True


@contextmanager
def outward(netns: str, name: str) -> Iterator[Sender]:
    """Yield what sends out of an interface, as its own network stack does. Raise LabError."""
    with inside(netns):
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)  # of no protocol: nothing is received
    try:
        try:
            packets.bind((name, 0))
        except OSError as error:
            raise LabError(f"Cannot send by '{name}': {error.strerror}.") from error
        yield Sender(name, packets.fileno())
    finally:
        packets.close()


@contextmanager
def inward(netns: str, name: str, holder: int | None = None) -> Iterator[Sender]:
    """Yield what is received by a tap, as if a guest had sent it. A process that holds the cable as its input shares it. Raise LabError."""
    descriptor, header = open_cable(netns, name, holder)
    try:
        yield Sender(name, descriptor, bytes(header))
    finally:
        os.close(descriptor)


def open_cable(netns: str, name: str, holder: int | None = None) -> tuple[int, int]:
    """Return a descriptor of a tap that nobody, or the holder, has open, and the bytes ahead of each frame, when packets pass.

    Raise LabError.
    """
    header = cable_header(netns, name)
    with inside(netns):
        descriptor = tap.attach(name, header)[0] if holder is None else processes.borrowed(holder, 0)
        try:
            _wait_until_up(netns, name)
            return descriptor, tap.header_size(descriptor)
        except BaseException:
            os.close(descriptor)
            raise


def cable_header(netns: str, name: str) -> bool:
    """Say whether frames of a tap carry the virtio header. Raise LabError if it is no tap."""
    with Netlink(netns) as kernel:
        record = next((link for link in kernel.links() if link.name == name), None)
    if record is None or record.kind != "tun":
        what = "there is no such interface" if record is None else "it is no tap, whose cable a program could hold; leave out via"
        raise LabError(f"Cannot open the cable of '{name}': {what}.")
    return tap.has_header(record.data)


def _wait_until_up(netns: str, name: str) -> None:
    """Wait until an interface whose cable was just plugged in passes packets: a second at most, and a spanning tree's port longer."""
    deadline = time.monotonic() + _PATIENCE
    with Netlink(netns) as kernel, socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        while True:
            flags = struct.unpack_from("H", fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16s24x", name.encode())), 16)[0]
            if not flags & _IFF_UP:
                raise LabError(f"Cannot use the cable of '{name}': the interface is down.")
            ports = [link.port for link in kernel.links() if link.name == name and link.port]
            state = bridge.port_state(ports[0])["state"] if ports else "forwarding"
            if flags & _IFF_RUNNING and state == "forwarding":
                return
            if time.monotonic() > deadline:
                raise LabError(f"Cannot use the cable of '{name}': the bridge keeps its port {state}; look at its spanning tree.")
            time.sleep(0.01)
