# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one lab, and on the store of images; other labs are not held up."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ._errors import LabError
from ._paths import make_public, run_dir
from ._plan import Scope

PATIENCE = 60.0  # seconds


@contextmanager
def lab_lock(scope: Scope, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lab while the body runs; a run that only checks takes no lock. Raise LabError."""
    if scope.check:
        yield
        return
    with held(run_dir(scope.lab), patience, f"lab '{scope.lab}'"):
        yield


@contextmanager
def held(directory: Path, patience: float, what: str) -> Iterator[None]:
    """Hold what a directory is for while the body runs, waiting at most patience seconds for another run to end. Raise LabError.

    The lock is the directory itself, so that it leaves nothing behind: it goes, with the one above it, if it is empty in the end.
    """
    descriptor = _locked(directory, time.monotonic() + patience, what)
    try:
        yield
    finally:
        for empty in (directory, directory.parent):
            with suppress(OSError):
                empty.rmdir()
        os.close(descriptor)


def _locked(directory: Path, deadline: float, what: str) -> int:
    while True:
        try:
            make_public(directory)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The run that held it may have removed the directory: then this lock is on a ghost.
            if os.path.samestat(os.fstat(descriptor), os.stat(directory)):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            if time.monotonic() > deadline:
                pid = _holder(descriptor)
                os.close(descriptor)
                run, way = (f"Another run (pid {pid})", f", or end it ('kill {pid}')") if pid else ("Another run", "")
                raise LabError(f"{run} holds {what}; wait until it has ended{way}, then run again.") from None
            time.sleep(0.05)
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Return the pid of the process that holds the lock, as far as the kernel tells (proc(5), /proc/locks)."""
    inode = os.fstat(descriptor).st_ino
    with open("/proc/locks", encoding="ascii") as locks:
        for line in locks:
            fields = line.split()
            if "FLOCK" in fields and "->" not in fields and fields[5].endswith(f":{inode}") and fields[4] not in ("0", "-1"):
                return fields[4]
    return ""
