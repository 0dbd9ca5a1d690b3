# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: processes of a lab that write packets to files. They are no part of a topology; the lab's end is theirs too."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._errors import LabError, LabErrors
from .._paths import RUN
from .._plan import Change, Goal, Scope, compare
from ..transport import frames, notes, processes
from ..transport.namespaces import inside
from ._capture_model import NOTE, NOTED, Capture, log, top
from ._capture_process import end, forget, listens, program, running, start
from ._capture_text import check, counts
from ._network import key_of, lost


class CaptureDriver:
    """Start, stop and remove captures."""

    kind = "capture"

    def observe(self, goal: Goal[Capture], scope: Scope) -> Mapping[str, Capture]:
        """Read what is noted of captures, and which of them run."""
        pids = running(scope.lab)
        found = {}
        for home in sorted({note.parent for note in top(scope.lab).glob(f"*/{NOTE}")}.union(pids)):
            noted = notes.read(home / NOTE)
            values: dict[str, Any] = {key: noted.get(key) for key in NOTED}
            capture = Capture(home.name, scope.lab, **{**values, "ring": tuple(values["ring"] or ()), "state": "stopped"})
            if home in pids:
                well = any(listens(capture, pid, noted.get("index")) for pid in pids[home])
                capture = replace(capture, state="running" if well else "stale")
            found[capture.key] = capture
        _require(goal.want, found)
        return found

    def plan(self, have: Mapping[str, Capture], goal: Goal[Capture], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Capture]]:
        """Compare; to stop what does not exist changes nothing, and what loses its interface in this run is stopped."""
        changes = compare(self.kind, have, goal, scope)
        planned, gone = {change.key for change in changes}, lost(earlier)
        cut = [
            Change(self.kind, capture, replace(capture, state="stopped"))
            for capture in have.values()
            if capture.state != "stopped"
            and capture.key not in planned
            and gone & {capture.netns, key_of(capture.netns or "", capture.interface or "")}
        ]
        return [*(change for change in changes if change.action != "create" or change.target.state == "running"), *cut]

    def remove(self, changes: Sequence[Change[Capture]], scope: Scope) -> None:
        """End captures and remove their files."""
        captures = [change.before for change in changes if change.before is not None]
        end(captures)
        forget(captures)

    def apply(self, changes: Sequence[Change[Capture]], scope: Scope) -> None:
        """Stop those that are to be stopped, and start the others anew. Raise LabErrors."""
        end([change.before for change in changes if change.before is not None])
        start([change.target for change in changes if change.target.state == "running"])


def described(lab: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what there is of captures, in the order of names: options, state, files in their order, packets once they are counted."""
    have = CaptureDriver().observe(Goal(CaptureDriver()), Scope(lab))
    return [
        {
            **{key: getattr(capture, key) for key in ("name", *NOTED, "state")},
            "files": [str(path) for path in _files(capture)],
            "packets": dict(zip(("captured", "received", "dropped"), told[-1])) if (told := counts(log(capture))) else None,
        }
        for capture in (have[name] for name in names if name in have)
    ]


def holder(netns: str, interface: str) -> int | None:
    """Return the process that captures, for any lab, what the kernel sends out of a tap; its input is the tap's cable."""
    for note in RUN.glob(f"*/captures/*/{NOTE}"):
        noted = notes.read(note)
        if (noted.get("netns"), noted.get("interface"), noted.get("via")) == (netns, interface, "tap"):
            pids = running(note.parent.parent.parent.name).get(note.parent)
            if pids:
                return pids[0]
    return None


def known(lab: str) -> list[str]:
    """Return the names of a lab's captures."""
    return sorted(note.parent.name for note in top(lab).glob(f"*/{NOTE}"))


def _files(capture: Capture) -> list[Path]:
    """Return the files, the one that was begun first ahead: a ring comes round."""
    return sorted(capture.home.glob(f"{capture.path.name}*"), key=lambda path: (path.stat().st_mtime_ns, path.name))


def _require(wanted: Sequence[Capture], have: Mapping[str, Capture]) -> None:
    """Raise LabErrors for what cannot be captured: known before anything changes."""
    problems = []
    fresh = [capture for capture in wanted if capture.state == "running" and have.get(capture.name) != capture]
    tcpdump = program() if any(capture.via == "interface" for capture in fresh) else ""
    for condition in sorted({capture.filter or "" for capture in fresh} - {""}):
        tried = processes.attempt(check(tcpdump, condition)) if tcpdump else None
        if tried and tried.code:
            said = tried.stderr.strip().rpartition("tcpdump: ")[2] or f"exit code {tried.code}"
            problems.append(f"filter: tcpdump does not understand '{condition}': {said}; see pcap-filter(7).")
    for capture in fresh:
        try:
            with inside(capture.netns or ""):
                socket.if_nametoindex(capture.interface or "")
            if capture.via == "tap":
                frames.cable_header(capture.netns or "", capture.interface or "")
        except LabError as error:
            problems.append(str(error))
        except OSError:
            where = f"the network namespace '{capture.netns}'" if capture.netns else "the lab host"
            problems.append(f"Cannot capture at '{capture.interface}': {where} has no such interface; bring the lab up first.")
    if problems:
        raise LabErrors(problems)
