# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches whose links form loops: a spanning tree breaks them, and when site.yml ends, it has."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from .playbooks import Lab
from .test_lab import lab

__all__ = ["lab"]


def received(namespace: str) -> int:
    """Return how many packets a node has received."""
    said = subprocess.run(["ip", "-n", namespace, "-s", "-j", "link", "show", "eth0"], capture_output=True, text=True, check=True)
    return int(json.loads(said.stdout)[0]["stats64"]["rx"]["packets"])


@pytest.mark.parametrize("kind", ["bridge", "ovs"])
def test_a_ring_of_switches_is_ready_when_its_tree_is(lab: Lab, kind: str) -> None:
    node = {"kind": kind, **({"forward_delay": 4, "hello_time": 1, "max_age": 6} if kind == "bridge" else {})}
    nodes = {"s1": {"subnet": "10.68.0.0/24"}}
    defaults = {"netns": {"ipv4": "auto"}}
    lab.write(
        {
            "plugin": "netvirt.lab.topology",
            "name": "orchard",
            "defaults": defaults,
            "generate": [{"shape": "ring", "nodes": 3, "hosts": 1, "node": node}],
            "nodes": nodes,
        }
    )
    assert lab.changed("netvirt.lab.site") > 0
    done = lab.run("netvirt.lab.verify")
    assert done.returncode == 0, done.stdout
    subprocess.run(["ip", "netns", "exec", "orchard.h1", "ping", "-b", "-c1", "-W1", "10.68.0.255"], capture_output=True, check=False)
    before = received("orchard.h2")
    time.sleep(3)
    assert received("orchard.h2") - before < 20  # a storm is thousands
    assert lab.changed("netvirt.lab.site") == 0
