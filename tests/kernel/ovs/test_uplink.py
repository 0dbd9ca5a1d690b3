# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface of the machine as a port of Open vSwitch, from the topology on: up while it is one, then as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils._uplinks import confirmed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

from .conftest import PrivateSwitch, shell

NAME = "moor"


def run(switch: str | None, check: bool = False, **uplink: Any) -> Any:
    nodes = {"pier": {"kind": "ovs", "device": "pier0"}, "quay": "bridge", "sea": {"kind": "uplink", "device": "nic0", **uplink}}
    share = compile_share(load({"name": NAME, "persist": bool(uplink), "nodes": nodes, "links": [["sea", switch]]})) if switch else {}
    scope = Scope(NAME, check=check)
    with lab_lock(scope):
        return diff(converge(share_goals(share, NAME, (), None, {}), scope))


def flags() -> list[str]:
    found: list[str] = json.loads(shell("ip -j link show nic0"))[0]["flags"]
    return found


def plug() -> None:
    """Have the machine come up as its own configuration says, with a neighbour at the other end of its cable."""
    shell("ip link add nic0 address 02:00:00:66:00:02 type veth peer name desk0 netns office; ip -n office addr add 10.66.0.1/24 dev desk0")
    shell("ip -n office link set desk0 up; ip link set nic0 up; ip addr add 10.66.0.2/24 dev nic0; ip route add default via 10.66.0.1")


def reboot(switch: PrivateSwitch) -> None:
    """Lose what is in the kernel and below /run, and come up again with Open vSwitch and its database."""
    for daemon in ("ovs-vswitchd", "ovsdb-server"):
        switch.stop(daemon)
    for link in json.loads(shell("ip -j link")):
        if link["ifname"] != "lo":
            subprocess.run(["ip", "link", "del", link["ifname"]], check=False, capture_output=True)  # the other end of one that is gone
    shutil.rmtree("/run/netvirt")
    plug()
    switch.start_database()
    switch.start_daemon()


@pytest.mark.parametrize("state", ["up", "down"])
def test_up_as_a_port_and_given_back_as_it_was(switch: PrivateSwitch, state: str) -> None:
    shell(f"ip link add nic0 type veth peer name behind0; ip link set nic0 {state}")
    foretold = run("pier", check=True)
    assert "UP" in flags() or state == "down"
    assert run("pier") == foretold
    assert switch.ports("pier0") == {"nic0"}
    assert "UP" in flags()
    assert run("pier") == diff([])
    shell("ip link set nic0 down")  # by hand
    assert run("pier") != diff([])
    assert "UP" in flags()
    # To a switch of the other kind, and back.
    for home in ("quay", "pier"):
        foretold = run(home, check=True)
        assert run(home) == foretold
        assert run(home) == diff([])
        assert "UP" in flags()
    run(None)
    assert run(None) == diff([])
    assert ("UP" in flags()) is (state == "up")
    assert "nic0" not in switch.vsctl("show")


def test_its_addresses_are_on_the_bridge_while_it_is_a_port_and_after_a_reboot(switch: PrivateSwitch) -> None:
    shell("ip netns add office")
    plug()
    before, quiet = shell("ip route"), shell("sysctl net.ipv4.conf.nic0 net.ipv6.conf.nic0.disable_ipv6")
    try:
        foretold = run("pier", check=True, move_addresses=True)
        assert run("pier", move_addresses=True) == foretold
        assert "inet 10.66.0.2/24" in shell("ip addr show pier0")
        assert "inet " not in shell("ip addr show nic0")
        assert switch.ports("pier0") == {"nic0"}
        answers = shell("ip netns exec office ping -c3 -i0.2 -W5 10.66.0.2")
        assert "DUP" not in answers, "the lab host's own IP stack does not answer beside the bridge"
        assert "default via 10.66.0.1 dev pier0" in shell("ip route")
        with lab_lock(Scope(NAME)):
            assert confirmed(Scope(NAME)) == ["nic0"]
        assert run("pier", move_addresses=True) == diff([])
        moved = shell("ip route"), shell("ip -br addr show pier0").split()
        reboot(switch)
        assert shell("ip route") == before
        assert "netvirt: lab 'moor' is back" in shell("/var/lib/netvirt/moor/boot.pyz")
        assert (shell("ip route"), shell("ip -br addr show pier0").split()) == moved
        assert "inet " not in shell("ip addr show nic0")
        assert "DUP" not in shell("ip netns exec office ping -c3 -i0.2 -W5 10.66.0.2")
        assert "0 things were made" in shell("/var/lib/netvirt/moor/boot.pyz")
        assert "netvirt/moor/" not in shell("ps ax -o args | grep -v grep"), "no guard waits to undo it"
        assert run("pier", move_addresses=True) == diff([])
    finally:
        run(None)
        assert "nic0" not in switch.vsctl("show")
        shell("ip netns exec office ping -c1 -W5 10.66.0.2")
        assert shell("ip route") == before
        assert shell("sysctl net.ipv4.conf.nic0 net.ipv6.conf.nic0.disable_ipv6") == quiet
        shell("ip link del nic0; ip netns del office")
