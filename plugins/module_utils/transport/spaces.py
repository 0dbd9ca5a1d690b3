# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of all eight kinds that are held by bind mounts in a directory of theirs: look at them, enter them, let them go."""

from __future__ import annotations

import ctypes
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from .furniture import check, is_mounted, libc, unmount

# linux/sched.h
KINDS = {
    "uts": 0x04000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "user": 0x10000000,
    "ipc": 0x08000000,
    "cgroup": 0x02000000,
    "time": 0x00000080,
}
_NS_GET_NSTYPE = 0xB703  # linux/nsfs.h


def kinds_in(home: Path) -> list[str]:
    """Return the kinds that a directory holds."""
    found = []
    for kind in KINDS:
        with suppress(OSError):
            if os.stat(home / kind).st_dev != os.stat(home).st_dev:
                found.append(kind)
    return found


def release(home: Path) -> None:
    """Let the namespaces of a directory go, as far as the mounts in it hold them."""
    while is_mounted(home):
        unmount(home)


def inits(top: Path) -> dict[Path, int]:
    """Return the process 1 of each pid namespace that belongs to a directory below top."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            argv = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            home = Path(os.fsdecode(argv[-2])) if len(argv) > 2 else Path()
            if home.parent == top and _is_child(entry):
                found[home] = int(entry)
    return found


def members(home: Path) -> list[int]:
    """Return the processes in the pid namespace that a directory holds."""
    found = []
    with suppress(OSError):
        inode = os.stat(home / "pid").st_ino
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if os.stat(f"/proc/{entry}/ns/pid").st_ino == inode:
                    found.append(int(entry))
    return found


def hostname(home: Path) -> str:
    """Return the host name inside."""
    own = os.open("/proc/thread-self/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _join(home / "uts", "uts")
        return os.uname().nodename
    finally:
        check(libc.setns(own, KINDS["uts"]), "return to the lab host's own name")
        os.close(own)


def set_hostname(home: Path, name: str) -> None:
    """Give another host name."""
    own = os.open("/proc/thread-self/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _join(home / "uts", "uts")
        name_host(name)
    finally:
        check(libc.setns(own, KINDS["uts"]), "return to the lab host's own name")
        os.close(own)


def is_network(path: str) -> bool:
    """Say whether a file is a network namespace. Raise OSError if it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == KINDS["net"]
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_child(entry: str) -> bool:
    """Say whether a process is the first of a pid namespace right below this one; a simulated lab host has the same paths."""
    status = Path(f"/proc/{entry}/status").read_text(encoding="utf-8", errors="replace")
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) == 2 and numbers[1] == "1"


def _join(path: Path, kind: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc.setns(descriptor, KINDS[kind]), f"enter {path}")
    finally:
        os.close(descriptor)


def name_host(name: str) -> None:
    """Name the uts namespace that this thread is in."""
    packed = name.encode()
    check(libc.sethostname(ctypes.c_char_p(packed), len(packed)), f"set the host name '{name}'")
