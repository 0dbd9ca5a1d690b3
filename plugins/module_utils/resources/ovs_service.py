# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's daemons: started where they do not run, with the setting that the userspace datapath needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._plan import Change, Goal, Scope
from ..transport import ovsdb, processes
from .ovs import best_datapath

KEY = "openvswitch"
_TSO = "userspace-tso-enable"
# The keys of the root row's external_ids that remember what this collection did.
_STARTED, _SET_TSO = "netvirt-started", "netvirt-userspace-tso"
# ... and what a run that was killed has not done yet: the daemon reads the setting when it starts.
_PENDING = "netvirt-restart-pending"
_SCRIPT = "/usr/share/openvswitch/scripts/ovs-ctl"
# What distributions call it, and where they have its unit.
_SERVICES = ("openvswitch-switch", "openvswitch", "ovs-vswitchd")
_UNITS = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
# Memory that is locked is lost to the guests, and a hostname is not ours to record.
_FRUGAL = ("--system-id=random", "--no-mlockall", "--no-record-hostname")


@dataclass(frozen=True)
class OvsService:
    """The daemons of a machine. ``ours`` says what of it this collection did; ``bridges`` counts who would notice a restart."""

    running: bool
    userspace_tso: bool
    bridges: int = field(default=0, metadata={"hidden": True})
    ours: frozenset[str] = field(default=frozenset(), metadata={"hidden": True})
    lab: str | None = None

    @property
    def key(self) -> str:
        """Return the one name there is."""
        return KEY


class OvsServiceDriver:
    """Start Open vSwitch, or take back what was done to it. A goal that purges means the latter."""

    kind = "ovs_service"

    def __init__(self, service: str | None = None, userspace_tso: str = "auto", leaving: int = 0) -> None:
        self._service = service
        self._leaving = leaving  # so many bridges will have gone by then
        self._tso = userspace_tso if best_datapath() == "netdev" else "keep"

    def observe(self, goal: Goal[OvsService], scope: Scope) -> Mapping[str, OvsService]:
        """Ask the database, if there is a server for it."""
        if not ovsdb.running(None):
            return {KEY: OvsService(running=False, userspace_tso=False)}
        with ovsdb.Database(None, {"Open_vSwitch": ("other_config", "external_ids"), "Bridge": ("name",)}) as switch:
            root = switch.root
            service = OvsService(
                running=switch.daemon_runs(),
                userspace_tso=root.other_config.get(_TSO) == "true" and _PENDING not in root.external_ids,
                bridges=max(0, len(switch.rows("Bridge")) - self._leaving),
                ours=frozenset({_STARTED, _SET_TSO}.intersection(root.external_ids)),
            )
        return {KEY: service}

    def plan(
        self, have: Mapping[str, OvsService], goal: Goal[OvsService], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[OvsService]]:
        """Leave alone what others use or have set."""
        current = have[KEY]
        target = _restored(current) if goal.purge else _started(current, self._tso)
        return [Change(self.kind, current, target)] if target != current else []

    def remove(self, changes: Sequence[Change[OvsService]], scope: Scope) -> None:
        """Do nothing: what is to end is an update."""

    def apply(self, changes: Sequence[Change[OvsService]], scope: Scope) -> None:
        """Start the daemons, or stop them, or start them anew with another setting; remember in the database what was done."""
        for change in changes:
            before, after = change.before or change.target, change.target
            if after.running and not before.running:
                self._do("start")
            restart = after.running and after.userspace_tso != before.userspace_tso
            # What the database says of us is known where its server runs, with the other daemon or without.
            if before.ours or before.running or after.running:
                _write(after, pending=restart)
            if _STARTED in before.ours and not after.running:
                self._do("stop")
            elif restart:
                self._do("restart")
                _write(after, pending=False)

    def _do(self, verb: str) -> None:
        purpose = f"{verb} Open vSwitch"
        if os.path.isdir("/run/systemd/system"):
            processes.command(["systemctl", verb, self._service or _found()], purpose)
        else:
            processes.command([_SCRIPT, *(_FRUGAL if verb != "stop" else ()), verb], purpose)


def _found() -> str:
    there = (name for name in _SERVICES if any(os.path.exists(f"{place}/{name}.service") for place in _UNITS))
    return next(there, _SERVICES[0])


def _started(current: OvsService, tso: str) -> OvsService:
    target = current
    if not current.running:
        target = replace(target, running=True, ours=target.ours | {_STARTED})
    ours = tso == "auto" and bool(target.ours)
    if (ours or tso == "on") and not current.userspace_tso and not current.bridges:
        target = replace(target, userspace_tso=True, ours=target.ours | {_SET_TSO})
    return target


def _restored(current: OvsService) -> OvsService:
    if current.bridges or not current.ours:
        return current
    return replace(
        current,
        running=current.running and _STARTED not in current.ours,
        userspace_tso=current.userspace_tso and _SET_TSO not in current.ours,
        ours=frozenset(),
    )


def _write(service: OvsService, pending: bool) -> None:
    with ovsdb.Database(None, {"Open_vSwitch": ("other_config", "external_ids", "cur_cfg", "next_cfg")}) as switch:

        def build(insert: Callable[[str], Any]) -> None:
            row = switch.root
            for column, key, wanted in (
                ("other_config", _TSO, service.userspace_tso),
                ("external_ids", _STARTED, _STARTED in service.ours),
                ("external_ids", _SET_TSO, _SET_TSO in service.ours),
                ("external_ids", _PENDING, pending),
            ):
                if wanted:
                    row.setkey(column, key, "true")
                else:
                    row.delkey(column, key)

        switch.change(build, "set up Open vSwitch", follow=False)
