# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that write captures: start them, find them, and end them when they have written everything."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from .._errors import LabError, LabErrors
from ..transport import frames, namespaces, notes, processes
from ..transport.namespaces import inside
from ._capture_model import LOG, NOTE, NOTED, READER_FILE, Capture, log, top
from ._capture_text import LISTENING, READER, counts, tcpdump

_STARTING = 30.0  # seconds, for all together
_FLUSHING = 10.0
_BLOCK = 1.3  # how long a packet may be in a block of the kernel's, with tcpdump's own timeout


def running(lab: str) -> dict[Path, list[int]]:
    """Return the processes of each capture by its directory."""
    found: dict[Path, list[int]] = {}
    home = top(lab)
    for process in processes.find([home]) if home.is_dir() else ():
        for path in map(Path, process.argv):
            if path.parent.parent == home:
                found.setdefault(path.parent, []).append(process.pid)
                break
    return found


def listens(capture: Capture, pid: int, index: object) -> bool:
    """Say whether a process listens at the interface that has the capture's name now."""
    netns = capture.netns or ""
    try:
        there = os.stat(namespaces.NETNS / netns if netns else "/proc/self/ns/net").st_ino
        with inside(netns):
            return socket.if_nametoindex(capture.interface or "") == index and os.stat(f"/proc/{pid}/ns/net").st_ino == there
    except (OSError, LabError):
        return False


def program() -> str:
    """Return the path of tcpdump. Raise LabError."""
    found = processes.which("tcpdump")
    if found is None:
        raise LabError("Cannot capture packets: tcpdump is not installed; install the package that has it.")
    return found


def start(captures: Sequence[Capture]) -> None:
    """Start captures anew, and return when they see every packet; if one does not, there are none. Raise LabErrors."""
    started: list[tuple[Capture, subprocess.Popen[bytes]]] = []
    try:
        started.extend((capture, _start(capture)) for capture in captures)
        _await(started)
    except BaseException:
        end(captures)
        forget(captures)
        raise


def _start(capture: Capture) -> subprocess.Popen[bytes]:
    home, netns, interface = capture.home, capture.netns or "", capture.interface or ""
    shutil.rmtree(home, ignore_errors=True)
    with ExitStack() as held:
        held.enter_context(inside(netns))
        # Noted before it is started, so that a run killed in between leaves nothing unknown.
        index = socket.if_nametoindex(interface)
        notes.write(home / NOTE, {**{key: getattr(capture, key) for key in NOTED}, "index": index})
        home.chmod(0o700)
        source = subprocess.DEVNULL
        if capture.via == "tap":
            source, header = frames.open_cable(netns, interface)
            held.callback(os.close, source)
            (home / READER_FILE).write_text(READER, encoding="utf-8")
            argv = [sys.executable, "-IS", str(home / READER_FILE), str(capture.path), str(capture.snaplen), str(header)]
        else:
            argv = tcpdump(
                program(),
                interface,
                str(capture.path),
                capture.filter or "",
                capture.direction or "inout",
                capture.snaplen or 0,
                capture.ring or (),
            )
        with (home / LOG).open("wb") as said:
            # It outlives this process, whose end nobody must wait for: no pipes, a session of its own.
            return subprocess.Popen(argv, stdin=source, stdout=said, stderr=said, start_new_session=True, cwd="/", env=processes.PLAIN)


def _await(started: Sequence[tuple[Capture, subprocess.Popen[bytes]]]) -> None:
    """Return when all see packets. Raise LabErrors for those that ended, or do not begin in time."""
    deadline = time.monotonic() + _STARTING
    problems = []
    for capture, process in started:
        while not _begun(capture) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is not None or not _begun(capture):
            said = log(capture).strip() or f"nothing came of it in {_STARTING:g} seconds"
            problems.append(f"Cannot capture at '{capture.interface}': {said}")
    if problems:
        raise LabErrors(problems)


def _begun(capture: Capture) -> bool:
    return capture.path.exists() if capture.via == "tap" else LISTENING in log(capture)


def end(captures: Sequence[Capture]) -> None:
    """End captures when they have written what had come by now."""
    found = {home: pids for lab in {capture.lab or "" for capture in captures} for home, pids in running(lab).items()}
    mine = [(capture, found[capture.home]) for capture in captures if capture.home in found]
    _flush([(capture, pids) for capture, pids in mine if capture.via == "interface"])
    processes.end(pid for _capture, pids in mine for pid in pids)


def forget(captures: Sequence[Capture]) -> None:
    """Remove the files of captures."""
    for capture in captures:
        shutil.rmtree(capture.home, ignore_errors=True)
        with suppress(OSError):
            capture.home.parent.rmdir()


def _flush(asked: Sequence[tuple[Capture, Sequence[int]]]) -> None:
    """Wait until tcpdump has taken all packets that the kernel has for it, which it tells on request.

    The kernel gives them in blocks, that wait for up to a second to be full.
    """
    begin = time.monotonic()
    waiting = {capture: (pids, len(counts(log(capture)))) for capture, pids in asked}
    first: dict[Capture, int] = {}
    while waiting and time.monotonic() < begin + _FLUSHING:
        for pid in (pid for pids, _told in waiting.values() for pid in pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        time.sleep(0.03)
        for capture, (pids, before) in list(waiting.items()):
            told = counts(log(capture))[before:]
            if told:
                received = first.setdefault(capture, told[0][1])
                settled = len(told) > 1 and told[-1] == told[-2] and time.monotonic() > begin + _BLOCK
                # Of one direction, the other's packets are received and never captured.
                if told[-1][0] + told[-1][2] >= received or (settled and capture.direction != "inout"):
                    del waiting[capture]
            if not any(map(processes.alive, pids)):
                waiting.pop(capture, None)
