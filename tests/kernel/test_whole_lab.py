# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab of everything together by its playbooks: both kinds of switches, FRR, DHCP, firewall, service, shaping, expectations."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .playbooks import TOPOLOGY, Lab
from .test_lab import lab

__all__ = ["lab"]

pytestmark = pytest.mark.skipif(not shutil.which("vtysh", path="/usr/bin:/usr/sbin"), reason="FRR is not installed (Debian: frr)")

FIREWALL = """
table inet wall {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        meta l4proto { icmp, ipv6-icmp } accept
        tcp dport 80 accept
    }
}
"""
QUICK: dict[str, Any] = {"ospf": {"hello": 1, "dead": 4}}
WHOLE: dict[str, Any] = {
    "plugin": "netvirt.lab.topology",
    "name": "orchard",
    "nodes": {
        "s1": {"kind": "ovs", "ipv4": "10.71.0.1/24", "ipv6": "fd71:0:0:1::1/64", "dhcp": True, "nat": True},
        "s2": "ovs",
        "field": {"kind": "bridge", "subnet": "auto", "subnet6": "auto"},
        "h[1:2]": None,
        "web": {
            "ipv4": "10.71.0.80",
            "routes": ["field via r1", "r3 via r1"],
            "firewall": {"file": "wall.nft"},
            "exec": ["ip route add blackhole 192.0.2.0/24"],
            "services": {
                "http": {"command": "python3 -m http.server 80 --bind ::", "files": {"index.html": {"file": "parts/page.html"}}},
            },
        },
        "r1": {"ipv4": "10.71.0.251"},
        "r[2:3]": None,
        "far[1:2]": None,
    },
    "groups": {
        "routers": {"members": "r[1:3]", "router": "frr", "loopback": "auto", "frr": QUICK, "vars": {"duty": "routing"}},
        "away": {"members": "far[1:2]", "sysctls": {"net.ipv4.tcp_syncookies": 0}},
    },
    "links": [
        "h[1:2] s1",
        "s1 s2",
        "web s2",
        "r1 s2",
        {"endpoints": ["r1", "r2"], "ipv4": "auto", "ipv6": "auto"},
        {"endpoints": ["r2", "r3"], "ipv4": "auto", "ipv6": "auto"},
        {"endpoints": ["r3", "r1"], "ipv4": "auto", "ipv6": "auto"},
        "r3 field",
        {"endpoints": ["far[1:2]", "field"], "rate": "20mbit"},
    ],
    "expect": [
        {"from": ["h[1:2]", "far[1:2]"], "to": "web", "tcp": 80},
        {"from": ["h1", "far1"], "to": "web", "tcp": 22, "reach": False},
        {"from": "far[1:2]", "to": ["r[1:3]", "web"]},
        {"from": "far1", "to": "web", "mtu": 1500},
        {"from": "h1", "to": "far1", "family": 4, "reach": False},
    ],
}


def run(netns: str, line: str) -> str:
    command = ["ip", "netns", "exec", f"orchard.{netns}", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def planned(lab: Lab, *arguments: str) -> str:
    done = lab.run(*TOPOLOGY, "--diff", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.partition("+++ after")[2].partition("changed:")[0]


def test_everything_together(lab: Lab) -> None:
    (lab.folder / "wall.nft").write_text(FIREWALL, encoding="utf-8")
    (lab.folder / "parts").mkdir()
    (lab.folder / "parts" / "page.html").write_text("apples\n", encoding="utf-8")
    lab.write(WHOLE)
    assert lab.changed("netvirt.lab.site") > 0
    assert lab.changed("netvirt.lab.verify") == 0
    assert "apples" in run("far1", "curl -sS --max-time 5 http://10.71.0.80/")
    assert "blackhole 192.0.2.0/24" in run("web", "ip route")
    assert "rate 20Mbit" in run("far2", "tc qdisc show dev eth0")
    assert lab.changed("netvirt.lab.site") == 0

    changed = copy.deepcopy(WHOLE)
    changed["nodes"]["h[1:3]"] = changed["nodes"].pop("h[1:2]")
    changed["nodes"]["web"]["routes"].append("198.18.0.0/15 via r1")
    changed["links"][0] = "h[1:3] s1"
    changed["links"][-1]["rate"] = "50mbit"
    changed["expect"].append({"from": "h3", "to": ["web", "h1"]})
    lab.write(changed)
    foretold = planned(lab, "--check")
    assert all(word in foretold for word in ("orchard.h3", "198.18.0.0/15", "50000000"))
    assert not any(word in foretold for word in ("orchard.h1", "orchard.r", "ospf"))
    assert not Path("/run/netns/orchard.h3").exists()
    assert planned(lab) == foretold
    assert lab.changed("netvirt.lab.site") == 0
    assert lab.changed("netvirt.lab.verify") == 0
    assert "rate 50Mbit" in run("far2", "tc qdisc show dev eth0")
