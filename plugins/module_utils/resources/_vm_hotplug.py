# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs that come and go while their guest runs: what QEMU is told by QMP, and what is noted of it.

The arguments of the process tell what it began with. What has been plugged in since is noted in the same words; which of all of
them are there, QEMU itself is asked.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .._errors import LabError
from ..transport import notes
from ..transport.qmp import Qmp, Refused
from ._netdev import needs_root, spawns
from ._qemu_argv import HUB, NO_PCI, UPLINK, Cables, backend, backends, device, has_system
from ._vm_model import Files, Nic, Vm
from ._vm_network import connect, monitor, tell

_PERIPHERAL = "/machine/peripheral"
# A tap's line in 'info network' (net_init_tap_one in net/tap.c); one for each queue.
_TAP = r"\s{}: index=\d+,type=tap,fd=(\d+)\s"


def plugged_in(place: Files) -> set[str]:
    """Return the NICs that have come since a VM was started."""
    return set(notes.read(place.plugged).get("options", {}))


def words(note: Mapping[str, Any]) -> list[str]:
    """Return the options of all NICs that have been plugged in."""
    return [word for options in note.get("options", {}).values() for word in options]


def there(nics: Iterable[Nic], note: Mapping[str, Any], qmp: Qmp) -> tuple[Nic, ...]:
    """Return the NICs that are there now, in the order in which they are wanted."""
    present = _present(qmp)
    order = {name: place for place, name in enumerate(note["order"])}
    return tuple(sorted((nic for nic in nics if nic.id in present), key=lambda nic: order.get(nic.id, len(order))))


def planned(current: Vm, target: Vm) -> tuple[Nic, ...]:
    """Return the NICs of target as far as a running VM can come to them by plugging and unplugging; those it keeps are as they are."""
    known = {nic.id: nic for nic in current.nics or ()}
    wanted = {nic.id for nic in target.nics or ()}
    leaving = {nic.id for nic in known.values() if nic.id not in wanted and nic.port}
    free = len(current.ports) + len(leaving)
    coming = [nic.id for nic in target.nics or () if nic.id not in known and _pluggable(nic)][:free]
    if not leaving and not coming:
        return tuple(known.values())
    kept = [nic for nic in known.values() if nic.id not in wanted | leaving]
    return (*(known.get(nic.id, nic) for nic in target.nics or () if nic.id in known or nic.id in coming), *kept)


def _pluggable(nic: Nic) -> bool:
    # Whose process has rights, a filter or memory for a backend is decided when it starts.
    barred = any(needs_root(each) or spawns(each) or each[0] == "vhost-user" for each in nic.netdevs)
    return not barred and nic.model not in NO_PCI


def unplug(nics: Sequence[Nic], order: Sequence[str], place: Files, patience: float) -> list[str]:
    """Take NICs out of a running VM; return those that its guest has not let go of within patience seconds: without a backend they stay."""
    note = notes.read(place.plugged)
    notes.write(place.plugged, {"options": note.get("options", {}), "order": list(order)})
    with Qmp(place.qmp, patience + 5) as qmp:
        for nic in nics:
            with suppress(Refused):  # asked before
                qmp.execute("device_del", id=nic.id)
        left = _left([nic.id for nic in nics], qmp, patience)
        for nic in nics:
            _drop(nic, qmp)
            for file in (place.cut(nic.id), place.uplink(nic.id)):
                file.unlink(missing_ok=True)
    options = {name: kept for name, kept in note.get("options", {}).items() if name in left or name not in {nic.id for nic in nics}}
    notes.write(place.plugged, {"options": options, "order": list(order)})
    return left


def _present(qmp: Qmp) -> set[str]:
    return {entry["name"] for entry in qmp.execute("qom-list", path=_PERIPHERAL)}


def _left(names: Sequence[str], qmp: Qmp, patience: float) -> list[str]:
    deadline = time.monotonic() + patience
    while True:
        present = _present(qmp)
        left = [name for name in names if name in present]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _drop(nic: Nic, qmp: Qmp) -> None:
    for name in (f"{nic.id}{HUB}", f"{nic.id}{UPLINK}", backend(nic)):
        with suppress(Refused):
            qmp.execute("netdev_del", id=name)


def plug(vm: Vm, nics: Sequence[Nic], ports: Collection[str], cables: Mapping[str, Cables], place: Files, patience: float) -> None:
    """Put NICs into free ports of a running VM. Raise LabError."""
    with Qmp(place.qmp, patience) as qmp:
        for nic, port in zip(nics, ports):
            _drop(nic, qmp)  # of a run that was killed
            wires = cables.get(nic.id, Cables())
            try:
                taps = _connect(nic, wires, qmp)
                card = device(nic, has_system(vm), port)
                note = notes.read(place.plugged)
                options = {
                    **note.get("options", {}),
                    nic.id: [*backends(nic, dataclasses.replace(wires, taps=taps)), "-device", card],
                }
                notes.write(place.plugged, {"options": options, "order": [one.id for one in vm.nics or ()]})
                tell(f"device_add {card}", qmp)
            except LabError as error:
                _drop(nic, qmp)
                raise LabError(f"Cannot plug the NIC '{nic.id}' into the running VM '{vm.name}': {error}") from error


def _connect(nic: Nic, cables: Cables, qmp: Qmp) -> tuple[int, ...]:
    """Make what is behind a NIC; return QEMU's own numbers of the descriptors of its tap."""
    if not cables.taps:
        values = list(backends(nic, cables))
        for value in values[1::2]:
            connect(value, qmp)
        return ()
    told: dict[str, Any] = {"type": "tap", "id": backend(nic)}
    for key, several, numbers in (("fd", "fds", cables.taps), ("vhostfd", "vhostfds", cables.vhosts)):
        names = [f"{nic.id}.{key}{number}" for number in range(len(numbers))]
        for name, number in zip(names, numbers):
            qmp.execute("getfd", pass_descriptor=number, fdname=name)
        told.update({key if len(names) == 1 else several: ":".join(names)} if names else {})
    if cables.vhosts:
        told["vhost"] = True
    qmp.execute("netdev_add", **told)
    shown = monitor("info network", qmp)
    return tuple(map(int, re.findall(_TAP.format(re.escape(backend(nic))), f"\n{shown}\n")))
