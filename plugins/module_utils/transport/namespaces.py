# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: make, name, enter, remove them, in this process and without a program per namespace."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .._errors import LabError, LabErrors
from ..topology.values.scalars import NAMESPACE

NETNS = Path("/run/netns")

# linux/sched.h and linux/mount.h
_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED, _MNT_DETACH = 0x1000, 0x4000, 1 << 20, 2
_SO_NETNS_COOKIE = 71  # asm-generic/socket.h, since Linux 5.14

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p)


def checked(name: str, option: str) -> str:
    """Return the name that an option gives a namespace, and so a file below /run/netns. Raise LabErrors if it cannot be one's."""
    problems: list[str] = []
    NAMESPACE.read(name, option, problems)
    if problems:
        raise LabErrors(problems)
    return name


class NoNamespace(LabError):
    """There is no namespace of a name, perhaps any more: other labs' come and go at any time."""


def names() -> list[str]:
    """Return the names of the machine's network namespaces, sorted."""
    try:
        return sorted(os.listdir(NETNS))
    except FileNotFoundError:
        return []


def exists(name: str) -> bool:
    """Say whether name can be entered; what a run that was killed has left of one cannot."""
    return inode(name) is not None


def inode(name: str) -> int | None:
    """Return the number of the namespace that has a name, or a path, at this time; None if it cannot be entered."""
    try:
        with _opened(name) as descriptor:
            found = os.fstat(descriptor)
            # NSFS_MAGIC: on a plain file setns(2) would fail.
            return found.st_ino if found.st_dev != os.stat(NETNS).st_dev else None
    except FileNotFoundError:
        return None


def left(name: str) -> str:
    """Return what was written below a name that cannot be entered, '' if it can be or nothing is known of it."""
    try:
        return "" if exists(name) else (NETNS / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def pids(wanted: Sequence[str]) -> dict[str, list[int]]:
    """Return the processes inside each namespace, by its name, in one pass over all processes."""
    inodes = {os.stat(NETNS / name).st_ino: name for name in wanted}
    found: dict[str, list[int]] = {name: [] for name in wanted}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = inodes.get(os.stat(f"/proc/{entry}/ns/net").st_ino)
        except OSError:  # it has ended
            continue
        if name is not None:
            found[name].append(int(entry))
    return {name: sorted(group) for name, group in found.items()}


def identity() -> str:
    """Return what tells the namespace that this thread is in from all others, also from a later one of the same name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            return str(int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8), "little"))
        except OSError:
            # An older kernel. The number of a namespace is used again, but its name's mount holds the time of its making too.
            own = os.stat("/proc/thread-self/ns/net")
            return f"{own.st_ino}-{own.st_ctime_ns}"


def entry(name: str, enter: str = "") -> list[str]:
    """Return what runs a command in a namespace: ip-netns(8), or the script that enters all namespaces of a container."""
    return ["sh", enter] if enter else ["ip", "netns", "exec", name]


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Run the body with the calling thread in the network namespace name, or the one of an absolute path; '' stays where it is."""
    if not name:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _opened(name) as target:
            if _libc.setns(target, _CLONE_NEWNET):
                if ctypes.get_errno() == errno.EINVAL:  # what is left of it is a plain file
                    raise NoNamespace(f"Cannot enter the network namespace '{name}': it is none any more.")
                _check(-1, f"enter the network namespace '{name}'")
        try:
            yield
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), "return to the lab host's network namespace")
    except FileNotFoundError as error:
        if error.filename == os.fspath(NETNS / name):
            raise NoNamespace(f"Cannot enter the network namespace '{name}': it does not exist.") from None
        raise
    finally:
        os.close(home)


@contextmanager
def descriptors(wanted: Sequence[str]) -> Iterator[dict[str, int]]:
    """Hold an open descriptor for each namespace while the body runs, by name; '' is the one this thread is in."""
    held: dict[str, int] = {}
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = len(wanted) + 256
    if needed > limits[0]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, limits[1])))
    try:
        for name in wanted:
            try:
                held[name] = os.open(os.path.join(NETNS, name) if name else "/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise NoNamespace(f"Cannot put a link into the network namespace '{name}': it does not exist.") from None
        yield held
    finally:
        for descriptor in held.values():
            os.close(descriptor)
        # Programs that are started later close all that they might have open, one by one.
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def nameless() -> Iterator[None]:
    """Run the body in a namespace of its own, which goes with it: for asking the kernel what it can do."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.unshare(_CLONE_NEWNET), "make a network namespace")
        try:
            yield
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), "return to the lab host's network namespace")
    finally:
        os.close(home)


@contextmanager
def fresh(name: str, written: str = "") -> Iterator[None]:
    """Make a namespace, run the body inside it, and only then give it its name: nobody sees it half-made.

    What is written below the name says whose it is while it is none: before it is mounted, and once it is not any more.
    """
    checked(name, "netns")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.unshare(_CLONE_NEWNET), f"make the network namespace '{name}'")
        try:
            yield
            bind(name, written=written)
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET), "return to the lab host's network namespace")
    finally:
        os.close(home)


def remove(name: str) -> None:
    """Take a namespace's name away; the kernel ends it when its last process has left."""
    checked(name, "netns")
    path = os.fsencode(NETNS / name)
    if _libc.umount2(path, _MNT_DETACH) and ctypes.get_errno() not in (errno.EINVAL, errno.ENOENT):
        _check(-1, f"remove the network namespace '{name}'")
    (NETNS / name).unlink(missing_ok=True)


def prepare() -> None:
    """Make /run/netns a shared mount, as ip-netns(8) does, so that every mount namespace sees new names."""
    NETNS.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = os.fsencode(NETNS)
    directory = os.open(NETNS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # ip-netns takes the same lock: two first namespaces at a time would hide each other.
        fcntl.flock(directory, fcntl.LOCK_EX)
        if _libc.mount(b"", path, b"none", _MS_SHARED | _MS_REC, None):
            if ctypes.get_errno() != errno.EINVAL:
                _check(-1, f"share the mount {NETNS}")
            _check(_libc.mount(path, path, b"none", _MS_BIND | _MS_REC, None), f"mount {NETNS}")
            _check(_libc.mount(b"", path, b"none", _MS_SHARED | _MS_REC, None), f"share the mount {NETNS}")
    finally:
        os.close(directory)


def bind(name: str, source: str = "/proc/thread-self/ns/net", written: str = "") -> None:
    """Give a namespace its name; the default is the one that this thread is in."""
    path = NETNS / name
    path.unlink(missing_ok=True)  # a plain file that an interrupted run left; a mounted one cannot be unlinked
    file = os.open(NETNS, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o444)
    try:
        os.write(file, written.encode())
        os.link(f"/proc/self/fd/{file}", path, src_dir_fd=file)  # linkat(2), which alone follows the link to the file
    finally:
        os.close(file)
    code = _libc.mount(os.fsencode(source), os.fsencode(path), b"none", _MS_BIND, None)
    if code:
        number = ctypes.get_errno()
        path.unlink()
        ctypes.set_errno(number)
    _check(code, f"name the network namespace '{name}'")


@contextmanager
def _opened(name: str) -> Iterator[int]:
    descriptor = os.open(os.path.join(NETNS, name), os.O_RDONLY | os.O_CLOEXEC)  # pathlib takes as long as the kernel
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check(code: int, purpose: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise LabError(f"Cannot {purpose}: {os.strerror(number)}.")
