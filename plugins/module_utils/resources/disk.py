# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of VMs: qcow2 overlays that hold what a guest has written over a base image, which itself is never written."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._errors import LabError, LabErrors
from .._paths import state_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import notes, qemu
from ..transport.processes import command
from ..transport.qmp import Qmp
from ._vm_model import files
from ._vm_process import define, running

_GIB = 1 << 30
# What a fresh overlay is to find free: a booting guest writes about as much.
_ROOM = 256 << 20
_BASE = ("base", "base_format", "base_version")


@dataclass(frozen=True)
class Disk:
    """A VM's overlay. ``base_version`` tells one content of the base's path from another; ``size`` is in bytes.

    A precious one works as it is: its VM runs, or its base is still what it was made on.
    """

    vm: str
    lab: str | None = None
    base: str | None = None
    base_format: str | None = None
    base_version: str | None = None
    size: int | None = None
    precious: bool = field(default=False, compare=False, metadata={"hidden": True})
    on_change: str = field(default="report", compare=False, metadata={"hidden": True})

    @property
    def path(self) -> Path:
        """Return where it is."""
        return files(str(self.lab), self.vm).disk

    @property
    def key(self) -> str:
        """Return its path."""
        return str(self.path)


def disk(vm: str, lab: str, base: Path, base_format: str | None, gib: int | None, on_change: str) -> Disk:
    """Return the overlay that is wanted over base, of at least gib GiB; of the base's size when that is None. Raise LabError."""
    try:
        version = _version(str(base))
        kind, size = (base_format, None) if base_format not in (None, "qcow2", "raw") else virtual_size(base)
    except OSError as error:
        raise LabError(f"Cannot read the base image '{base}' of VM '{vm}': {error.strerror}; build or download it first.") from error
    if gib is not None and size is not None and gib * _GIB < size:
        raise LabError(f"VM '{vm}' cannot have a disk of {gib} GiB: its base image '{base}' has {size / _GIB:g} GiB; give at least that.")
    return Disk(
        vm=vm,
        lab=lab,
        base=str(base),
        base_format=base_format or kind,
        base_version=version,
        size=None if gib is None else gib * _GIB,
        on_change=on_change,
    )


def virtual_size(image: Path) -> tuple[str, int]:
    """Return the format of an image, raw or qcow2, and the size of the disk in it in bytes (QEMU's docs/interop/qcow2.txt)."""
    with open(image, "rb") as file:
        head = file.read(32)
        if len(head) == 32 and head[:4] == b"QFI\xfb":
            return "qcow2", struct.unpack(">Q", head[24:32])[0]
        return "raw", file.seek(0, os.SEEK_END)


class DiskDriver:
    """Make, grow, replace and remove overlays. ``restart_needed`` names VMs whose disk is to be replaced, with all that is on it."""

    kind = "disk"

    def __init__(self) -> None:
        self.restart_needed: dict[str, tuple[str, ...]] = {}
        self._problems: list[str] = []

    def observe(self, goal: Goal[Disk], scope: Scope) -> Mapping[str, Disk]:
        """Read the headers of the lab's overlays."""
        paths = {target.path for target in goal.want}.union(map(Path, goal.absent))
        if goal.purge:
            paths.update(state_dir(scope.lab).glob("*/disk.qcow2"))
        used = running(scope.lab)
        have = {str(path): _observed(path, scope.lab, path.parent.name in used) for path in paths if path.is_file()}
        fresh = [target for target in goal.want if target.key not in have]
        self._problems = _space_problem(state_dir(scope.lab), len(fresh))
        if fresh:
            qemu.image_tool()
        return have

    def plan(self, have: Mapping[str, Disk], goal: Goal[Disk], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Disk]]:
        """Compare; a disk that works is replaced only where on_change allows it."""
        self.restart_needed = {}
        problems, changes = list(self._problems), []
        for change in compare(self.kind, have, goal, scope, replace_on=_BASE):
            before, after = change.before, change.after
            if change.action == "replace" and before and after and before.precious and after.on_change == "report":
                self.restart_needed[after.vm] = tuple(sorted(change.differing.intersection(_BASE)))
                continue
            if change.action == "update" and before and after and (after.size or 0) < (before.size or 0):
                problems.append(f"The disk of VM '{after.vm}' has {(before.size or 0) / _GIB:g} GiB and cannot shrink; give at least that.")
            changes.append(change)
        if problems:
            raise LabErrors(problems)
        return changes

    def remove(self, changes: Sequence[Change[Disk]], scope: Scope) -> None:
        """Delete overlays; their VMs have ended."""
        for change in changes:
            path = Path(change.key)
            for file in (path, _note(path)):
                file.unlink(missing_ok=True)
            if change.action == "remove":
                with suppress(OSError):
                    path.parent.rmdir()

    def apply(self, changes: Sequence[Change[Disk]], scope: Scope) -> None:
        """Create overlays, and grow existing ones: under a running guest by its QEMU."""
        used = running(scope.lab)
        for change, target in [(change, change.after) for change in changes if change.after is not None]:
            if change.action in ("create", "replace"):
                _create(target)
            elif target.vm in used:
                with Qmp(files(scope.lab, target.vm).qmp) as qmp:
                    qmp.execute("block_resize", node_name="disk", size=target.size)
            else:
                argv = [qemu.image_tool(), "resize", "-q", "-f", "qcow2", str(target.path), str(target.size)]
                command(argv, f"grow the disk of VM '{target.vm}'")


def _observed(path: Path, lab: str, in_use: bool) -> Disk:
    kind, size = virtual_size(path)
    note = notes.read(_note(path))
    base = {name: str(note.get(name, "")) for name in _BASE}
    precious = in_use or _version(base["base"]) == base["base_version"]
    return Disk(vm=path.parent.name, lab=lab, size=size if kind == "qcow2" else None, precious=precious, **base)


def _version(base: str) -> str | None:
    try:
        found = os.stat(base)
    except OSError:
        return None
    return f"{found.st_size}-{found.st_mtime_ns}"


def _note(path: Path) -> Path:
    return path.with_name("disk.base")


def _create(target: Disk) -> None:
    """Make an overlay under its name only when it is whole, owned by whom QEMU runs as."""
    who, path, fresh = qemu.account(), target.path, target.path.with_name(".disk.qcow2.new")
    define(target.vm, str(target.lab))
    fresh.unlink(missing_ok=True)
    argv = [qemu.image_tool(), "create", "-q", "-f", "qcow2", "-b", str(target.base), "-F", str(target.base_format), str(fresh)]
    command([*argv, *([str(target.size)] if target.size else [])], f"make the disk of VM '{target.vm}'")
    os.chown(fresh, who.uid, who.gid)
    fresh.chmod(0o640)
    notes.write(_note(path), {name: getattr(target, name) for name in _BASE})
    fresh.replace(path)


def _space_problem(place: Path, count: int) -> list[str]:
    while not place.exists():
        place = place.parent
    free = os.statvfs(place)
    room = free.f_bavail * free.f_frsize
    if not count or room >= count * _ROOM:
        return []
    return [f"There are {room >> 20} MiB free below '{place}', {count} new disks want at least {count * _ROOM >> 20} MiB; free some space."]
