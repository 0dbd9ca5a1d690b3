# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lease is not waited for when what gives it, or asks for it, has ended."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._paths import RUN
from ansible_collections.netvirt.lab.plugins.module_utils._ready import Watch, wait_until_ready
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dhcp_client import DhcpClient, DhcpClientDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import DnsmasqDriver, dnsmasq_from
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells, node_from

from .conftest import Host, shell

NETWORK = {"interface": "sw1", "address": "10.71.0.1", "subnet": "10.71.0.0/24", "range": ["10.71.0.10", "10.71.0.19"]}
ETH0 = {"name": "eth0", "switch": "sw1", "method": "dhcp", "addresses": ["10.71.0.11/24"], "gateway": None}
NODES: dict[str, dict[str, Any]] = {
    "namespace": {"name": "alder", "kind": "netns", "netns": "grove.alder", "interfaces": [{**ETH0, "mac": None}]},
    "guest": {"name": "rowan", "kind": "vm", "interfaces": [{**ETH0, "mac": "52:54:00:00:00:07"}], "home": "far", "access": "near"},
}


def wait(kind: str, timeout: float, **how: Any) -> str:
    """Wait for a node and return what it lacks."""
    with pytest.raises(LabErrors) as caught:
        wait_until_ready([node_from(NODES[kind], "near")], Watch("grove", Shells(""), **how), timeout)
    return str(caught.value)


@pytest.fixture
def grove(host: Host) -> Host:
    """Give a lab host that has a switch with a node, whose DHCP client the test starts."""
    host.switch("sw1", "10.71.0.1/24")
    host.node("grove.alder", "sw1")
    return host


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_without_the_labs_dnsmasq(grove: Host, signal: str) -> None:
    grove.converge(DnsmasqDriver(), "grove", dnsmasq_from({"networks": [NETWORK]}, "grove"))
    for kind in NODES:
        assert "stuck at the stage: lease" in wait(kind, timeout=0.5)
    shell(f"kill -{signal} $(cat /run/netvirt/grove/dnsmasq/pid)")
    for kind in NODES:
        assert wait(kind, timeout=40) == "The lab's dnsmasq has ended, so leases are missing; see its log /run/netvirt/grove/dnsmasq/log."
    assert "stuck at the stage: lease" in wait("namespace", timeout=0.5, served=["10.72.0.0/24"])


def test_without_the_nodes_client(grove: Host) -> None:
    if not shutil.which("udhcpc", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        pytest.skip("udhcpc is not installed")
    grove.converge(DhcpClientDriver(), "grove", DhcpClient("grove.alder", "eth0", "grove"))
    assert "stuck at the stage: lease" in wait("namespace", timeout=0.5)
    processes.end(process.pid for process in processes.find([RUN / "grove" / "dhcp"]))
    assert wait("namespace", timeout=40) == (
        "'alder' is not ready: the DHCP client of its interface 'eth0' has ended; see /run/netvirt/grove/dhcp/grove.alder/eth0.log."
    )
