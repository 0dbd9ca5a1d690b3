# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of flows, and what becomes of those that a bridge has while it changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._plan import Change
from ._flow_model import KINDS, UNMARKED, FlowTable, Ports, used_ports


def where(table: FlowTable) -> str:
    """Return where a table is written, for messages."""
    return table.path or f"bridge '{table.name}'"


def interfaces(change: Change[Any]) -> tuple[str, ...]:
    """Return the interfaces of a port that changes."""
    port: Any = change.after if change.after is not None else change.before
    return tuple(port.interfaces or (port.name,))


def unknown_ports(table: FlowTable, ports: Ports | None, made: bool, earlier: Sequence[Change[Any]]) -> list[str]:
    """Say which ports a table names that its bridge will not have; ports is None if there is none yet, made if it comes."""
    if ports is None and not made:
        return [f"{where(table)}: there is no bridge '{table.name}'; make it, or correct its name"]
    known = set(ports.numbers if ports else ())
    changes = [change for change in earlier if change.kind == "ovs_port"]
    for change in changes:
        known -= set(interfaces(change) if change.after is None else ())
    for change in changes:
        known |= set(interfaces(change) if change.after is not None and change.after.bridge == table.name else ())
    things = [*(table.flows or {}).items(), *((f"group {number}", text) for number, text in (table.groups or {}).items())]
    return [
        f"{where(table)}: there is no port '{name}' in bridge '{table.name}', which '{table.raw[key]}' names"
        for key, value in things
        for name in dict.fromkeys([*used_ports(key), *used_ports(value)])
        if name not in known
    ]


def taken(table: FlowTable, others: FlowTable | None) -> list[str]:
    """Say what somebody else has where the lab's would be."""
    return [
        f"{where(table)}: the {kind[:-1]} '{key}' exists in bridge '{table.name}', was not made by netvirt.lab and is another one "
        f"('{theirs[key]}'); leave it out or remove it first, or take it over with adopt=true"
        for kind in KINDS
        for theirs in (getattr(others, kind, None) or {},)
        for key, value in (getattr(table, kind) or {}).items()
        if key in theirs and theirs[key] != value
    ]


def flushes(change: Change[Any]) -> bool:
    """Say whether a bridge loses its flows by a change (ofproto_flush_flows() of ofproto/connmgr.c), or is another one after it."""
    if change.action != "update":
        return True
    differing = change.differing
    before, after = (bool(side and side.controllers) for side in (change.before, change.after))
    return bool(differing & {"fail_mode", "datapath_type"}) or ("controllers" in differing and before != after)


def without(table: FlowTable, lost: bool, fresh: set[str]) -> FlowTable:
    """Return what is left of a table: nothing of what names a port that is made anew, as that gets a number of its own."""
    kept: dict[str, Any] = {
        kind: {
            key: value
            for key, value in (getattr(table, kind) or {}).items()
            if not lost and not fresh.intersection([*used_ports(key), *used_ports(value)])
        }
        for kind in ("flows", "groups")
    }
    return replace(table, **kept, meters={} if lost else table.meters)


def with_others(own: FlowTable, others: FlowTable, wanted: FlowTable) -> FlowTable:
    """Return own with what has to go of others'. Flows of theirs that are wanted are not there yet, as they lack the mark."""
    flows = {key: value for key, value in (others.flows or {}).items() if key not in (wanted.flows or {})}
    unmarked: dict[str, Any] = {kind: {**(getattr(others, kind) or {}), **(getattr(own, kind) or {})} for kind in UNMARKED}
    return replace(own, flows={**flows, **(own.flows or {})}, **unmarked)
