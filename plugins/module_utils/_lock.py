# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one lab; other labs are not held up."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ._errors import LabError
from ._paths import run_dir
from ._plan import Scope

PATIENCE = 60.0  # seconds


@contextmanager
def lab_lock(scope: Scope, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lab while the body runs, waiting at most patience seconds for another run to end. Raise LabError.

    The lock is the lab's run directory itself, so that it leaves nothing behind; a run that only checks takes none.
    """
    if scope.check:
        yield
        return
    directory = run_dir(scope.lab)
    descriptor = _locked(directory, time.monotonic() + patience)
    try:
        yield
    finally:
        for empty in (directory, directory.parent):
            with suppress(OSError):
                empty.rmdir()
        os.close(descriptor)


def _locked(directory: Path, deadline: float) -> int:
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for place in (directory.parent, directory):
                place.chmod(0o755)  # whatever the umask: QEMU and dnsmasq run as other users
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
                holder = _holder(descriptor)
                os.close(descriptor)
                raise LabError(f"Another run{holder} holds lab '{directory.name}'; wait until it has ended, then run again.") from None
            time.sleep(0.05)
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Return ' (pid N)' of the process that holds the lock, as far as the kernel tells (proc(5), /proc/locks)."""
    inode = os.fstat(descriptor).st_ino
    with open("/proc/locks", encoding="ascii") as locks:
        for line in locks:
            fields = line.split()
            if "FLOCK" in fields and fields[5].endswith(f":{inode}"):
                return f" (pid {fields[4]})"
    return ""
