# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of routers by its playbooks: addresses of both families from the pools, found by name and reached over two hops."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .playbooks import Lab
from .test_lab import lab

__all__ = ["lab"]

ROUTED: dict[str, Any] = {
    "plugin": "netvirt.lab.topology",
    "name": "orchard",
    "defaults": {"bridge": {"subnet": "auto", "subnet6": "auto"}},
    "nodes": {
        "s1": "bridge",
        "s2": "bridge",
        "r1": {"router": True, "loopback": "auto", "routes": ["s2 via r2", "r2 via r2"]},
        "r2": {"router": True, "loopback": "auto", "routes": ["s1 via r1"]},
        "h1": None,
        "h2": None,
    },
    "links": ["h1 s1", "s1 r1", {"endpoints": ["r1", "r2"], "ipv4": "auto", "ipv6": "auto"}, "r2 s2", "h2 s2"],
}


def inside(namespace: str, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", "netns", "exec", f"orchard.{namespace}", *line.split()], capture_output=True, text=True, check=False)


def described(lab: Lab) -> dict[str, dict[str, Any]]:
    said = subprocess.run(
        [lab.command("")[0].replace("ansible-playbook", "ansible-inventory"), "-i", str(lab.inventory), "--list", "--export"],
        env=lab.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    share = json.loads(said.stdout)["_meta"]["hostvars"]["localhost"]["netvirt_share"]
    return {plain(node["name"]): node for node in share["nodes"]}


def plain(value: Any) -> str:
    return str(value["__ansible_unsafe"] if isinstance(value, dict) else value)


def test_two_hops_both_ways_in_both_families(lab: Lab) -> None:
    lab.write(ROUTED)
    assert lab.changed("netvirt.lab.site") > 0
    assert lab.changed("netvirt.lab.site") == 0
    nodes = described(lab)
    far = [plain(address).partition("/")[0] for address in nodes["h2"]["interfaces"][0]["addresses"]]
    far += [plain(address).partition("/")[0] for address in nodes["r2"]["loopbacks"]]
    assert len(far) == 4
    for address in far:
        done = inside("h1", f"ping -c1 -w20 {address}")
        assert done.returncode == 0, (address, done.stdout, inside("h1", "ip route").stdout, inside("r1", "ip -6 route").stdout)
    assert inside("h1", f"ping -c1 -w20 -M do -s 1472 {far[0]}").returncode == 0
