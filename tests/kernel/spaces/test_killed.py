# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that makes containers and adopts a namespace is killed on the way, or the child that makes the namespaces is."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._plan import diff

from ..playbooks import trace
from ..test_interrupted import FIRST, NAME, Watch, run, watched

TURNS = 1000 if FIRST else 8  # of each journey
LAB: dict[str, Any] = {
    "name": NAME,
    "nodes": {
        "yard": {"kind": "bridge", "ipv4": "10.75.0.1/24"},
        "cave": {"kind": "container", "ipv4": "10.75.0.2", "rootfs": "/", "exec": ["true"]},
        "well": {"kind": "container", "uid_map": ["0 100000 65536"], "ipv4": "10.75.0.3"},
        "inn": {"adopt": {"pid": 0}},
    },
    "links": ["cave yard", "well yard", {"endpoints": ["inn:lab0", "yard"], "ipv4": "10.75.0.4"}],
}


def killed(lab: dict[str, Any] | None, at: int) -> None:
    """Run in a child that is killed at a call of the transport, be it in one of its own children."""
    child = os.fork()
    if child == 0:
        try:
            Watch(at).start()
            run(lab)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.fixture
def wanted() -> Iterator[dict[str, Any]]:
    with subprocess.Popen(["unshare", "--net", "sleep", "1000000"]) as inn:
        while os.readlink(f"/proc/{inn.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            pass
        yield {**LAB, "nodes": {**LAB["nodes"], "inn": {"adopt": {"pid": inn.pid}}}}
        inn.kill()


@pytest.mark.parametrize("journey", ["up", "down"])
def test_killed_on_the_way(wanted: dict[str, Any], journey: str) -> None:
    start, goal = (None, wanted) if journey == "up" else (wanted, None)
    while "linkdown" in "\n".join(clean := trace()):
        time.sleep(0.1)  # the lab host's own interface has just been made
    run(start)
    calls = watched(goal)
    run(None)
    assert trace() == clean
    for turn, at in enumerate(range(1, calls + 1, max(1, calls // TURNS))):
        run(start)
        killed(goal, at)
        if turn % 2:
            run(goal)
            assert diff(run(goal)) == diff([]), f"killed at call {at} of {calls} of '{journey}', something was left to do"
        run(None)
        assert trace() == clean, f"killed at call {at} of {calls} of '{journey}', something was left after teardown"
