# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis finds of leases, and at ports of a real Open vSwitch."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import genetlink
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside

from .conftest import Pond, run

OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"


@pytest.fixture
def openvswitch() -> Iterator[None]:
    """Have Open vSwitch run as its package starts it: its userspace datapath computes no checksums."""
    subprocess.run([OVS_CTL, "start"], check=True, capture_output=True)
    yield
    subprocess.run([OVS_CTL, "stop"], check=True, capture_output=True)


def test_an_address_that_no_lease_gave(make: Callable[[Any, Any], Pond]) -> None:
    pond = make({"sw": {"kind": "bridge", "ipv4": "10.46.0.1/24", "dhcp": True}, "h1": None, "h2": None}, ["h1 sw", "h2 sw"])
    pair = {"from": "h1", "to": "h2"}
    deadline = time.monotonic() + 60
    while pond.failures(pair):
        assert time.monotonic() < deadline
    run("ip -n pond.h2 address flush dev eth0")
    (told,) = pond.failures(pair)
    assert "Likely: h2 does not have the address 10.46.0." in told
    assert told.endswith(": it has no lease.")


@pytest.mark.skipif(not shutil.which("ovs-vsctl"), reason="needs Open vSwitch")
@pytest.mark.skipif(genetlink.available("ovs_datapath"), reason="the kernel's datapath computes checksums")
def test_checksums_that_nobody_computes(openvswitch: None, make: Callable[[Any, Any], Pond]) -> None:
    pond = make(
        {"sw": {"kind": "ovs", "subnet": "10.47.0.0/24"}, "h1": None, "h2": None},
        [{"endpoints": [name, "sw"], "ipv4": "auto"} for name in ("h1", "h2")],
    )
    address = pond.share["nodes"][-1]["interfaces"][0]["addresses"][0].partition("/")[0]
    with inside("pond.h2"):
        server = socket.create_server((address, 80))
    with server:
        assert pond.failures({"from": "h1", "to": "h2", "tcp": 80}) == []
        run("ip netns exec pond.h1 ethtool -K eth0 tx on")
        (told,) = pond.failures({"from": "h1", "to": "h2", "tcp": 80}, timeout=5)
    assert "h1:eth0 leaves checksums to its hardware, and sw switches in userspace (offload: false)" in told
    run(f"ovs-vsctl set port {pond.ports['h2']} tag=7")
    (told,) = pond.failures({"from": "h1", "to": "h2"}, timeout=5)
    assert "VLAN tags differ" in told


@pytest.mark.skipif(not shutil.which("ovs-vsctl"), reason="needs Open vSwitch")
def test_what_is_wrong_at_switches_that_are_joined(openvswitch: None, make: Callable[[Any, Any], Pond]) -> None:
    """Patch ports are no devices of the kernel: they are looked for in Open vSwitch."""
    links = [{"endpoints": ["h1", "left"], "tag": 10, "ipv4": "auto"}, {"endpoints": ["h2", "right"], "tag": 10, "ipv4": "auto"}]
    pond = make({"left": {"kind": "ovs", "subnet": "10.48.0.0/24"}, "right": "ovs", "h1": None, "h2": None}, [*links, "left right"])
    pair = {"from": "h1", "to": "h2"}
    assert pond.failures(pair) == []
    run(f"ovs-vsctl set port {pond.ports['h2']} tag=20")
    (told,) = pond.failures(pair)
    assert told.endswith(f"Likely: VLAN tags differ: {pond.ports['h1']} is in VLAN 10, {pond.ports['h2']} is in VLAN 20.")
    patch = next(port["name"] for port in pond.share["bridges"][0]["ports"] if port.get("type") == "patch")
    run(f"ovs-vsctl del-port {patch}")
    (told,) = pond.failures(pair)
    assert f"'s port {patch} does not exist" in told
