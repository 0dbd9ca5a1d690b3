# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab openflow: flows of the file, a controller, a mirror and a bond do what its page says."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..playbooks import TOPOLOGY, Playbooks

LAB = "openflow"


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def inside(node: str, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(f"ip netns exec openflow.{node} {line}", shell=True, check=False, capture_output=True, text=True)


def reaches(node: str, address: str) -> bool:
    return inside(node, f"ping -c 1 -W 1 {address}").returncode == 0


def until(said: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def bridge(node: str) -> str:
    return next(name for name in shell("ovs-vsctl list-br").split() if name.startswith(f"{node}-"))


def flows(switch: str) -> str:
    return shell(f"ovs-ofctl -O OpenFlow14 --no-stats --no-names dump-flows {switch}")


@contextmanager
def link_down(netns: str, device: str) -> Iterator[None]:
    """Take a link's far end down; in the lab host's own namespace if netns is empty."""
    where = f"ip -n openflow.{netns}" if netns else "ip"
    shell(f"{where} link set {device} down")
    try:
        yield
    finally:
        shell(f"{where} link set {device} up")


def test_flows_steer_rewrite_and_drop(lab: Playbooks) -> None:
    assert reaches("h1", "10.1.0.2")
    assert reaches("h2", "10.1.0.1")
    # The web server listens at port 80.
    assert inside("h1", "curl -sf -m 20 -o /dev/null http://10.1.0.2:8080/").returncode == 0
    assert inside("h1", "curl -sf -m 2 -o /dev/null http://10.1.0.2:80/").returncode != 0
    assert inside("h2", "curl -sf -m 20 -o /dev/null http://10.1.0.2:80/").returncode == 0
    # Nothing but the flow keeps telnet away: the same program answers at home.
    assert inside("h1", "curl -sf -m 2 -o /dev/null http://10.1.0.2:23/").returncode != 0
    assert inside("h2", "curl -sf -m 20 -o /dev/null http://10.1.0.2:23/").returncode == 0


def test_a_secure_switch_passes_nothing_without_flows_and_a_run_brings_them_back(lab: Playbooks) -> None:
    switch = bridge("s1")
    before = flows(switch)
    shell(f"ovs-ofctl del-flows {switch}")
    assert not reaches("h1", "10.1.0.2")
    shell(f"ovs-ofctl add-flow {switch} priority=77,udp,actions=flood")
    assert lab.changed(*TOPOLOGY) == 1
    assert reaches("h1", "10.1.0.2")
    assert sorted(flows(switch).splitlines()) == sorted(before.splitlines())


def test_a_group_makes_two_of_one(lab: Playbooks) -> None:
    hear = (
        "import socket; ports = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)];"
        "[(one.bind(('', 7001 + n)), one.settimeout(60)) for n, one in enumerate(ports)]; print('up', flush=True);"
        "print([one.recv(99).decode() for one in ports])"
    )
    argv = ["ip", "netns", "exec", "openflow.h2", "python3", "-c", hear]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "up\n"
        assert reaches("h1", "10.1.0.2")
        inside("h1", "bash -c 'echo -n hello >/dev/udp/10.1.0.2/7000'")
        assert listener.stdout.read() == "['hello', 'hello']\n"


def throughput(sender: str, receiver: str, address: str) -> float:
    """Return what TCP gets from one node to another, in bit/s."""
    server = subprocess.Popen(
        ["ip", "netns", "exec", f"openflow.{receiver}", "iperf3", "-s", "-1", "-p", "5201"], stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: bool(inside(receiver, "ss -Hltn sport = :5201").stdout))
        said = inside(sender, f"iperf3 -c {address} -t 3 -M 1000 -J")
        return float(json.loads(said.stdout)["end"]["sum_received"]["bits_per_second"])
    finally:
        server.kill()
        server.wait()


def test_a_meter_limits_what_h1_sends(lab: Playbooks) -> None:
    # The flow of the meter is for what h1 sends; the answers, and h2's own packets, have another one.
    assert 0 < throughput("h1", "h2", "10.1.0.2") < 3e6
    assert throughput("h2", "h1", "10.1.0.1") > 10e6


def test_a_queue_limits_what_goes_to_h6(lab: Playbooks) -> None:
    assert 0 < throughput("h5", "h6", "10.3.0.6") < 6e6
    assert throughput("h6", "h5", "10.3.0.5") > 10e6


def test_a_mirror_shows_the_frames_of_h1(lab: Playbooks) -> None:
    watch = subprocess.Popen(
        ["ip", "netns", "exec", "openflow.tap", "timeout", "60", "tcpdump", "-lnpi", "eth0", "-c", "2", "icmp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stderr is not None
    while "listening on" not in watch.stderr.readline():
        pass
    assert reaches("h1", "10.1.0.2")
    seen = watch.communicate()[0]
    assert "10.1.0.1 > 10.1.0.2: ICMP echo request" in seen
    assert "10.1.0.2 > 10.1.0.1: ICMP echo reply" in seen


def test_the_controller_teaches_and_without_it_the_switch_learns_by_itself(lab: Playbooks) -> None:
    switch = bridge("s2")

    def connected() -> bool:
        return "true" in shell("ovs-vsctl --columns=is_connected --bare find controller target='tcp\\:10.9.0.2\\:6653'")

    until(connected)
    until(lambda: reaches("h3", "10.2.0.4"))
    assert "actions=CONTROLLER" in flows(switch)
    with link_down("ctl", "eth0"):
        until(lambda: not connected())
        until(lambda: "actions=NORMAL" in shell(f"ovs-appctl bridge/dump-flows {switch}"))
        until(lambda: reaches("h3", "10.2.0.4"))
        assert "10.2" not in flows(switch)
    until(connected)
    until(lambda: reaches("h4", "10.2.0.3"))


def test_traffic_survives_the_failure_of_a_link_of_the_bond(lab: Playbooks) -> None:
    name = next(line.split()[1] for line in shell("ovs-appctl bond/show").splitlines() if line.startswith("---- trunk"))

    def active() -> str:
        state = shell(f"ovs-appctl bond/show {name}")
        return state.partition("active member mac: ")[2].partition("(")[2].partition(")")[0]

    until(lambda: reaches("h5", "10.3.0.6"))
    first = active()
    assert first
    with link_down("", first):
        until(lambda: active() not in ("", first))
        until(lambda: reaches("h5", "10.3.0.6"))
    until(lambda: shell(f"ovs-appctl bond/show {name}").count(": enabled") == 2)
    # Both fail: it was the bond that carried the traffic.
    members = [line.split()[1].rstrip(":") for line in shell(f"ovs-appctl bond/show {name}").splitlines() if line.startswith("member ")]
    with link_down("", members[0]), link_down("", members[1]):
        assert not reaches("h5", "10.3.0.6")
    until(lambda: reaches("h5", "10.3.0.6"))
