# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes on the lab host's own segment, brought there by a controller that comes in through the very interface that becomes a port."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..playbooks import trace
from .segment import HOST, Controller, DhcpServer, shell

LAB = "bridged"
pytestmark = pytest.mark.slow
OWN = {f"{HOST}/24", "2001:db8:5::2/64", "198.18.7.2/32"}


def addresses(device: str) -> set[str]:
    found = json.loads(shell(f"ip -j addr show {device}"))[0]["addr_info"]
    return {f"{one['local']}/{one['prefixlen']}" for one in found if one["scope"] != "link"}


def routes(device: str) -> set[str]:
    found = json.loads(shell("ip -j route show table all")) + json.loads(shell("ip -6 -j route show table 77"))
    return {f"{one['dst']} {one.get('metric', '')}".strip() for one in found if one.get("dev") == device and "gateway" in one}


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    controller = Controller(tmp_path_factory.mktemp("home"), LAB)
    # More than one address, of both families, and routes with attributes and in a table of their own.
    shell("ip -6 addr add 2001:db8:5::2/64 dev uplink0 nodad; ip addr add 198.18.7.2/32 dev uplink0")
    shell("ip route add 198.18.9.0/24 via 203.0.113.1 metric 7; ip -6 route add 2001:db8:9::/64 via 2001:db8:5::1 dev uplink0 table 77")
    yield controller
    shell("ip addr del 2001:db8:5::2/64 dev uplink0; ip addr del 198.18.7.2/32 dev uplink0; ip route del 198.18.9.0/24")
    controller.close()


@pytest.fixture(scope="module")
def before(controller: Controller) -> list[str]:
    return trace()


def untouched(before: list[str]) -> None:
    assert list(difflib.unified_diff(before, trace(), lineterm="", n=0)) == []


def test_the_lab_host_is_reached_all_the_time_and_its_nodes_are_neighbours(
    controller: Controller, before: list[str], tmp_path: Path
) -> None:
    server = DhcpServer(tmp_path)
    try:
        assert controller.changed("netvirt.lab.site") > 0
        assert controller.changed("netvirt.lab.site") == 0
        assert addresses("br-lan") == OWN
        assert addresses("uplink0") == set()
        assert routes("br-lan") == {"default", "198.18.9.0/24 7", "2001:db8:9::/64 1024"}
        assert Path("/sys/class/net/br-lan/address").read_text() == Path("/sys/class/net/uplink0/address").read_text()
        # The segment's server knows the nodes, and they are reached from there without the lab host's help.
        shell("sysctl -qw net.ipv4.ip_forward=0")
        guest = shell("ps -ww -C qemu-system-x86_64 -o args=").partition("mac=")[2].partition(",")[0]
        for mac in (json.loads(shell("ip -n bridged.web -j link show eth0"))[0]["address"], guest):
            address = server.given(mac)
            assert address.startswith("203.0.113."), mac
            shell(f"ip netns exec outside ping -c3 -W5 {address}")
        assert "guard" not in shell("ps ax")
    finally:
        controller.changed("netvirt.lab.teardown")
        server.close()
    untouched(before)
    assert addresses("uplink0") == OWN
    assert routes("uplink0") == {"default", "198.18.9.0/24 7", "2001:db8:9::/64 1024"}


@pytest.fixture
def firewall() -> Iterator[None]:
    """Have the machine's firewall let in what comes by uplink0, and nothing else: so a switch in its place is deaf."""
    rules = 'table inet office { chain input { type filter hook input priority 0; iifname != { "lo", "uplink0" } drop; }; }'
    shell(f"nft '{rules}'")
    yield
    shell("nft delete table inet office")


@pytest.mark.usefixtures("firewall")
def test_who_is_locked_out_gets_in_again(controller: Controller, before: list[str]) -> None:
    controller.edit(confirm_timeout=4)
    began = time.monotonic()
    done = controller.run("netvirt.lab.site")
    assert done.returncode != 0, done.stdout
    assert "Nobody came in by 'br-lan' within 4 seconds" in done.stdout + done.stderr
    assert time.monotonic() - began > 4
    assert addresses("uplink0") == OWN
    assert "master" not in json.loads(shell("ip -j link show uplink0"))[0]
    controller.changed("netvirt.lab.teardown")
    shell("nft delete table inet office")
    try:
        untouched(before)
    finally:
        shell("nft add table inet office")
