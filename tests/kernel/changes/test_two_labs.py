# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two labs that go up at the same time, and down, neither of which has anything yet."""

from __future__ import annotations

import multiprocessing
import subprocess
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.resources._network import Survey
from ansible_collections.netvirt.lab.plugins.module_utils.transport import namespaces

from .conftest import Lab, shell

ROUNDS = 10
PROCESSES = multiprocessing.get_context("fork")


def lab_data(number: int) -> dict[str, Any]:
    return {
        "nodes": {
            "sw": {"kind": "ovs", "ipv4": f"10.9{number}.0.1/24"},
            "br": {"kind": "bridge", "ipv4": f"10.9{number}.1.1/24", "dhcp": True, "nat": True},
            **dict.fromkeys(("a", "b")),
        },
        "links": [{"endpoints": ["a", "sw"], "ipv4": f"10.9{number}.0.2", "rate": "50mbit"}, "b br"],
        "uplink": "uplink0",
    }


def converge(lab: Lab, data: Mapping[str, Any] | None, start: Barrier, said: Connection) -> None:
    start.wait(30)
    try:
        lab.bring(data)
        said.send("")
    except BaseException:
        said.send(traceback.format_exc())


def together(labs: list[Lab], wanted: list[dict[str, Any] | None]) -> list[str]:
    """Bring labs to what is wanted of each, all starting in the same moment, and return what went wrong."""
    start = PROCESSES.Barrier(len(labs))
    pipes = [PROCESSES.Pipe(duplex=False) for _lab in labs]
    children = [
        PROCESSES.Process(target=converge, args=(lab, data, start, pipe[1])) for lab, data, pipe in zip(labs, wanted, pipes, strict=True)
    ]
    for child in children:
        child.start()
    said = [pipe[0].recv() if pipe[0].poll(90) else "no answer" for pipe in pipes]
    for child in children:
        child.join(10)
    return [one for one in said if one]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_from_nothing_and_back(lab_of: Callable[[str], Lab], number: int) -> None:
    if subprocess.run(["mountpoint", "-q", "/run/netns"], check=False).returncode == 0 and not shell("ip netns"):
        shell("umount /run/netns")  # so that the first namespace is the machine's first
    labs = [lab_of("left"), lab_of("right")]
    wanted: list[dict[str, Any] | None] = [lab_data(1), lab_data(2)]
    assert together(labs, wanted) == []
    for lab, data in zip(labs, wanted, strict=True):
        assert lab.bring(data, check=True) == {"before": {}, "after": {}}
        shell(f"ip netns exec {lab.name}.a ping -c1 -w20 10.9{wanted.index(data) + 1}.0.1")
    assert together(labs, [None, None]) == []
    assert all(lab.bring(None, check=True) == {"before": {}, "after": {}} for lab in labs)


def test_another_labs_namespace_may_go_before_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "names", lambda: ["passing"])
    monkeypatch.setattr(namespaces, "exists", lambda name: True)
    assert Survey().present((), everything=True) == []


def test_another_labs_namespace_may_go_before_its_links_are_followed() -> None:
    shell("ip netns add passing; ip netns add staying; ip -n passing link add v0 type veth peer name v1 netns staying")
    survey = Survey()
    assert {"passing", "staying"} <= set(survey.present((), everything=True))
    shell("ip netns del passing")
    assert "passing" not in survey.network((), everything=True).links
    shell("ip netns del staying")
