# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on three lab hosts as its user sees it: what is ready, what is measured, what is told when one of them is lost."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from ..playbooks import TOPOLOGY, on, trace
from .conftest import MACHINES, Spread, lost

OSPF: dict[str, Any] = {"ospf": {"hello": 1, "dead": 4}}
ROUTED = shutil.which("vtysh", path="/usr/bin:/usr/sbin") is not None
LAB: dict[str, Any] = {
    "nodes": {
        "lan": {"kind": "bridge", "ipv4": "10.77.0.1/24", "gateway": "m1", "dhcp": True, "nat": True},
        "a": {"host": "m1"},
        "b": {"host": "m2"},
        "c": {"host": "m3"},
        "free": {},
        "r2": {"host": "m2", "loopback": "10.255.0.2", **({"frr": OSPF} if ROUTED else {})},
        "r3": {"host": "m3", "loopback": "10.255.0.3", **({"frr": OSPF} if ROUTED else {})},
    },
    "links": ["a lan", "b lan", "c lan", "free lan", {"endpoints": ["r2:wan", "r3:wan"], "ipv4": "auto", "rate": "9mbit"}],
    "uplink": "uplink0",
    "expect": [{"from": "b", "to": "c", "mtu": 1440}],
}


def flat(said: str) -> str:
    """Return what a playbook said in one line."""
    return " ".join(said.replace("\\n", " ").split())


RECORD = "orchard/.topology.placement.json"


@pytest.fixture(scope="module")
def clean(spread: Spread) -> list[str]:
    """Return what m3 is like without the lab."""
    return trace("m3")


@pytest.fixture(scope="module")
def lab(spread: Spread, clean: list[str]) -> Spread:
    """Give the lab: it is up, and a second run changes nothing."""
    spread.write(LAB)
    told = spread.run("netvirt.lab.site", "--tags", "topology,ready", "--check", "--diff")
    assert told.returncode == 0, told.stdout + told.stderr
    assert '+ "free": "m1"' in told.stdout
    assert spread.kept() == []
    assert spread.changed("netvirt.lab.site", "--tags", "topology,ready") > 0
    assert json.loads((spread.folder / RECORD).read_text(encoding="utf-8")) == {"free": "m1"}
    # Before anything else happens: ready means that routers on two lab hosts are neighbours.
    assert not ROUTED or "10.255.0.3" in on("m2", "ip -n orchard.r2 route show proto ospf")
    assert spread.changed("netvirt.lab.site", "--tags", "topology,ready") == 0
    return spread


def test_all_reach_all_by_packets_as_large_as_they_may_be(lab: Spread) -> None:
    done = lab.run("netvirt.lab.verify")
    assert done.returncode == 0, done.stdout
    # The way out of c is by another lab host.
    assert on("m3", "ip netns exec orchard.c curl -sS --max-time 20 http://198.51.100.10/").strip() == "203.0.113.2"


def test_an_underlay_that_takes_less_than_it_should_is_found(lab: Spread) -> None:
    """By what the lab hosts' own variables say of it, and by what the file expects."""
    on("m3", "ip link set under0 mtu 1400")
    try:
        done = lab.run("netvirt.lab.verify")
        told = flat(done.stdout)
        assert "by packets of 1450 bytes (c): no answer. Likely: the underlay to m3 takes less than netvirt_underlay_mtu says" in told, told
        assert "b, r2 reach c, r3 by packets of 1450 bytes and c by packets of 1440 bytes over IPv4" in told, told
    finally:
        on("m3", "ip link set under0 mtu 1600")


def test_a_tunnel_that_is_gone_is_named(lab: Spread) -> None:
    found = json.loads(on("m1", "ip -j -d link show type vxlan"))
    tunnel = next(link["ifname"] for link in found if link.get("master", "").startswith("lan"))
    on("m1", f"ip link del {tunnel}")
    told = flat(lab.run("netvirt.lab.verify").stdout)
    assert f"Likely: lan's port {tunnel} does not exist" in told, told
    assert lab.changed(*TOPOLOGY) > 0
    assert lab.run("netvirt.lab.verify").returncode == 0


def test_nodes_on_different_lab_hosts_are_measured(lab: Spread) -> None:
    target = lab.folder / "result.json"
    done = lab.run("netvirt.lab.benchmark", "-e", f"benchmark_file={target}", "-e", "benchmark_seconds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    results = {(result["node"], result["to"]): result for result in json.loads(target.read_text(encoding="utf-8"))["results"]}
    assert results.keys() == {("a", "lab host m1"), ("free", "lab host m1"), ("a", "b"), ("b", "c"), ("c", "a"), ("r2", "r3")}
    assert [result["machine"] for result in results.values()] == ["m1", "m1", "m1", "m2", "m2", "m3"]
    rates = {ends: [one["median"] for one in result["measures"].values()] for ends, result in results.items()}
    assert all(rate > 0 for both in rates.values() for rate in both)
    # What a link is limited to holds from lab host to lab host.
    assert max(rates["r2", "r3"]) < 12 < min(rates["a", "b"])
    assert done.stdout.count("node") >= 1
    assert (target.with_suffix(".html")).read_text(encoding="utf-8").count("<svg") == 12


def spaces() -> dict[str, str]:
    """Return which namespace each node of the lab has, on all lab hosts."""
    said = [on(machine, "stat -c '%n %i' /run/netns/orchard.*").split() for machine in MACHINES]
    return {name: f"{machine} {number}" for machine, words in zip(MACHINES, said) for name, number in zip(words[::2], words[1::2])}


def test_a_node_that_comes_early_in_the_file_moves_nobody(lab: Spread) -> None:
    before = spaces()
    lab.write({**LAB, "nodes": {"early": {}, **LAB["nodes"]}, "links": ["early lan", *LAB["links"]]})
    assert lab.changed(*TOPOLOGY) > 0
    after = spaces()
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"/run/netns/orchard.early"}


def test_a_lab_host_that_is_lost_is_named_and_the_others_go_on(lab: Spread) -> None:
    more = {**LAB, "nodes": {**LAB["nodes"], "d": {"host": "m2"}}, "links": [*LAB["links"], "d lan"]}
    lab.write(more)
    lab.environment.update(ANSIBLE_SSH_TIMEOUT="3", ANSIBLE_SSH_RETRIES="0", ANSIBLE_SSH_ARGS="-o ControlMaster=no -o ControlPath=none")
    try:
        with lost("m1"):
            done = lab.run("netvirt.lab.site", "--tags", "topology,ready", "-e", "netvirt_ready_timeout=40")
            told = flat(done.stdout + done.stderr)
            assert done.returncode == 4, told
            assert "The lab host 'm1' was not reached, or failed, so this is not waited for: the addresses of d come from it." in told
            assert "m1 was not reached, or failed: its nodes are missing, a, free, lan." in told
            assert "is not ready after" not in told
            checked = lab.run("netvirt.lab.verify").stdout
            assert "the lab host 'm1', which the way leads over, was not reached in this run" in " ".join(
                checked.replace("\\n", " ").split()
            )
            silent = lab.run("netvirt.lab.verify", "--limit", "m2,m3").stdout
            assert "does not answer at 198.18.0.1, its address in the underlay" in flat(silent)
        on("m2", "until ping -c 1 -W 1 192.0.2.1 || ping -c 1 -W 1 198.18.0.1; do :; done")
        assert lab.changed("netvirt.lab.site", "--tags", "topology,ready") > 0
        assert lab.changed("netvirt.lab.site", "--tags", "topology,ready") == 0
    finally:
        lab.write(LAB)


def test_a_teardown_of_one_lab_hosts_share_leaves_the_others_theirs(lab: Spread, clean: list[str]) -> None:
    assert lab.changed("netvirt.lab.teardown", "--limit", "m3") == 1
    assert trace("m3") == clean
    (address,) = on("m2", "ip -n orchard.b -4 -o addr show eth0 | grep -o '10[.]77[.]0[.][0-9]*/' | tr -d /").split()
    on("m1", f"ip netns exec orchard.a ping -c 5 -i 0.2 -W 5 {address}")
    assert lab.kept() == ["data/netvirt/orchard", RECORD]
    assert lab.changed("netvirt.lab.teardown") > 1
    assert lab.kept() == []
