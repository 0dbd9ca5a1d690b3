# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that nodes run once: after a node is made, and, for what is added to its list later, when it is added."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import LabErrors
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import processes
from ..transport.namespaces import inside
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

    @property
    def key(self) -> str:
        """Return the namespace."""
        return self.netns


def commands_from(item: Mapping[str, Any], lab: str) -> Commands:
    """Return what a share's mapping asks for."""
    return Commands(item["netns"], item["name"], lab, tuple(item["commands"]))


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
        """Compare; a namespace that is made anew has run nothing."""
        made = made_anew(earlier)
        return compare(self.kind, {netns: found for netns, found in have.items() if netns not in made}, goal, scope)

    def remove(self, changes: Sequence[Change[Commands]], scope: Scope) -> None:
        """Forget that they have run, and end what they have left running."""
        running = processes.owned(run_dir(scope.lab) / _NOTES.kind)
        for change in changes:
            self._end(scope.lab, change.key, running)
            _NOTES.drop(scope.lab, change.key)

    def apply(self, changes: Sequence[Change[Commands]], scope: Scope) -> None:
        """Run what is left to run, the nodes side by side, each one's commands in order. A command that fails ends its node's."""
        running = processes.owned(run_dir(scope.lab) / _NOTES.kind)
        with ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1))) as pool:
            problems = list(pool.map(lambda change: self._run(change.target, scope.lab, running), changes))
        if any(problems):
            raise LabErrors(problem for problem in problems if problem)

    def _run(self, target: Commands, lab: str, running: Mapping[Path, Sequence[processes.Process]]) -> str | None:
        with inside(target.netns):
            done = list(_NOTES.read(lab, target.netns).get("done", ()))
        # Of a run that was killed, or of a former namespace of that name.
        self._end(lab, target.netns, running, len(done))
        problem = None
        for command in pending(done, target.commands):
            # Noted before it is started, so that a run that is killed leaves nothing unknown.
            self._note(lab, target, done)
            argv = ["ip", "netns", "exec", target.netns, "sh", "-c", command]
            environment = {processes.OWNER: str(self._directory(lab, target.netns) / str(len(done)))}
            ended = processes.logged(argv, environment, timeout=_PATIENCE)
            if ended.code:
                said = "\n".join(f"    {line}" for line in ended.stdout.splitlines()[-_LINES:])
                problem = f"The command '{command}' of '{target.name}' failed with exit code {ended.code}" + (f":\n{said}" if said else ".")
                break
            done.append(command)
        self._note(lab, target, done)
        return problem

    @staticmethod
    def _note(lab: str, target: Commands, done: Sequence[str]) -> None:
        with inside(target.netns):
            _NOTES.write(lab, target.netns, name=target.name, done=list(done))

    def _end(self, lab: str, netns: str, running: Mapping[Path, Sequence[processes.Process]], first: int = 0) -> None:
        """End what the commands of a node have left running, from the first one on; each has a number below the node's directory."""
        home = self._directory(lab, netns)
        processes.end(
            process.pid
            for directory, found in running.items()
            if directory.parent == home and int(directory.name) >= first
            for process in found
        )

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
