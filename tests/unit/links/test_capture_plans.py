# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of captures by options, and by what else a run does; how tcpdump is called and understood; when frames are sent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils._replay import Schedule
from ansible_collections.netvirt.lab.plugins.module_utils.resources._capture_model import Capture
from ansible_collections.netvirt.lab.plugins.module_utils.resources._capture_text import counts, tcpdump
from ansible_collections.netvirt.lab.plugins.module_utils.resources._link_model import Link
from ansible_collections.netvirt.lab.plugins.module_utils.resources.capture import CaptureDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import Frame

OPTIONS: dict[str, Any] = {"via": "interface", "filter": "", "direction": "inout", "snaplen": 262144, "ring": ()}
HERE = Capture("a.eth0", "maple", netns="oak", interface="eth0", **OPTIONS)
HALTED = Capture("b.eth0", "maple", netns="elm", interface="eth0", **{**OPTIONS, "ring": (3, 10)}, state="stopped")
HAVE = {one.key: one for one in (HERE, HALTED)}


def plan(goal: Goal[Capture], *earlier: Change[Any]) -> list[tuple[str, str, list[str]]]:
    changes = CaptureDriver().plan(HAVE, goal, Scope("maple"), earlier)
    return [(change.key, change.action, sorted(change.differing)) for change in changes]


def wanted(*captures: Capture, **more: Any) -> Goal[Capture]:
    return Goal(CaptureDriver(), captures, **more)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (wanted(HERE), []),
        (
            wanted(Capture("a.eth0", "maple", netns="oak", interface="eth0", **{**OPTIONS, "filter": "arp"})),
            [("a.eth0", "update", ["filter"])],
        ),
        (wanted(Capture("a.eth0", "maple", state="stopped")), [("a.eth0", "update", ["state"])]),
        (wanted(Capture("b.eth0", "maple", state="stopped"), Capture("c.eth0", "maple", state="stopped")), []),
        (wanted(Capture("b.eth0", "maple", netns="elm", interface="eth0", **OPTIONS)), [("b.eth0", "update", ["ring", "state"])]),
        (wanted(absent=("b.eth0", "c.eth0")), [("b.eth0", "remove", [])]),
        (wanted(purge=True), [("a.eth0", "remove", []), ("b.eth0", "remove", [])]),
        (wanted(), []),
    ],
)
def test_what_options_change(goal: Goal[Capture], expected: list[tuple[str, str, list[str]]]) -> None:
    assert plan(goal) == expected


@pytest.mark.parametrize(
    ("earlier", "stopped"),
    [
        (Change("link", Link("eth0", "oak", "maple"), None), True),
        (Change("link", Link("eth0", "oak", "maple"), Link("eth0", "oak", "maple"), replace=True), True),
        (Change("netns", Namespace("oak", "maple"), None), True),
        (Change("link", Link("eth0", "oak", "maple"), Link("eth0", "oak", "maple", mtu=1400)), False),
        (Change("link", Link("eth0", "", "maple"), None), False),
    ],
)
def test_a_capture_is_stopped_when_a_run_takes_its_interface_away(earlier: Change[Any], stopped: bool) -> None:
    assert plan(wanted(), earlier) == ([("a.eth0", "update", ["state"])] if stopped else [])


def test_tcpdump_is_told_everything() -> None:
    assert tcpdump("/usr/bin/tcpdump", "eth0", "/run/x.pcap", "arp or icmp", "in", 128, (3, 10)) == [
        *("/usr/bin/tcpdump", "--interface=eth0", "-w", "/run/x.pcap", "-Z", "root", "--packet-buffered", "--buffer-size=8192"),
        *("--time-stamp-precision=nano", "--direction=in", "--snapshot-length=128", "-W", "3", "-C", "10", "--", "arp or icmp"),
    ]
    assert tcpdump("tcpdump", "eth0", "x", "", "inout", 64, ())[-1] == "--snapshot-length=64"


def test_its_counts_are_read_in_both_forms() -> None:
    asked = "tcpdump: listening on eth0\ntcpdump: 1 packet captured, 2 packets received by filter, 0 packets dropped by kernel\n"
    ended = "8 packets captured\n9 packets received by filter\n1 packet dropped by kernel\n"
    assert counts(asked) == [(1, 2, 0)]
    assert counts(asked + ended) == [(1, 2, 0), (8, 9, 1)]
    assert counts("3 packets captured\n4 packets") == []


def test_frames_are_due_in_their_time_or_at_a_rate() -> None:
    taken = [Frame(seconds * 10**9, b"", 0) for seconds in (100, 101, 104, 103)]

    def due(speed: float, rate: float | None) -> list[float]:
        schedule, found = Schedule(speed, rate), []
        for _loop in range(2):
            schedule.again()
            found += [schedule.due(frame) for frame in taken]
        return found

    assert due(1, None) == [0, 1, 4, 4, 4, 5, 8, 8]
    assert due(4, None) == [0, 0.25, 1, 1, 1, 1.25, 2, 2]
    assert due(0, None) == [0] * 8
    assert due(1, 2) == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
