# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of logical switches over three lab hosts: side by side, changed while they run, without one of their machines, killed on one."""

from __future__ import annotations

import copy
import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ..playbooks import TOPOLOGY, on, trace
from .conftest import MACHINES, Spread, lost
from .killing import Victim, converges

SWITCHED = True
READY = ("netvirt.lab.site", "--tags", "topology,ready")
ACL = 'outport == "{}" && ip4.src == 10.81.1.0/24'
LAB: dict[str, Any] = {
    "fabric": "ovn",
    "nodes": {
        "front": {"kind": "ovs", "ipv4": "10.81.1.1/24", "dhcp": True},
        "back": {"kind": "ovs", "ipv4": "10.81.2.1/24", "acls": [{"match": ACL.format("b3")}]},
        "edge": {"kind": "logical_router", "host": "m3"},
        "a1": {"host": "m1", "ipv4": "10.81.1.11"},
        "a2": {"host": "m2"},
        "a3": {"host": "m3", "ipv4": "10.81.1.13"},
        "b1": {"host": "m1", "ipv4": "10.81.2.11"},
        "b3": {"host": "m3", "ipv4": "10.81.2.13"},
    },
    "links": ["a1 front", "a2 front", "a3 front", "b1 back", "b3 back", "edge front", "edge back"],
}
OTHER: dict[str, Any] = {
    "fabric": "ovn",
    "nodes": {
        "pool": {"kind": "ovs", "ipv4": "10.82.1.1/24"},
        "c2": {"host": "m2", "ipv4": "10.82.1.12"},
        "c3": {"host": "m3", "ipv4": "10.82.1.13"},
        "d2": {"host": "m2", "ipv4": "10.82.1.14"},
    },
    "links": ["c2 pool", "c3 pool", "d2 pool"],
}
CENTRAL = {"m2": {"netvirt_ovn_central": True}}


def changed() -> dict[str, Any]:
    """Return the lab with a node more, one that has moved, another ACL and a switch more."""
    lab = copy.deepcopy(LAB)
    lab["nodes"]["a2"]["host"] = "m1"
    lab["nodes"]["back"]["acls"] = [{"match": ACL.format("b1")}]
    lab["nodes"].update(a4={"host": "m3"}, yard={"kind": "ovs", "ipv4": "10.81.3.1/24"}, y2={"host": "m2", "ipv4": "10.81.3.12"})
    lab["links"] += ["a4 front", "y2 yard", "edge yard"]
    return lab


def reach(machine: str, node: str, address: str) -> None:
    """Wait for an answer to a node. The first packets between two machines may be lost: userspace asks then where the other one is."""
    on(machine, f"timeout 60 sh -c 'until ip netns exec {node} ping -q -c 1 -W 1 {address}; do :; done'")


def kept_back(machine: str, node: str, address: str) -> bool:
    """Say whether nothing comes back to a node that reaches others."""
    return " 0 received" in on(machine, f"ip netns exec {node} ping -q -c 3 -i 0.3 -W 1 {address} || :")


# Wait for one more answer to a ping that writes into a file.
MORE = """
more() {
    now=$(grep -c 'bytes from' $1 || :)
    for _ in $(seq 1200); do [ $(grep -c 'bytes from' $1 || :) -le $now ] || return 0; sleep 0.05; done
    return 1
}
"""


# Between lab hosts pings may stay away for two seconds: in userspace, Open vSwitch knows no way for its tunnels while it reads the routes
# anew, which it does whenever an interface of the lab host comes or goes. Within a lab host all must come back.
FAR = 20


@contextmanager
def answered(machine: str, node: str, target: str, away: int = 0) -> Iterator[None]:
    """Ping from a node ten times a second while the body runs; from the first answer on, no more than so many stay away in a row.

    Of all, a fifth at most does.
    """
    log = f"/run/pings.{target}"
    on(machine, f"setsid ip netns exec {node} ping -i 0.1 {target} >{log} 2>&1 </dev/null & echo $! >{log}.pid; {MORE} more {log}")
    yield
    said = on(machine, f"{MORE} more {log}; kill $(cat {log}.pid); cat {log}; rm {log} {log}.pid")
    numbers = sorted(int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", said))
    assert len(numbers) > 10
    assert max(later - number for number, later in itertools.pairwise(numbers)) <= away + 1, said
    assert len(numbers) > 0.8 * (numbers[-1] - numbers[0]), said


def state(machine: str) -> list[str]:
    """Return what a lab could leave on a lab host, and OVN in Open vSwitch."""
    return [*trace(machine), *on(machine, "ovs-vsctl --bare --columns=external_ids,datapaths,bridges list Open_vSwitch").splitlines()]


@pytest.fixture(scope="module")
def clean(spread: Spread) -> dict[str, list[str]]:
    """Return what the lab hosts are like without a lab; those of the tests have the same databases, on m2."""
    spread.hosts(**CENTRAL)
    return {machine: state(machine) for machine in MACHINES}


@pytest.fixture(scope="module")
def other(spread: Spread) -> Spread:
    """Give another lab, on two of the lab hosts, with the same databases."""
    one = Spread(spread.folder, "meadow")
    one.environment = spread.environment
    one.hosts("m2", "m3", **CENTRAL)
    one.write(OTHER)
    return one


def test_two_labs_side_by_side_of_which_one_is_changed_and_ends(spread: Spread, other: Spread, clean: dict[str, list[str]]) -> None:
    spread.write(LAB)
    # Both come at once, to machines that have nothing of OVN yet.
    runs = [
        subprocess.Popen(lab.command(*READY), cwd=lab.folder, env=lab.environment, stdout=subprocess.DEVNULL) for lab in (spread, other)
    ]
    assert [run.wait() for run in runs] == [0, 0]
    reach("m1", "orchard.a1", "10.81.2.11")
    assert kept_back("m1", "orchard.a1", "10.81.2.13")
    with answered("m2", "meadow.c2", "10.82.1.14"), answered("m2", "meadow.c2", "10.82.1.13", FAR):
        with answered("m1", "orchard.b1", "10.81.2.13", FAR):
            spread.write(changed())
            assert spread.changed(*READY) >= 3
        # What came, what has moved, and what is no longer kept back.
        reach("m2", "orchard.y2", "10.81.2.13")
        reach("m1", "orchard.a2", "10.81.1.13")
        reach("m1", "orchard.a1", "10.81.2.13")
        assert kept_back("m1", "orchard.a1", "10.81.2.11")
        assert spread.changed(*TOPOLOGY) == 0
        spread.changed("netvirt.lab.teardown")
    assert "orchard" not in on("m2", "ovn-nbctl --db=unix:/run/netvirt/.ovn/nb.sock show")
    assert state("m1") == clean["m1"]
    other.changed("netvirt.lab.teardown")
    assert {machine: state(machine) for machine in MACHINES} == clean


def test_an_underlay_that_does_not_do_for_its_tunnels_is_told_before_anything_changes(spread: Spread, clean: dict[str, list[str]]) -> None:
    large: dict[str, dict[str, Any]] = {name: {"netvirt_underlay_mtu": 1700, **CENTRAL.get(name, {})} for name in MACHINES}
    spread.hosts(**{**large, "m3": {"netvirt_underlay_mtu": 1700, "netvirt_underlay": "198.18.0.33"}})
    spread.write(LAB)
    done = spread.run(*TOPOLOGY)
    spread.hosts(**CENTRAL)
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    small = "The interface 'br-under' of the underlay has an MTU of 1600 bytes, and tunnels for packets of 1642 bytes need 1700; raise it"
    assert told.count(f'"msg": "{small}') == 2, told
    assert '"msg": "This machine has not the address 198.18.0.33' in told, told
    assert {machine: state(machine) for machine in MACHINES} == clean


HASTE = json.dumps(
    {"netvirt_ready_timeout": 60, "ansible_ssh_retries": 0, "ansible_ssh_timeout": 3, "ansible_ssh_args": "-oControlMaster=no"}
)
NOT_WAITED = "The lab host '{}' was not reached, or failed, so this is not waited for: "
TOLD = {
    "m1": "m1 was not reached, or failed: its nodes are missing, a1, b1, back, front, n1.",
    "m2": NOT_WAITED.format("m2") + "the addresses of n3 come from it; OVN's databases are on it, so logical switches stay as they were.",
}


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["m1", "m2"])
def test_a_lab_host_that_is_lost_is_named_and_the_others_go_on(spread: Spread, clean: dict[str, list[str]], machine: str) -> None:
    spread.write(LAB)
    assert spread.changed(*READY) > 0
    more = copy.deepcopy(LAB)
    more["nodes"].update({f"n{name[1]}": {"host": name} for name in MACHINES})
    more["links"] += [f"n{name[1]} front" for name in MACHINES]
    spread.write(more)
    here, there = (name for name in MACHINES if name != machine)
    with lost(machine), answered(here, f"orchard.a{here[1]}", "10.81.1.13", FAR):
        done = spread.run(*READY, "-e", HASTE)
        told = " ".join((done.stdout + done.stderr).replace("\\n", " ").split())
        assert done.returncode == 4, told
        assert TOLD[machine] in told
        assert f"{machine} was not reached, or failed: its nodes are missing" in told
        assert "is not ready after" not in told
        for name in (here, there):
            on(name, f"test -e /run/netns/orchard.n{name[1]}")
        said = " ".join(spread.run("netvirt.lab.verify", "-e", HASTE).stdout.replace("\\n", " ").split())
        assert f"the lab host '{machine}', which the way leads over, was not reached in this run" in said
    assert spread.changed(*READY) > 0
    assert spread.changed(*READY) == 0
    assert spread.run("netvirt.lab.verify").returncode == 0
    with lost(machine):
        assert spread.run("netvirt.lab.teardown", "-e", HASTE).returncode == 4
        assert (state(here), state(there)) == (clean[here], clean[there])
    spread.changed("netvirt.lab.teardown")
    assert state(machine) == clean[machine]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m2", "m3"])
def test_killed_on_one_of_three(spread: Spread, clean: dict[str, list[str]], name: str) -> None:
    victim = Victim(spread, name, **CENTRAL)
    up, down = victim.moments(LAB), victim.moments(None)
    for what, part in (("module", 0.3), ("connection", 0.6), ("module", 0.85)):
        victim.killed(LAB, what, int(up * part))
        converges(spread, LAB)
        victim.killed(None, what, int(down * part))
        converges(spread, None)
        assert {machine: state(machine) for machine in MACHINES} == clean
    victim.spare(**CENTRAL)
