# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run may be killed at any moment once it changes things, when a lab goes up, changes, goes down.

A moment is each time that it writes a file, starts or ends a process, says something to the kernel or to a daemon, or has
said it to the kernel's C library. The next run converges, and then there is nothing left to do; a teardown instead leaves
nothing. NETVIRT_EVERY_CALL=1 kills at all moments, which takes an hour, NETVIRT_EVERY_CALL=50 from the 50th on; without it
at some of each journey, spread evenly.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.resources import service
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsServiceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features, namespaces

NAME = "grove"
RULES = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy accept;\n  tcp dport 23 drop\n }\n}"
LAB: dict[str, Any] = {
    "name": NAME,
    "nodes": {
        "yard": {"kind": "ovs", "ipv4": "10.62.0.1/24", "dhcp": True},
        "shed": {"kind": "bridge", "ipv4": "10.63.0.1/24", "nat": True},
        "apple": {
            "services": {"tick": {"command": "sleep 1000", "files": {"etc/note": "ripe"}}, "tock": "sleep 1001"},
            "exec": ["true", "sleep 1002 &"],
            "firewall": RULES,
            "sysctls": {"net.ipv4.conf.all.rp_filter": 2},
        },
        "pear": {"loopback": ["10.255.62.1/32"], "frr": {"ospf": {"hello": 1, "dead": 4}}},
        "barn": "bridge",
        "gate": {"kind": "uplink", "device": "nic0"},
    },
    "links": [
        {"endpoints": ["apple", "yard"], "rate": {"yard": "50mbit"}},
        {"endpoints": ["pear", "shed"], "ipv4": "10.63.0.7/24"},
        {"endpoints": ["apple", "pear"], "ipv4": {"apple": "10.64.0.1/30", "pear": "10.64.0.2/30"}, "rate": "20mbit"},
        "barn shed",
        {"endpoints": ["gate", "barn"]},
    ],
    "uplink": "uplink0",
}
# What Python tells of before it does it (docs.python.org/3/library/audit_events.html), less what only reads.
DEEDS = frozenset(
    ("fcntl.ioctl", "os.chmod", "os.chown", "os.kill", "os.killpg", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "subprocess.Popen")
)
FIRST = int(os.environ.get("NETVIRT_EVERY_CALL") or 0)
MOMENTS = 10


def changed() -> dict[str, Any]:
    """Return the lab with a node less, another one more, and other values on what stays."""
    lab = copy.deepcopy(LAB)
    nodes = lab["nodes"]
    del nodes["pear"], nodes["gate"]
    nodes["apple"].update(services={"tick": "sleep 1003"}, exec=["true", "sleep 1002 &", "sleep 1004 &"], sysctls={})
    del nodes["apple"]["firewall"]
    nodes.update(plum={"frr": {"config": "access-list stone permit any"}}, yard={"kind": "ovs", "ipv4": "10.62.0.2/24", "stp": True})
    lab["links"] = [
        {"endpoints": ["apple", "yard"], "mtu": 1400, "ipv4": "10.62.0.9/24", "tag": 7, "rate": {"apple": "9mbit"}},
        {"endpoints": ["plum", "shed"], "ipv4": "10.63.0.8/24", "rate": "8mbit"},
    ]
    return lab


def with_vlans(lab: dict[str, Any]) -> dict[str, Any]:
    """Return the lab with a sub-interface, if the kernel knows any."""
    if features.has_link_kind("vlan"):
        lab = copy.deepcopy(lab)
        lab["nodes"]["apple"]["interfaces"] = {"eth0.9": {"parent": "eth0", "vlan": 9, "ipv4": "10.65.0.1/24"}}
    return lab


def run(lab: Mapping[str, Any] | None) -> Sequence[Change[Any]]:
    """Do what module topology does; None takes the lab down."""
    share = compile_share(load(lab)) if lab else {}
    scope = Scope(NAME)
    with lab_lock(scope):
        return converge(share_goals(share, NAME, (), None, {}), scope)


class Watch:
    """Counts the moments after the first change, and kills this process at one of them."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.moments, self._changing = at, 0, False

    def start(self) -> None:
        """Watch all of this process, to its end."""
        sys.addaudithook(self._deed)
        threading.setprofile(self._call)
        sys.setprofile(self._call)

    def _call(self, frame: FrameType, event: str, called: Any) -> None:
        code = frame.f_code
        if event == "c_call":
            if called.__name__ in ("send", "sendall", "sendmsg") and isinstance(called.__self__, socket.socket):
                self._moment()
        elif event == "call" and "module_utils" in code.co_filename:
            if code is namespaces._check.__code__:
                self._moment()
            self._changing = self._changing or (code.co_name in ("apply", "remove") and "resources" in code.co_filename)

    def _deed(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in DEEDS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            self._moment()

    def _moment(self) -> None:
        if self._changing:
            self.moments += 1
            if self.moments == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


def watched(lab: Mapping[str, Any] | None, at: int = 0) -> int:
    """Run in a child, killed at a moment if at is not 0; return how many there were, 0 if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            watch = Watch(at)
            watch.start()
            run(lab)
            watch.at = 0
            os.write(writing, str(watch.moments).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    _pid, status = os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        moments = int(said.read() or 0)
    assert os.WIFSIGNALED(status) or moments, "the run failed"
    return moments


@pytest.fixture(scope="module")
def snapshot() -> Iterator[Callable[[], list[str]]]:
    """Give the listing of what a lab could leave behind, in a lab host whose Open vSwitch runs."""
    spec = importlib.util.spec_from_file_location("trace", Path(__file__).parents[1] / "tools" / "trace.py")
    assert spec
    assert spec.loader
    trace = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(trace)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(service, "_SETTLING", 0.0)  # what is started runs for longer than that anyway
    switch = OvsServiceDriver()
    converge([Goal(switch)], Scope("service"))
    subprocess.run(["ip", "link", "add", "nic0", "type", "veth", "peer", "name", "behind0"], check=True)
    before = trace.snapshot()
    yield trace.snapshot
    assert trace.snapshot() == before
    subprocess.run(["ip", "link", "del", "nic0"], check=True)
    converge([Goal(switch, purge=True)], Scope("service"))
    monkeypatch.undo()


JOURNEYS = {"up": (None, LAB), "change": (LAB, changed()), "down": (LAB, None)}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_killed_on_the_way(journey: str, snapshot: Callable[[], list[str]]) -> None:
    start, goal = (lab and with_vlans(lab) for lab in JOURNEYS[journey])
    clean = snapshot()
    run(start)
    moments = watched(goal)
    run(None)
    assert list(unified_diff(clean, snapshot(), lineterm="", n=0)) == []
    step = 1 if FIRST else max(1, moments // MOMENTS)
    for turn, at in enumerate(range(FIRST or 1, moments + 1, step)):
        where = f"killed at moment {at} of {moments} of '{journey}'"
        run(start)
        if watched(goal, at):
            # How often somebody looks who waits differs a little.
            assert at > moments * 0.8, f"{where}: it ended before"
        if turn % 2:  # the next run of the same kind
            run(goal)
            assert diff(run(goal)) == diff([]), f"{where}, something was left to do after the next run"
        run(None)
        assert list(unified_diff(clean, snapshot(), lineterm="", n=0)) == [], f"{where}, something was left after teardown"
