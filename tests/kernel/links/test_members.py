# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of the machine as ports of a lab's bridge: joined, given back as they were, and refused where that would harm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._paths import run_dir
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.member import MemberDriver, member_from

LAB = "borrower"


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def link(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell(f"ip -j -d link show {name}"))[0]
    return found


def run(members: list[dict[str, Any]], bridges: tuple[str, ...] = ("yard0",), **how: bool) -> list[Change[Any]]:
    goals: list[Goal[Any]] = [
        Goal(LinkDriver(), tuple(Link(name, "", LAB, "bridge", up=True) for name in bridges), purge=True),
        Goal(MemberDriver(), tuple(member_from(item, LAB) for item in members), purge=True),
    ]
    return converge(goals, Scope(LAB, **how))


@pytest.fixture(autouse=True)
def nic() -> Iterator[None]:
    """Give an interface of the machine's own, nic0, with a machine behind it, and see that it is as it was in the end."""
    shell("ip link add nic0 type veth peer name behind0; ip link set behind0 up; ip link set behind0 alias 'netvirt:'")
    yield
    run([], ())
    assert "master" not in link("nic0")
    for directory in (run_dir(LAB), run_dir(LAB).parent):
        if directory.exists():
            directory.rmdir()  # a run of a module does, with its lock; nothing is in it
    shell("ip link del nic0")


@pytest.mark.parametrize("state", ["up", "down"])
def test_joined_and_given_back_as_it_was(state: str) -> None:
    shell(f"ip link set nic0 {state}")
    wanted = [{"name": "nic0", "master": "yard0"}]
    foretold = diff(run(wanted, check=True))
    assert "master" not in link("nic0")
    assert diff(run(wanted)) == foretold
    assert run(wanted) == []
    assert link("nic0")["master"] == "yard0"
    assert "UP" in link("nic0")["flags"]
    assert "ifalias" not in link("nic0"), "it is not marked: only its place is ours"
    # By hand: taken out, and set down.
    shell("ip link set nic0 nomaster; ip link set nic0 down")
    assert [change.key for change in run(wanted)] == ["nic0"]
    assert run(wanted) == []
    # Moved to another bridge of the lab, then left alone.
    run([{"name": "nic0", "master": "yard1"}], ("yard0", "yard1"))
    assert link("nic0")["master"] == "yard1"
    run([], ("yard0", "yard1"))
    assert "master" not in link("nic0")
    assert ("UP" in link("nic0")["flags"]) is (state == "up")


def test_a_bridge_that_was_removed_by_hand() -> None:
    shell("ip link set nic0 down")
    wanted = [{"name": "nic0", "master": "yard0"}]
    run(wanted)
    shell("ip link del yard0")
    assert {change.key for change in run(wanted)} == {"yard0", "nic0"}
    assert link("nic0")["master"] == "yard0"
    shell("ip link del yard0")
    run([], ())
    assert "UP" not in link("nic0")["flags"]


def test_what_somebody_else_put_into_the_bridge_stays() -> None:
    run([])
    shell("ip link set nic0 master yard0")
    assert run([]) == []
    assert link("nic0")["master"] == "yard0"
    shell("ip link set nic0 nomaster")


def test_only_kept_up_for_another_switch() -> None:
    shell("ip link set nic0 down")
    wanted = [{"name": "nic0"}]
    run(wanted)
    assert run(wanted) == []
    assert "UP" in link("nic0")["flags"]
    run([])
    assert "UP" not in link("nic0")["flags"]


@pytest.mark.parametrize(
    ("given", "name", "message"),
    [
        (
            "ip addr add 10.43.0.1/24 dev nic0",
            "nic0",
            r"'nic0' has addresses of its own \(10\.43\.0\.1/24\): .* are not moved for you",
        ),
        ("ip link add theirs0 type bridge; ip link set nic0 master theirs0", "nic0", "'nic0' is a port of 'theirs0' already; take it out"),
        ("true", "nic9", "There is no interface 'nic9' to put into a switch"),
        ("true", "lo", "The loopback interface 'lo' cannot be a switch's port"),
    ],
)
def test_refusals(given: str, name: str, message: str) -> None:
    shell(given)
    try:
        for check in (True, False):
            with pytest.raises(LabError, match=message):
                run([{"name": name, "master": "yard0"}], check=check)
        assert "yard0" not in shell("ip link show")
    finally:
        shell("ip link set nic0 nomaster; ip link del theirs0 2>/dev/null || true; ip addr flush dev nic0")


def test_a_port_of_open_vswitch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__(MemberDriver.__module__, fromlist=["_switched"])
    monkeypatch.setattr(module, "_switched", lambda _lab: {"nic0": "ovs7"})
    with pytest.raises(
        LabError, match=r"'nic0' is a port of the bridge 'ovs7' already; take it out first \('ovs-vsctl del-port ovs7 nic0'\)"
    ):
        run([{"name": "nic0", "master": "yard0"}])
