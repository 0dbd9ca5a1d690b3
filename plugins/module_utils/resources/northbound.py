# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's content of OVN's northbound database (ovn-nb(5)): rows of any table, in one transaction, known by the lab's mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .._errors import LabError
from .._paths import OVN
from .._plan import Change, Goal, Scope, compare
from ..transport import ovn, ovsdb
from ..transport.ovsdb import Copy
from ._ovs_model import MARK
from .ovn import settle

DATABASE = "OVN_Northbound"
_NAME = "netvirt-name"


@dataclass(frozen=True)
class Table:
    """A table: the columns that are managed, whether it has names, and where its rows are parts of another's."""

    columns: tuple[str, ...]
    named: bool = True
    parent: tuple[str, str] | None = None


# Parents come before their parts.
TABLES: Mapping[str, Table] = {
    "DHCP_Options": Table(("cidr", "options"), named=False),
    "Logical_Switch": Table(("other_config",)),
    "Logical_Router": Table(("options",)),
    "Logical_Switch_Port": Table(
        ("type", "addresses", "options", "dhcpv4_options", "port_security", "enabled"), parent=("Logical_Switch", "ports")
    ),
    "Logical_Router_Port": Table(("mac", "networks", "options", "enabled"), parent=("Logical_Router", "ports")),
    "Gateway_Chassis": Table(("chassis_name", "priority"), parent=("Logical_Router_Port", "gateway_chassis")),
    "ACL": Table(("match", "action", "direction", "priority"), named=False, parent=("Logical_Switch", "acls")),
    "Logical_Router_Static_Route": Table(("ip_prefix", "nexthop"), named=False, parent=("Logical_Router", "static_routes")),
    "NAT": Table(("type", "external_ip", "logical_ip"), named=False, parent=("Logical_Router", "nat")),
}
_ORDER = {name: number for number, name in enumerate(TABLES)}
_REFERENCES = {"dhcpv4_options": "DHCP_Options"}


@dataclass(frozen=True)
class Row:
    """A row: lists of columns are sets in alphabetical order, rows by name; an empty column is left out."""

    table: str
    name: str
    lab: str | None
    parent: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return table and name: both together are unique in a lab."""
        return f"{self.table} {self.name}"


def row_from(item: Mapping[str, Any], lab: str) -> Row:
    """Return the row that a share's item means."""
    return Row(item["table"], item["name"], lab, item.get("in", ""), _filled(item["columns"]))


class NorthboundDriver:
    """Make, change and remove the lab's rows. Only the machine that runs the database has any."""

    kind = "ovn_row"

    def observe(self, goal: Goal[Row], scope: Scope) -> Mapping[str, Row]:
        """Read the lab's rows; of a server that was killed, from its file."""
        if ovn.answers(ovn.NORTHBOUND):
            with _connected() as copy:
                return _observed(copy, scope.lab)
        file = OVN / "nb.db"
        return _observed(ovsdb.Stored(file, ovn.schema("nb"), DATABASE, _asked()), scope.lab) if file.exists() else {}

    def plan(self, have: Mapping[str, Row], goal: Goal[Row], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Row]]:
        """Compare; what is a part of something that goes, goes and comes with it."""
        changes = compare(self.kind, have, goal, scope, replace_on=("parent",))
        return sorted(changes, key=lambda change: _ORDER[_either(change).table])

    def remove(self, changes: Sequence[Change[Row]], scope: Scope) -> None:
        """Remove rows, and take parts out of what they are in."""
        if not ovn.answers(ovn.NORTHBOUND):
            settle()
        doomed = {_either(change).key for change in changes}

        def build(copy: Copy, insert: Callable[[str], Any]) -> None:
            known = _known(copy, scope.lab)
            going = {known[key] for key in doomed & known.keys()}
            for key in sorted(doomed & known.keys()):
                table = TABLES[key.partition(" ")[0]]
                if table.parent is None:
                    known[key].delete()
                    continue
                # Of a parent that goes too, the server removes the parts; whoever moved one by hand gets it taken out there.
                for parent in (one for one in copy.rows(table.parent[0]) if one not in going):
                    if known[key] in getattr(parent, table.parent[1]):
                        parent.delvalue(table.parent[1], known[key])

        with _connected() as copy:
            copy.transact(partial(build, copy), "remove the lab's logical network from OVN")

    def apply(self, changes: Sequence[Change[Row]], scope: Scope) -> None:
        """Make and change rows."""

        def build(copy: Copy, insert: Callable[[str], Any]) -> None:
            known = _known(copy, scope.lab)
            for change in changes:
                target, before = change.target, change.before if change.action == "update" else None
                table = TABLES[target.table]
                row = known[target.key] if before else insert(target.table)
                if before is None:
                    known[target.key] = row
                    row.external_ids = {MARK: scope.lab, _NAME: target.name}
                    if table.named:
                        row.name = target.name
                    if table.parent:
                        known[f"{table.parent[0]} {target.parent}"].addvalue(table.parent[1], row)
                for column in table.columns:
                    _set(row, column, target.columns.get(column), before.columns.get(column) if before else None, known)

        with _connected() as copy:
            copy.transact(partial(build, copy), "write the lab's logical network to OVN")


def _asked() -> dict[str, list[str]]:
    """Return the columns that are needed of each table."""
    asked = {name: [*table.columns, "external_ids"] for name, table in TABLES.items()}
    for table in TABLES.values():
        if table.parent:
            asked[table.parent[0]].append(table.parent[1])
    return asked


def _connected() -> Copy:
    if not ovn.answers(ovn.NORTHBOUND):
        raise LabError(f"OVN's northbound database does not run: nobody answers at {ovn.NORTHBOUND}; look into {OVN}/nb.log.")
    return Copy(ovn.NORTHBOUND, DATABASE, _asked())


def _observed(copy: Copy | ovsdb.Stored, lab: str) -> dict[str, Row]:
    homes = {
        id(part): parent.external_ids.get(_NAME, "")
        for table in TABLES.values()
        if table.parent
        for parent in copy.rows(table.parent[0])
        for part in getattr(parent, table.parent[1])
    }
    return {key: _row(key.partition(" ")[0], row, homes.get(id(row), "")) for key, row in _known(copy, lab).items()}


def _either(change: Change[Row]) -> Row:
    return change.before if change.before is not None else change.target


def _known(copy: Copy | ovsdb.Stored, lab: str) -> dict[str, Any]:
    return {f"{name} {row.external_ids.get(_NAME)}": row for name in TABLES for row in copy.rows(name) if row.external_ids.get(MARK) == lab}


def _row(table: str, row: Any, parent: str) -> Row:
    values = {column: getattr(row, column) for column in TABLES[table].columns}
    for column in _REFERENCES.keys() & values.keys():
        values[column] = [one.external_ids.get(_NAME, "") for one in values[column]]
    return Row(table, row.external_ids.get(_NAME, ""), row.external_ids[MARK], parent, _filled(values))


def _filled(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns in canonical form, without the empty ones."""
    plain = {name: tuple(sorted(value)) if isinstance(value, (list, tuple)) else value for name, value in columns.items()}
    return {name: value for name, value in plain.items() if value not in ("", (), {})}


def _set(row: Any, column: str, wanted: Any, before: Any, known: Mapping[str, Any]) -> None:
    if wanted == before:
        return
    if wanted is None:
        setattr(row, column, {} if isinstance(before, Mapping) else [] if isinstance(before, tuple) else "")
    elif column in _REFERENCES:
        setattr(row, column, [known[f"{_REFERENCES[column]} {name}"] for name in wanted])
    else:
        setattr(row, column, list(wanted) if isinstance(wanted, tuple) else wanted)
