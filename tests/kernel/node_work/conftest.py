# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of namespaces that work: its share is written by hand and brought about as the module topology does it."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals

LAB = "hamlet"
TRACE = Path(__file__).resolve().parents[2] / "tools" / "trace.py"


def shell(line: str, code: int = 0) -> str:
    """Run a line of shell and return what it printed."""
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def within(netns: str, line: str, code: int = 0) -> str:
    """Run a line of shell in a namespace."""
    return shell(f"ip netns exec {netns} {line}", code)


def until(condition: Callable[[], Any], patience: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, shell("tail -n 99 /run/netvirt/*/services/*/*/log; ps -ef")
        time.sleep(0.05)


class Hamlet:
    """The lab."""

    def bring(self, share: Mapping[str, Any], check: bool = False) -> dict[str, Any]:
        """Bring the machine to a share and return the diff, {} if nothing differs."""
        # As it arrives at the module.
        plain = json.loads(json.dumps(share))
        scope = Scope(LAB, check=check)
        with lab_lock(scope):
            changes = converge(share_goals(plain, LAB, [], None, {}), scope)
        return diff(changes) if changes else {}

    def changed(self, share: Mapping[str, Any]) -> dict[str, Any]:
        """Bring the machine to a share, see that this was foretold and is all there is to do, and return the diff."""
        foretold = self.bring(share, check=True)
        done = self.bring(share)
        assert foretold == done
        assert self.bring(share) == {}
        return done


@pytest.fixture
def hamlet() -> Iterator[Hamlet]:
    """Give a lab of which nothing is left."""
    before = trace()
    lab = Hamlet()
    try:
        yield lab
    finally:
        lab.bring({})
    left = "\n".join(difflib.unified_diff(before, trace(), lineterm="", n=0))
    assert not left


def trace() -> list[str]:
    """Return what there is on the machine that a lab could leave behind."""
    return subprocess.run([sys.executable, str(TRACE)], check=True, capture_output=True, text=True).stdout.splitlines()
