# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of the inner lab sees on its lab host, whose kernel has all that the machine's may lack."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

testinfra_hosts = ["local://"]

SCENARIO = Path(__file__).parents[1]
DATA = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
NODES = yaml.safe_load((SCENARIO / "inventory/topology.netvirt.yml").read_text(encoding="utf-8"))["nodes"]


@pytest.fixture(scope="module")
def machine() -> Host:
    """Give the lab host of the inner lab."""
    variables = yaml.safe_load((SCENARIO / "inventory/hosts.yml").read_text(encoding="utf-8"))["lab_hosts"]["hosts"]["machine"]
    return testinfra.get_host(
        f"ssh://{variables['ansible_user']}@{variables['ansible_host']}",
        ssh_identity_file=str(DATA / "netvirt/kernel-lab/id_ed25519"),
        ssh_extra_args=OPTIONS,
        sudo=True,
    )


def inside(machine: Host, node: str, command: str) -> str:
    """Run a command in a namespace of the inner lab."""
    return str(machine.check_output(f"ip netns exec inside.{node} {command}"))


def links(machine: Host, node: str) -> dict[str, Any]:
    return {link["ifname"]: link for link in json.loads(inside(machine, node, "ip -j -d link show"))}


def test_the_switch_forwards_in_the_kernel(machine: Host) -> None:
    assert "system@ovs-system" in machine.check_output("ovs-dpctl show")
    bridge, port = machine.check_output("ovs-vsctl --columns=datapath_type,name -f csv --no-headings list Bridge").split(",")
    assert bridge == "system"
    assert port.strip('"') in machine.check_output("ovs-dpctl show")


def test_checksums_need_no_cure_on_the_kernels_datapath(machine: Host) -> None:
    """TCP goes through with all offloads as the kernel has them, and Open vSwitch's own are not touched."""
    for node in ("east", "west"):
        assert "tx-checksumming: on" in inside(machine, node, "ethtool -k eth0")
    assert "userspace-tso-enable" not in machine.check_output("ovs-vsctl list Open_vSwitch")
    address = re.search(r"inet ([\d.]+)/", inside(machine, "east", "ip -4 addr show eth0"))
    assert address is not None
    report = json.loads(
        inside(machine, "east", "sh -c 'iperf3 -s -1 -D; sleep 0.5'") + inside(machine, "west", f"iperf3 -c {address[1]} -t 2 -J")
    )
    assert report["end"]["sum_received"]["bits_per_second"] > 20e6


def test_the_machine_can_move_guests_packets_in_the_kernel(machine: Host) -> None:
    assert machine.file("/dev/vhost-net").exists
    assert machine.run("modprobe --dry-run vhost_net").rc == 0


def test_open_vswitch_runs_as_a_unit_that_the_role_has_started(machine: Host) -> None:
    assert machine.check_output("systemctl is-active openvswitch-switch") == "active"
    assert "netvirt-started" in machine.check_output("ovs-vsctl get Open_vSwitch . external_ids")


@pytest.mark.skipif("north" not in NODES, reason="the topology has no link with a delay")
def test_a_delay_of_ten_milliseconds_each_way_is_twenty_there_and_back(machine: Host) -> None:
    said = inside(machine, "north", "ping -c 11 -i 0.2 -w 10 10.60.0.2")
    times = sorted(float(time) for time in re.findall(r"time=([\d.]+)", said))
    assert len(times) == 11
    # The best of them, as an emulated machine is now and then late by itself.
    assert 20.0 <= times[0] <= 22.0


@pytest.mark.skipif("north" not in NODES, reason="the topology has no VLANs in its nodes")
def test_a_vlan_crosses_the_switch(machine: Host) -> None:
    assert links(machine, "east")["eth0.10"]["linkinfo"]["info_data"] == {"protocol": "802.1Q", "id": 10, "flags": ["REORDER_HDR"]}
    inside(machine, "east", "ping -c 2 -i 0.2 -w 5 10.60.10.2")


@pytest.mark.skipif("north" not in NODES, reason="the topology has no VLANs in its nodes")
def test_a_vlan_inside_a_vlan(machine: Host) -> None:
    outer = links(machine, "north")["eth0.100"]["linkinfo"]["info_data"]
    assert (outer["protocol"], outer["id"]) == ("802.1ad", 100)
    inside(machine, "north", "ping -c 2 -i 0.2 -w 5 10.60.107.2")
