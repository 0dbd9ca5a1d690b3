# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that comes machine by machine: lab hosts join the one that it runs on, or --limit leaves some out."""

from __future__ import annotations

from typing import Any

from ..playbooks import on
from .conftest import Spread

READY = ("netvirt.lab.site", "--tags", "topology,ready")
LAN: dict[str, Any] = {"kind": "bridge", "ipv4": "10.79.0.1/24", "gateway": "m1", "dhcp": True}
LEFT_OUT = "The lab host 'm1' takes no part in this run, so this is not waited for: the addresses of b come from it."


def test_what_runs_on_the_first_lab_host_stays_when_others_join(spread: Spread) -> None:
    spread.hosts("m1")
    spread.write({"nodes": {"lan": LAN, "h[1:4]": None}, "links": ["h[1:4] lan"]})
    assert spread.changed(*READY) > 0
    nodes = on("m1", "stat -c '%n %i' /run/netns/orchard.*")
    assert nodes.count("orchard.h") == 4
    spread.hosts()
    spread.changed(*READY)
    assert on("m1", "stat -c '%n %i' /run/netns/orchard.*") == nodes
    assert "orchard" not in on("m2", "ls /run/netns") + on("m3", "ls /run/netns")
    assert spread.changed(*READY) == 0
    spread.changed("netvirt.lab.teardown")


def test_a_lab_can_begin_on_some_of_its_lab_hosts(spread: Spread) -> None:
    spread.hosts("m1", "m2")
    lab: dict[str, Any] = {"nodes": {"lan": LAN, "a": {"host": "m1"}, "b": {"host": "m2"}}, "links": ["a lan", "b lan"]}
    spread.write(lab)
    done = spread.run(*READY, "--limit", "m2", "-e", "netvirt_ready_timeout=3")
    told = " ".join((done.stdout + done.stderr).replace("\\n", " ").split())
    assert done.returncode == 0, told
    assert LEFT_OUT in told
    assert "orchard.b" in on("m2", "ls /run/netns")
    assert "orchard" not in on("m1", "ls /run/netns")
    assert spread.changed(*READY) > 0
    assert spread.changed(*READY) == 0
    # Who is left out and runs gives its addresses, and is waited for.
    spread.write({**lab, "nodes": {**lab["nodes"], "late": {"host": "m2"}}, "links": [*lab["links"], "late lan"]})
    done = spread.run(*READY, "--limit", "m2")
    assert done.returncode == 0, done.stdout
    assert "takes no part in this run" not in done.stdout + done.stderr
    assert "10.79.0." in on("m2", "ip -n orchard.late -4 addr show eth0")
