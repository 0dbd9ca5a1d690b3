# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the database as objects: what the server tells, unpacked, and what is set, as operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport.ovs_rows import Row, Tables

SCHEMA: Mapping[str, Any] = {
    "tables": {
        "Bridge": {
            "columns": {
                "name": {"type": "string"},
                "ports": {"type": {"key": {"type": "uuid", "refTable": "Port"}, "min": 0, "max": "unlimited"}},
                "netflow": {"type": {"key": {"type": "uuid", "refTable": "NetFlow"}, "min": 0}},
                "notes": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
                "version": {"type": {"key": {"type": "integer", "minInteger": 0}}},
            }
        },
        "Port": {
            "columns": {
                "name": {"type": "string"},
                "tag": {"type": {"key": {"type": "integer"}, "min": 0, "max": 1}},
                "trunks": {"type": {"key": {"type": "integer"}, "min": 0, "max": 4096}},
            }
        },
    }
}
TOLD: Mapping[str, Any] = {
    "Bridge": {
        "b-1": {
            "new": {
                "name": "quay",
                "ports": ["set", [["uuid", "p-1"], ["uuid", "p-2"]]],
                "netflow": ["uuid", "n-1"],
                "notes": ["map", [["wind", "west"], ["tide", "low"]]],
                "version": 3,
            }
        }
    },
    "Port": {
        "p-1": {"new": {"name": "eel", "tag": 7, "trunks": ["set", [8, 9]]}},
        "p-2": {"new": {"name": "cod", "tag": ["set", []], "trunks": 5}},
    },
}


@pytest.fixture
def tables() -> Tables:
    made = Tables(SCHEMA, {"Bridge": (), "Port": ()})
    made.update(TOLD)
    return made


def one(tables: Tables, table: str, name: str) -> Row:
    return next(row for row in tables.rows(table) if row.name == name)


def test_columns_are_unpacked_as_the_schema_says(tables: Tables) -> None:
    quay, eel, cod = one(tables, "Bridge", "quay"), one(tables, "Port", "eel"), one(tables, "Port", "cod")
    assert (quay.version, quay.notes) == (3, {"wind": "west", "tide": "low"})
    assert quay.ports == [eel, cod]
    # A set of one comes without its brackets.
    assert (eel.tag, eel.trunks, cod.tag, cod.trunks) == ([7], [8, 9], [], [5])
    # Nobody asked for the table that this refers to.
    assert quay.netflow == []
    with pytest.raises(AttributeError, match="row of table Port has no column colour"):
        str(eel.colour)


def test_rows_change_in_place_and_go(tables: Tables) -> None:
    quay, cod = one(tables, "Bridge", "quay"), one(tables, "Port", "cod")
    assert cod.trunks == [5]
    tables.update(
        {
            "Bridge": {"b-1": {"old": {}, "new": {**TOLD["Bridge"]["b-1"]["new"], "ports": ["uuid", "p-2"]}}},
            "Port": {"p-1": {"old": {}}, "p-2": {"old": {}, "new": {"name": "ray", "tag": 1, "trunks": ["set", []]}}},
        }
    )
    assert (cod.name, cod.tag, cod.trunks) == ("ray", [1], [])
    assert quay.ports == [cod] == tables.rows("Port")


def changed(row: Row, column: str, *mutations: list[Any]) -> dict[str, Any]:
    where = [["_uuid", "==", ["uuid", row.uuid]]]
    return {"op": "mutate", "table": row.table, "where": where, "mutations": [[column, *one] for one in mutations]}


@pytest.mark.parametrize(
    ("work", "operations"),
    [
        (
            lambda quay, eel: (quay.setkey("notes", "tide", "high"), quay.setkey("notes", "moon", "full"), quay.delkey("notes", "wind")),
            lambda quay, eel: [
                changed(
                    quay,
                    "notes",
                    ["delete", ["set", ["tide", "moon", "wind"]]],
                    ["insert", ["map", [["tide", "high"], ["moon", "full"]]]],
                )
            ],
        ),
        (lambda quay, eel: quay.delvalue("ports", eel), lambda quay, eel: [changed(quay, "ports", ["delete", ["set", [["uuid", "p-1"]]]])]),
        (lambda quay, eel: quay.increment("version"), lambda quay, eel: [changed(quay, "version", ["+=", 1])]),
        (
            lambda quay, eel: (eel.__setattr__("tag", []), eel.__setattr__("trunks", [1, 2])),
            lambda quay, eel: [
                {
                    "op": "update",
                    "table": "Port",
                    "where": [["_uuid", "==", ["uuid", "p-1"]]],
                    "row": {"tag": ["set", []], "trunks": ["set", [1, 2]]},
                }
            ],
        ),
        (
            lambda quay, eel: eel.delete(),
            lambda quay, eel: [{"op": "delete", "table": "Port", "where": [["_uuid", "==", ["uuid", "p-1"]]]}],
        ),
    ],
)
def test_what_is_set_becomes_operations(
    tables: Tables, work: Callable[[Row, Row], Any], operations: Callable[[Row, Row], list[dict[str, Any]]]
) -> None:
    quay, eel = one(tables, "Bridge", "quay"), one(tables, "Port", "eel")
    tables.work = {}
    work(quay, eel)
    assert tables.operations() == operations(quay, eel)


def test_new_rows_are_known_by_a_name_of_the_transaction(tables: Tables) -> None:
    quay = one(tables, "Bridge", "quay")
    tables.work = {}
    ray, dock = tables.insert("Port"), tables.insert("Bridge")
    ray.name, dock.name = "ray", "dock"
    quay.addvalue("ports", ray)
    dock.addvalue("ports", ray)
    dock.setkey("notes", "wind", "east")
    port, bridge, mutation = tables.operations()
    assert port == {"op": "insert", "table": "Port", "uuid-name": port["uuid-name"], "row": {"name": "ray"}}
    named = ["set", [["named-uuid", port["uuid-name"]]]]
    assert bridge["row"] == {"name": "dock", "ports": named, "notes": ["map", [["wind", "east"]]]}
    assert mutation == changed(quay, "ports", ["insert", named])
    assert port["uuid-name"] != bridge["uuid-name"]


def test_rows_change_within_a_transaction_only(tables: Tables) -> None:
    with pytest.raises(ValueError, match="within a transaction only"):
        one(tables, "Port", "eel").tag = 4
