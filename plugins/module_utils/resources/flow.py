# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows, groups and meters of Open vSwitch bridges: those of a lab, known by their cookie, each bridge's in one bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._errors import LabErrors
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..topology.flow_text import meter, with_ports
from ..transport import notes, openflow, ovsdb
from . import _flow_text as texts
from ._flow_model import KINDS, UNMARKED, FlowTable, Ports, cookie, ports_of, spelled
from ._flow_plan import flushes, interfaces, taken, unknown_ports, where, with_others, without
from ._flow_write import Orders, orders

_TABLES: Mapping[str, tuple[str, ...]] = {
    "Bridge": ("name", "ports", "protocols"),
    "Port": ("interfaces",),
    "Interface": ("name", "ofport"),
    "Open_vSwitch": ("cur_cfg", "next_cfg"),
}
_NOTE = "flows.json"  # bridge -> the numbers of the lab's groups and meters, which bear no mark


class FlowDriver:
    """Write what differs of a bridge's flows, and leave alone what is not the lab's."""

    kind = "ovs_flow"

    def __init__(self, database: str | None = None) -> None:
        self._address = database
        self._wanted: dict[str, FlowTable] = {}
        self._ports: dict[str, Ports] = {}
        self._others: dict[str, FlowTable] = {}
        self._problems: list[str] = []

    def observe(self, goal: Goal[FlowTable], scope: Scope) -> Mapping[str, FlowTable]:
        """Read the bridges that have flows of the lab, and no others."""
        noted = notes.read(run_dir(scope.lab) / _NOTE)
        names = {table.name for table in goal.want}.union(goal.absent, noted if goal.purge else ())
        if not names or not (goal.want or ovsdb.running(self._address)):
            return {}
        self._ports = _ports(self._address, bool(goal.want))
        self._wanted = {table.name: table for table in spelled(goal.want, self._ports, self._problems)}
        have = {}
        for name in sorted(names & self._ports.keys()):
            own, others = self._read(name, noted.get(name) or {}, scope.lab)
            wanted = self._wanted.get(name)
            self._others[name] = others
            if wanted is not None and wanted.purge:
                own = with_others(own, others, wanted)
            if wanted is not None or own.flows or own.groups or own.meters:
                have[name] = own
        return have

    def plan(
        self, have: Mapping[str, FlowTable], goal: Goal[FlowTable], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[FlowTable]]:
        """Compare; a bridge that loses its flows on the way gets them all, and so does a port that is made anew those that name it."""
        bridges = {change.key: change for change in earlier if change.kind == "ovs_bridge"}
        removed = {name for name, change in bridges.items() if change.after is None}
        lost = {name for name, change in bridges.items() if flushes(change)}
        fresh = {name for change in earlier if change.kind == "ovs_port" and change.action != "update" for name in interfaces(change)}
        problems = list(self._problems)
        for table in self._wanted.values():
            change = bridges.get(table.name)
            protocols = change.after.protocols if change and change.after else self._protocols(table.name)
            if openflow.version(protocols or ()) is None:
                problems.append(f"{where(table)}: flows need one of the versions {', '.join(openflow.VERSIONS)}; add it to its protocols")
            problems += unknown_ports(table, self._ports.get(table.name), table.name in lost, earlier)
            if not (table.purge or scope.adopt or table.name in lost):
                problems += taken(table, self._others.get(table.name))
        if problems:
            raise LabErrors(problems)
        known = {name: without(table, name in lost, fresh) for name, table in have.items() if name not in removed}
        targets = tuple(table for table in self._wanted.values() if table.name in known or any(getattr(table, kind) for kind in KINDS))
        absent = tuple(name for name in goal.absent if name in known)
        return compare(self.kind, known, Goal(goal.driver, targets, absent, goal.purge), scope)

    def remove(self, changes: Sequence[Change[FlowTable]], scope: Scope) -> None:
        """Remove the lab's flows, groups and meters from bridges that are to have none of them."""
        self._write({change.key: None for change in changes if change.after is None}, scope.lab)

    def apply(self, changes: Sequence[Change[FlowTable]], scope: Scope) -> None:
        """Bring each bridge to what is wanted of it in one bundle: packets meet all of the old flows, or all of the new ones."""
        self._write({change.key: self._wanted[change.key] for change in changes}, scope.lab)

    def _write(self, wanted: Mapping[str, FlowTable | None], lab: str) -> None:
        """Bring bridges to tables, or to have nothing of the lab's. What is noted comes first, so that nothing is forgotten."""
        path = run_dir(lab) / _NOTE
        self._ports = _ports(self._address, True)
        for name, table in wanted.items():
            noted = notes.read(path)
            before = noted.pop(name, None) or {}
            target = table or FlowTable(name, lab, {}, {}, {})
            if name in self._ports:
                kept = {kind: set(before.get(kind, ()) if getattr(target, kind) is None else getattr(target, kind)) for kind in UNMARKED}
                notes.write(path, {**noted, name: {kind: sorted(kept[kind].union(before.get(kind, ()))) for kind in UNMARKED}})
                own, others = self._read(name, before, lab, numbered=True)
                self._carry_out(name, orders(target, own, others, self._ports[name], cookie(lab)))
                if table is not None:
                    noted[name] = {kind: sorted(kept[kind]) for kind in UNMARKED}
            if noted:
                notes.write(path, noted)
            else:
                path.unlink(missing_ok=True)

    def _carry_out(self, name: str, todo: Orders) -> None:
        protocol = self._protocol(name)
        for command, text in todo.meters_before:
            openflow.meter(self._address, name, protocol, command, text)
        if todo.bundle:
            openflow.bundle(self._address, name, protocol, todo.bundle)
        for command, text in todo.meters_after:
            openflow.meter(self._address, name, protocol, command, text)

    def _read(self, name: str, noted: Mapping[str, Any], lab: str, numbered: bool = False) -> tuple[FlowTable, FlowTable]:
        """Return what the lab has of a bridge, and what others have; with the numbers of ports if so asked."""
        ports, protocol = self._ports[name], self._protocol(name)

        def named(text: str) -> str:
            return text if numbered else with_ports(text, ports.name)[0]

        flows: tuple[dict[str, str], dict[str, str]] = ({}, {})
        for line in openflow.dump(self._address, name, protocol, "flows"):
            flow = texts.flow(line)
            flows[flow.cookie != cookie(lab)][named(flow.key)] = named(flow.value)
        found: dict[str, tuple[dict[str, str], dict[str, str]]] = {"flows": flows, "groups": ({}, {}), "meters": ({}, {})}
        wanted = self._wanted.get(name)
        for kind, read in (("groups", texts.group), ("meters", meter)):
            if noted.get(kind) or (wanted and (wanted.purge or getattr(wanted, kind) is not None)):
                for line in openflow.dump(self._address, name, protocol, kind):
                    number, value = read(line)
                    found[kind][number not in noted.get(kind, ())][number] = named(value)
        own, others = (FlowTable(name, **{kind: pair[side] for kind, pair in found.items()}) for side in (0, 1))  # type: ignore[arg-type]
        return replace(own, lab=lab), others

    def _protocols(self, bridge: str) -> tuple[str, ...]:
        return self._ports[bridge].protocols if bridge in self._ports else ()

    def _protocol(self, bridge: str) -> str:
        return openflow.version(self._protocols(bridge)) or openflow.VERSIONS[0]


def _ports(database: str | None, follow: bool) -> dict[str, Ports]:
    """Return the ports of all bridges; with follow, only of a daemon that runs. Raise LabError."""
    with ovsdb.Database(database, _TABLES) as switch:
        if follow:
            switch.require_daemon()
        elif not switch.daemon_runs():
            return {}
        return {row.name: ports_of(row) for row in switch.rows("Bridge")}
