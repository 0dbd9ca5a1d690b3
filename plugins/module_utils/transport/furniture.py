# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted in a mount namespace: its own view of processes and devices, a tree of its own, mounts that only it has."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .._errors import LabError

MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 0x1000, 0x4000, 1 << 18, 1 << 19  # linux/mount.h
_MNT_DETACH = 2
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
TMPFS = "tmpfs"
RESOLVER = "resolv.conf"  # in the shared directory
# What a tree of its own must have; the last one runs whatever is run.
NEEDED = ("proc", "sys", "dev", "tmp", "run", "bin/sh")

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


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


def check(code: int, purpose: str) -> None:
    """Raise LabError if a call of the C library failed; purpose completes "Cannot ..."."""
    if code:
        raise LabError(f"cannot {purpose}: {os.strerror(ctypes.get_errno())}")


def mount(source: str | Path, target: str | Path, kind: str = "none", flags: int = 0, data: str = "") -> None:
    """Mount something. Raise LabError."""
    code = libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, data.encode())
    check(code, f"mount {kind if kind != 'none' else source} on {target}")


def unmount(path: str | Path) -> None:
    """Take a mount away, with all below it. Raise LabError."""
    check(libc.umount2(os.fsencode(path), _MNT_DETACH), f"unmount {path}")


def is_mounted(path: Path) -> bool:
    """Say whether something is mounted at a path, be it the path itself, which os.path.ismount() does not see."""
    return str(path) in _mounts()


def furnish(home: Path, tree: Layout) -> None:
    """Mount all that the mount namespace of this process, which is a new one, is to have. Raise LabError."""
    # What the lab host mounts later is seen inside, and nothing the other way.
    mount("none", "/", flags=MS_REC | MS_SLAVE)
    root = _root(home, tree) if tree.rootfs else Path("/")
    if "pid" in tree.kinds:
        mount("proc", root / "proc", "proc")
    if "net" in tree.kinds:
        mount("sysfs", root / "sys", "sysfs")
    if tree.rootfs:
        _devices(root)
        mount(TMPFS, root / "run", TMPFS, data="mode=755")
        mount(TMPFS, root / "tmp", TMPFS, data="mode=1777")
        for path in tree.shared:
            _bind(path, root / path.relative_to("/"))
    if tree.shared:
        _resolver(root, tree)
    for target, source in tree.mounts.items():
        place = root / target.lstrip("/")
        if tree.rootfs and tree.overlay:
            place.mkdir(parents=True, exist_ok=True)
        if source == TMPFS:
            mount(TMPFS, place, TMPFS, data=f"mode=755,uid={_root_of(tree.uid_map)},gid={_root_of(tree.gid_map)}")
        else:
            mount(source, place, flags=MS_BIND | MS_REC)
    if tree.rootfs:
        os.chdir(root)
        check(libc.pivot_root(b".", b"."), f"make {tree.rootfs} the root")
        unmount(".")
    else:
        _forget_others(home)
    os.chdir("/")


def _root(home: Path, tree: Layout) -> Path:
    """Mount the tree and return where: as it is, or with all that is written in it kept in memory."""
    place = home / "root"
    place.mkdir()
    if not tree.overlay:
        mount(tree.rootfs, place, flags=MS_BIND)
        return place
    mount(TMPFS, place, TMPFS, data="mode=755")
    for name in ("upper", "work", "tree"):
        (place / name).mkdir()
    mount("overlay", place / "tree", "overlay", data=f"lowerdir={tree.rootfs},upperdir={place}/upper,workdir={place}/work")
    root = place / "tree"
    if tree.hostname and (root / "etc").is_dir():
        (root / "etc/hostname").write_text(f"{tree.hostname}\n", encoding="utf-8")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {tree.hostname}\n", encoding="utf-8")
    return root


def _devices(root: Path) -> None:
    mount(TMPFS, root / "dev", TMPFS, data="mode=755")
    for name in ("pts", "shm", "net"):
        (root / "dev" / name).mkdir()
    for name in _DEVICES:
        if os.path.exists(f"/dev/{name}"):
            (root / "dev" / name).touch()
            mount(f"/dev/{name}", root / "dev" / name, flags=MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (root / "dev" / name).symlink_to(target)
    mount("devpts", root / "dev/pts", "devpts", data="newinstance,ptmxmode=666,mode=620")
    mount(TMPFS, root / "dev/shm", TMPFS, data="mode=1777")


def _resolver(root: Path, tree: Layout) -> None:
    """Show the node's own resolv.conf, which is written anew when something enters."""
    source, place = tree.shared[0] / RESOLVER, root / "etc" / RESOLVER
    if not place.parent.is_dir():
        return
    if tree.rootfs and tree.overlay:
        place.unlink(missing_ok=True)
        place.touch()
    if place.exists() and (not place.is_symlink() or not tree.rootfs):
        mount(source, place, flags=MS_BIND)


def _root_of(lines: Sequence[str]) -> str:
    """Return the number outside of what is 0 inside of a user namespace, or without one."""
    return next((line.split()[1] for line in lines if line.split()[0] == "0"), "0")


def _bind(source: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    mount(source, place, flags=MS_BIND)


def _forget_others(home: Path) -> None:
    """Take away this copy of the mounts that hold other namespaces of the lab, which it would keep alive."""
    for place in sorted(_mounts()):
        if Path(place).parent == home.parent and Path(place) != home:
            unmount(place)


def _mounts() -> set[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return {line.split()[4] for line in file}


def lacks(rootfs: str) -> str:
    """Say what a directory lacks to be a tree of its own, '' if nothing."""
    try:
        if not stat.S_ISDIR(os.stat(rootfs).st_mode):
            return "it is no directory"
    except OSError as error:
        return str(error.strerror)
    missing = [name for name in NEEDED if not os.path.lexists(os.path.join(rootfs, name))]
    return f"it has no {', '.join(missing)}" if missing else ""
