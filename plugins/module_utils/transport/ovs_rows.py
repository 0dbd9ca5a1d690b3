# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of an OVSDB database (RFC 7047) as objects: their columns are attributes, and setting these builds a transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Reader = Callable[[Any], Any]


class Tables:
    """The rows that a server tells of; each is unpacked column by column, when it is first asked for."""

    def __init__(self, schema: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
        self._rows: dict[str, dict[str, Row]] = {table: {} for table in tables}
        self._readers: dict[str, dict[str, Reader]] = {
            table: {name: self._reader(column["type"]) for name, column in schema["tables"][table]["columns"].items()} for table in tables
        }
        # What is to be done, by row; None between transactions.
        self.work: dict[Row, Work] | None = None

    def update(self, told: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take in what the server tells: rows that come, change and go (RFC 7047, 4.1.6)."""
        for table, changed in told.items():
            rows = self._rows[table]
            for uuid, sides in changed.items():
                if "new" not in sides:
                    rows.pop(uuid, None)
                elif uuid in rows:
                    rows[uuid].renew(sides["new"])
                else:
                    rows[uuid] = Row(self, table, uuid, sides["new"])

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table."""
        return list(self._rows[table].values())

    def insert(self, table: str) -> Row:
        """Add a row to the transaction."""
        row = Row(self, table, "", {})
        self.worked(row).new = f"row{len(self.work or ())}"
        return row

    def worked(self, row: Row) -> Work:
        """Return what the transaction does to a row."""
        if self.work is None:
            raise ValueError("rows change within a transaction only")
        return self.work.setdefault(row, Work())

    def operations(self) -> list[dict[str, Any]]:
        """Return what the transaction does, as the operations of 'transact'."""
        return [operation for row, work in (self.work or {}).items() for operation in work.operations(row, self._packed)]

    def _packed(self, value: Any) -> Any:
        if isinstance(value, Row):
            work = (self.work or {}).get(value)
            return ["named-uuid", work.new] if work and work.new else ["uuid", value.uuid]
        if isinstance(value, Mapping):
            return ["map", [[self._packed(part) for part in item] for item in value.items()]]
        if isinstance(value, (list, tuple)):
            return ["set", [self._packed(part) for part in value]]
        return value

    def read(self, table: str, column: str, packed: Any) -> Any:
        """Return a column's value: a list if it may hold none or several, a dict if it is a map, rows for references."""
        return self._readers[table][column](packed)

    def _reader(self, kind: Any) -> Reader:
        if isinstance(kind, str):
            return _itself
        key, value = (self._reference(kind.get(part)) for part in ("key", "value"))
        if "value" in kind:
            return lambda packed: {key(one): value(other) for one, other in packed[1]}
        if kind.get("min", 1) == kind.get("max", 1) == 1:
            return key
        # A set of one is told as its element alone. References to tables that nobody asked for are left out.
        return lambda packed: [
            one for part in (packed[1] if isinstance(packed, list) and packed[0] == "set" else [packed]) if (one := key(part)) is not None
        ]

    def _reference(self, base: Any) -> Reader:
        table = base.get("refTable") if isinstance(base, dict) else None
        return _itself if table is None else lambda packed: self._rows.get(table, {}).get(packed[1])


class Row:
    """A row. Set attributes, keys of maps and members of sets within a transaction; nothing else may be set meanwhile."""

    uuid: str

    def __init__(self, tables: Tables, table: str, uuid: str, packed: Mapping[str, Any]) -> None:
        self.__dict__.update(_tables=tables, table=table, uuid=uuid, _packed=packed)

    def renew(self, packed: Mapping[str, Any]) -> None:
        """Take the place of what was known of the row."""
        mine = self.__dict__
        kept = {name: mine[name] for name in ("_tables", "table", "uuid")}
        mine.clear()
        mine.update(kept, _packed=packed)

    def __getattr__(self, column: str) -> Any:
        mine = self.__dict__
        try:
            value = mine["_tables"].read(mine["table"], column, mine["_packed"][column])
        except KeyError:
            raise AttributeError(f"row of table {mine['table']} has no column {column}") from None
        mine[column] = value
        return value

    def __setattr__(self, column: str, value: Any) -> None:
        self._tables.worked(self).values[column] = value
        self.__dict__[column] = value

    def setkey(self, column: str, key: Any, value: Any) -> None:
        """Set one key of a map, and leave the others to whoever writes them at the same time."""
        work = self._tables.worked(self)
        if work.new:
            work.values.setdefault(column, {})[key] = value
        else:
            self.delkey(column, key)  # what a map has already is not inserted
            work.mutations.setdefault((column, "insert"), {})[key] = value

    def delkey(self, column: str, key: Any) -> None:
        """Take one key out of a map."""
        self.delvalue(column, key)

    def addvalue(self, column: str, value: Any) -> None:
        """Add one member to a set."""
        work = self._tables.worked(self)
        (work.values.setdefault(column, []) if work.new else work.mutations.setdefault((column, "insert"), [])).append(value)

    def delvalue(self, column: str, value: Any) -> None:
        """Take one member out of a set."""
        self._tables.worked(self).mutations.setdefault((column, "delete"), []).append(value)

    def increment(self, column: str) -> None:
        """Add one to a number."""
        self._tables.worked(self).mutations[column, "+="] = 1

    def delete(self) -> None:
        """Remove the row, if nothing refers to it any more."""
        self._tables.worked(self).gone = True


class Work:
    """What a transaction does to one row; ``new`` is the name of a row that it inserts."""

    def __init__(self) -> None:
        self.new = ""
        self.gone = False
        self.values: dict[str, Any] = {}
        self.mutations: dict[tuple[str, str], Any] = {}

    def operations(self, row: Row, packed: Callable[[Any], Any]) -> list[dict[str, Any]]:
        """Return the work as operations."""
        values = {column: packed(value) for column, value in self.values.items()}
        if self.new:
            return [{"op": "insert", "table": row.table, "uuid-name": self.new, "row": values}]
        target = {"table": row.table, "where": [["_uuid", "==", ["uuid", row.uuid]]]}
        if self.gone:
            return [{"op": "delete", **target}]
        mutations = [[column, how, packed(value)] for (column, how), value in self.mutations.items()]
        updated = [{"op": "update", **target, "row": values}] if values else []
        return [*updated, *([{"op": "mutate", **target, "mutations": mutations}] if mutations else [])]


def _itself(packed: Any) -> Any:
    return packed
