# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP clients inside namespaces: each of the three programs that there are."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._paths import RUN
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources import dhcp_client
from ansible_collections.netvirt.lab.plugins.module_utils.resources._dhcp_text import PROGRAMS
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dhcp_client import DhcpClient, DhcpClientDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import DnsmasqDriver, dnsmasq_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.resolver import Resolver, ResolverDriver

from .conftest import Host, addresses, shell

NODES = ("beech", "be-ech")
SERVED = {
    "domain": "grove.test",
    "upstream": [],
    "networks": [
        {
            "interface": "sw1",
            "address": "10.71.0.1",
            "subnet": "10.71.0.0/24",
            "range": ["10.71.0.10", "10.71.0.19"],
            "lease": "2m",
            "router": "10.71.0.1",
            "dns": ["10.71.0.1", "10.71.0.2"],
        }
    ],
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if not shutil.which(request.param, path="/usr/sbin:/sbin:/usr/bin:/bin"):
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr(dhcp_client, "PROGRAMS", (request.param,))
    return str(request.param)


@pytest.fixture
def grove(host: Host) -> Host:
    """Give a lab host whose switch has DHCP and two nodes with an interface of the same name."""
    host.switch("sw1", "10.71.0.1/24")
    for name in NODES:
        host.node(name, "sw1")
        shell(f"ip -n {name} link set eth0 down")
    host.converge(DnsmasqDriver(), "dhcp", dnsmasq_from(SERVED, "dhcp"))
    return host


def clients(*names: str) -> list[DhcpClient]:
    return [DhcpClient(name, "eth0", "maple") for name in names]


def until(condition: Callable[[], Any], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, shell("tail -n 99 /run/netvirt/maple/dhcp/*/*.log /run/netvirt/dhcp/dnsmasq/log")
        time.sleep(0.05)


def others() -> str:
    """Return what no client may change. A carrier, and what IPv6 makes of it, comes a moment later, whoever asks for addresses."""
    told = "cat /etc/resolv.conf; ip route | sed s/.linkdown//; ip -4 -o addr show up0; mount | wc -l"
    return shell(f"{told}; ls -d /run/dhcpcd /etc/netns 2>&1 || true")


def resolver(name: str) -> Path:
    return Path("/etc/netns") / name / "resolv.conf"


def test_nodes_get_address_route_and_resolver(grove: Host, program: str) -> None:
    before, state = others(), grove.state()
    checked = grove.converge(DhcpClientDriver(), "maple", *clients(*NODES), check=True)
    assert grove.state() == state
    assert grove.converge(DhcpClientDriver(), "maple", *clients(*NODES)) == checked
    until(lambda: all(addresses(name) and resolver(name).exists() for name in NODES))
    assert not set(addresses(NODES[0])) & set(addresses(NODES[1]))
    assert resolver(NODES[0]).read_text().splitlines()[1:] == ["search grove.test", "nameserver 10.71.0.1", "nameserver 10.71.0.2"]
    assert "default via 10.71.0.1 dev eth0" in shell(f"ip -n {NODES[0]} route")
    assert grove.converge(DhcpClientDriver(), "maple", *clients(*NODES)) == {}

    grove.converge(DhcpClientDriver(), "maple", *clients(NODES[0]))
    assert not addresses(NODES[1])
    assert shell(f"ip -n {NODES[1]} route") == ""
    assert not resolver(NODES[1]).parent.exists()
    assert addresses(NODES[0])
    grove.converge(DhcpClientDriver(), "maple")
    assert not addresses(NODES[0])
    assert (others(), grove.state()) == (before, state)
    assert "eth0" not in shell("ps -eo args")
    assert grove.converge(DhcpClientDriver(), "maple") == {}


OWN = "$(ps -eo pid,args | grep '[/]maple/dhcp/beech/' | awk '{print $1}')"


@pytest.mark.parametrize(
    ("damage", "shown"),
    [
        (f'until ! kill -9 {OWN}; do :; done; while [ -n "{OWN}" ]; do sleep 0.1; done', {"stopped"}),
        # dhcpcd ends when its interface is gone, the others do not notice
        (
            "ip link del v-beech; ip link add v-beech type veth peer name eth0 netns beech; ip link set v-beech master sw1 up; sleep 0.3",
            {"stale", "stopped"},
        ),
        ("ip -n beech address flush dev eth0", {"stale"}),
    ],
    ids=["killed", "interface made anew", "address flushed"],
)
def test_it_is_repaired(grove: Host, program: str, damage: str, shown: set[str]) -> None:
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    until(lambda: addresses("beech") and (RUN / "maple/dhcp/beech/eth0.bound").exists())
    assert grove.converge(DhcpClientDriver(), "maple", *clients("beech")) == {}
    shell(damage)
    before = grove.converge(DhcpClientDriver(), "maple", *clients("beech"))["before"]
    assert before["dhcp_client"]["beech/eth0"]["state"] in shown
    until(lambda: addresses("beech"))
    assert grove.converge(DhcpClientDriver(), "maple", *clients("beech")) == {}
    until(lambda: shell("ps -eo args").count("maple/dhcp/beech/eth0.pid") <= 1)  # never two of them
    grove.converge(DhcpClientDriver(), "maple")


def test_nobody_waits_for_leases(grove: Host) -> None:
    grove.converge(DnsmasqDriver(), "dhcp")
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    assert grove.converge(DhcpClientDriver(), "maple", *clients("beech")) == {}
    assert not addresses("beech")
    grove.converge(DhcpClientDriver(), "maple")


def test_who_reads_a_clients_log_is_no_client(grove: Host) -> None:
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    until(lambda: addresses("beech"))
    reader = subprocess.Popen(["tail", "-f", str(RUN / "maple/dhcp/beech/eth0.log")], stdout=subprocess.DEVNULL)
    assert grove.converge(DhcpClientDriver(), "maple", *clients("beech")) == {}
    grove.converge(DhcpClientDriver(), "maple")
    assert reader.poll() is None
    reader.kill()
    reader.wait()


def test_a_namespace_made_anew_is_noticed(grove: Host) -> None:
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    until(lambda: addresses("beech"))
    shell("ip netns del beech; ip link del v-beech")  # the client keeps the namespace alive, without a name
    grove.node("beech", "sw1")
    assert grove.converge(DhcpClientDriver(), "maple", *clients("beech"))["before"]["dhcp_client"]["beech/eth0"]["state"] == "stale"
    until(lambda: addresses("beech"))
    grove.converge(DhcpClientDriver(), "maple")


def test_it_is_removed_though_the_namespace_is_gone(grove: Host) -> None:
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    until(lambda: resolver("beech").exists())
    shell("ip netns del beech")
    grove.converge(DhcpClientDriver(), "maple")
    assert not (RUN / "maple").exists()
    assert not Path("/etc/netns").exists()
    assert "maple" not in shell("ps -eo args")


def test_somebody_elses_resolver_stays(grove: Host) -> None:
    resolver("beech").parent.mkdir(parents=True)
    resolver("beech").write_text("nameserver 192.0.2.53\n")
    grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    until(lambda: addresses("beech"))
    time.sleep(0.2)
    grove.converge(DhcpClientDriver(), "maple")
    assert resolver("beech").read_text() == "nameserver 192.0.2.53\n"
    shutil.rmtree("/etc/netns")


def test_a_written_resolver_stands_above_the_leases(grove: Host) -> None:
    """A client neither writes over it nor takes it along; when it is not wanted any more, the client's is back, without a new lease."""

    def both(*resolvers: Resolver) -> dict[str, Any]:
        goals: list[Goal[Any]] = [
            Goal(ResolverDriver(), resolvers, purge=True),
            Goal(DhcpClientDriver(), tuple(clients("beech")), purge=True),
        ]
        with lab_lock(Scope("maple")):
            return diff(converge(goals, Scope("maple")))

    leased, written = both(), Resolver("beech", "maple", ("nameserver 192.0.2.53",))
    assert set(leased["after"]) == {"dhcp_client"}
    until(lambda: resolver("beech").exists())
    assert set(both(written)["after"]) == {"resolver"}
    assert resolver("beech").read_text().splitlines()[1:] == ["nameserver 192.0.2.53"]
    shell("kill -USR1 $(cat /run/netvirt/maple/dhcp/beech/eth0.pid)")  # udhcpc renews
    until(lambda: shell(f"cat {RUN}/maple/dhcp/beech/eth0.log").count("lease of") > 1)
    assert both(written) == {"before": {}, "after": {}}
    assert set(both()["before"]) == {"resolver", "dhcp_client"}
    until(lambda: resolver("beech").exists() and "nameserver 10.71.0.1" in resolver("beech").read_text())
    assert both() == {"before": {}, "after": {}}
    grove.converge(DhcpClientDriver(), "maple")


def test_what_is_missing_is_named(grove: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="no interface 'eth7'"):
        grove.converge(DhcpClientDriver(), "maple", DhcpClient("beech", "eth7", "maple"))
    grove.converge(DhcpClientDriver(), "maple")
    monkeypatch.setattr(dhcp_client, "PROGRAMS", ("no-such-client",))
    with pytest.raises(LabError, match="no DHCP client is installed; install udhcpc"):
        grove.converge(DhcpClientDriver(), "maple", *clients("beech"))
    assert not (RUN / "maple").exists()


@pytest.mark.parametrize("name", PROGRAMS)
def test_clients_that_cannot_run_are_named_at_once(grove: Host, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busybox ends so when it has not been built with what its name asks for.
    useless = tmp_path / f"no{name}"
    useless.symlink_to("/bin/busybox")
    monkeypatch.setattr(dhcp_client, "_program", lambda: (name, str(useless)))
    monkeypatch.setattr(dhcp_client, "_FIRST", 60)  # it is over as soon as all have ended
    with pytest.raises(LabErrors) as caught:
        grove.converge(DhcpClientDriver(), "maple", *clients(*NODES))
    assert caught.value.problems == tuple(
        f"Cannot ask for an address of '{node}/eth0': {name} has ended with code 127 at its start and said: no{name}: applet not found;"
        f" see /run/netvirt/maple/dhcp/{node}/eth0.log."
        for node in NODES
    )
    grove.converge(DhcpClientDriver(), "maple")
    assert not (RUN / "maple").exists()
