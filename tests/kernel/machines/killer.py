# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills modules on a lab host at moments of their work: who watches is Python itself, as the lab host's interpreter (sitecustomize).

A moment is each time that module topology writes a file, starts or ends a process, or enters a namespace.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

# What Python tells of before it does it (docs.python.org/3/library/audit_events.html), less what only reads.
DEEDS = frozenset(
    ("fcntl.ioctl", "os.chmod", "os.chown", "os.kill", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "subprocess.Popen", "ctypes.dlsym")
)
HOME = Path("/run/killer")


class Killer:
    """Counts moments into a file; at the one that the plan names ends the module, or the connection that it was started by."""

    def __init__(self, what: str, at: int) -> None:
        self._what, self._at, self._moments, self._process, self._busy = what, at, 0, os.getpid(), False

    def deed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Hear of something that is about to be done."""
        writes = event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        if self._busy or not (writes or event in DEEDS) or os.getpid() != self._process:
            return
        self._busy = True
        self._moments += 1
        (HOME / "moments").write_text(str(self._moments), encoding="ascii")
        if self._moments == self._at:
            os.kill(self._process if self._what == "module" else _server(self._process), signal.SIGKILL)
        self._busy = False


def _server(process: int) -> int:
    """Return the SSH server's process that a process has come from."""
    while Path(f"/proc/{process}/comm").read_text(encoding="ascii").strip() != "dropbear":
        process = int(Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    return process


if any(word.endswith("AnsiballZ_topology.py") for word in sys.orig_argv):
    plan = (HOME / "plan").read_text(encoding="ascii").split()
    sys.addaudithook(Killer(plan[0], int(plan[1])).deed)
