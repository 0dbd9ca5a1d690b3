# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: processes of a lab that write packets to files. They are no part of a topology; the lab's end is theirs too."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError, LabErrors
from .._paths import RUN, run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import frames, namespaces, notes, processes
from ..transport.namespaces import inside
from ._capture_text import LISTENING, READER, check, counts, tcpdump
from ._network import key_of, lost

_NOTE, _LOG, _READER = "capture.json", "log", "reader.py"
_NOTED = ("netns", "interface", "via", "filter", "direction", "snaplen", "ring")
_STARTING = 30.0  # seconds, for all together
_FLUSHING = 5.0


@dataclass(frozen=True)
class Capture:
    """What is written of an interface's packets; via its cable ('tap') these are the frames that the kernel sends out of a tap.

    snaplen is in bytes, ring the number of files and the size of each in MB, () for one file that grows.
    """

    name: str
    lab: str | None = None
    netns: str | None = None
    interface: str | None = None
    via: Literal["interface", "tap"] | None = None
    filter: str | None = None
    direction: Literal["in", "out", "inout"] | None = None
    snaplen: int | None = None
    ring: tuple[int, ...] | None = None
    state: Literal["running", "stopped"] = "running"

    @property
    def key(self) -> str:
        """Return the name."""
        return self.name

    @property
    def home(self) -> Path:
        """Return the capture's own directory."""
        return _top(self.lab or "") / self.name

    @property
    def path(self) -> Path:
        """Return the file that is written; with a ring its name has a number behind it."""
        return self.home / f"{self.name}.pcap"


class CaptureDriver:
    """Start, stop and remove captures."""

    kind = "capture"

    def observe(self, goal: Goal[Capture], scope: Scope) -> Mapping[str, Capture]:
        """Read what is noted of captures, and which of them run."""
        running = _running(scope.lab)
        found = {}
        for home in sorted({note.parent for note in _top(scope.lab).glob(f"*/{_NOTE}")}.union(running)):
            noted = notes.read(home / _NOTE)
            values: dict[str, Any] = {key: noted.get(key) for key in _NOTED}
            capture = Capture(home.name, scope.lab, **{**values, "ring": tuple(values["ring"] or ())})
            well = any(_listens(capture, pid, noted.get("index")) for pid in running.get(home, ()))
            found[capture.key] = replace(capture, state="running" if well else "stopped")
        _require(goal.want, found)
        return found

    def plan(self, have: Mapping[str, Capture], goal: Goal[Capture], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Capture]]:
        """Compare; to stop what does not exist changes nothing, and what loses its interface in this run is stopped."""
        changes = compare(self.kind, have, goal, scope)
        planned, gone = {change.key for change in changes}, lost(earlier)
        cut = [
            Change(self.kind, capture, replace(capture, state="stopped"))
            for capture in have.values()
            if capture.state == "running"
            and capture.key not in planned
            and gone & {capture.netns, key_of(capture.netns or "", capture.interface or "")}
        ]
        return [*(change for change in changes if change.action != "create" or change.target.state == "running"), *cut]

    def remove(self, changes: Sequence[Change[Capture]], scope: Scope) -> None:
        """End captures and remove their files."""
        captures = [change.before for change in changes if change.before is not None]
        _end(captures, scope.lab)
        _forget(captures, scope.lab)

    def apply(self, changes: Sequence[Change[Capture]], scope: Scope) -> None:
        """Stop those that are to be stopped, start the others anew, and return when these see every packet. Raise LabErrors."""
        captures = [change.target for change in changes]
        _end(captures, scope.lab)
        fresh = [capture for capture in captures if capture.state == "running"]
        started: list[tuple[Capture, subprocess.Popen[bytes]]] = []
        try:
            started.extend((capture, _start(capture)) for capture in fresh)
            _await(started)
        except BaseException:
            _end(fresh, scope.lab)
            _forget(fresh, scope.lab)
            raise


def described(lab: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what there is of captures, in the order of names: options, state, files in their order, packets once they are counted."""
    have = CaptureDriver().observe(Goal(CaptureDriver()), Scope(lab))
    return [
        {
            **{key: getattr(capture, key) for key in ("name", *_NOTED, "state")},
            "files": [str(path) for path in _files(capture)],
            "packets": dict(zip(("captured", "received", "dropped"), told[-1])) if (told := counts(_log(capture))) else None,
        }
        for capture in (have[name] for name in names if name in have)
    ]


def holder(netns: str, interface: str) -> int | None:
    """Return the process that captures, for any lab, what the kernel sends out of a tap; its input is the tap's cable."""
    for note in RUN.glob(f"*/captures/*/{_NOTE}"):
        noted = notes.read(note)
        if (noted.get("netns"), noted.get("interface"), noted.get("via")) == (netns, interface, "tap"):
            running = _running(note.parent.parent.parent.name).get(note.parent)
            if running:
                return running[0]
    return None


def known(lab: str) -> list[str]:
    """Return the names of a lab's captures."""
    return sorted(note.parent.name for note in _top(lab).glob(f"*/{_NOTE}"))


def _top(lab: str) -> Path:
    return run_dir(lab) / "captures"


def _files(capture: Capture) -> list[Path]:
    """Return the files, the one that was begun first ahead: a ring comes round."""
    return sorted(capture.home.glob(f"{capture.path.name}*"), key=lambda path: (path.stat().st_mtime_ns, path.name))


def _log(capture: Capture) -> str:
    try:
        return (capture.home / _LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _running(lab: str) -> dict[Path, list[int]]:
    """Return the processes of each capture by its directory."""
    found: dict[Path, list[int]] = {}
    top = _top(lab)
    for process in processes.find([top]) if top.is_dir() else ():
        for path in map(Path, process.argv):
            if path.parent.parent == top:
                found.setdefault(path.parent, []).append(process.pid)
                break
    return found


def _listens(capture: Capture, pid: int, index: object) -> bool:
    """Say whether a process listens at the interface that has the capture's name now."""
    netns = capture.netns or ""
    try:
        there = os.stat(namespaces.NETNS / netns if netns else "/proc/self/ns/net").st_ino
        with inside(netns):
            return socket.if_nametoindex(capture.interface or "") == index and os.stat(f"/proc/{pid}/ns/net").st_ino == there
    except (OSError, LabError):
        return False


def _require(wanted: Sequence[Capture], have: Mapping[str, Capture]) -> None:
    """Raise LabErrors for what cannot be captured: known before anything changes."""
    problems = []
    fresh = [capture for capture in wanted if capture.state == "running" and have.get(capture.name) != capture]
    program = _program() if any(capture.via == "interface" for capture in fresh) else ""
    for condition in sorted({capture.filter or "" for capture in fresh} - {""}):
        tried = processes.attempt(check(program, condition)) if program else None
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


def _program() -> str:
    program = processes.which("tcpdump")
    if program is None:
        raise LabError("Cannot capture packets: tcpdump is not installed; install the package that has it.")
    return program


def _start(capture: Capture) -> subprocess.Popen[bytes]:
    home, netns, interface = capture.home, capture.netns or "", capture.interface or ""
    shutil.rmtree(home, ignore_errors=True)
    with ExitStack() as held:
        held.enter_context(inside(netns))
        # Noted before it is started, so that a run killed in between leaves nothing unknown.
        index = socket.if_nametoindex(interface)
        notes.write(home / _NOTE, {**{key: getattr(capture, key) for key in _NOTED}, "index": index})
        home.chmod(0o700)
        source = subprocess.DEVNULL
        if capture.via == "tap":
            source, header = frames.open_cable(netns, interface)
            held.callback(os.close, source)
            (home / _READER).write_text(READER, encoding="utf-8")
            argv = [sys.executable, "-IS", str(home / _READER), str(capture.path), str(capture.snaplen), str(header)]
        else:
            argv = tcpdump(
                _program(),
                interface,
                str(capture.path),
                capture.filter or "",
                capture.direction or "inout",
                capture.snaplen or 0,
                capture.ring or (),
            )
        with (home / _LOG).open("wb") as log:
            # It outlives this process, whose end nobody must wait for: no pipes, a session of its own.
            return subprocess.Popen(argv, stdin=source, stdout=log, stderr=log, start_new_session=True, cwd="/", env=processes.PLAIN)


def _await(started: Sequence[tuple[Capture, subprocess.Popen[bytes]]]) -> None:
    """Return when all see packets. Raise LabErrors for those that ended, or do not begin in time."""
    deadline = time.monotonic() + _STARTING
    problems = []
    for capture, process in started:
        while not _begun(capture) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is not None or not _begun(capture):
            said = _log(capture).strip() or f"nothing came of it in {_STARTING:g} seconds"
            problems.append(f"Cannot capture at '{capture.interface}': {said}")
    if problems:
        raise LabErrors(problems)


def _begun(capture: Capture) -> bool:
    return capture.path.exists() if capture.via == "tap" else LISTENING in _log(capture)


def _end(captures: Sequence[Capture], lab: str) -> None:
    """End captures when they have written what had come by now."""
    running = {home: pids for home, pids in _running(lab).items() if home in {capture.home for capture in captures}}
    _flush([(replace(capture, lab=lab), running[capture.home]) for capture in captures if capture.via != "tap" and capture.home in running])
    processes.end(pid for pids in running.values() for pid in pids)


def _forget(captures: Sequence[Capture], lab: str) -> None:
    for capture in captures:
        shutil.rmtree(capture.home, ignore_errors=True)
    with suppress(OSError):
        _top(lab).rmdir()


def _flush(running: Sequence[tuple[Capture, Sequence[int]]]) -> None:
    """Wait until tcpdump has taken all packets that the kernel has for it, which it tells on request."""
    deadline = time.monotonic() + _FLUSHING
    waiting = {capture: (pids, len(counts(_log(capture)))) for capture, pids in running}
    first: dict[Capture, int] = {}
    while waiting and time.monotonic() < deadline:
        for pid in (pid for pids, _told in waiting.values() for pid in pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        time.sleep(0.02)
        for capture, (pids, before) in list(waiting.items()):
            told = counts(_log(capture))[before:]
            if told:
                received = first.setdefault(capture, told[0][1])
                # What another direction had is received and not captured: then two equal answers are the end.
                if told[-1][0] + told[-1][2] >= received or (len(told) > 1 and told[-1] == told[-2]):
                    del waiting[capture]
            if not any(map(processes.alive, pids)):
                waiting.pop(capture, None)
