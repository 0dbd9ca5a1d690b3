# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of the default lab sees: on the lab host, in its guests, and in the benchmark's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

testinfra_hosts = ["local://"]

INVENTORY = Path(__file__).parents[3] / "inventory" / "ovs_kvm"
OUTSIDE = "http://198.51.100.10/"


@pytest.fixture(params=["legacy", "modern"])
def guest(request: pytest.FixtureRequest) -> Host:
    """Give a guest, reached as the inventory says."""
    return testinfra.get_host(f"ansible://{request.param}?ansible_inventory={INVENTORY}")


def test_the_switch_has_the_three_ports_and_the_lab_hosts_address(host: Host) -> None:
    ports = host.check_output("ovs-vsctl list-ports ovs-br").split()
    assert [port.rpartition("-")[0] for port in sorted(ports)] == ["legacy", "modern", "ns1"]
    assert "192.168.100.1/24" in host.check_output("ip -o -4 address show dev ovs-br")


def test_qemu_runs_as_an_unprivileged_user_in_a_sandbox(host: Host) -> None:
    guests = host.process.filter(comm="qemu-system-x86")
    assert len(guests) == 2
    assert {process.user for process in guests} == {"netvirt"}
    assert all("-sandbox on" in process.args for process in guests)
    assert [process.args.count("e1000") > 0 for process in sorted(guests, key=lambda process: "/modern/" in process.args)] == [True, False]


def test_guests_have_finished_cloud_init_and_know_their_names(guest: Host) -> None:
    assert "status: done" in guest.check_output("cloud-init status")
    assert guest.check_output("hostname") in ("legacy", "modern")


def test_guests_have_their_reserved_address_and_the_card_they_were_given(host: Host, guest: Host) -> None:
    name = guest.check_output("hostname")
    variables = json.loads(host.check_output(f"ansible-inventory -i {INVENTORY} --host {name}"))
    (device,) = [line.split()[1] for line in guest.check_output("ip -o -4 address").splitlines() if variables["ansible_host"] in line]
    driver = guest.check_output(f"basename $(readlink /sys/class/net/{device}/device/driver)")
    assert driver == {"legacy": "e1000", "modern": "virtio_net"}[name]


def test_guests_reach_each_other_by_name(guest: Host) -> None:
    other = {"legacy": "modern", "modern": "legacy"}[guest.check_output("hostname")]
    assert guest.run(f"ping -c1 -W2 {other}").rc == 0
    assert guest.run("ping -c1 -W2 ns1").rc == 0


def test_names_are_answered_over_udp_at_once(guest: Host) -> None:
    """Resolvers fall back to TCP and hide it when the lab host answers ARP for the switch at the taps too."""
    query = "b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3ns1\\0\\0\\1\\0\\1'"
    ask = f'import socket; s = socket.socket(type=2); s.settimeout(2); s.sendto({query}, ("192.168.100.1", 53)); print(len(s.recv(512)))'
    assert int(guest.check_output("python3 -c %s", ask)) > 21


def test_guests_and_namespace_get_out_behind_the_lab_hosts_address(host: Host, guest: Host) -> None:
    fetch = f"python3 -c 'import urllib.request as r; print(r.urlopen(\"{OUTSIDE}\", timeout=5).read().decode())'"
    assert guest.check_output(fetch) == "203.0.113.2"
    assert host.check_output(f"ip netns exec ns1 {fetch}") == "203.0.113.2"


def test_the_namespaces_names_are_its_own(host: Host) -> None:
    assert "192.168.100.1" in host.file("/etc/netns/ns1/resolv.conf").content_string
    assert "192.168.100.1" not in host.file("/etc/resolv.conf").content_string
    assert host.run("ip netns exec ns1 getent hosts modern").rc == 0


def test_the_benchmark_wrote_what_it_measured(host: Host) -> None:
    report = json.loads(host.file("/var/tmp/netvirt-benchmark.json").content_string)
    measured = {result["node"]: result["measures"]["tcp_to_host"] for result in report["results"]}
    assert {value["unit"] for value in measured.values()} == {"Mbit/s"}
    speeds = {node: value["median"] for node, value in measured.items()}
    assert set(speeds) == {"legacy", "modern", "ns1"}
    assert all(speed > 5 for speed in speeds.values())
    assert speeds["ns1"] > speeds["legacy"]


def test_the_serial_console_is_logged(host: Host) -> None:
    assert "login:" in host.file("/var/lib/netvirt/ovs-kvm/legacy/console.log").content_string
