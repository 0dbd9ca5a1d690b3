# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes on an interface of the machine, each with a MAC address of its own there: macvlan for namespaces, macvtap for guests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

LAB = "reef"


def shell(line: str, code: int = 0) -> str:
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


def kind(netns: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell(f"ip {f'-n {netns} ' if netns else ''}-d -j link show {name}"))[0]
    return found


def lab(mode: str, **nodes: Any) -> dict[str, Any]:
    nodes = {
        "fish": {"ipv4": "10.77.0.2/24"},
        "crab": {"kind": "container", "ipv4": "10.77.0.3/24"},
        **nodes,
        "sea": {"kind": "uplink", "device": "nic0"},
    }
    links = [{"endpoints": [name, "sea"], "mode": mode} for name in nodes if name != "sea"]
    return compile_share(load({"name": LAB, "nodes": nodes, "links": links}))


def run(share: dict[str, Any], check: bool = False) -> Any:
    scope = Scope(LAB, check=check)
    with lab_lock(scope):
        return diff(converge(share_goals(share, LAB, (), None, {}), scope))


@pytest.fixture(autouse=True)
def nic() -> Iterator[None]:
    shell("ip netns add office; ip link add nic0 type veth peer name desk0 netns office; ip link set nic0 up")
    shell("ip -n office addr add 10.77.0.1/24 dev desk0; ip -n office link set desk0 up")
    yield
    run({})
    assert run({}) == diff([])
    assert not [line for line in shell("ip -o link").splitlines() if "@nic0" in line]
    shell("ip link del nic0; ip netns del office")


def test_modes() -> None:
    for mode, neighbour in (("bridge", 0), ("vepa", 1), ("private", 1)):
        foretold = run(lab(mode), check=True)
        assert run(lab(mode)) == foretold
        assert run(lab(mode)) == diff([])
        assert kind("reef.fish", "eth0")["linkinfo"]["info_data"]["mode"] == mode
        assert kind("reef.fish", "eth0")["ifalias"] == f"netvirt:{LAB}"
        shell("ip netns exec reef.fish ping -c1 -W5 10.77.0.1")
        shell("ip netns exec reef.fish ping -c1 -W1 10.77.0.3", neighbour)
    shell("ip -n reef.fish link del eth0")  # by hand
    assert run(lab("private")) != diff([])
    assert run(lab("private")) == diff([])


def test_vepa_has_the_switch_outside_hand_back_what_is_for_a_neighbour() -> None:
    run(lab("vepa"))
    shell("ip -n office link add switch type bridge; ip -n office link set desk0 master switch; ip -n office link set switch up")
    shell("ip netns exec reef.fish ping -c1 -W1 10.77.0.3", 1)
    shell("bridge -n office link set dev desk0 hairpin on")
    shell("ip netns exec reef.fish ping -c1 -W5 10.77.0.3")


def test_an_uplink_that_is_not_there() -> None:
    shell("ip link set nic0 name nic9")
    with pytest.raises(LabError, match=r"The uplink 'nic0' of 'reef\.crab/eth0' does not exist"):
        run(lab("bridge"))
    shell("ip link set nic9 name nic0")


@pytest.mark.skipif(not Path("/var/lib/netvirt/images/tiny").is_dir(), reason="needs the image 'tiny': make images")
def test_a_guest() -> None:
    whale = {"kind": "vm", "image": "tiny", "on_change": "restart", "ipv4": "10.77.0.9/24"}
    share = lab("bridge", whale=whale)
    foretold = run(share, check=True)
    assert run(share) == foretold
    assert run(share) == diff([])
    tap = next(link["name"] for link in share["links"] if link["kind"] == "macvtap")
    assert kind("", tap)["linkinfo"]["info_data"]["mode"] == "bridge"
    answers_the_office()
    shell(f"ip link del {tap}")
    share = lab("vepa", whale=whale)
    foretold = run(share, check=True)
    assert "vm" in foretold["after"], "a guest whose cable is cut is started again"
    assert run(share) == foretold
    assert run(share) == diff([])
    assert kind("", tap)["linkinfo"]["info_data"]["mode"] == "vepa"
    answers_the_office()


def answers_the_office() -> None:
    deadline = time.monotonic() + 240
    while subprocess.run("ip netns exec office ping -c1 -W1 10.77.0.9", shell=True, check=False, capture_output=True).returncode:
        assert time.monotonic() < deadline, "the guest does not answer"
