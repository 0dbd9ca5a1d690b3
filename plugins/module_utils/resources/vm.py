# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs: QEMU processes with a directory each."""

from __future__ import annotations

import dataclasses
import difflib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .._errors import LabErrors
from .._paths import make_public, run_dir, state_dir
from .._plan import Change, Goal, Scope
from ..transport import kvm, namespaces, qemu, tap
from . import _vm_process as process
from ._vm_model import SILENT, Nic, Vm, files
from ._vm_plan import after_earlier, by_need, cut_off, memory_problem, step, waiting_at

# A unix socket's path is limited to 107 characters (unix(7)).
_LONGEST_PATH = 107
# What the probe of KVM found: written when VMs start, gone with the lab's last one.
_KVM = "kvm.json"
_NO_VHOST = (
    "There is no /dev/vhost-net here: QEMU itself moves the packets of virtio NICs, which is slower; load the kernel module vhost_net, "
    "and start the guests anew. 'vhost: false' says that it is to be so."
)


class VmDriver:
    """Start, stop, pause, change and remove VMs. ``restart_needed`` and ``notices`` tell what plan and apply have found."""

    kind = "vm"

    def __init__(self) -> None:
        self.restart_needed: dict[str, tuple[str, ...]] = {}
        self.notices: list[str] = []
        self._available: int | None = None
        self._problems: list[str] = []
        self._unplugged: dict[str, str] = {}

    def observe(self, goal: Goal[Vm], scope: Scope) -> Mapping[str, Vm]:
        """Look at the processes, sockets and directories of the lab's VMs."""
        found = process.running(scope.lab)
        names = {vm.name for vm in goal.want}.union(goal.absent)
        if goal.purge:
            names.update(found, process.names(scope.lab))
        seen = process.together(lambda name: process.look(scope.lab, name, found.get(name, [])), sorted(names))
        have = {vm.name: vm for vm in seen if vm is not None}
        self._problems = _impossible(goal.want, have, scope)
        self._unplugged = {nic.cable: vm.name for vm in goal.want if vm.runs for nic in vm.nics or () if nic.cable and not _exists(nic)}
        self._available = _available_memory() if goal.want else None
        return have

    def plan(self, have: Mapping[str, Vm], goal: Goal[Vm], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Vm]]:
        """Compare; a VM under which a tap, its disk or its seed is made anew must start again."""
        wanted = {vm.name: vm for vm in goal.want}
        self.restart_needed = {}
        changes: list[Change[Vm]] = []
        fresh: set[str] = set()
        for name, target in ((vm.name, vm) for group in by_need(wanted.values()) for vm in group):
            current = have.get(name)
            if current is not None and current.runs:
                current = cut_off(after_earlier(current, earlier), fresh)
            planned = step(current, target)
            if planned.change and _starts(planned.change):
                fresh |= waiting_at(target)
            if planned.change:
                changes.append(planned.change)
            if planned.pending:
                self.restart_needed[name] = planned.pending
        gone = [vm for name, vm in have.items() if name not in wanted and (name in goal.absent or goal.purge)]
        shortage = memory_problem([c.after for c in changes if _starts(c) and not (c.before and c.before.runs)], self._available)  # type: ignore[misc]
        coming = {change.key for change in earlier if change.kind == "link" and change.after}
        problems = [
            *self._problems,
            *([shortage] if shortage else []),
            *(
                f"The tap '{name}' of VM '{vm}' does not exist; make it first."
                for name, vm in self._unplugged.items()
                if name not in coming
            ),
        ]
        if problems:
            raise LabErrors(problems)
        return changes + [Change(self.kind, vm, None) for vm in gone]

    def brace(self, changes: Sequence[Change[Vm]], scope: Scope) -> None:
        """Unplug NICs before anything else changes: their taps may go, and QEMU would read from what is no more."""
        for change in changes:
            if change.action == "update" and change.before and change.after and change.before.runs:
                for nic in process.unplug(change.before, change.after):
                    self.notices.append(
                        f"The guest of VM '{change.key}' does not let go of its NIC '{nic}', which has lost its cable: "
                        "is its system up? Run again, or start it anew."
                    )

    def remove(self, changes: Sequence[Change[Vm]], scope: Scope) -> None:
        """End what goes or restarts; a VM that goes takes its files with it, so there is nothing its guest could save."""
        ending = [(change, change.before) for change in changes if change.before is not None]
        process.stop([_ending(change, vm) for change, vm in ending if change.action == "replace"], graceful=True)
        doomed = [vm for change, vm in ending if change.action == "remove"]
        process.stop(doomed, graceful=False)
        for vm in doomed:
            shutil.rmtree(files(scope.lab, vm.name).state, ignore_errors=True)
        for empty in (run_dir(scope.lab) / "vm", state_dir(scope.lab)):
            with suppress(OSError):
                empty.rmdir()
        if not (run_dir(scope.lab) / "vm").exists():
            (run_dir(scope.lab) / _KVM).unlink(missing_ok=True)

    def apply(self, changes: Sequence[Change[Vm]], scope: Scope) -> None:
        """Start what is to run, all at once, and tell running ones what has changed."""
        starting = [change.after for change in changes if change.after and _starts(change)]
        if starting:
            make_public(run_dir(scope.lab))
            for group in by_need(starting):
                process.together(process.start, [self._resolved(vm, scope.lab) for vm in group])
        for change in changes:
            if change.after and not change.after.runs:
                process.define(change.after.name, scope.lab)
            elif change.after and change.action == "update" and change.before and change.before.runs:
                self._plug(change.before, change.after, scope.lab)
                _tell(change.before, change.after)

    def _plug(self, before: Vm, after: Vm, lab: str) -> None:
        new = [nic.id for nic in after.nics or () if nic.id not in {known.id for known in before.nics or ()}]
        if new:
            process.plug(before, self._resolved(after, lab))
            self.notices += [
                f"VM '{after.name}' has got the NIC '{nic}' while it runs; its system gives it an address when it starts anew, "
                "or when you tell it to."
                for nic in new
            ]

    def _resolved(self, vm: Vm, lab: str) -> Vm:
        """Return a VM with what was left to this machine decided: its accelerator, and vhost."""
        accel = vm.accel
        if accel is None:
            answer = kvm.probe(qemu.program(), qemu.account(), run_dir(lab) / _KVM)
            accel = "kvm" if answer.works else "tcg"
            notice = f"KVM does not work here ({answer.reason}): guests are emulated by TCG, about ten times slower."
            if not answer.works and notice not in self.notices:
                self.notices.append(notice)
        nics = [self._sped_up(nic, accel) if nic.tap and nic.vhost is None else nic for nic in vm.nics or ()]
        if vm.privileged:
            self.notices.append(f"QEMU of VM '{vm.name}' runs as root and not in its whole sandbox: a backend of it makes a device.")
        return dataclasses.replace(vm, accel=accel, nics=tuple(nics), stale=())

    def _sped_up(self, nic: Nic, accel: str) -> Nic:
        """Return a NIC whose packets the kernel moves, if it can; an emulated guest is slower than anything that moves them."""
        wanted = accel == "kvm" and nic.model.startswith("virtio-net")
        works = wanted and process.vhost_works()
        if wanted and not works and _NO_VHOST not in self.notices:
            self.notices.append(_NO_VHOST)
        return dataclasses.replace(nic, vhost=works)


def _exists(nic: Nic) -> bool:
    """Say whether a NIC's tap is there."""
    if nic.netns and not namespaces.exists(nic.netns):
        return False
    with namespaces.inside(nic.netns):
        return tap.exists(nic.tap or "")


def _starts(change: Change[Vm]) -> bool:
    """Say whether a change ends with a new process."""
    return bool(change.after and change.after.runs and (change.replace or change.before is None or not change.before.runs))


def _ending(change: Change[Vm], vm: Vm) -> Vm:
    return dataclasses.replace(vm, stop_timeout=change.after.stop_timeout) if change.after else vm


def _tell(before: Vm, after: Vm) -> None:
    known = {nic.id: nic for nic in before.nics or ()}
    process.cut(after, [nic for nic in after.nics or () if nic.id in known and nic.up != known[nic.id].up])
    process.rewire(before, after)
    if before.state != after.state:
        process.resume(after)


def _impossible(want: Sequence[Vm], have: Mapping[str, Vm], scope: Scope) -> list[str]:
    """Say what of the wanted VMs this machine cannot do; those that run as wanted prove that it can."""
    problems = []
    for vm in want:
        current = have.get(vm.name)
        if not vm.runs or (current and current.runs and current.state != SILENT and _plugs(current) == _plugs(vm)):
            continue
        program, who = qemu.program(), qemu.account()
        problems += [
            f"There is no NIC model '{nic.model}' for VM '{vm.name}' in this machine's QEMU{_near(nic.model)}."
            for nic in vm.nics or ()
            if nic.model not in qemu.nic_models(program)
        ]
        problems += [
            f"VM '{vm.name}' wants the bridge '{bridge}', which {qemu.BRIDGES} does not allow; add the line 'allow {bridge}' to it."
            for bridge in sorted(_helped(vm))
            if not qemu.allows(bridge)
        ]
        if any(nic.vhost for nic in vm.nics or ()) and not process.vhost_works():
            problems.append(f"VM '{vm.name}' wants vhost, but there is no /dev/vhost-net; load the kernel module vhost_net.")
        if vm.accel == "kvm" and not (answer := kvm.probe(program, who)).works:
            problems.append(f"VM '{vm.name}' wants KVM, which does not work here: {answer.reason}; set accel to auto or tcg.")
        if len(str(files(scope.lab, vm.name).console)) > _LONGEST_PATH:
            problems.append(f"The names of lab '{scope.lab}' and VM '{vm.name}' are too long together for a socket's path; shorten one.")
    return problems


def _helped(vm: Vm) -> set[str]:
    """Return the bridges that QEMU's helper is to plug a VM's NICs into."""
    return {words[1].partition("=")[2] for nic in vm.nics or () for words in nic.netdevs if words[0] == "bridge"}


def _plugs(vm: Vm) -> tuple[Any, ...]:
    return (vm.accel, *((nic.model, nic.vhost, nic.netdevs) for nic in vm.nics or ()))


def _near(model: str) -> str:
    close = difflib.get_close_matches(model, sorted(qemu.nic_models(qemu.program())), n=3)
    return f" (did you mean {' or '.join(close)}?)" if close else "; 'qemu-system-x86_64 -device help' lists them"


def _available_memory() -> int | None:
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        return next((int(line.split()[1]) // 1024 for line in meminfo if line.startswith("MemAvailable:")), None)
