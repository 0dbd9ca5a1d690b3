# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding and NAT through a lab host, past packet filters that drop, and back to how it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._paths import RUN
from ansible_collections.netvirt.lab.plugins.module_utils.resources.forwarding import Forwarding, ForwardingDriver, forwarding_from

from .conftest import UPLINK, Host, shell

FIREWALLS = {
    "none": "true",
    "iptables-nft": "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -i lo -j REJECT",
    "iptables-legacy": "iptables-legacy -P FORWARD DROP",
    "nft": "nft 'table inet strict { chain relay { type filter hook forward priority 0; policy drop; }; }'",
    "firewalld": """nft 'table inet firewalld {
        chain filter_FORWARD { type filter hook forward priority 10; policy accept;
            ct state { established, related } accept; jump filter_FORWARD_ZONES; }
        chain filter_FORWARD_ZONES { reject with icmpx admin-prohibited; }; }'""",
    "docker": """iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN
        iptables-nft -A FORWARD -j DOCKER-USER""",
}
FIREWALLS["all of them"] = "\n".join(FIREWALLS[name] for name in ("docker", "iptables-legacy", "nft", "firewalld"))


def out(lab: str, switch: str = "sw1", subnet: str = "10.71.0.0/24", uplink: str = "auto") -> Forwarding:
    return forwarding_from({"interfaces": [switch], "subnets": [subnet], "uplink": uplink}, lab)


@pytest.fixture
def node(host: Host) -> str:
    host.switch("sw1", "10.71.0.1/24")
    host.node("beech", "sw1", "10.71.0.5/24", "10.71.0.1")
    return "beech"


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_node_gets_out_and_nothing_is_left(host: Host, node: str, firewall: str) -> None:
    if "legacy" in FIREWALLS[firewall] and not shutil.which("iptables-legacy"):
        pytest.skip("iptables-legacy is not installed")
    shell(FIREWALLS[firewall])
    before = host.state()
    assert host.seen_as(node, 0.5) is None
    checked = host.converge(ForwardingDriver(), "maple", out("maple"), check=True)
    assert host.state() == before
    assert host.converge(ForwardingDriver(), "maple", out("maple")) == checked
    assert host.seen_as(node) == UPLINK
    assert host.converge(ForwardingDriver(), "maple", out("maple")) == {}
    shell("iptables-nft -S; ip6tables-nft -S")  # still readable by their own program
    assert host.converge(ForwardingDriver(), "maple")["after"] == {}
    assert host.converge(ForwardingDriver(), "maple") == {}
    assert host.state() == before
    assert host.seen_as(node, 0.5) is None


def test_only_the_switch_and_the_uplink_forward(host: Host, node: str) -> None:
    host.switch("other", "10.79.0.1/24")
    host.converge(ForwardingDriver(), "maple", out("maple"))
    values = {name: Path(f"/proc/sys/net/ipv4/conf/{name}/forwarding").read_text().strip() for name in ("sw1", "up0", "other", "default")}
    assert values == {"sw1": "1", "up0": "1", "other": "0", "default": "0"}
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "0"


def test_without_uplink_networks_of_a_lab_reach_each_other_only(host: Host, node: str) -> None:
    host.switch("sw2", "10.72.0.1/24")
    host.node("alder", "sw2", "10.72.0.5/24", "10.72.0.1")
    item = {"interfaces": ["sw1", "sw2"], "subnets": ["10.71.0.0/24", "10.72.0.0/24"], "uplink": "none"}
    host.converge(ForwardingDriver(), "maple", forwarding_from(item, "maple"))
    shell(f"ip netns exec {node} ping -c1 -w20 10.72.0.5")
    assert host.seen_as(node, 0.5) is None


@pytest.mark.parametrize("last", ["maple", "rowan"])
def test_two_labs_share_the_uplink_and_leave_in_either_order(host: Host, node: str, last: str) -> None:
    host.switch("sw2", "10.72.0.1/24")
    host.node("alder", "sw2", "10.72.0.5/24", "10.72.0.1")
    shell(FIREWALLS["docker"])
    before = host.state()
    nodes = {"maple": node, "rowan": "alder"}
    host.converge(ForwardingDriver(), "maple", out("maple"))
    host.converge(ForwardingDriver(), "rowan", out("rowan", "sw2", "10.72.0.0/24"))
    assert [
        host.converge(ForwardingDriver(), *lab) for lab in (("maple", out("maple")), ("rowan", out("rowan", "sw2", "10.72.0.0/24")))
    ] == [
        {},
        {},
    ]
    assert {host.seen_as(name) for name in nodes.values()} == {UPLINK}
    first = next(lab for lab in nodes if lab != last)
    host.converge(ForwardingDriver(), first)
    assert host.seen_as(nodes[last]) == UPLINK
    assert host.seen_as(nodes[first], 0.5) is None
    host.converge(ForwardingDriver(), last)
    assert host.state() == before


@pytest.mark.parametrize(
    ("damage", "shown"),
    [
        ("nft insert rule ip netvirt-maple postrouting counter", {"nat_rules": "changed"}),
        ("nft delete table ip netvirt-maple", {"nat_rules": "missing"}),
        ("iptables-nft -D DOCKER-USER 1", {"blocked_by": ["ip filter FORWARD"]}),
        ("iptables-nft -F DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN", {"blocked_by": ["ip filter FORWARD"]}),
        ("iptables-nft -I DOCKER-USER -s 10.71.0.0/24 -j DROP", {"blocked_by": ["ip filter FORWARD"]}),
        ("sysctl -qw net.ipv4.conf.up0.forwarding=0", {"not_forwarding": ["up0"]}),
        (
            "nft 'table inet late { chain relay { type filter hook forward priority 0; policy drop; }; }'",
            {"blocked_by": ["inet late relay"]},
        ),
    ],
)
def test_what_others_have_broken_is_shown_and_repaired(host: Host, node: str, damage: str, shown: dict[str, Any]) -> None:
    shell(FIREWALLS["docker"])
    host.converge(ForwardingDriver(), "maple", out("maple"))
    shell(damage)
    assert host.converge(ForwardingDriver(), "maple", out("maple"))["before"] == {"forwarding": {"maple": shown}}
    assert host.seen_as(node) == UPLINK
    assert host.converge(ForwardingDriver(), "maple", out("maple")) == {}


def test_teardown_needs_only_the_name(host: Host, node: str) -> None:
    shell(FIREWALLS["docker"] + "\n" + FIREWALLS["firewalld"])
    before = host.state()
    host.converge(ForwardingDriver(), "maple", out("maple"))
    (RUN / "maple" / "forwarding.json").unlink()
    host.converge(ForwardingDriver(), "maple")
    assert host.state() == before


def test_a_lab_whose_name_begins_alike_is_left_alone(host: Host, node: str) -> None:
    shell(FIREWALLS["docker"])
    host.converge(ForwardingDriver(), "maple-2", out("maple-2"))
    before = host.state()
    assert host.converge(ForwardingDriver(), "maple") == {}
    assert host.state() == before
    host.converge(ForwardingDriver(), "maple-2")


def test_what_somebody_decided_for_the_whole_machine_stays(host: Host, node: str) -> None:
    host.converge(ForwardingDriver(), "maple", out("maple"))
    shell("sysctl -qw net.ipv4.ip_forward=1")  # as Docker does when it starts
    host.converge(ForwardingDriver(), "maple")
    assert Path("/proc/sys/net/ipv4/conf/up0/forwarding").read_text().strip() == "1"


def test_the_uplink_follows_the_default_route(host: Host, node: str) -> None:
    host.converge(ForwardingDriver(), "maple", out("maple"))
    shell("ip link add up1 type veth peer name up2; ip link set up1 up; ip link set up2 up; ip route replace default dev up1")
    changed = host.converge(ForwardingDriver(), "maple", out("maple"))
    assert changed["after"] == {"forwarding": {"maple": {"uplink": "up1"}}}
    assert json.loads((RUN / "sysctl.json").read_text()).keys() == {f"net/ipv4/conf/{name}/forwarding" for name in ("sw1", "up1")}
    assert Path("/proc/sys/net/ipv4/conf/up0/forwarding").read_text().strip() == "0"
    host.converge(ForwardingDriver(), "maple")


def test_no_default_route_is_an_error_that_names_the_option(host: Host, node: str) -> None:
    shell("ip route del default")
    before = host.state()
    with pytest.raises(LabError, match=r"no default route.*'uplink'"):
        host.converge(ForwardingDriver(), "maple", out("maple"))
    assert host.state() == before


def test_an_interface_that_is_missing_is_named(host: Host) -> None:
    before = host.state()
    with pytest.raises(LabError, match="'no-such'"):
        host.converge(ForwardingDriver(), "maple", out("maple", "no-such"))
    with pytest.raises(LabError, match=r"no interface 'up9'.*'uplink'"):
        host.converge(ForwardingDriver(), "maple", out("maple", uplink="up9"))
    assert host.state() == before
