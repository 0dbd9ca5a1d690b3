# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: a process of its own that gives uplinks back what they had unless somebody has come in by the new way and said so.

It lives on when the connection that brought it about is cut, and when that run is killed.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .. import _program
from .._errors import LabError
from .._lock import lab_lock
from .._paths import run_dir
from .._plan import Scope
from ..transport import processes
from . import _uplink_note as notes

_PAUSE = 0.2  # seconds
_WATCHES = "watching\n"


def _program_file(lab: str) -> Path:
    return run_dir(lab) / "uplink-guard.pyz"


def post(lab: str) -> None:
    """Have a guard on duty. Raise LabError if it does not begin to watch."""
    program = _program_file(lab)
    if _on_duty(lab):
        return
    _program.written(program, "resources._uplink_guard")
    guard = subprocess.Popen(
        [sys.executable, str(program), lab],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd="/",
        env=processes.PLAIN,
    )
    with guard.stdout as told:  # type: ignore[union-attr]
        said = told.readline()
        if said != _WATCHES:
            program.unlink()
            why = (said + told.read()).strip().rpartition("\n")[2] or "it says nothing"
            raise LabError(f"The guard, which would undo the move of an uplink, does not start, so nothing is moved: {why}.")


def dismiss(lab: str) -> None:
    """End the guard if there is nothing left to watch; whoever calls holds the lab, so it is not at work."""
    if not _pending(lab):
        processes.end(_on_duty(lab))
        _program_file(lab).unlink(missing_ok=True)


def undo(lab: str, names: Collection[str]) -> None:
    """Give uplinks back what they had, and note that it was done."""
    noted = notes.read(lab)
    for name in names:
        notes.give_back(name, noted[name])
        noted[name] = replace(noted[name], state="undone")
        notes.write(lab, noted)


def main(arguments: Sequence[str]) -> None:
    """Watch over a lab until nothing is pending. The time counts from when no run holds the lab."""
    (lab,) = arguments
    with suppress(BrokenPipeError):  # who posted it was killed
        os.write(sys.stdout.fileno(), _WATCHES.encode())
    idle = time.monotonic()
    while pending := _pending(lab):
        time.sleep(_PAUSE)
        if _held(lab):
            idle = time.monotonic()
        elif time.monotonic() - idle >= min(pending.values()):
            with lab_lock(Scope(lab)):
                undo(lab, _pending(lab))
                _program_file(lab).unlink(missing_ok=True)
            return


def _pending(lab: str) -> dict[str, float]:
    return {name: note.timeout for name, note in notes.read(lab).items() if note.state == "pending"}


def _on_duty(lab: str) -> list[int]:
    program = str(_program_file(lab))
    return [process.pid for process in processes.find([run_dir(lab)]) if program in process.argv]


def _held(lab: str) -> bool:
    """Say whether a run is at work on the lab."""
    try:
        descriptor = os.open(run_dir(lab), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
