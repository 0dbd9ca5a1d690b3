# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes are set to and what they do once: sysctls, packet filters, commands."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside

from .conftest import Hamlet, shell, until, within

PAIR: dict[str, Any] = {
    "namespaces": [{"name": "mill"}, {"name": "inn"}],
    "links": [
        {"name": "eth0", "netns": "mill", "kind": "veth", "peer": ["inn", "eth5"], "up": True},
        {"name": "eth5", "netns": "inn", "kind": "veth", "peer": ["mill", "eth0"], "up": True},
    ],
    "addresses": [
        {"name": "eth0", "netns": "mill", "addresses": ["10.88.0.1/24"], "routes": [], "up": True},
        {"name": "eth5", "netns": "inn", "addresses": ["10.88.0.2/24"], "routes": [], "up": True},
    ],
}


def setting(netns: str, path: str) -> str:
    with inside(netns):
        return " ".join(Path("/proc/sys", path).read_text().split())


def sysctls(**values: Any) -> dict[str, Any]:
    return {**PAIR, "sysctls": [{"netns": "mill", "values": values}]}


def test_sysctls(hamlet: Hamlet) -> None:
    machine = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    hamlet.bring(PAIR)
    default = setting("mill", "net/ipv4/tcp_rmem")
    wanted = {"net.ipv4.ip_forward": 1, "net.ipv4.tcp_rmem": "4096\t200000  400000", "net.ipv4.conf.eth0.forwarding": "0"}
    assert hamlet.changed(sysctls(**wanted))["before"]["sysctl"]["mill"]["values"]["net/ipv4/ip_forward"] == "0"
    assert setting("mill", "net/ipv4/tcp_rmem") == "4096 200000 400000"
    assert (setting("mill", "net/ipv4/ip_forward"), setting("mill", "net/ipv4/conf/eth0/forwarding")) == ("1", "0")
    assert setting("inn", "net/ipv4/ip_forward") == "0"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == machine

    within("mill", "sysctl -qw net.ipv4.tcp_rmem='4096 1 2'")
    drift = hamlet.changed(sysctls(**wanted))
    assert drift["before"]["sysctl"]["mill"]["values"]["net/ipv4/tcp_rmem"] == "4096 1 2"
    assert setting("mill", "net/ipv4/tcp_rmem") == "4096 200000 400000"

    hamlet.changed(sysctls(**{"net.ipv4.ip_forward": "1"}))
    assert (setting("mill", "net/ipv4/tcp_rmem"), setting("mill", "net/ipv4/ip_forward")) == (default, "1")
    hamlet.changed(PAIR)
    assert setting("mill", "net/ipv4/ip_forward") == "0"


def test_a_setting_of_an_interface_is_made_anew_with_it(hamlet: Hamlet) -> None:
    wanted = sysctls(**{"net.ipv4.conf.eth0.rp_filter": "2"})
    hamlet.changed(wanted)
    shell("ip -n mill link del eth0")
    hamlet.changed(wanted)
    assert setting("mill", "net/ipv4/conf/eth0/rp_filter") == "2"
    end("mill", "inn", "eth5")
    hamlet.changed(wanted)
    assert setting("mill", "net/ipv4/conf/eth0/rp_filter") == "2"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("kernel.hostname", "x", "'kernel.hostname' of 'mill' is no setting of a network namespace"),
        ("net/../kernel/hostname", "x", "is no setting of a network namespace"),
        ("net.ipv4.conf.eth9.forwarding", "1", "Cannot set 'net/ipv4/conf/eth9/forwarding' of 'mill' to 1: there is no such setting"),
        ("net.ipv4.ip_forward", "maybe", "Cannot set the kernel setting 'net/ipv4/ip_forward' of 'mill' to maybe: Invalid argument"),
    ],
)
def test_a_setting_that_cannot_be(hamlet: Hamlet, name: str, value: str, problem: str) -> None:
    with pytest.raises(LabError, match=problem):
        hamlet.bring(sysctls(**{name: value}))


def end(netns: str, peer: str, interface: str) -> None:
    """Remove a namespace, and wait until the kernel has removed the other end of its link."""
    shell(f"ip netns del {netns}")
    until(lambda: interface not in shell(f"ip -n {peer} -br link"))


RULES = """
table inet gate {
    set seen { type ipv4_addr; flags dynamic; }
    chain input {
        type filter hook input priority filter; policy accept;
        iif eth5 tcp dport 8001 counter drop
        tcp dport 8002 add @seen { ip saddr } accept
    }
}
"""


def walled(ruleset: str = RULES) -> dict[str, Any]:
    return {**PAIR, "firewalls": [{"netns": "inn", "ruleset": ruleset}]}


def answers(port: int) -> bool:
    """Say whether the mill reaches a port of the inn."""
    with inside("inn"):
        listener = socket.create_server(("10.88.0.2", port))
    with inside("mill"), listener, socket.socket() as caller:
        caller.settimeout(3)  # the first packet may be lost while the link comes up
        return caller.connect_ex(("10.88.0.2", port)) == 0


def test_a_firewall_lets_pass_and_drops(hamlet: Hamlet) -> None:
    outside = shell("nft -s list ruleset")
    hamlet.changed(walled())
    assert (answers(8001), answers(8002)) == (False, True)
    assert hamlet.bring(walled()) == {}  # counters and what packets put into sets are no drift
    assert shell("nft -s list ruleset") == outside

    hamlet.changed(walled(RULES.replace("8001", "8003")))
    assert (answers(8001), answers(8003)) == (True, False)
    hamlet.changed(PAIR)
    assert answers(8003)
    assert within("inn", "nft list ruleset") == ""


@pytest.mark.parametrize(
    "damage",
    [
        "nft insert rule inet gate input tcp dport 8002 drop",
        "nft flush ruleset",
        "nft add table inet other",
        "nft add element inet gate kept '{ 9 }'",
    ],
)
def test_a_firewall_changed_by_hand_is_repaired(hamlet: Hamlet, damage: str) -> None:
    rules = RULES.replace("chain", "set kept { type inet_service; elements = { 7 }; }\n chain")
    hamlet.changed(walled(rules))
    before = within("inn", "nft -s list ruleset")
    within("inn", damage)
    assert hamlet.changed(walled(rules))["before"] == {"firewall": {"inn": {"state": "changed"}}}
    assert within("inn", "nft -s list ruleset") == before


def test_a_firewall_follows_its_interface_and_its_namespace(hamlet: Hamlet) -> None:
    hamlet.changed(walled())
    shell("ip -n inn link del eth5")
    hamlet.changed(walled())
    assert not answers(8001)
    end("inn", "mill", "eth0")
    hamlet.changed(walled())
    assert not answers(8001)


def test_rules_that_make_no_sense_change_nothing(hamlet: Hamlet) -> None:
    with pytest.raises(
        LabError,
        match=r"(?s)firewall of 'inn' makes no sense to nft: line 2:34-39: unknown chain hook; correct it.*line 2:66-69: syntax error",
    ):
        hamlet.bring(walled("table inet a {\n chain inputt { type filter hook inputt priority 0; tcp dport 8x drop; }\n}"))
    assert not Path("/run/netns/inn").exists()


def running(*commands: str) -> dict[str, Any]:
    return {**PAIR, "commands": [{"netns": "inn", "name": "the-inn", "commands": list(commands)}]}


def test_commands_run_once_in_the_life_of_a_node(hamlet: Hamlet, tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = f"cat /sys/class/net/eth5/address >>{log}"
    assert hamlet.changed(running(note))["after"]["exec"] == {"inn": {"commands": [note]}} | {}
    assert log.read_text() == shell(
        "ip -n inn -j link show eth5 | python3 -c 'import json,sys; print(json.load(sys.stdin)[0][\"address\"])'"
    )
    hamlet.changed(running(f"echo first >>{log}", note, f"echo last >>{log}"))
    assert log.read_text().splitlines()[1:] == ["first", "last"]
    assert hamlet.bring(running(note)) == {}
    end("inn", "mill", "eth0")
    hamlet.changed(running(f"echo anew >>{log}"))
    assert log.read_text().splitlines()[3:] == ["anew"]


def test_a_command_that_fails_is_shown_and_run_again(hamlet: Hamlet, tmp_path: Path) -> None:
    flag, log = tmp_path / "flag", tmp_path / "log"
    share = running(f"echo one >>{log}", f"echo deep trouble; test -e {flag}", f"echo two >>{log}")
    with pytest.raises(LabError, match=r"(?s)The command 'echo deep.*' of 'the-inn' failed with exit code 1:.*deep trouble"):
        hamlet.bring(share)
    assert log.read_text() == "one\n"
    flag.touch()
    hamlet.changed(share)
    assert log.read_text() == "one\ntwo\n"


def test_what_a_command_leaves_running_ends_with_the_node(hamlet: Hamlet) -> None:
    hamlet.changed(running("sleep 54321 & setsid sleep 54322 &"))
    assert shell("pgrep -xfc 'sleep 5432.'").strip() == "2"
    hamlet.bring({"namespaces": PAIR["namespaces"]})
    shell("pgrep -xf 'sleep 5432.'", code=1)
