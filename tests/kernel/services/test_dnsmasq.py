# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's dnsmasq: addresses, names, and neighbours that have the same ports."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._paths import RUN
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import Dnsmasq, DnsmasqDriver, dnsmasq_from, leases
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside

from .conftest import HOST, OUTER, OUTSIDE, Host, ask, shell

MAC = "02:00:00:00:0b:01"
Start = Callable[..., "subprocess.Popen[bytes]"]


def served(lab: str = "maple", **changed: Any) -> Dnsmasq:
    network = {
        "interface": "sw1",
        "address": "10.71.0.1",
        "subnet": "10.71.0.0/24",
        "range": ["10.71.0.10", "10.71.0.19"],
        "lease": "1h",
        "router": "10.71.0.1",
        "dns": ["10.71.0.1"],
        "options": {"42": "10.71.0.2"},
        "hosts": [{"mac": MAC, "address": "10.71.0.77", "name": "beech"}],
    }
    records = [{"name": "beech", "addresses": ["10.71.0.77"]}, {"name": "twin", "addresses": ["10.71.0.78", "10.72.0.78"]}]
    return dnsmasq_from({"domain": "grove.test", "upstream": [OUTER], "networks": [network], "records": records, **changed}, lab)


def lease(node: str, tries: int = 20) -> str:
    """Ask for a lease, once a second, and return what the server sent."""
    # The script prints its environment: the options by udhcpc's names.
    command = f"ip netns exec {node} udhcpc -f -q -n -t {tries} -T 1 -i eth0 -O ntpsrv -s /tmp/print-lease"
    return shell(f"printf '#!/bin/sh\\n[ \"$1\" = bound ] && env || true\\n' >/tmp/print-lease; chmod +x /tmp/print-lease; {command}")


@pytest.fixture
def node(host: Host) -> str:
    host.switch("sw1", "10.71.0.1/24")
    host.node("beech", "sw1", mac=MAC)
    return "beech"


@pytest.fixture
def start(host: Host) -> Iterator[Start]:
    """Give a function that starts somebody else's dnsmasq in a namespace."""
    started: list[subprocess.Popen[bytes]] = []

    def run(netns: str, *options: str) -> subprocess.Popen[bytes]:
        with inside(netns):
            started.append(subprocess.Popen(["dnsmasq", "-d", "-C", "/dev/null", "-R", *options], stderr=subprocess.PIPE))
        log = started[-1].stderr
        assert log
        # It says so once it listens.
        assert any(b"started" in line for line in log)
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def pid() -> int:
    return int((RUN / "maple" / "dnsmasq" / "pid").read_text())


def test_a_node_gets_what_is_reserved_for_it(host: Host, node: str) -> None:
    before = host.state()
    checked = host.converge(DnsmasqDriver(), "maple", served(), check=True)
    assert host.state() == before
    assert host.converge(DnsmasqDriver(), "maple", served()) == checked
    assert host.converge(DnsmasqDriver(), "maple", served()) == {}
    sent = lease(node)
    for line in ("ip=10.71.0.77", "router=10.71.0.1", "dns=10.71.0.1", "ntpsrv=10.71.0.2", "domain=grove.test", "lease=3600"):
        assert line in sent.split()
    given = leases("maple")
    assert [(item.mac, item.address, item.name) for item in given] == [(MAC, "10.71.0.77", "beech")]
    assert abs(given[0].expires - time.time() - 3600) < 60
    assert host.converge(DnsmasqDriver(), "maple")["after"] == {}
    assert host.state() == before
    assert host.converge(DnsmasqDriver(), "maple") == {}


def test_others_get_an_address_of_the_range(host: Host, node: str) -> None:
    host.node("aspen", "sw1")
    host.converge(DnsmasqDriver(), "maple", served())
    lease("aspen", tries=3)  # with a ping before the offer it takes longer
    assert leases("maple")[0].address in {f"10.71.0.{last}" for last in range(10, 20)}


def test_names_resolve_without_a_lease_and_others_are_asked_for_upstream(host: Host, node: str, start: Start) -> None:
    start(
        OUTSIDE,
        "--listen-address",
        OUTER,
        "--bind-interfaces",
        "--address",
        "/far.test/198.51.100.7",
        "--address",
        "/grove.test/198.51.100.8",
    )
    shell(f"ip -n {node} addr add 10.71.0.77/24 dev eth0")
    host.converge(DnsmasqDriver(), "maple", served())
    assert ask(node, "10.71.0.1", "beech.grove.test") == ["10.71.0.77"]
    assert ask(node, "10.71.0.1", "beech") == ["10.71.0.77"]
    assert ask(node, "10.71.0.1", "twin.grove.test") == ["10.71.0.78", "10.72.0.78"]
    assert ask(node, "10.71.0.1", "www.far.test") == ["198.51.100.7"]
    assert ask(node, "10.71.0.1", "unknown.grove.test") == []  # the lab's domain is not asked for elsewhere
    host.converge(DnsmasqDriver(), "maple", served(upstream=[]))
    assert ask(node, "10.71.0.1", "www.far.test") == []


def test_a_change_restarts_it_and_keeps_leases(host: Host, node: str) -> None:
    host.converge(DnsmasqDriver(), "maple", served())
    lease(node)
    first, had = pid(), leases("maple")
    changed = host.converge(DnsmasqDriver(), "maple", served(domain="copse.test"))
    assert changed["before"] == {"dnsmasq": {"maple": {"domain": "grove.test"}}}
    assert pid() != first
    assert leases("maple") == had
    shell(f"ip -n {node} addr add 10.71.0.77/24 dev eth0")
    assert ask(node, "10.71.0.1", "beech.copse.test") == ["10.71.0.77"]


@pytest.mark.parametrize(
    ("damage", "shown"),
    [
        (lambda: os.kill(pid(), signal.SIGKILL), "stopped"),
        (lambda: shell("echo port=0 >>/run/netvirt/maple/dnsmasq/dnsmasq.conf"), "stale"),
        (lambda: shell("ip link del sw1; ip link add sw1 type bridge; ip addr add 10.71.0.1/24 dev sw1; ip link set sw1 up"), "stale"),
        ((RUN / "maple" / "dnsmasq" / "state.json").unlink, None),
    ],
    ids=["killed", "edited", "switch made anew", "state lost"],
)
def test_it_is_repaired(host: Host, node: str, damage: Callable[[], Any], shown: str | None) -> None:
    host.converge(DnsmasqDriver(), "maple", served())
    damage()
    before = host.converge(DnsmasqDriver(), "maple", served())["before"]["dnsmasq"]["maple"]
    assert before == {"state": shown} if shown else before["state"] == "stale"
    assert host.converge(DnsmasqDriver(), "maple", served()) == {}
    shell("ip link set v-beech master sw1")
    assert "ip=10.71.0.77" in lease(node).split()


def test_it_lives_beside_others(host: Host, node: str, start: Start) -> None:
    host.switch("virbr7", "10.79.0.1/24")
    host.node("larch", "virbr7")
    start(HOST, "--listen-address", "127.0.0.1", "--bind-interfaces", "--address", "/local.test/192.0.2.1")
    libvirt = ["--interface", "virbr7", "--except-interface", "lo", "--bind-dynamic", "--no-ping", "--dhcp-range", "10.79.0.10,10.79.0.20"]
    start(HOST, *libvirt, "--dhcp-leasefile=/tmp/virbr7.leases")
    host.converge(DnsmasqDriver(), "maple", served())
    host.switch("sw2", "10.72.0.1/24")
    host.node("rowan", "sw2")
    second = {"interface": "sw2", "address": "10.72.0.1", "subnet": "10.72.0.0/24", "range": ["10.72.0.5", "10.72.0.6"]}
    host.converge(DnsmasqDriver(), "oaks", served("oaks", networks=[second], records=[]))
    assert "ip=10.71.0.77" in lease(node).split()
    assert "ip=10.79.0." in lease("larch")
    assert "ip=10.72.0." in lease("rowan")
    host.converge(DnsmasqDriver(), "maple")
    assert "ip=10.72.0." in lease("rowan")
    host.converge(DnsmasqDriver(), "oaks")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--port", "53"], r"dnsmasq \(pid \d+\) listens on port 53 "),
        (["--port", "0", "--dhcp-range", "10.1.0.1,10.1.0.9"], "port 67 to itself"),
    ],
)
def test_somebody_who_has_the_ports_to_himself_is_named(host: Host, node: str, start: Start, options: list[str], error: str) -> None:
    start(HOST, *options)
    before = host.state()
    with pytest.raises(LabError, match=error):
        host.converge(DnsmasqDriver(), "maple", served(), check=True)
    assert host.state() == before


def test_what_dnsmasq_does_not_understand_is_an_error_before_anything_changes(host: Host, node: str) -> None:
    host.converge(DnsmasqDriver(), "maple", served())
    first = pid()
    wrong = {"interface": "sw1", "address": "10.71.0.1", "subnet": "10.71.0.0/24", "range": ["10.71.0.5", "10.71.0.6"], "lease": "soon"}
    with pytest.raises(LabError, match="make no sense to dnsmasq: bad "):
        host.converge(DnsmasqDriver(), "maple", served(networks=[wrong]))
    assert pid() == first


@pytest.mark.parametrize(
    "firewall",
    [
        "iptables-nft -P INPUT DROP",
        "nft 'table inet strict { chain incoming { type filter hook input priority 0; policy drop; }; }'",
    ],
)
def test_requests_pass_filters_that_drop(host: Host, node: str, firewall: str) -> None:
    shell(firewall)
    before = host.state()
    host.converge(DnsmasqDriver(), "maple", served())
    assert host.converge(DnsmasqDriver(), "maple", served()) == {}
    assert "ip=10.71.0.77" in lease(node).split()
    shell(f"ip -n {node} addr add 10.71.0.77/24 dev eth0")
    assert ask(node, "10.71.0.1", "beech") == ["10.71.0.77"]
    assert (
        subprocess.run(["ip", "netns", "exec", node, "ping", "-c1", "-W1", "10.71.0.1"], check=False, capture_output=True).returncode == 1
    )
    host.converge(DnsmasqDriver(), "maple")
    assert host.state() == before


def test_a_filter_closed_later_is_opened_without_a_restart(host: Host, node: str) -> None:
    host.converge(DnsmasqDriver(), "maple", served())
    first = pid()
    shell("iptables-nft -A INPUT -p udp -j DROP")
    assert host.converge(DnsmasqDriver(), "maple", served())["before"] == {"dnsmasq": {"maple": {"blocked_by": ["ip filter INPUT"]}}}
    assert pid() == first
    host.converge(DnsmasqDriver(), "maple")
