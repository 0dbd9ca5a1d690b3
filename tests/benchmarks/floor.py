# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: how quickly N namespaces with an address each can be had on one Open vSwitch bridge, whoever asks for it.

One process, raw rtnetlink in batches, one transaction of ovs-vsctl. It prints the seconds for up and down as JSON. Start it
with N in a simulated lab host whose Open vSwitch runs.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from clock import Moment  # type: ignore[import-not-found]

NEWLINK, DELLINK, NEWADDR = 16, 17, 20
REQUEST, ACK, EXCL, CREATE = 1, 4, 0x200, 0x400
NEWNET, BIND, DETACH = 0x40000000, 4096, 2
libc = ctypes.CDLL(None, use_errno=True)


def done(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def interface(index: int = 0, up: int = 0) -> bytes:
    return struct.pack("BxHiII", 0, 0, index, up, up)


def ask(talk: socket.socket, kind: int, flags: int, bodies: list[bytes]) -> None:
    for start in range(0, len(bodies), 64):
        batch = [struct.pack("IHHII", 16 + len(body), kind, REQUEST | ACK | flags, 0, 0) + body for body in bodies[start : start + 64]]
        talk.send(b"".join(batch))
        missing = len(batch)
        while missing:
            data, offset = talk.recv(1 << 17), 0
            while offset < len(data):
                length, code = struct.unpack_from("I", data, offset)[0], struct.unpack_from("i", data, offset + 16)[0]
                if code:
                    raise OSError(-code, os.strerror(-code))
                missing, offset = missing - 1, offset + (length + 3 & ~3)


def kernel() -> socket.socket:
    talk = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    talk.bind((0, 0))
    return talk


def up(paths: list[Path]) -> None:
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    spaces = []
    for path in paths:
        path.touch()
        done(libc.unshare(NEWNET))
        done(libc.mount(b"/proc/thread-self/ns/net", os.fsencode(path), b"none", BIND, None))
        spaces.append(os.open(path, os.O_RDONLY))
    done(libc.setns(home, NEWNET))
    pairs = []
    for number, space in enumerate(spaces):
        far = interface() + attribute(3, b"eth0\0") + attribute(28, struct.pack("I", space))
        pairs.append(
            interface(0, 1) + attribute(3, b"fl%d\0" % number) + attribute(18, attribute(1, b"veth") + attribute(2, attribute(1, far)))
        )
    with kernel() as talk:
        ask(talk, NEWLINK, CREATE | EXCL, pairs)
    for number, space in enumerate(spaces):
        done(libc.setns(space, NEWNET))
        with kernel() as talk:
            index = socket.if_nametoindex("eth0")
            address = struct.pack("!I", (10 << 24) + (99 << 16) + number + 1)
            # Without link-local addresses, as these would be announced to all: the switch would be busy with that, and not with us.
            silent = attribute(26, attribute(socket.AF_INET6, attribute(8, b"\1")))
            ask(talk, NEWLINK, 0, [interface(index) + silent, interface(1, 1), interface(index, 1)])
            ask(talk, NEWADDR, CREATE | EXCL, [struct.pack("BBBBi", 2, 16, 0, 0, index) + attribute(2, address) + attribute(1, address)])
        os.close(space)
    done(libc.setns(home, NEWNET))
    ports = [word for number in range(len(paths)) for word in ("--", "add-port", "floorbr", f"fl{number}")]
    bridge = ["ovs-vsctl", "add-br", "floorbr", "--", "set", "bridge", "floorbr", "datapath_type=netdev"]
    subprocess.run([*bridge, *ports], check=True)


def down(paths: list[Path]) -> None:
    with kernel() as talk:
        ask(talk, DELLINK, 0, [interface() + attribute(3, b"fl%d\0" % number) for number in range(len(paths))])
    for path in paths:
        done(libc.umount2(os.fsencode(path), DETACH))
        path.unlink()
    subprocess.run(["ovs-vsctl", "del-br", "floorbr"], check=True)


def main() -> None:
    folder = Path("/run/netns")
    folder.mkdir(exist_ok=True)
    paths = [folder / f"floor{number}" for number in range(int(sys.argv[1]))]
    found: dict[str, float] = {}
    for step in (up, down):
        start = Moment()
        step(paths)
        found.update(start.until(Moment(), step.__name__))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
