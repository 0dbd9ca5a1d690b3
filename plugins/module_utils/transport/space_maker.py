# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make namespaces of several kinds together, by one child process, and hold them by bind mounts.

The maker has the rights of root and joins or makes everything in the order that the kernel asks for: a user namespace first,
so that the network namespace belongs to it (user_namespaces(7)); those that hold for children only (pid, time) before its child
is born; what it mounts, before it gives up its rights to the user namespace.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .._errors import LabError
from . import furniture, processes
from .furniture import MS_BIND, MS_PRIVATE, Layout, check, libc, mount
from .spaces import KINDS, name_host

_NS_GET_MNTNS_ID = 0x8008B705  # linux/nsfs.h

# Process 1 of a pid namespace: reaps orphans, ends when asked. It waits without any program, since its tree may have none.
_INIT = "trap 'exit 0' TERM; while :; do (read -r x <&4) & wait; done"


def make(home: Path, layout: Layout, place: Callable[[int], None], settle: Callable[[], None], bound: Callable[[int], None]) -> None:
    """Make all kinds of a layout and hold them by mounts in home.

    place is called with the maker's pid before anything is made; settle by the maker, inside the new network namespace; bound with
    the pid of a process that is in all of them, when the mounts are there: what it notes is noted before process 1 runs.
    """
    _hold(home)
    # Each end that tells is open in one process only, so that whoever waits for one that was killed hears of it.
    answers, answer = os.pipe()
    furnished, ready = os.pipe()
    orders, order = os.pipe()
    maker = _child(lambda: _build(home, layout, settle, orders, answer, ready), answer, closing=(answers, furnished, order))
    for end in (answer, ready, orders):
        os.close(end)
    try:
        with os.fdopen(answers) as numbered, os.fdopen(furnished) as said, os.fdopen(order, "w") as tell:
            place(maker)
            tell.write("go\n")
            tell.flush()
            first = int(_answer(numbered.readline(), home))
            _answer(said.readline(), home)
            for kind in layout.kinds:
                if kind != "net":
                    (home / kind).touch(mode=0o444)
                    mount(f"/proc/{first}/ns/{kind}", home / kind, flags=MS_BIND)
            bound(first)
            tell.write("go\n")
            tell.flush()
            said.read()  # until it has become process 1, or has ended
    finally:
        os.waitpid(maker, 0)  # it ends when nobody is there to tell it to go on


def _hold(home: Path) -> None:
    """Make home a mount of its own that nobody else gets: a mount namespace can only be held on such a one."""
    mount(home, home, flags=MS_BIND)
    mount("none", home, flags=MS_PRIVATE)


def _answer(line: str, home: Path) -> str:
    word, _blank, rest = line.rstrip("\n").partition(" ")
    if word != "ok":
        raise LabError(f"Cannot make the namespaces of '{home.name}': {line.strip() or 'their maker was killed'}.")
    return rest


def _child(work: Callable[[], None], answer: int, closing: Sequence[int]) -> int:
    """Return the pid of a child that closes what is not its own, does its work and ends; what goes wrong is its answer."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for end in closing:
            os.close(end)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        os._exit(0)
    except BaseException as error:
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        with suppress(OSError):
            os.write(answer, f"{text}\n".encode())
        os._exit(1)


def _build(home: Path, layout: Layout, settle: Callable[[], None], orders: int, answer: int, ready: int) -> None:
    _ordered(orders)
    user = _user(layout, (orders, answer, ready)) if "user" in layout.kinds else None
    if "net" in layout.kinds:
        if user is None:
            _unshare(["net"])
        else:
            check(libc.setns(user[1], KINDS["net"]), "enter the network namespace")
        settle()
    if "mnt" in layout.kinds:
        _unshare_mounts()
    _unshare([kind for kind in ("pid", "time") if kind in layout.kinds])
    if "time" in layout.kinds:
        Path("/proc/self/timens_offsets").write_text(f"monotonic {layout.monotonic} 0\nboottime {layout.boottime} 0\n", encoding="ascii")
    first = _child(lambda: _furnish(home, layout, user[0] if user else None, orders, ready), ready, closing=(answer,))
    os.write(answer, f"ok {first}\n".encode())


def _user(layout: Layout, others: Sequence[int]) -> tuple[int, int]:
    """Return a user namespace and, if it is to be had, a network namespace that belongs to it: made by a child, mapped by this process."""
    ready, told = os.pipe()
    mapped, tell = os.pipe()
    child = _child(lambda: _as_user(layout, told, mapped), told, closing=(ready, tell, *others))
    for end in (told, mapped):
        os.close(end)
    try:
        _said(ready)
        for name, lines in (("uid_map", layout.uid_map), ("gid_map", layout.gid_map)):
            Path(f"/proc/{child}/{name}").write_text("\n".join(lines) + "\n", encoding="ascii")
        os.write(tell, b"go\n")
        _said(ready)
        return tuple(os.open(f"/proc/{child}/ns/{kind}", os.O_RDONLY) for kind in ("user", "net"))  # type: ignore[return-value]
    finally:
        for end in (ready, tell):
            os.close(end)
        os.waitpid(child, 0)


def _as_user(layout: Layout, told: int, mapped: int) -> None:
    _unshare(["user"])
    os.write(told, b"ok\n")
    _ordered(mapped)
    _unshare([kind for kind in ("net",) if kind in layout.kinds])
    os.write(told, b"ok\n")
    os.read(mapped, 1)  # until it has been looked at


def _said(ready: int) -> None:
    text = os.read(ready, 1000).decode()
    if text != "ok\n":
        raise LabError(text or "the child that makes the user namespace was killed")


def _furnish(home: Path, layout: Layout, user: int | None, orders: int, ready: int) -> None:
    os.setsid()
    if "mnt" in layout.kinds:
        furniture.furnish(home, layout)
    if user is not None:
        check(libc.setns(user, KINDS["user"]), "enter the user namespace")
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        # A copy of the mounts that belongs to the user namespace, so that root inside may mount too.
        if "mnt" in layout.kinds:
            _unshare_mounts()
    _unshare([kind for kind in ("uts", "ipc", "cgroup") if kind in layout.kinds])
    if layout.hostname:
        name_host(layout.hostname)
    os.write(ready, b"ok\n")
    _ordered(orders)
    if "pid" in layout.kinds:
        _become_init(home)


def _become_init(home: Path) -> None:
    reader, writer = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    # Numbers that are free for sure, before those that are wanted are taken.
    reader, writer = fcntl.fcntl(reader, fcntl.F_DUPFD, 20), fcntl.fcntl(writer, fcntl.F_DUPFD, 20)
    for stream in range(3):
        os.dup2(null, stream)
    os.dup2(writer, 3)
    os.dup2(reader, 4)
    os.closerange(5, 1024)
    os.chdir("/")
    os.umask(0o022)
    os.execve("/bin/sh", ["sh", "-c", _INIT, str(home)], {**processes.PLAIN, processes.OWNER: str(home)})


def _ordered(orders: int) -> None:
    if os.read(orders, 3) != b"go\n":
        raise LabError("the run was ended")


def _unshare_mounts() -> None:
    """Make a mount namespace that can be held.

    One can only be bound in an older one (fs/namespace.c, mnt_ns_loop()), and since Linux 6.18 age goes by numbers that each processor
    has a supply of: the one that made this namespace gives a greater number, another one may not.
    """
    allowed, own = os.sched_getaffinity(0), _mounts_id()
    try:
        for processor in sorted(allowed):
            os.sched_setaffinity(0, {processor})
            _unshare(["mnt"])
            if not own or _mounts_id() > own:
                break
    finally:
        os.sched_setaffinity(0, allowed)


def _mounts_id() -> int:
    """Return the number of this mount namespace, 0 if the kernel is older than 6.10 and does not tell."""
    packed = bytearray(8)
    descriptor = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _NS_GET_MNTNS_ID, packed)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return int.from_bytes(packed, sys.byteorder)


def _unshare(kinds: Sequence[str]) -> None:
    if kinds:
        check(libc.unshare(sum(KINDS[kind] for kind in kinds)), f"make namespaces of the kinds {', '.join(kinds)}")
