# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of a lab on three machines sees: on each of them, in its guests, and from node to node."""

from __future__ import annotations

import json
import re
from pathlib import Path

import testinfra
from testinfra.host import Host

testinfra_hosts = ["local://"]

INVENTORY = Path(__file__).parents[1] / "inventory"
LABHOST = Path(__file__).parents[3] / "tests" / "labhost"
MACHINES = ("m1", "m2", "m3")


def on(host: Host, machine: str, script: str) -> str:
    return str(host.check_output(f"{LABHOST} run {machine} -- sh -euc %s", script))


def homes(host: Host) -> dict[str, str]:
    groups = json.loads(host.check_output(f"ansible-inventory -i {INVENTORY} --list"))
    return {node: machine for machine in MACHINES for node in groups[f"on_{machine}"]["hosts"]}


def test_nodes_are_on_their_machines_and_on_no_other(host: Host) -> None:
    found = {machine: set(on(host, machine, "ls /run/netns").split()) for machine in MACHINES}
    spaces = {node: machine for node, machine in homes(host).items() if node[0] in "nrlt" and node != "core"}
    assert {machine: {f"spread.{node}" for node, home in spaces.items() if home == machine} for machine in MACHINES} == {
        machine: {name for name in names if name.startswith("spread.")} for machine, names in found.items()
    }
    assert len({home for node, home in spaces.items() if re.fullmatch(r"n\d", node)}) > 1


def test_each_machine_with_a_guest_runs_it(host: Host) -> None:
    counts = {machine: on(host, machine, "pgrep -c qemu-system || :").strip() for machine in MACHINES}
    assert counts == {"m1": "0", "m2": "1", "m3": "1"}


def test_a_guest_has_the_mtu_of_the_network_and_sends_large_packets_to_the_other(host: Host) -> None:
    guest = testinfra.get_host(f"ansible://v2?ansible_inventory={INVENTORY}")
    assert guest.check_output("cat /sys/class/net/eth0/mtu") == "1490"
    assert guest.run("ping -c 2 -s 1462 v3").rc == 0


def test_the_way_out_is_by_the_first_machine(host: Host) -> None:
    (far,) = [node for node, home in homes(host).items() if node.startswith("n") and home == "m3"][:1]
    assert "10.77.0.1/24" in on(host, "m1", "ip -br -4 addr")
    assert "10.77.0.1/24" not in on(host, "m3", "ip -br -4 addr")
    fetched = on(host, "m3", f"ip netns exec spread.{far} curl -sS --max-time 10 http://198.51.100.10/")
    assert fetched.strip() == "203.0.113.2"


def test_a_broadcast_arrives_once_at_each_node(host: Host) -> None:
    """With three machines a tunnel that sent back what it got would make a storm of it."""
    nodes = {node: home for node, home in homes(host).items() if re.fullmatch(r"n\d", node) and node != "n1"}
    where = homes(host)["n1"]

    def counts() -> dict[str, int]:
        found = {}
        for node, home in nodes.items():
            names, values = (
                line.split() for line in on(host, home, f"ip netns exec spread.{node} grep ^IpExt: /proc/net/netstat").splitlines()
            )
            found[node] = int(values[names.index("InBcastPkts")])
        return found

    before = counts()
    on(host, where, "ip netns exec spread.n1 ping -b -c 5 -i 0.2 -W 1 10.77.0.255 || :")
    assert {node: count - before[node] for node, count in counts().items()} == dict.fromkeys(nodes, 5)
