# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of the inner lab sees on its lab host, whose kernel has all that the machine's may lack."""

from __future__ import annotations

import json
import re
from typing import Any

from testinfra.host import Host

testinfra_hosts = ["local://"]


def inside(machine: Host, node: str, command: str) -> str:
    """Run a command in a namespace of the inner lab."""
    return str(machine.check_output(f"ip netns exec inside.{node} {command}"))


def links(machine: Host, node: str) -> dict[str, Any]:
    return {link["ifname"]: link for link in json.loads(inside(machine, node, "ip -j -d link show"))}


def test_the_switch_forwards_in_the_kernel(machine: Host) -> None:
    said = machine.check_output("ovs-vsctl --columns=datapath_type,name -f csv --no-headings list Bridge; ovs-dpctl show")
    bridge, _line, datapaths = said.partition("\n")
    kind, device = bridge.replace('"', "").split(",")
    assert kind == "system"
    assert "system@ovs-system" in datapaths
    assert f"{device} (internal)" in datapaths


def test_checksums_need_no_cure_on_the_kernels_datapath(machine: Host) -> None:
    """TCP goes through with all offloads as the kernel has them, and Open vSwitch's own setting is not touched."""
    east, west = (f"ip netns exec inside.{node}" for node in ("east", "west"))
    settings = machine.check_output(f"{east} ethtool -k eth0; {west} ethtool -k eth0; ovs-vsctl get Open_vSwitch . other_config")
    assert settings.count("tx-checksumming: on") == 2
    assert "userspace-tso-enable" not in settings
    report = json.loads(machine.check_output(f"{east} iperf3 -s -1 -D; sleep 0.5; {west} iperf3 -c east -t 1 -J"))
    assert report["end"]["sum_received"]["bits_per_second"] > 20e6


def test_the_machine_can_move_guests_packets_in_the_kernel(machine: Host) -> None:
    machine.check_output("test -c /dev/vhost-net && modprobe --dry-run vhost_net")


def test_open_vswitch_runs_as_a_unit_that_the_role_has_started(machine: Host) -> None:
    said = machine.check_output("systemctl is-active openvswitch-switch; ovs-vsctl get Open_vSwitch . external_ids")
    assert said.startswith("active\n")
    assert "netvirt-started" in said


def test_a_delay_of_ten_milliseconds_each_way_is_twenty_there_and_back(machine: Host) -> None:
    said = inside(machine, "north", "ping -c 11 -i 0.2 -w 10 10.60.0.2")
    times = sorted(float(time) for time in re.findall(r"time=([\d.]+)", said))
    assert len(times) == 11
    # The best of them, as an emulated machine is now and then late by itself.
    assert 20.0 <= times[0] <= 22.0


def test_an_end_has_all_that_can_become_of_a_packet(machine: Host) -> None:
    (queueing,) = json.loads(inside(machine, "hare", "tc -j qdisc show dev eth0"))
    told = queueing["options"]
    assert (told["delay"]["delay"], told["delay"]["jitter"]) == (0.02, 0.005)
    assert 500 < told["limit"] < 600  # those that wait, and those that are on their way for 20 ms
    shares = [
        round(told[name][word], 3)
        for name, word in (("loss-random", "loss"), *((name, name) for name in ("duplicate", "corrupt", "reorder")))
    ]
    assert shares == [0.1, 0.05, 0.02, 0.25]
    assert told["rate"]["rate"] == 20e6 / 8
    assert "netem" not in inside(machine, "tortoise", "tc qdisc show dev eth0")
    said = machine.run("ip netns exec inside.hare ping -q -c 400 -i 0.01 -W 2 10.62.0.2").stdout
    found = re.search(r"400 packets transmitted, (\d+) received, \+(\d+) duplicates", said)
    assert found, said
    # A tenth is lost, and what has a wrong bit is not answered.
    assert 320 <= int(found[1]) <= 384
    assert int(found[2]) >= 5


def test_a_vlan_crosses_the_switch(machine: Host) -> None:
    assert links(machine, "east")["eth0.10"]["linkinfo"]["info_data"] == {"protocol": "802.1Q", "id": 10, "flags": ["REORDER_HDR"]}
    inside(machine, "east", "ping -c 2 -i 0.2 -w 5 10.60.10.2")


def test_a_vlan_inside_a_vlan(machine: Host) -> None:
    outer = links(machine, "north")["eth0.100"]["linkinfo"]["info_data"]
    assert (outer["protocol"], outer["id"]) == ("802.1ad", 100)
    inside(machine, "north", "ping -c 2 -i 0.2 -w 5 10.60.107.2")


def test_a_linux_bridge_keeps_vlans_apart(machine: Host) -> None:
    """All three have addresses of one network, so who has another tag is met as soon as the bridge does not look at tags."""
    names = [link["ifname"] for link in json.loads(machine.check_output("ip -j link show type bridge"))]
    setting = f"ip link set {next(name for name in names if name.startswith('plain-'))} type bridge vlan_filtering"
    ping = "ip netns exec inside.red ping -q -c 2 -i 0.2"
    machine.check_output(f"{ping} -w 20 10.61.0.2")
    assert "2 packets transmitted, 0 received" in machine.run(f"{ping} -W 1 10.61.0.3").stdout
    machine.check_output(f"set -e; {setting} 0; {ping} -w 20 10.61.0.3; {setting} 1")


def test_each_queue_sends_what_it_may(machine: Host) -> None:
    """East sends into both at once: the flow that names TCP's port 5202 chooses the slow one, all else has the other."""
    east, west = (f"ip netns exec inside.{node}" for node in ("east", "west"))
    said = machine.check_output(
        f"{west} iperf3 -s -1 -D; {west} iperf3 -s -1 -D -p 5202; folder=$(mktemp -d);"
        f" until [ $({west} ss -Htln 'sport >= 5201 and sport <= 5202' | wc -l) = 2 ]; do sleep 0.1; done;"
        f" {east} iperf3 -c west -t 3 -J >$folder/fast & {east} iperf3 -c west -t 3 -J -p 5202; wait; cat $folder/fast; rm -r $folder"
    )
    slow, end = json.JSONDecoder().raw_decode(said)
    rates = [report["end"]["sum_received"]["bits_per_second"] / 1e6 for report in (slow, json.loads(said[end:]))]
    assert 0.5 < rates[0] <= 2
    assert 5 < rates[1] <= 10
    device = machine.check_output("ovs-vsctl --bare --columns=name find Port qos!=[]").strip()
    classes = machine.check_output(f"tc class show dev {device}")
    assert "prio 1 rate 6Mbit ceil 10Mbit" in classes
    assert "prio 5 rate 1Mbit ceil 2Mbit" in classes


def test_a_container_uses_no_more_memory_than_it_may(machine: Host) -> None:
    """The limit is where the kernel looks, in the control group that all of the container is in, and who needs more is ended."""
    process = machine.check_output("pgrep -of '[/]run/netvirt/inside/spaces/inside.m3'")
    group = machine.check_output(f"grep ^0:: /proc/{process}/cgroup").partition("::")[2]
    assert machine.check_output(f"cat /sys/fs/cgroup{group}/memory.max") == str(256 << 20)
    assert machine.run("sh /run/netvirt/inside/spaces/inside.m3/enter sh -c 'tail /dev/zero'").rc == 137
    assert "oom_kill 0" not in machine.check_output(f"cat /sys/fs/cgroup{group}/memory.events")


def test_the_vlans_of_the_lab_netns_by_hand(machine: Host) -> None:
    for network in (20, 21, 22):
        inside(machine, "tagged", f"ping -c 2 -i 0.2 -w 5 10.31.{network}.2")
    found = links(machine, "tagged-too")
    assert [found[name]["linkinfo"]["info_data"]["protocol"] for name in ("q10", "ad20", "both")] == ["802.1Q", "802.1ad", "802.1Q"]
