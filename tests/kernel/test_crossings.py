# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that other labs lack, and one node that is router, firewall and DHCP server."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from .playbooks import Lab
from .test_lab import lab

__all__ = ["lab"]

# A switch of one kind beside one of the other; two wires between the same two nodes; behind gate a network that is gate's alone.
CROSSED: dict[str, Any] = {
    "plugin": "netvirt.lab.topology",
    "name": "orchard",
    "nodes": {
        "yard": {"kind": "ovs", "ipv4": "10.69.0.1/24"},
        "shed": "bridge",
        "apple": None,
        "pear": None,
        "gate": {
            "router": True,
            "services": {
                "dhcp": "dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --interface=inner --pid-file= "
                "--dhcp-range=10.70.0.50,10.70.0.60,1h --dhcp-leasefile=/dev/null"
            },
            "firewall": "table inet wall { chain gate { type filter hook forward priority 0; policy accept; tcp dport 23 drop; }; }",
        },
        "croft": "bridge",
        "plum": {"services": {"lease": "udhcpc -f -i eth0 -s /etc/udhcpc/default.script"}},
    },
    "links": [
        "yard shed",
        {"endpoints": ["apple:eth0", "yard"], "ipv4": "10.69.0.11/24"},
        {"endpoints": ["pear:eth0", "shed"], "ipv4": "10.69.0.12/24"},
        {"endpoints": ["apple:one", "pear:one"], "ipv4": {"apple": "10.71.1.1/30", "pear": "10.71.1.2/30"}},
        {"endpoints": ["apple:two", "pear:two"], "ipv4": {"apple": "10.71.2.1/30", "pear": "10.71.2.2/30"}},
        {"endpoints": ["gate:outer", "shed"], "ipv4": "10.69.0.13/24"},
        {"endpoints": ["gate:inner", "croft"], "ipv4": "10.70.0.1/24"},
        ["plum:eth0", "croft"],  # not the lab's affair: its address is gate's to give
    ],
    "expect": [{"from": "apple", "to": ["pear", "10.71.1.2", "10.71.2.2"]}],
}


def inside(node: str, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", "netns", "exec", f"orchard.{node}", *line.split()], capture_output=True, text=True, check=False)


def packets(node: str, interface: str) -> int:
    return int(inside(node, f"cat /sys/class/net/{interface}/statistics/rx_packets").stdout)


def test_crossings(lab: Lab) -> None:
    lab.write(CROSSED)
    assert lab.changed("netvirt.lab.site") > 0
    assert lab.changed("netvirt.lab.site") == 0
    done = lab.run("netvirt.lab.verify")
    assert done.returncode == 0, done.stdout
    for wire, address in (("one", "10.71.1.2"), ("two", "10.71.2.2"), ("eth0", "10.69.0.12")):
        before = {name: packets("pear", name) for name in ("one", "two", "eth0")}
        assert inside("apple", f"ping -c 20 -i 0.01 -w 20 {address}").returncode == 0
        assert [name for name, count in before.items() if packets("pear", name) - count >= 20] == [wire]


def test_a_node_that_is_router_firewall_and_dhcp_server(lab: Lab) -> None:
    lab.write(CROSSED)
    assert lab.changed("netvirt.lab.site") > 0
    deadline = time.monotonic() + 60
    while "10.70.0.5" not in inside("plum", "ip -4 address show eth0").stdout:
        assert time.monotonic() < deadline, inside("plum", "ip address").stdout
        time.sleep(0.2)
    assert inside("pear", "ip route add 10.70.0.0/24 via 10.69.0.13").returncode == 0
    assert inside("plum", "ping -c 1 -w 20 10.69.0.12").returncode == 0
    # curl(1): 7 is refused by who is there, 28 is no answer.
    codes = {port: inside("plum", f"curl -sS --connect-timeout 3 telnet://10.69.0.12:{port}").returncode for port in (22, 23)}
    assert codes == {22: 7, 23: 28}
