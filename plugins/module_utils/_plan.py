# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the machine and what is wanted, as data: the one source of ``changed`` and of the diff.

A resource is a frozen dataclass with a ``key`` (unique within its kind on this machine) and a ``lab`` (its mark; None
on something that carries none). In a wanted resource a field that is None is not managed: it is neither compared nor set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Generic, Literal, Protocol, TypeVar

from ._errors import LabError, LabErrors


class Resource(Protocol):
    """What every kind of thing has; concrete kinds are frozen dataclasses."""

    @property
    def key(self) -> str: ...

    @property
    def lab(self) -> str | None: ...


R = TypeVar("R", bound=Resource)

# Fields that say whose a thing is or what it is called: never part of a diff.
_IDENTITY = frozenset({"lab", "name", "netns"})


@dataclasses.dataclass(frozen=True)
class Change(Generic[R]):
    """One resource that differs. ``before`` None means it is created, ``after`` None that it is removed."""

    kind: str
    before: R | None
    after: R | None
    replace: bool = False

    @property
    def key(self) -> str:
        """Return the name of the thing that changes."""
        return next(side for side in (self.after, self.before) if side is not None).key

    @property
    def target(self) -> R:
        """Return what the thing is to become; a removal has no such thing."""
        if self.after is None:
            raise ValueError(f"{self.kind} '{self.key}' is to be removed")
        return self.after

    @property
    def action(self) -> Literal["create", "update", "replace", "remove"]:
        """Say in one word what is done."""
        if self.before is None:
            return "create"
        if self.after is None:
            return "remove"
        return "replace" if self.replace else "update"

    @property
    def differing(self) -> frozenset[str]:
        """Name the fields whose value changes."""
        if self.before is None or self.after is None:
            return frozenset()
        return frozenset(_differing(self.before, self.after))


@dataclasses.dataclass(frozen=True)
class Scope:
    """Whose things a run may touch, and how."""

    lab: str
    adopt: bool = False
    check: bool = False
    # What drivers of this run have read of the machine, for each other; see converge().
    seen: Any = dataclasses.field(default=None, compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Goal(Generic[R]):
    """One driver's part of a run: these must be as given, those must be gone; purge removes the lab's other ones too.

    mine says, of a kind and a thing, whether this run may remove it; None is all.
    """

    driver: Driver[R]
    want: tuple[R, ...] = ()
    absent: tuple[str, ...] = ()
    purge: bool = False
    mine: Callable[[str, R], bool] | None = None


class Driver(Protocol[R]):
    """One kind of resource, always in the plural."""

    kind: str

    def observe(self, goal: Goal[R], scope: Scope) -> Mapping[str, R]:
        """Read the machine: everything the goal names and, when it purges, everything of the scope's lab, by key."""

    def plan(self, have: Mapping[str, R], goal: Goal[R], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[R]]:
        """Compare, without I/O; ``earlier`` are the changes of the drivers before this one. Raise LabErrors."""

    def remove(self, changes: Sequence[Change[R]], scope: Scope) -> None:
        """Remove what the changes remove or replace."""

    def apply(self, changes: Sequence[Change[R]], scope: Scope) -> None:
        """Create what the changes create or replace, and update the rest in place."""


def compare(
    kind: str,
    have: Mapping[str, R],
    goal: Goal[R],
    scope: Scope,
    replace_on: Collection[str] = (),
) -> list[Change[R]]:
    """Return the changes that lead from have to the goal; refuse to touch what is not the lab's.

    replace_on names the fields that cannot be changed in place. Raises LabErrors.
    """
    changes: list[Change[R]] = []
    problems: list[str] = []
    wanted = {target.key: target for target in goal.want}
    for key, target in wanted.items():
        current = have.get(key)
        if current is None:
            changes.append(Change(kind, None, target))
        elif current.lab != scope.lab and not scope.adopt:
            problems.append(foreign(kind, current))
        else:
            differing = _differing(current, target)
            if differing:
                replace = not differing.isdisjoint(replace_on)
                changes.append(Change(kind, current, target if replace else merge(current, target), replace))
    for key, current in have.items():
        if key in wanted:
            continue
        if key in goal.absent and current.lab != scope.lab and not scope.adopt:
            problems.append(foreign(kind, current))
        elif key in goal.absent or (goal.purge and current.lab == scope.lab):
            changes.append(Change(kind, current, None))
    if problems:
        raise LabErrors(problems)
    return changes


def merge(current: R, target: R) -> R:
    """Return target with its unmanaged fields filled from current."""
    here = _fields(current)
    unmanaged = {name: here[name] for name, value in _fields(target).items() if value is None and here[name] is not None}
    return dataclasses.replace(target, **unmanaged) if unmanaged else target  # type: ignore[type-var]


def foreign(kind: str, thing: Resource) -> str:
    """Say why a thing is left alone; what is a file says so by its ``place``, as that is what somebody finds there."""
    place = getattr(thing, "place", "")
    name, other = (f"file {place}", "move it away") if place else (f"{kind} '{thing.key}'", "choose another name")
    owner = f"belongs to lab '{thing.lab}'" if thing.lab else "was not made by netvirt.lab"
    way_out = f"{other}, or remove it first" if thing.lab else f"{other}, or take it over with adopt=true"
    return f"The {name} exists and {owner}; {way_out}."


def converge(goals: Sequence[Goal[Any]], scope: Scope) -> list[Change[Any]]:
    """Plan all goals, in order; then, unless the scope only checks, remove in reverse order and build in order.

    A driver with a method brace is told its changes first, to be ready for the worst before anything of the machine changes.
    Nothing is changed before every goal has been planned, and all problems are reported at once. So what one driver has
    read still holds when the next one plans: it is kept in the scope's ``seen``, by the name of what reads it.
    """
    scope = dataclasses.replace(scope, seen={})
    planned: list[tuple[Goal[Any], list[Change[Any]]]] = []
    everything: list[Change[Any]] = []
    problems: list[str] = []
    for goal in goals:
        try:
            changes = goal.driver.plan(goal.driver.observe(goal, scope), goal, scope, everything)
        except LabErrors as error:
            problems.extend(error.problems)
        except LabError as error:
            problems.append(str(error))
        else:
            if goal.mine is not None:
                changes = [
                    change
                    for change in changes
                    if change.before is None or change.after is not None or goal.mine(change.kind, change.before)
                ]
            planned.append((goal, changes))
            everything.extend(changes)
    if problems:
        raise LabErrors(problems)
    if not scope.check:
        _carry_out(planned, scope)
    return everything


def _carry_out(planned: Sequence[tuple[Goal[Any], list[Change[Any]]]], scope: Scope) -> None:
    for goal, changes in planned:
        if changes and hasattr(goal.driver, "brace"):
            goal.driver.brace(changes, scope)
    for goal, changes in reversed(planned):
        gone = [change for change in changes if change.action in ("remove", "replace")]
        if gone:
            goal.driver.remove(gone, scope)
    for goal, changes in planned:
        made = [change for change in changes if change.action != "remove"]
        if made:
            goal.driver.apply(made, scope)


def diff(changes: Iterable[Change[Any]]) -> dict[str, Any]:
    """Render changes as the ``before`` and ``after`` of a module's diff: only what differs, by kind and key."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in changes:
        names = None if change.action in ("create", "remove") else change.differing
        for side, other, rendered in ((change.before, change.after, before), (change.after, change.before, after)):
            if side is not None:
                rendered.setdefault(change.kind, {})[change.key] = _shown(side, names, other)
    return {"before": before, "after": after}


def _differing(before: Any, after: Any) -> set[str]:
    """Name the managed fields of after that before has otherwise."""
    kind: Any = type(after)
    names, values = _state(kind)
    return {name for name, old, new in zip(names, values(before), values(after)) if new is not None and old != new}


def _fields(thing: Any) -> dict[str, Any]:
    kind: Any = type(thing)
    names, values = _state(kind)
    return dict(zip(names, values(thing)))


@cache
def _state(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the fields of a kind of resource that are state, and what reads them all at once."""
    # A field with metadata hidden=True carries what only the driver needs (an ifindex, a pid): not state.
    names = tuple(f.name for f in dataclasses.fields(kind) if not f.metadata.get("hidden"))
    return names, attrgetter(*names) if len(names) > 1 else lambda thing: tuple(getattr(thing, name) for name in names)


def _shown(thing: Any, names: Collection[str] | None, other: Any) -> dict[str, Any]:
    secret = {f.name for f in dataclasses.fields(thing) if f.metadata.get("secret")}
    return {
        name: "********" if name in secret else _less(_plain(value), _plain(getattr(other, name, None)))
        for name, value in sorted(_fields(thing).items())
        if (name in names if names is not None else value not in (None, (), "") and name not in _IDENTITY)
    }


def _less(value: Any, other: Any) -> Any:
    """Return value without the keys that are the same on the other side."""
    if not (isinstance(value, dict) and isinstance(other, dict)):
        return value
    return {key: part for key, part in value.items() if key not in other or other[key] != part}


def _plain(value: Any) -> Any:
    """Return value in types that JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in _fields(value).items() if part is not None}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in sorted(value.items())}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(part) for part in value)
    return value
