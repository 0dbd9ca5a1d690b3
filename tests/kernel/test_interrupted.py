# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run may be killed at any moment: at each call of the transport once it changes things, when a lab goes up, changes, goes down.

The next run converges, and then there is nothing left to do; a teardown instead leaves nothing. All calls take half an hour:
NETVIRT_EVERY_CALL=1 kills at each, without it at some fifteen of each journey, spread evenly.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsServiceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

NAME = "grove"
LAB: dict[str, Any] = {
    "name": NAME,
    "nodes": {
        "yard": {"kind": "ovs", "ipv4": "10.62.0.1/24", "dhcp": True},
        "shed": {"kind": "bridge", "ipv4": "10.63.0.1/24", "nat": True},
        "apple": "netns",
        "pear": "netns",
        "barn": "bridge",
    },
    "links": [
        "apple yard",
        {"endpoints": ["pear", "shed"], "ipv4": "10.63.0.7/24"},
        {"endpoints": ["apple", "pear"], "ipv4": {"apple": "10.64.0.1/30", "pear": "10.64.0.2/30"}},
        "barn shed",
    ],
    "uplink": "uplink0",
}
TRANSPORT = os.sep + os.path.join("module_utils", "transport") + os.sep
MOMENTS = None if os.environ.get("NETVIRT_EVERY_CALL") else 15


def changed() -> dict[str, Any]:
    """Return the lab with a node less, another one more, and other values on what stays."""
    lab = copy.deepcopy(LAB)
    del lab["nodes"]["pear"]
    lab["nodes"].update(plum="netns", yard={"kind": "ovs", "ipv4": "10.62.0.2/24", "stp": True})
    lab["links"] = [{"endpoints": ["apple", "yard"], "mtu": 1400, "ipv4": "10.62.0.9/24", "tag": 7}, "plum shed"]
    return lab


def run(lab: Mapping[str, Any] | None) -> Sequence[Change[Any]]:
    """Do what module topology does; None takes the lab down."""
    share = compile_share(load(lab)) if lab else {}
    scope = Scope(NAME)
    with lab_lock(scope):
        return converge(share_goals(share, NAME, (), None, {}), scope)


class Watch:
    """Counts the calls of the transport's functions after the first change, and kills this process at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.calls, self._changing = at, 0, False

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<"):
            return
        if TRANSPORT not in code.co_filename:
            self._changing = self._changing or (code.co_name in ("apply", "remove") and "resources" in code.co_filename)
        elif self._changing:
            self.calls += 1
            if self.calls == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def watched(lab: Mapping[str, Any] | None, at: int = 0) -> int:
    """Run in a child, killed at a call if at is not 0; return how many calls there were if it was not."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            watch = Watch(at)
            sys.setprofile(watch)
            run(lab)
            sys.setprofile(None)
            os.write(writing, str(watch.calls).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    _pid, status = os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        calls = int(said.read() or 0)
    assert os.WIFSIGNALED(status) == bool(at), "the run failed, or was not killed where it should be"
    assert at or calls, "the run failed"
    return calls


@pytest.fixture(scope="module")
def snapshot() -> Iterator[Callable[[], list[str]]]:
    """Give the listing of what a lab could leave behind, in a lab host whose Open vSwitch runs."""
    spec = importlib.util.spec_from_file_location("trace", Path(__file__).parents[1] / "tools" / "trace.py")
    assert spec
    assert spec.loader
    trace = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(trace)
    service = OvsServiceDriver("openvswitch-switch")
    converge([Goal(service)], Scope("service"))
    before = trace.snapshot()
    yield trace.snapshot
    assert trace.snapshot() == before
    converge([Goal(service, purge=True)], Scope("service"))


JOURNEYS = {"up": (None, LAB), "change": (LAB, changed()), "down": (LAB, None)}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_killed_on_the_way(journey: str, snapshot: Callable[[], list[str]]) -> None:
    start, goal = JOURNEYS[journey]
    clean = snapshot()
    run(start)
    calls = watched(goal)
    run(None)
    step = 1 if MOMENTS is None else max(1, calls // MOMENTS)
    for turn, at in enumerate(range(1, calls + 1, step)):
        run(start)
        watched(goal, at)
        if turn % 2:  # the next run of the same kind
            run(goal)
            assert diff(run(goal)) == diff([]), (
                f"killed at call {at} of {calls} of '{journey}', something was left to do after the next run"
            )
        run(None)
        assert snapshot() == clean, f"killed at call {at} of {calls} of '{journey}', something was left after teardown"
