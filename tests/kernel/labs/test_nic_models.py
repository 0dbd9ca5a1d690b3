# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab nic_models: each card is what it says it is, and each in a network of its own."""

from __future__ import annotations

import subprocess
from typing import Any

import yaml

from ..playbooks import CHECKOUT, TOPOLOGY, Lab, Playbooks
from .guests import reaches, said, ssh

LAB = "nic_models"
NAME = "nic-models"
# What the guest's kernel takes the models for.
DRIVERS = {"eth0": "8139cp", "eth1": "e1000", "eth2": "e1000e", "eth3": "pcnet32", "eth4": "ne2k-pci", "eth5": "e1000"}


def received(node: str) -> int:
    path = "/sys/class/net/eth0/statistics/rx_packets"
    return int(subprocess.run(["ip", "netns", "exec", f"{NAME}.{node}", "cat", path], capture_output=True, text=True, check=True).stdout)


def test_each_card_has_its_driver_its_mac_and_its_place(lab: Playbooks) -> None:
    shown = said(lab, NAME, "old", "for n in 0 1 2 3 4 5; do ethtool -i eth$n | head -n 1; done; cat /sys/class/net/eth?/address")
    lines = shown.splitlines()
    assert lines[:6] == [f"driver: {driver}" for driver in DRIVERS.values()]
    assert lines[6] == "52:54:00:30:00:01"
    assert len(set(lines[6:])) == 6


def test_a_card_without_a_backend_has_no_address(lab: Playbooks) -> None:
    assert "inet " not in said(lab, NAME, "old", "ip -4 address show eth5")


def test_each_card_reaches_its_own_network_and_no_other(lab: Playbooks) -> None:
    nodes = {f"eth{number}": f"h{number}" for number in (1, 2, 3, 4)}
    routes = said(lab, NAME, "old", "ip -4 route").splitlines()
    for interface, node in nodes.items():
        line = f"ip -n {NAME}.{node} -4 -br address show eth0"
        address = subprocess.run(line.split(), capture_output=True, text=True, check=True).stdout.split()[-1].partition("/")[0]
        assert reaches(lab, NAME, "old", address, by=interface)
        assert sum(f"dev {interface} " in route for route in routes) == 1
        before = {each: received(each) for each in nodes.values()}
        assert "20 packets transmitted" in ssh(lab, NAME, "old", f"ping -I {interface} -i 0.05 -c 20 -W 1 255.255.255.255").stdout
        heard = {each: received(each) - before[each] for each in nodes.values()}
        assert heard.pop(node) >= 20
        # Far fewer: what their own networks have to say in the meantime.
        assert all(count < 10 for count in heard.values())


def test_a_card_with_two_queues_has_two(lab: Playbooks) -> None:
    shown = said(lab, NAME, "fast", "ethtool -i eth0 | head -n 1; ethtool -l eth0")
    assert shown.startswith("driver: virtio_net\n")
    assert "Combined:\t2" in shown.partition("Current hardware settings:")[2]


def test_a_card_is_plugged_into_the_running_guest_and_taken_out_again(lab: Playbooks) -> None:
    path = CHECKOUT / "inventory" / LAB / "topology.netvirt.yml"
    topology: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    topology["links"].append({"endpoints": ["fast:eth1", "lan"], "model": "virtio-net-pci"})
    wider = Lab(lab.folder)
    wider.write(topology)
    boot = said(lab, NAME, "fast", "cat /proc/sys/kernel/random/boot_id")
    done = wider.run(*TOPOLOGY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VM 'fast' has got the NIC 'eth1' while it runs" in " ".join((done.stdout + done.stderr).split())
    # It is told of no address: so its own client asks for one.
    asked = said(lab, NAME, "fast", "ethtool -i eth1 | head -n 1; ip link set eth1 up; udhcpc -n -q -i eth1 -s /etc/udhcpc 2>&1")
    assert "driver: virtio_net" in asked
    assert "lease of 192.168.30." in asked
    assert lab.changed(*TOPOLOGY) == 1
    assert said(lab, NAME, "fast", "ls /sys/class/net; cat /proc/sys/kernel/random/boot_id") == f"eth0\nlo\n{boot}"


def test_nobody_waits_to_log_in_by_a_card_that_came_late(lab: Playbooks) -> None:
    other = Lab(lab.folder)
    lan = {"kind": "bridge", "ipv4": "192.168.31.1/24", "dhcp": True}
    shy: dict[str, Any] = {
        "plugin": "netvirt.lab.topology",
        "name": "nic-late",
        "nodes": {"lan": lan, "far": None, "shy": {"kind": "vm", "image": "tiny"}},
        "links": [{"endpoints": ["shy", "far"], "ipv4": {"shy": "192.168.32.2/24", "far": "192.168.32.1/24"}}],
    }
    other.write(shy)
    assert other.changed(*TOPOLOGY) > 0
    booted = "until ip netns exec nic-late.far ping -q -c 1 -W 1 192.168.32.2; do :; done"
    subprocess.run(["timeout", "120", "sh", "-c", booted], check=True, capture_output=True)
    other.write({**shy, "links": [*shy["links"], "shy lan"]})
    done = other.run("netvirt.lab.site", "--tags", "topology,ready", "-e", "netvirt_ready_timeout=60")
    assert done.returncode == 0, done.stdout
    assert "has got the NIC 'eth1' while it runs" in " ".join((done.stdout + done.stderr).split())
    other.changed("netvirt.lab.teardown")


def test_models_that_this_qemu_does_not_have_are_named_before_anything_changes(lab: Playbooks) -> None:
    path = CHECKOUT / "inventory" / LAB / "topology.netvirt.yml"
    topology: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    topology["name"], topology["nodes"]["lan"] = "nic-mistake", {"kind": "bridge"}
    topology["links"] = [{"endpoints": ["old", "lan"], "model": "e100e"}]
    other = Lab(lab.folder)
    other.write(topology)
    done = other.run(*TOPOLOGY)
    assert done.returncode != 0
    assert "There is no NIC model 'e100e' for VM 'old' in this machine's QEMU (did you mean e1000e or e1000" in " ".join(
        done.stdout.split()
    )
    assert "nic-mistake" not in subprocess.run(["ip", "-d", "link"], capture_output=True, text=True, check=True).stdout
