# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces. Their mark is the alias of the loopback interface inside.

One that is somebody else's, such as a container's, can be lent to a lab: it gets a name more, and nothing in it is the lab's but what
the lab puts there. Its mark is a note, so that nothing inside shows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._errors import LabErrors
from .._marks import mark, owner
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces, notes, spaces
from ..transport.netlink import Netlink
from ..transport.rtnetlink import link_attributes, mark_link, set_link
from ._network import Survey, adopted


@dataclass(frozen=True)
class Namespace:
    """A named network namespace, as in ip-netns(8); ``up`` is its loopback interface, without which it cannot even talk to itself.

    ``source`` is the file of a namespace that is lent, such as /proc/77/ns/net; if another one is there by now, it says so.
    """

    name: str
    lab: str | None = None
    up: bool = True
    source: str = ""
    # Whether it is made with namespaces of other kinds, by their driver, which comes before.
    held: bool = field(default=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the name, unique on the machine."""
        return self.name


class NamespaceDriver:
    """Make and remove network namespaces."""

    kind = "netns"

    def observe(self, goal: Goal[Namespace], scope: Scope) -> Mapping[str, Namespace]:
        """Read the marks of the namespaces that the goal names, or of all when it purges."""
        named = {target.name for target in goal.want}.union(goal.absent)
        survey = Survey.of(scope)
        have = {name: _found(name, survey) for name in survey.present(named, everything=goal.purge)}
        # What a run that was killed has left of one is none that is wanted.
        others = set(namespaces.names()).difference(have, (target.name for target in goal.want)) if goal.purge else ()
        have.update((name, Namespace(name, scope.lab, up=False)) for name in others if owner(namespaces.left(name)) == scope.lab)
        have.update((name, lent) for name in adopted(scope.lab) if name in have and (lent := _lent(name, scope.lab)))
        if problems := list(_unfit(goal.want)):
            raise LabErrors(problems)
        return have

    def plan(
        self, have: Mapping[str, Namespace], goal: Goal[Namespace], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Namespace]]:
        """Compare names and marks; what is held with others is made anew with them."""
        changes = compare(self.kind, have, goal, scope, replace_on=("source",))
        anew = {change.key for change in earlier if change.kind == "namespace" and change.action != "update"} & have.keys()
        if not anew:
            return changes
        replaced = [Change(self.kind, have[target.key], target, replace=True) for target in goal.want if target.key in anew]
        return [change for change in changes if change.after is None or change.key not in anew] + replaced

    def remove(self, changes: Sequence[Change[Namespace]], scope: Scope) -> None:
        """Take the namespaces' names away; their interfaces go with them."""
        for change in changes:
            namespaces.remove(change.key)
            if change.before is not None and change.before.source:
                _note(scope.lab, change.key).unlink(missing_ok=True)
                with suppress(OSError):
                    _note(scope.lab, change.key).parent.rmdir()

    def apply(self, changes: Sequence[Change[Namespace]], scope: Scope) -> None:
        """Make namespaces with their loopback interface up; one that is there gets the mark, and up."""
        namespaces.prepare()
        for change in changes:
            target = change.target
            if target.source:
                _adopt(target, scope.lab)
            elif change.action != "update" and not target.held:
                with namespaces.fresh(change.key, mark(scope.lab)):
                    _settle("", scope.lab)
            else:
                _settle(change.key, scope.lab)


def lab_of(name: str) -> str | None:
    """Return the lab whose mark a namespace carries."""
    return _found(name, Survey()).lab


def _note(lab: str, name: str) -> Path:
    return run_dir(lab) / "adopted" / f"{name}.json"


def _adopt(target: Namespace, lab: str) -> None:
    """Give a namespace of somebody else's a name, noted before, with what tells it from a later one of the same file."""
    with namespaces.inside(target.source):
        notes.write(_note(lab, target.name), {"source": target.source, "identity": namespaces.identity()})
    namespaces.bind(target.name, target.source, mark(lab))


def _lent(name: str, lab: str) -> Namespace | None:
    """Return the namespace that a note is about, or what a killed run has left of it; None if the name is another one's by now."""
    note = notes.read(_note(lab, name))
    inode = namespaces.inode(name)
    if inode is not None:
        with namespaces.inside(name):
            if note.get("identity") != namespaces.identity():
                return None
    source = str(note["source"])
    same = inode is not None and inode == namespaces.inode(source)
    return Namespace(name, lab, source=source if same else f"formerly {source}")


def _unfit(want: Sequence[Namespace]) -> Iterator[str]:
    """Say which files are no namespaces that could be lent."""
    own, taken = os.stat("/proc/self/ns/net").st_ino, dict[int, str]()
    for target in want:
        if not target.source:
            continue
        what = f"Cannot adopt '{target.source}' as '{target.name}'"
        try:
            fits = spaces.is_network(target.source)
        except OSError as error:
            yield f"{what}: {error.strerror}; does the container run, and is this its process on the lab host?"
            continue
        inode = namespaces.inode(target.source)
        if not fits or inode is None:
            yield f"{what}: it is no network namespace; give the process's /proc/PID/ns/net."
        elif inode == own:
            yield f"{what}: it is the lab host's own network, which a node of kind host is."
        elif inode in taken:
            yield f"{what}: it is the namespace of '{taken[inode]}' too; one is enough."
        else:
            taken[inode] = target.name


def _found(name: str, survey: Survey) -> Namespace:
    return next((Namespace(name, owner(link.alias), link.up) for link in survey.links(name) if link.index == 1), Namespace(name))


def _settle(name: str, lab: str) -> None:
    with Netlink(name) as inside:
        inside.send([mark_link("lo", mark(lab)), set_link(link_attributes("lo", up=True))])
