# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs' packet filters, as nft and iptables list them: what may drop, and what is ours in there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.resources._gates import (
    Gate,
    Marked,
    forward_rules,
    iptables_edit,
    iptables_gate,
    nft_bases,
    nft_edit,
    nft_gate,
    service_rules,
)

MARK = "netvirt:maple"


def base(name: str = "relay", **more: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "strict", "name": name, "type": "filter", "hook": "forward", "prio": 0, **more}}


def rule(*expr: dict[str, Any], chain: str = "relay", handle: int = 7, comment: str | None = None) -> dict[str, Any]:
    told = {"comment": comment} if comment else {}
    return {"rule": {"family": "inet", "table": "strict", "chain": chain, "handle": handle, "expr": list(expr), **told}}


def match(key: str, name: str) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": name}}


def gate(*objects: dict[str, Any]) -> Gate:
    return nft_gate(objects, next(item["chain"] for item in objects if "chain" in item), "netvirt:")


@pytest.mark.parametrize(
    ("objects", "drops"),
    [
        ([base(policy="accept")], False),
        ([base(policy="drop")], True),
        ([base(), rule({"accept": None})], False),
        ([base(), rule(match("iifname", "lan"), {"drop": None})], True),
        ([base(), rule({"reject": {"type": "icmpx", "expr": "admin-prohibited"}})], True),
        ([base(), rule({"xt": {"type": "target", "name": "REJECT"}})], True),
        ([base(), rule({"jump": {"target": "deep"}}), rule({"goto": {"target": "deeper"}}, chain="deep")], False),
        ([base(), rule({"jump": {"target": "deep"}}), rule({"drop": None}, chain="deep")], True),
        ([base(), rule({"jump": {"target": "relay"}})], False),
        ([base(), rule({"drop": None}, chain="unused")], False),
        ([base(), rule({"vmap": {"key": {"meta": {"key": "iifname"}}, "data": {"set": [["lan", {"drop": None}]]}}})], True),
        ([base(), rule({"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@verdicts"}})], True),
        ([base(), rule({"drop": None}, comment="netvirt:rowan")], False),
    ],
)
def test_what_may_drop(objects: list[dict[str, Any]], drops: bool) -> None:
    assert gate(*objects).drops is drops


def test_bases_are_those_of_the_hook_and_of_others() -> None:
    objects = [
        base("mine", table="netvirt-maple"),
        base("bridged", family="bridge"),
        base("incoming", hook="input"),
        {"chain": {"family": "ip", "table": "t", "name": "plain"}},
        base("relay"),
    ]
    assert [chain["name"] for chain in nft_bases(objects, "forward")] == ["relay"]
    assert [chain["name"] for chain in nft_bases(objects, "input")] == ["incoming"]


def test_marked_rules_are_known_by_comment_and_place() -> None:
    answers = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}
    found = gate(
        base(policy="drop"),
        rule(match("iifname", "sw1"), {"accept": None}, handle=11, comment=MARK),
        rule({"drop": None}, handle=12),
        rule(match("oifname", "sw1"), answers, {"accept": None}, handle=13, comment=MARK),
    )
    assert found.marked == (Marked(MARK, ("from", "sw1"), "relay handle 11", True), Marked(MARK, ("to", "sw1"), "relay handle 13", False))
    assert not found.fits(MARK, forward_rules(["sw1"]))
    assert not found.fits("netvirt:rowan", forward_rules(["sw1"]))
    assert found.fits("netvirt:rowan", [])
    assert nft_edit(found, MARK, forward_rules(["sw2"])) == [
        "delete rule inet strict relay handle 11",
        "delete rule inet strict relay handle 13",
        'insert rule inet strict relay iifname "sw2" accept comment "netvirt:maple"',
        'insert rule inet strict relay oifname "sw2" ct state { established, related } accept comment "netvirt:maple"',
    ]


def test_services_by_nft() -> None:
    udp = {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": {"set": [53, 67]}}}
    found = gate(base(policy="drop"), rule(match("iifname", "sw1"), udp, {"accept": None}, comment=MARK))
    assert [mark.rule for mark in found.marked] == [("udp", "sw1")]
    assert nft_edit(found, MARK, service_rules(["sw1"]))[1:] == [
        'insert rule inet strict relay iifname "sw1" udp dport { 53, 67 } accept comment "netvirt:maple"',
        'insert rule inet strict relay iifname "sw1" tcp dport 53 accept comment "netvirt:maple"',
    ]


def test_a_table_that_nobody_else_may_change_is_known() -> None:
    table = {"table": {"family": "inet", "name": "strict", "handle": 1, "flags": ["owner", "persist"]}}
    assert gate(table, base(policy="drop")).owner == "strict"


OPEN = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n"
SHUT = "-P INPUT ACCEPT\n-P FORWARD DROP\n"
OUT = '-A FORWARD -i sw1 -m comment --comment "netvirt:maple" -j ACCEPT\n'
BACK = '-A FORWARD -o sw1 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "netvirt:maple" -j ACCEPT\n'
DOCKER = "-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\n"


def legacy(listing: str) -> Gate:
    return iptables_gate("/sbin/iptables-legacy", "ip", "filter", "forward", listing, "netvirt:")


@pytest.mark.parametrize(
    ("listing", "drops", "entry", "fits"),
    [
        (OPEN, False, "FORWARD", True),
        (OPEN + OUT + BACK, False, "FORWARD", False),  # no longer needed
        (SHUT, True, "FORWARD", False),
        (SHUT + OUT + BACK, True, "FORWARD", True),
        (SHUT + OUT, True, "FORWARD", False),
        (SHUT + "-A FORWARD -i lan -j LOG\n" + OUT + BACK, True, "FORWARD", False),
        (SHUT + OUT.replace("maple", "rowan") + OUT + BACK, True, "FORWARD", True),
        (OPEN + "-N deep\n-A FORWARD -g deep\n-A deep -j REJECT --reject-with icmp-port-unreachable\n", True, "FORWARD", False),
        (OPEN + DOCKER, False, "DOCKER-USER", True),
        (SHUT + OUT + BACK + DOCKER, True, "DOCKER-USER", False),
        (SHUT + (OUT + BACK).replace("FORWARD ", "DOCKER-USER ") + DOCKER, True, "DOCKER-USER", True),
        (SHUT + "-A FORWARD -i lan -j DROP\n" + DOCKER, True, "FORWARD", False),  # Docker's chain is not the first one
    ],
)
def test_iptables(listing: str, drops: bool, entry: str, fits: bool) -> None:
    found = legacy(listing)
    assert (found.drops, found.entry, found.fits(MARK, forward_rules(["sw1"]))) == (drops, entry, fits)


def test_iptables_rules_are_removed_as_they_are_listed() -> None:
    assert iptables_edit(legacy(SHUT + OUT), MARK, forward_rules(["sw2"])) == [
        f"-D {OUT[3:].strip()}",
        '-I FORWARD 1 -i sw2 -m comment --comment "netvirt:maple" -j ACCEPT',
        '-I FORWARD 1 -o sw2 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "netvirt:maple" -j ACCEPT',
    ]
    assert iptables_edit(legacy(SHUT + OUT), MARK, []) == [f"-D {OUT[3:].strip()}"]
