# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller behind the very switch that it is to control."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .conftest import Lab, PrivateSwitch, run_module, shell


@pytest.fixture
def controller(switch: PrivateSwitch) -> Iterator[str]:
    """Give the port of a namespace in which a controller listens at 10.79.0.2."""
    shell("ip netns add ctl79 && ip link add pc79 up type veth peer name eth0 netns ctl79 && ip -n ctl79 link set eth0 up")
    # The userspace datapath passes on what the kernel has not finished.
    shell("ip -n ctl79 addr add 10.79.0.2/24 dev eth0 && ip netns exec ctl79 ethtool -K eth0 tx off")
    pidfile = switch.home / "controller.pid"
    try:
        shell(f"ip netns exec ctl79 ovs-testcontroller --detach --pidfile={pidfile} --no-chdir ptcp:6653")
        yield "pc79"
    finally:
        shell(f"test ! -e {pidfile} || kill $(cat {pidfile}); ip netns del ctl79")


def test_in_band_a_secure_switch_lets_its_controller_through(switch: PrivateSwitch, lab: Lab, controller: str) -> None:
    def converge(mode: str) -> None:
        target = {"target": "tcp:10.79.0.2:6653", "connection_mode": mode, "max_backoff": 1000}
        lab.converge({"name": "br1", "fail_mode": "secure", "ports": [controller], "controllers": [target]})

    def until(column: str, said: str) -> None:
        deadline = time.monotonic() + 60
        while said not in switch.vsctl(f"get controller br1 {column}"):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    converge("out-of-band")
    shell("ip addr add 10.79.0.1/24 dev br1 && ip link set br1 up && ethtool -K br1 tx off")
    until("status", "last_error")
    assert switch.get("controller", "br1", "is_connected") == "false"
    converge("in-band")
    until("is_connected", "true")
    (bridge,) = run_module("ovs_info", name="br1", gather=["flows"])["bridges"]
    assert bridge["controllers"][0]["is_connected"]
    assert {"arp": "", "arp_op": "2", "arp_tpa": "10.79.0.2"} in [flow["match"] for flow in bridge["flows"] if flow["hidden"]]
