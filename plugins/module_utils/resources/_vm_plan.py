# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VMs must change and how, without looking at anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from .._plan import Change
from ._vm_model import PAUSED, RUNNING, STOPPED, Nic, Vm, filled

# What a running QEMU can be told: to pause or go on, to unplug or plug a link.
_HOT_STATES = (RUNNING, PAUSED, "io-error")


@dataclasses.dataclass(frozen=True)
class Step:
    """What is planned for one VM, and what of it must wait for a restart."""

    change: Change[Vm] | None
    pending: tuple[str, ...] = ()


def step(current: Vm | None, target: Vm) -> Step:
    """Return how a VM gets from current to target, by the target's on_change where that takes a restart."""
    if current is None:
        return Step(Change("vm", None, target))
    if not current.runs:
        if target.state == STOPPED:
            return Step(None)
        # What it will be is what is wanted: a stopped VM has nothing to compare but its state.
        return Step(Change("vm", dataclasses.replace(target, state=STOPPED), target))
    if target.state == STOPPED:
        return Step(Change("vm", current, dataclasses.replace(current, state=STOPPED, stop_timeout=target.stop_timeout), replace=True))
    whole = filled(target, current)
    hot = dataclasses.replace(
        current,
        state=whole.state if current.state in _HOT_STATES else current.state,
        nics=_linked(current.nics, whole.nics),
        on_change=target.on_change,
        stop_timeout=target.stop_timeout,
    )
    pending = tuple(sorted(Change("vm", hot, whole).differing))
    if pending and target.on_change == "restart":
        return Step(Change("vm", current, whole, replace=True))
    change = Change("vm", current, hot)
    return Step(change if change.differing else None, pending)


def _linked(current: tuple[Nic, ...] | None, target: tuple[Nic, ...] | None) -> tuple[Nic, ...] | None:
    """Return current's NICs with the link states of target's."""
    if current is None or target is None:
        return current
    up = {nic.id: nic.up for nic in target}
    return tuple(dataclasses.replace(nic, up=up.get(nic.id, nic.up)) for nic in current)


def after_earlier(current: Vm, earlier: Sequence[Change[Any]]) -> Vm:
    """Return a running VM as it will be when the changes planned before its own have been made under it."""
    gone = [change for change in earlier if change.kind == "link" and change.action in ("remove", "replace")]
    cut = {change.key for change in gone}
    # What is in a namespace goes with it.
    lost = {change.key for change in earlier if change.kind == "netns" and change.action in ("remove", "replace")}
    nics = current.nics and tuple(
        dataclasses.replace(nic, tap="") if nic.cable in cut or nic.netns in lost else nic for nic in current.nics
    )
    new = {change.kind for change in earlier if _renews(change, current)}
    return dataclasses.replace(current, nics=nics, stale=tuple(sorted({*current.stale, *new})))


def _renews(change: Change[Any], vm: Vm) -> bool:
    if change.kind == "seed":
        return change.key == vm.seed and (change.action != "update" or not change.differing <= {"owner", "group", "mode"})
    return change.kind == "disk" and change.key == vm.disk and change.action != "update"


def memory_problem(starting: Iterable[Vm], available: int | None) -> str | None:
    """Say that VMs to be started want more memory than the machine has free; in MiB."""
    wanted = {vm.name: vm.memory or 0 for vm in starting}
    total = sum(wanted.values())
    if available is None or total <= available:
        return None
    which = f"VM '{next(iter(wanted))}' wants" if len(wanted) == 1 else f"The VMs to be started ({', '.join(sorted(wanted))}) want"
    return f"{which} {total} MiB of memory, but only {available} MiB are free on this machine; give less memory, or stop something."
