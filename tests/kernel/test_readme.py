# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routed labs by their playbooks: that of the README as it stands there, and such as do not converge as OSPF does, or not at all."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .playbooks import CHECKOUT, Lab
from .test_lab import lab

__all__ = ["lab"]

pytestmark = pytest.mark.skipif(not shutil.which("vtysh", path="/usr/bin:/usr/sbin"), reason="FRR is not installed (Debian: frr)")


def readme(words: str) -> str:
    """Return the block of the README that has these words."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if words in block]
    return str(found)


def has_netem() -> bool:
    line = "ip link set lo up; tc qdisc add dev lo root netem delay 1ms"
    return subprocess.run(["unshare", "-n", "sh", "-c", line], capture_output=True, check=False).returncode == 0


def ping(node: str, address: str) -> int:
    line = ["ip", "netns", "exec", node, "ping", "-c1", "-w5", address]
    return subprocess.run(line, capture_output=True, check=False).returncode


def test_the_campus_of_the_readme_is_ready_when_it_is_up(lab: Lab) -> None:
    lab.inventory = lab.folder / "campus.netvirt.yml"
    topology = yaml.safe_load(readme("name: campus"))
    for link in topology["links"] if not has_netem() else ():
        for key in ("delay", "loss") if isinstance(link, dict) else ():
            link.pop(key, None)
    lab.write(topology)
    (lab.folder / "web.nft").write_text(readme("tcp dport 80 accept"), encoding="utf-8")
    try:
        assert lab.changed("netvirt.lab.site") > 0
        assert lab.changed("netvirt.lab.verify") == 0
        assert lab.changed("netvirt.lab.site") == 0
        subprocess.run(["ip", "-n", "campus.web", "link", "set", "eth0", "down"], check=True)
        done = lab.run("netvirt.lab.verify")
        assert done.returncode != 0
        assert "checks failed:" in done.stdout
        assert done.stdout.partition("fatal: ")[2].count("Likely: web:eth0 is down.") == 1
        assert done.stdout.count("web tcp/80") == 1
    finally:
        assert lab.changed("netvirt.lab.teardown") > 0
        lab.inventory = lab.folder / "orchard.netvirt.yml"


def lines(**blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a lab of routers in lines, each named by a letter: a1, a2, ... with the loopbacks 10.9.97.1, 10.9.97.2, ..."""
    found: dict[str, Any] = {"plugin": "netvirt.lab.topology", "name": "orchard", "nodes": {}, "links": []}
    for letter, each in blocks.items():
        names = [f"{letter}{number}" for number in range(1, len(each) + 1)]
        for number, (name, block) in enumerate(zip(names, each), 1):
            found["nodes"][name] = {"router": "frr", "loopback": f"10.9.{ord(letter)}.{number}/32", "frr": block}
        found["links"] += [{"endpoints": list(pair), "ipv4": "auto", "ipv6": "auto"} for pair in zip(names, names[1:])]
    return found


ISIS = [{"isis": True}] * 3
BGP = [
    {"bgp": {"asn": 65001, "networks": ["10.9.98.1/32"], "neighbors": ["b2"]}},
    {"bgp": {"asn": 65002, "neighbors": ["b1", "b3"]}},
    {"bgp": {"asn": 65003, "networks": ["10.9.98.3/32"], "neighbors": ["b2"]}},
]


def test_routes_are_there_when_the_lab_is_ready(lab: Lab) -> None:
    lab.write({**lines(a=ISIS, b=BGP), "expect": [{"from": "a1", "to": "10.9.97.3"}]})
    done = lab.run("netvirt.lab.site")
    assert done.returncode == 0, done.stdout
    assert "Routing is not complete" not in done.stdout + done.stderr
    for letter in "ab":
        routes = subprocess.run(["ip", "-n", f"orchard.{letter}1", "route"], capture_output=True, text=True, check=True).stdout
        assert f"10.9.{ord(letter)}.3 " in routes
    assert ping("orchard.a1", "10.9.97.3") == 0


def test_areas_that_differ_are_a_warning(lab: Lab) -> None:
    lab.write(lines(r=[{"ospf": {"area": 0}}, {"ospf": {"area": 1}}]))
    done = lab.run("netvirt.lab.site", "-e", "netvirt_ready_timeout=4")
    assert done.returncode == 0, done.stdout
    told = " ".join((done.stdout + done.stderr).split())
    for pair in ("r1, OSPFv2 with r2", "r2, OSPFv3 with r1"):
        assert f"Routing is not complete after 4 seconds: {pair} on eth0: not heard of." in told
    assert Path("/run/netvirt/orchard/frr/r1/ospfd.vty").exists()
