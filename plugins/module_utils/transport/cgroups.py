# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of both versions: one group per name, in each hierarchy that is needed, and the limits of CPU time and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .._errors import LabError

_TOP = "netvirt"
_PERIOD = 100000  # microseconds
_UNLIMITED = 1 << 60  # bytes: version 1 has no word for it
_PATIENCE = 5.0  # seconds until a group whose processes were killed is empty


@dataclass(frozen=True)
class Hierarchy:
    """A mounted hierarchy: version 2 is one for all controllers."""

    path: Path
    version: int


def controllers() -> dict[str, Hierarchy]:
    """Return where each controller is; '' is the hierarchy that every process may be put into, if there is one."""
    found: dict[str, Hierarchy] = {}
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            left, _dash, right = line.partition(" - ")
            kind, options, place = right.split()[0], right.split()[-1], Path(left.split()[4])
            if kind == "cgroup2" and "" not in found:
                found[""] = Hierarchy(place, 2)
                found.update((name, found[""]) for name in (place / "cgroup.controllers").read_text(encoding="ascii").split())
            elif kind == "cgroup":
                found.update((name, Hierarchy(place, 1)) for name in options.split(",") if name in ("cpu", "memory"))
    return found


def impossible(wanted: Iterable[str]) -> str:
    """Say why the limits of these controllers cannot be set here, '' if they can."""
    there = controllers()
    for name in wanted:
        at = there.get(name)
        if at is None:
            return f"the lab host has no control group with the controller '{name}' mounted below /sys/fs/cgroup"
        if not os.access(at.path, os.W_OK):
            return f"{at.path} is mounted read-only"
        # Only the machine's own root may have processes beside groups with limits (cgroups(7), "no internal processes").
        occupied = (at.path / "cgroup.type").exists() and _read(at.path / "cgroup.procs")
        if at.version == 2 and occupied and name not in _read(at.path / "cgroup.subtree_control").split():
            return f"{at.path} has processes of its own and does not hand on the controller '{name}'"
    return ""


def prepare(lab: str, name: str, wanted: Iterable[str]) -> list[Path]:
    """Make the groups that limits of these controllers need, and the one that a name has anyway; return them. Raise LabError."""
    there, asked = controllers(), list(wanted)
    found = [place / _TOP / lab / name for place in dict.fromkeys(there[each].path for each in ("", *asked) if each in there)]
    for group in found:
        try:
            group.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"Cannot make the control group {group}: {error.strerror}.") from error
        for each in asked:
            at = there[each]
            if at.version == 2 and at.path in group.parents:
                for parent in list(group.parents)[2::-1]:
                    _write(parent / "cgroup.subtree_control", f"+{each}")
    return found


def join(group_paths: Iterable[Path], pid: int) -> None:
    """Put a process into groups. Raise LabError."""
    for group in group_paths:
        _write(group / "cgroup.procs", str(pid))


def limits(lab: str, name: str) -> tuple[float, int]:
    """Return the limits of a name: CPUs, and memory in MiB; 0 is none."""
    cpus, memory = 0.0, 0
    there = controllers()
    if "cpu" in there:
        group = there["cpu"].path / _TOP / lab / name
        text = _read(group / "cpu.max") or f"{_read(group / 'cpu.cfs_quota_us') or '-1'} {_read(group / 'cpu.cfs_period_us') or _PERIOD}"
        quota, period = text.split()
        cpus = 0.0 if quota in ("max", "-1") else round(int(quota) / int(period), 2)
    if "memory" in there:
        group = there["memory"].path / _TOP / lab / name
        text = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes") or "max"
        memory = 0 if text == "max" or int(text) >= _UNLIMITED else int(text) >> 20
    return cpus, memory


def limit(lab: str, name: str, cpus: float | None, memory: int | None) -> None:
    """Set limits of groups that are there; None leaves one as it is. Raise LabError."""
    there = controllers()
    if cpus is not None and "cpu" in there:
        group, quota = there["cpu"].path / _TOP / lab / name, round(cpus * _PERIOD)
        if there["cpu"].version == 2:
            _set(group / "cpu.max", f"{quota or 'max'} {_PERIOD}")
        else:
            _set(group / "cpu.cfs_quota_us", str(quota or -1))
    if memory is not None and "memory" in there:
        group = there["memory"].path / _TOP / lab / name
        if there["memory"].version == 2:
            _set(group / "memory.max", str(memory << 20) if memory else "max")
        else:
            _set(group / "memory.limit_in_bytes", str(memory << 20 if memory else -1))


def remove(lab: str, name: str) -> None:
    """Remove the groups of a name, once the processes that were killed have left them. Raise LabError."""
    deadline = time.monotonic() + _PATIENCE
    for place in {at.path for at in controllers().values()}:
        group = place / _TOP / lab / name
        while group.is_dir():
            with suppress(FileNotFoundError):
                try:
                    group.rmdir()
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise LabError(f"Cannot remove the control group {group}: {error.strerror}; it has processes.") from error
                    time.sleep(0.01)
        for parent in (place / _TOP / lab, place / _TOP):
            with suppress(OSError):
                parent.rmdir()


def _set(path: Path, text: str) -> None:
    if path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise LabError(f"Cannot write '{text}' to {path}: {error.strerror}.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
