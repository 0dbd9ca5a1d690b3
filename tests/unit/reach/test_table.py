# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How results are told."""

from __future__ import annotations

from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.table import records, table


def test_nothing_to_check_is_said() -> None:
    assert table({}) == ["nothing to check: no two nodes share a network"]


def test_table() -> None:
    results = {Check("ann", "gateway", "ping", "10.8.0.1"): "", Check("bob", "gateway", "ping", "10.8.0.1"): "no answer"}
    results[Check("bob", "ann", "ping", "10.8.0.7")] = ""
    results[Check("bob", "ann", "resolve", "ann", answer="10.8.0.7")] = "no answer"
    results[Check("bob", "lease", "lease", "02:bob")] = ""
    assert table(results) == ["from  gateway  ann      lease", "ann   ok       -        -", "bob   FAILED   no name  ok"]


def test_what_must_not_be_reached_and_is_not() -> None:
    wall = Check("ann", "web", "tcp", "10.8.0.7", port=22, reach=False)
    assert table({wall: ""})[1].split() == ["ann", "apart"]
    assert table({wall: "it is reached"})[1].split() == ["ann", "FAILED"]
    assert table({Check("ann", "web", "ping", "10.8.0.7"): "", wall: ""})[1].split() == ["ann", "ok"]


def many(bad: int) -> dict[Check, str]:
    checks = [Check(f"h{one}", f"h{two}", "ping", f"10.8.0.{two}") for one in range(30) for two in range(30) if one != two]
    return {check: "no answer" if number < bad else "" for number, check in enumerate(checks)}


def test_many_nodes_are_counted() -> None:
    assert table(many(0)) == ["870 of 870 pairs ok, from 30 nodes, by 870 checks"]
    lines = table(many(33))
    assert lines[:2] == ["837 of 870 pairs ok, from 30 nodes, by 870 checks", "FAILED  h0 -> h1"]
    assert lines[31:] == ["... and 3 more"]


def test_records_say_more_of_what_failed() -> None:
    good, bad = Check("ann", "bob", "ping", "10.8.0.9"), Check("bob", "ann", "ping", "10.8.0.7")
    assert records({good: "", bad: "no answer"}, {bad: ["because"]}, {bad: "bob - ann"}) == [
        {"node": "ann", "to": "bob", "check": "reach 10.8.0.9", "problem": ""},
        {"node": "bob", "to": "ann", "check": "reach 10.8.0.7", "problem": "no answer", "path": "bob - ann", "causes": ["because"]},
    ]
