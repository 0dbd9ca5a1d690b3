# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One layer-2 network over two lab hosts, as the page of the lab has it."""

from __future__ import annotations

import re

from ..playbooks import TOPOLOGY, Playbooks, on

LAB = "two_machines"
MACHINES = 2

NODES = {"a1": "m1", "a2": "m1", "b1": "m2", "b2": "m2"}


def inside(node: str, script: str) -> str:
    return on(NODES[node], f"ip netns exec two-machines.{node} sh -euc '{script}'")


def broadcasts(node: str) -> int:
    names, values = (line.split() for line in inside(node, "grep ^IpExt: /proc/net/netstat").splitlines())
    return int(values[names.index("InBcastPkts")])


def test_all_reach_all_and_the_outside(lab: Playbooks) -> None:
    done = lab.run("netvirt.lab.verify", "-e", "netvirt_outside=http://198.51.100.10/")
    assert done.returncode == 0, done.stdout
    assert {node for node in NODES if re.search(rf'"{node} +ok ', done.stdout)} == NODES.keys()


def test_the_switch_is_on_both_machines_and_its_address_on_one(lab: Playbooks) -> None:
    device = {machine: on(machine, "ip -j link show type bridge | grep -o 'lan-[0-9a-f]*' | head -1").strip() for machine in ("m1", "m2")}
    assert device["m1"] == device["m2"]
    assert "10.0.0.254/24" in on("m1", f"ip -br addr show {device['m1']}")
    assert "10.0.0.254" not in on("m2", f"ip -br addr show {device['m2']}")


def test_a_broadcast_arrives_once_at_each_node(lab: Playbooks) -> None:
    before = {node: broadcasts(node) for node in ("a2", "b1", "b2")}
    inside("a1", "ping -b -c 5 -i 0.2 -W 1 10.0.0.255 || :")
    assert {node: broadcasts(node) - count for node, count in before.items()} == {"a2": 5, "b1": 5, "b2": 5}


def test_packets_are_as_large_as_the_underlay_lets_them_be(lab: Playbooks) -> None:
    assert "mtu 1450" in inside("b2", "ip link show eth0")
    inside("a1", "ping -c 1 -W 5 -M do -s 1422 10.0.0.2")
    assert "too long" in inside("a1", "ping -c 1 -W 1 -M do -s 1423 10.0.0.2 2>&1 || :")


def test_what_is_broken_by_hand_is_mended(lab: Playbooks) -> None:
    on("m1", "ip link del $(ip -br link show type vxlan | grep -o '^lan[^ ]*')")
    on("m2", "bridge fdb del 00:00:00:00:00:00 dev $(ip -br link show type vxlan | grep -o '^lan[^ ]*') dst 198.18.0.1")
    assert "100% packet loss" in inside("a1", "ping -c 1 -W 1 10.0.0.2 || :")
    told = lab.run(*TOPOLOGY, "--check", "--diff")
    assert "remotes" in told.stdout
    assert lab.changed(*TOPOLOGY) == 2
    assert lab.changed(*TOPOLOGY) == 0
    inside("a1", "ping -c 1 -W 5 10.0.0.2")
