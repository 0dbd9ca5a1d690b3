# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user wants to know about VMs: states, processes, sockets, NICs, the end of the console."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._paths import IMAGES, RUN, STATE
from . import _vm_process as process
from ._vm_model import Nic, Vm, files

_TAIL = 64 * 1024  # bytes


def labs() -> list[str]:
    """Return the labs that have VMs on this machine."""
    found = {home.parent.name for home in RUN.glob("*/vm/*")}
    found.update(home.parent.name for home in STATE.glob("*/*") if home.is_dir() and home.parent != IMAGES)
    return sorted(found)


def reports(lab: str, names: Iterable[str] | None = None, console_lines: int = 0) -> list[dict[str, Any]]:
    """Describe VMs of a lab, all of them if names is None; those that do not exist have the state 'absent'."""
    found = process.running(lab)
    chosen = sorted({*found, *process.names(lab)} if names is None else names)
    vms = process.together(lambda name: process.look(lab, name, found.get(name, [])), chosen)
    return [_report(vm or Vm(name, lab, "absent"), console_lines) for name, vm in zip(chosen, vms)]


def _report(vm: Vm, console_lines: int) -> dict[str, Any]:
    place = files(str(vm.lab), vm.name)
    report: dict[str, Any] = {"name": vm.name, "lab": vm.lab, "state": vm.state}
    if vm.state == "absent":
        return report
    report.update(
        disk=str(place.disk) if place.disk.exists() else None,
        seed=vm.seed or (str(place.seed) if place.seed.exists() else None),
        console_log=str(place.console_log),
        qemu_log=str(place.qemu_log),
    )
    if vm.pid is not None:
        report.update({name: getattr(vm, name) for name in ("pid", "memory", "cpus", "machine", "cpu_model", "accel")})
        report.update(
            uptime=_uptime(vm.pid),
            resident_memory=_resident(vm.pid),
            qmp_socket=str(place.qmp),
            console_socket=str(place.console),
            nics=[_nic(nic) for nic in vm.nics or ()],
            stale=list(vm.stale),
        )
    if console_lines:
        report["console"] = tail(place.console_log, console_lines)
    return report


def _nic(nic: Nic) -> dict[str, Any]:
    return {
        **{name: value for name, value in dataclasses.asdict(nic).items() if name != "port"},
        **{name: words and list(words) for name, words in (("backend", nic.backend), ("uplink", nic.uplink))},
    }


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file, [] if there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.replace("\r", "").splitlines()[-lines:]


def _uptime(pid: int) -> float | None:
    """Return for how many seconds a process has run (proc(5), stat field 22)."""
    with suppress(OSError, IndexError):
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19])
        since_boot = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        return round(since_boot - ticks / os.sysconf("SC_CLK_TCK"), 2)
    return None


def _resident(pid: int) -> int | None:
    """Return how much memory a process has touched, in MiB."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGESIZE") >> 20
    return None
