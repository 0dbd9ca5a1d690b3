# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of all eight kinds: made together by one child process, and held by bind mounts in a directory of theirs.

The maker has the rights of root and joins or makes everything in the order that the kernel asks for: a user namespace first,
so that the network namespace belongs to it (user_namespaces(7)); those that hold for children only (pid, time) before its child
is born; what it mounts, before it gives up its rights to the user namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .._errors import LabError
from . import furniture, processes
from .furniture import MS_BIND, MS_PRIVATE, check, is_mounted, libc, mount, unmount

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

# Process 1 of a pid namespace: reaps orphans, ends when asked. It waits without any program, since its tree may have none.
_INIT = "trap 'exit 0' TERM; while :; do (read -r x <&4) & wait; done"


@dataclass(frozen=True)
class Layout:
    """What the namespaces of one name are to be like; clocks are offsets in seconds, maps are lines of uid_map (user_namespaces(7))."""

    kinds: Sequence[str]
    hostname: str = ""
    uid_map: Sequence[str] = ()
    gid_map: Sequence[str] = ()
    boottime: int = 0
    monotonic: int = 0
    rootfs: str = ""
    overlay: bool = True
    mounts: Mapping[str, str] = field(default_factory=dict)
    shared: Sequence[Path] = ()  # directories that a tree of its own shows at their place too


def make(home: Path, layout: Layout, place: Callable[[int], None], settle: Callable[[], None], bound: Callable[[int], None]) -> None:
    """Make all kinds of a layout and hold them by mounts in home.

    place is called with the maker's pid before anything is made; settle by the maker, inside the new network namespace; bound with
    the pid of a process that is in all of them, when the mounts are there: what it notes is noted before process 1 runs.
    """
    _hold(home)
    answers, answer = os.pipe()
    orders, order = os.pipe()
    maker = os.fork()
    if maker == 0:
        os.close(answers)
        os.close(order)
        _guarded(lambda: _build(home, layout, settle, orders, answer), answer)
    os.close(answer)
    os.close(orders)
    try:
        with os.fdopen(answers) as said, os.fdopen(order, "w") as tell:
            place(maker)
            print("go", file=tell, flush=True)
            # The maker tells the number of its child, which tells that it is done, whoever comes first.
            first = int("".join(_answer(said.readline(), home) for _both in range(2)))
            for kind in layout.kinds:
                if kind != "net":
                    (home / kind).touch(mode=0o444)
                    mount(f"/proc/{first}/ns/{kind}", home / kind, flags=MS_BIND)
            bound(first)
            print("go", file=tell, flush=True)
            said.read()  # until it has become process 1, or has ended
    finally:
        os.waitpid(maker, 0)  # it ends when nobody is there to tell it to go on


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
        _sethostname(name)
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


def _hold(home: Path) -> None:
    """Make home a mount of its own that nobody else gets: a mount namespace can only be held on such a one."""
    mount(home, home, flags=MS_BIND)
    mount("none", home, flags=MS_PRIVATE)


def _answer(line: str, home: Path) -> str:
    word, _blank, rest = line.rstrip("\n").partition(" ")
    if word != "ok":
        raise LabError(f"Cannot make the namespaces of '{home.name}': {line.strip() or 'their maker was killed'}.")
    return rest


def _guarded(work: Callable[[], None], answer: int) -> None:
    """Do the work of a child and end; what goes wrong is its answer."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        os._exit(0)
    except BaseException as error:
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        with suppress(OSError):
            os.write(answer, f"{text}\n".encode())
        os._exit(1)


def _build(home: Path, layout: Layout, settle: Callable[[], None], orders: int, answer: int) -> None:
    _ordered(orders)
    user = _user(layout) if "user" in layout.kinds else None
    if "net" in layout.kinds:
        if user is None:
            _unshare(["net"])
        else:
            check(libc.setns(user[1], KINDS["net"]), "enter the network namespace")
        settle()
    _unshare([kind for kind in ("mnt", "pid", "time") if kind in layout.kinds])
    if "time" in layout.kinds:
        Path("/proc/self/timens_offsets").write_text(f"monotonic {layout.monotonic} 0\nboottime {layout.boottime} 0\n", encoding="ascii")
    first = os.fork()
    if first:
        os.write(answer, f"ok {first}\n".encode())
        return
    _guarded(lambda: _furnish(home, layout, user[0] if user else None, orders, answer), answer)


def _user(layout: Layout) -> tuple[int, int]:
    """Return a user namespace and, if it is to be had, a network namespace that belongs to it: made by a child, mapped by this process."""
    ready, told = os.pipe()
    mapped, tell = os.pipe()
    child = os.fork()
    if child == 0:
        _guarded(lambda: _as_user(layout, told, mapped), told)
    try:
        _said(ready)
        for name, lines in (("uid_map", layout.uid_map), ("gid_map", layout.gid_map)):
            Path(f"/proc/{child}/{name}").write_text("\n".join(lines) + "\n", encoding="ascii")
        os.write(tell, b"go\n")
        _said(ready)
        return tuple(os.open(f"/proc/{child}/ns/{kind}", os.O_RDONLY) for kind in ("user", "net"))  # type: ignore[return-value]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _as_user(layout: Layout, told: int, mapped: int) -> None:
    _unshare(["user"])
    os.write(told, b"ok\n")
    _ordered(mapped)
    _unshare([kind for kind in ("net",) if kind in layout.kinds])
    os.write(told, b"ok\n")
    time.sleep(60)  # until it is looked at, and killed


def _said(ready: int) -> None:
    text = os.read(ready, 1000).decode()
    if text != "ok\n":
        raise LabError(text)


def _furnish(home: Path, layout: Layout, user: int | None, orders: int, answer: int) -> None:
    os.setsid()
    if "mnt" in layout.kinds:
        furniture.furnish(home, layout)
    if user is not None:
        check(libc.setns(user, KINDS["user"]), "enter the user namespace")
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        # A copy of the mounts that belongs to the user namespace, so that root inside may mount too.
        _unshare([kind for kind in ("mnt",) if kind in layout.kinds])
    _unshare([kind for kind in ("uts", "ipc", "cgroup") if kind in layout.kinds])
    if layout.hostname:
        _sethostname(layout.hostname)
    os.write(answer, b"ok\n")
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


def _is_child(entry: str) -> bool:
    """Say whether a process is the first of a pid namespace right below this one; a simulated lab host has the same paths."""
    status = Path(f"/proc/{entry}/status").read_text(encoding="utf-8", errors="replace")
    numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return len(numbers) == 2 and numbers[1] == "1"


def _ordered(orders: int) -> None:
    if os.read(orders, 3) != b"go\n":
        raise LabError("the run was ended")


def _unshare(kinds: Sequence[str]) -> None:
    if kinds:
        check(libc.unshare(sum(KINDS[kind] for kind in kinds)), f"make namespaces of the kinds {', '.join(kinds)}")


def _join(path: Path, kind: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc.setns(descriptor, KINDS[kind]), f"enter {path}")
    finally:
        os.close(descriptor)


def _sethostname(name: str) -> None:
    packed = name.encode()
    check(libc.sethostname(ctypes.c_char_p(packed), len(packed)), f"set the host name '{name}'")
