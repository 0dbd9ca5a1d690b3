# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VMs must change and how, without looking at anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from .._plan import Change
from ._netdev import meeting_point
from ._vm_hotplug import planned
from ._vm_model import PAUSED, RUNNING, STOPPED, Nic, Vm, filled
from ._vm_network import LOST, same_but_forwards, swappable

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
    # A guest that is started anew finds its NICs by itself; else it is told of them while it runs.
    plugs = target.on_change == "report" and current.state in _HOT_STATES and current.nics is not None
    hot = dataclasses.replace(
        current,
        state=whole.state if current.state in _HOT_STATES else current.state,
        nics=_linked(planned(current, whole) if plugs else current.nics, whole.nics),
        on_change=target.on_change,
        stop_timeout=target.stop_timeout,
    )
    pending = tuple(sorted(Change("vm", hot, whole).differing))
    if pending and target.on_change == "restart":
        return Step(Change("vm", current, whole, replace=True))
    change = Change("vm", current, hot)
    return Step(change if change.differing else None, pending)


def _linked(current: tuple[Nic, ...] | None, target: tuple[Nic, ...] | None) -> tuple[Nic, ...] | None:
    """Return current's NICs with the link states, the forwarded ports and the uplinks of target's."""
    if current is None or target is None:
        return current
    wanted = {nic.id: nic for nic in target}
    return tuple(_told(nic, wanted.get(nic.id, nic)) for nic in current)


def _told(current: Nic, target: Nic) -> Nic:
    backend = target.backend if same_but_forwards(current, target) else current.backend
    uplink = target.uplink if swappable(current, target) else current.uplink
    return dataclasses.replace(current, up=target.up, backend=backend, uplink=uplink)


def by_need(vms: Iterable[Vm]) -> list[list[Vm]]:
    """Return VMs in the groups that they are started in: who connects to another one, after the one who waits for it."""
    left = {vm.name: vm for vm in vms}
    groups = []
    while left:
        points = {point for vm in left.values() for point in waiting_at(vm)}
        group = [vm for vm in left.values() if not points.intersection(connected_to(vm))] or list(left.values())
        groups.append(group)
        for vm in group:
            del left[vm.name]
    return groups


def waiting_at(vm: Vm) -> set[str]:
    """Return where a VM's NICs wait for those of others."""
    return {point for point, waits in _points(vm) if waits}


def connected_to(vm: Vm) -> set[str]:
    """Return where a VM's NICs are connected with others that wait."""
    return {point for point, waits in _points(vm) if not waits}


def _points(vm: Vm) -> list[tuple[str, bool]]:
    found = (meeting_point(words) for nic in vm.nics or () for words in nic.netdevs)
    return [point for point in found if point]


def cut_off(current: Vm, fresh: Collection[str]) -> Vm:
    """Return a running VM as it will be when those who wait at some points have been started anew: QEMU does not connect again."""

    def lost(words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        point = meeting_point(words) if words else None
        return (*words, LOST) if words and point and not point[1] and point[0] in fresh and LOST not in words else words

    nics = current.nics and tuple(dataclasses.replace(nic, backend=lost(nic.backend), uplink=lost(nic.uplink)) for nic in current.nics)
    return dataclasses.replace(current, nics=nics)


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
