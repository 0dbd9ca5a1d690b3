# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: what is compared, refused, ordered and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, compare, converge, diff

SCOPE = Scope("course")


@dataclass(frozen=True)
class Lamp:
    """A thing to plan with."""

    name: str
    lab: str | None = "course"
    colour: str | None = None
    watts: int | None = None
    password: str | None = field(default=None, metadata={"secret": True})
    serial: int = field(default=0, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        return self.name


class Room:
    """A driver whose machine is a dictionary; it writes down what it is asked to do."""

    def __init__(self, kind: str, have: dict[str, Lamp], log: list[str]) -> None:
        self.kind, self.have, self.log = kind, have, log

    def observe(self, goal: Goal[Lamp], scope: Scope) -> Mapping[str, Lamp]:
        return dict(self.have)

    def plan(self, have: Mapping[str, Lamp], goal: Goal[Lamp], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Lamp]]:
        return compare(self.kind, have, goal, scope, replace_on=["watts"])

    def remove(self, changes: Sequence[Change[Lamp]], scope: Scope) -> None:
        for change in changes:
            self.log.append(f"{self.kind} - {change.key}")
            del self.have[change.key]

    def apply(self, changes: Sequence[Change[Lamp]], scope: Scope) -> None:
        for change in changes:
            assert change.after is not None
            self.log.append(f"{self.kind} + {change.key}")
            self.have[change.key] = change.after


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        pytest.param([], [Lamp("desk")], [("create", "desk", [])], id="missing"),
        pytest.param([Lamp("desk", colour="red")], [Lamp("desk")], [], id="unmanaged attribute"),
        pytest.param([Lamp("desk", colour="red")], [Lamp("desk", colour="red")], [], id="same"),
        pytest.param([Lamp("desk", colour="red")], [Lamp("desk", colour="blue")], [("update", "desk", ["colour"])], id="other value"),
        pytest.param([Lamp("desk", colour="red")], [Lamp("desk", colour="")], [("update", "desk", ["colour"])], id="explicitly none"),
        pytest.param([Lamp("desk", watts=5)], [Lamp("desk", watts=7)], [("replace", "desk", ["watts"])], id="not in place"),
        pytest.param([Lamp("desk", serial=3)], [Lamp("desk", serial=4)], [], id="hidden fields are no state"),
        pytest.param([Lamp("desk"), Lamp("floor")], [Lamp("desk")], [("remove", "floor", [])], id="purged"),
        pytest.param([Lamp("desk", lab="other"), Lamp("sun", lab=None)], [], [], id="others' things are not purged"),
    ],
)
def test_compare(have: list[Lamp], want: list[Lamp], expected: list[tuple[str, str, list[str]]]) -> None:
    room = Room("lamp", {lamp.key: lamp for lamp in have}, [])
    changes = compare("lamp", room.have, Goal(room, tuple(want), purge=True), SCOPE)
    changes = compare("lamp", room.have, Goal(room, tuple(want), purge=True), SCOPE, replace_on=["watts"])
    assert [(change.action, change.key, sorted(change.differing)) for change in changes] == expected


@pytest.mark.parametrize(("owner", "words"), [(None, "was not made by netvirt.lab"), ("other", "belongs to lab 'other'")])
@pytest.mark.parametrize("goal", [{"want": (Lamp("desk", colour="red"),)}, {"absent": ("desk",)}])
def test_foreign_things_are_refused_unless_adopted(owner: str | None, words: str, goal: dict[str, Any]) -> None:
    room = Room("lamp", {"desk": Lamp("desk", lab=owner, colour="green")}, [])
    with pytest.raises(LabErrors, match=f"The lamp 'desk' exists and {words}"):
        converge([Goal(room, **goal)], SCOPE)
    assert converge([Goal(room, **goal)], Scope("course", adopt=True))


def test_all_problems_of_all_drivers_come_before_the_first_change() -> None:
    log: list[str] = []
    first = Room("lamp", {"desk": Lamp("desk", lab=None), "floor": Lamp("floor", lab="other")}, log)
    second = Room("bulb", {"spare": Lamp("spare", lab="other")}, log)
    goals = [Goal(first, (Lamp("desk"), Lamp("new"), Lamp("floor"))), Goal(second, (Lamp("spare"),))]
    with pytest.raises(LabErrors) as caught:
        converge(goals, SCOPE)
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["desk", "floor", "spare"]
    assert log == []


def test_removal_runs_backwards_and_building_forwards() -> None:
    log: list[str] = []
    first = Room("lamp", {"old": Lamp("old"), "heavy": Lamp("heavy", watts=1)}, log)
    second = Room("bulb", {"used": Lamp("used")}, log)
    goals = [Goal(first, (Lamp("new"), Lamp("heavy", watts=2)), purge=True), Goal(second, (Lamp("fresh"),), purge=True)]
    converge(goals, SCOPE)
    assert log == ["bulb - used", "lamp - heavy", "lamp - old", "lamp + new", "lamp + heavy", "bulb + fresh"]
    assert converge(goals, SCOPE) == []


def test_check_mode_foretells_the_real_diff_and_changes_nothing() -> None:
    log: list[str] = []
    room = Room("lamp", {"desk": Lamp("desk", colour="red", watts=5), "old": Lamp("old", colour="white")}, log)
    goals = [Goal(room, (Lamp("desk", colour="blue", password="one"), Lamp("new", watts=9)), purge=True)]
    foretold = diff(converge(goals, Scope("course", check=True)))
    assert log == []
    assert foretold == diff(converge(goals, SCOPE))
    assert foretold == {
        "before": {"lamp": {"desk": {"colour": "red", "password": "********"}, "old": {"colour": "white"}}},
        "after": {"lamp": {"desk": {"colour": "blue", "password": "********"}, "new": {"watts": 9}}},
    }
