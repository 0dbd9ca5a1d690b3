# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that nodes run once: after a node is made, and, for what is added to its list later, when it is added."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._errors import LabErrors
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import processes
from ..transport.namespaces import entry, inside
from ._network import made_anew
from ._node_notes import NodeNotes

_NOTES = NodeNotes("exec")
_PATIENCE = 300.0  # seconds for one command: what stays is a service
_LINES = 20  # of what a command that failed has said


@dataclass(frozen=True)
class Commands:
    """Shell commands of a node, in order; those that it has run, or is to have run."""

    netns: str
    name: str
    lab: str | None = None
    commands: tuple[str, ...] = ()
    enter: str = field(default="", metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the namespace."""
        return self.netns


def commands_from(item: Mapping[str, Any], lab: str) -> Commands:
    """Return what a share's mapping asks for."""
    return Commands(item["netns"], item["name"], lab, tuple(item["commands"]), item.get("enter") or "")


class CommandDriver:
    """Have each command of a node run once in the node's life; it is over when its namespace is removed."""

    kind = "exec"

    def observe(self, goal: Goal[Commands], scope: Scope) -> Mapping[str, Commands]:
        """Read which of the wanted commands have run; what is no longer in the list cannot be undone and does not count."""
        wanted = {target.netns: target for target in goal.want}

        def look(netns: str, note: Mapping[str, Any]) -> Commands | None:
            if not note:
                return None
            target = wanted.get(netns)
            done = tuple(note["done"])
            if target:
                left = pending(done, target.commands)
                return Commands(netns, target.name, scope.lab, tuple(_less(target.commands, left)))
            return Commands(netns, note["name"], scope.lab, done)

        return _NOTES.visit(scope.lab, wanted, look, lambda netns, note: Commands(netns, note.get("name", netns), scope.lab))

    def plan(
        self, have: Mapping[str, Commands], goal: Goal[Commands], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Commands]]:
        """Compare; a namespace that is made anew has run nothing; that one without commands had some is still to be forgotten."""
        made = made_anew(earlier).intersection(target.key for target in goal.want)
        return compare(self.kind, {netns: found for netns, found in have.items() if netns not in made}, goal, scope)

    def remove(self, changes: Sequence[Change[Commands]], scope: Scope) -> None:
        """Forget that they have run, and end what they have left running."""
        gone = {self._directory(scope.lab, change.key) for change in changes}
        running = processes.owned(run_dir(scope.lab) / _NOTES.kind)
        processes.end(process.pid for directory, found in running.items() if directory in gone for process in found)
        for change in changes:
            _NOTES.drop(scope.lab, change.key)

    def apply(self, changes: Sequence[Change[Commands]], scope: Scope) -> None:
        """Run what is left to run, the nodes side by side, each one's commands in order. A command that fails ends its node's."""
        with ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1))) as pool:
            problems = list(pool.map(lambda change: self._run(change.target, scope.lab), changes))
        if any(problems):
            raise LabErrors(problem for problem in problems if problem)

    def _run(self, target: Commands, lab: str) -> str | None:
        with inside(target.netns):
            done = list(_NOTES.read(lab, target.netns).get("done", ()))
        environment = {processes.OWNER: str(self._directory(lab, target.netns))}
        problem = None
        for command in pending(done, target.commands):
            argv = [*entry(target.netns, target.enter), "sh", "-c", command]
            ended = processes.logged(argv, environment, timeout=_PATIENCE)
            if ended.code:
                said = "\n".join(f"    {line}" for line in ended.stdout.splitlines()[-_LINES:])
                problem = f"The command '{command}' of '{target.name}' failed with exit code {ended.code}" + (f":\n{said}" if said else ".")
                break
            done.append(command)
        with inside(target.netns):
            _NOTES.write(lab, target.netns, name=target.name, done=done)
        return problem

    @staticmethod
    def _directory(lab: str, netns: str) -> Path:
        return run_dir(lab) / _NOTES.kind / netns


def pending(done: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the wanted commands that have not run, in order; one that is wanted twice runs twice."""
    left, ran = [], Counter(done)
    for command in wanted:
        if ran[command]:
            ran[command] -= 1
        else:
            left.append(command)
    return left


def _less(wanted: Sequence[str], left: Sequence[str]) -> list[str]:
    """Return the wanted ones that have run."""
    missing, ran = Counter(left), []
    for command in reversed(wanted):
        if missing[command]:
            missing[command] -= 1
        else:
            ran.append(command)
    return ran[::-1]
