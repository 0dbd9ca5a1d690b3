# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How failures are told: once for each cause."""

from __future__ import annotations

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.grouped import listed, told

NETS = {"10.3.0.80": "10.3.0.0/24", "fd03::80": "fd03::/64"}


def test_a_single_failure_is_a_sentence_with_cause_and_way() -> None:
    deaf, open_port = Check("ann", "bob", "ping", "10.8.0.9"), Check("ann", "bob tcp/22", "tcp", "10.8.0.9", port=22, reach=False)
    results = {deaf: "no answer", open_port: "it does, and should not", Check("ann", "gateway", "ping", "10.8.0.1"): ""}
    assert told(results, {deaf: ["bob:eth0 is down"]}, {deaf: "ann:eth0 - plaza - bob:eth0"}, {}).splitlines() == [
        "2 of 3 checks failed:",
        "'ann' cannot reach 10.8.0.9 (bob): no answer.",
        "    Likely: bob:eth0 is down.",
        "    Path: ann:eth0 - plaza - bob:eth0.",
        "'ann' can reach 10.8.0.9 port 22/tcp (bob): it does, and should not.",
    ]


def test_what_has_one_cause_is_told_once_for_each_family_and_names_the_network() -> None:
    checks = [Check(f"h{number}", "web tcp/80", "tcp", target, port=80) for target in NETS for number in range(1, 9)]
    why = {check: [f"r1 has no route to {check.target} (network is unreachable)"] for check in checks}
    assert told(dict.fromkeys(checks, "no answer"), why, {checks[0]: "h1:eth0 - web:eth0"}, NETS).splitlines() == [
        "16 of 16 checks failed:",
        "h1..h8 cannot reach web port 80/tcp over IPv4 (8 checks): no answer.",
        "    Likely: r1 has no route to 10.3.0.0/24 (network is unreachable).",
        "    Path of the first: h1:eth0 - web:eth0.",
        "h1..h8 cannot reach web port 80/tcp over IPv6 (8 checks): no answer.",
        "    Likely: r1 has no route to fd03::/64 (network is unreachable).",
    ]


def test_not_all_pairs_of_a_group() -> None:
    checks = [Check("h1", "h2", "ping", "10.8.0.2"), Check("h2", "h1", "ping", "10.8.0.1")]
    why = {check: ["h2:eth0 is down"] for check in checks}
    assert told({checks[0]: "no answer", checks[1]: "network is unreachable"}, why, {}, {}).splitlines()[1:] == [
        "2 checks fail in which h1, h2 reach h1, h2 over IPv4: no answer or network is unreachable.",
        "    Likely: h2:eth0 is down.",
    ]


def test_without_a_cause_the_deed_and_the_problem_make_the_group() -> None:
    leases = [Check(name, "lease", "lease", f"02:{name}") for name in ("ann", "bob")]
    names = [Check(name, "eve", "resolve", "eve", answer="10.8.0.9") for name in ("ann", "bob")]
    results = {**dict.fromkeys(leases, "the DHCP server has given none"), **dict.fromkeys(names, "no answer")}
    assert told(results, {}, {}, {}).splitlines()[1:] == [
        "ann, bob cannot show a lease (2 checks): the DHCP server has given none.",
        "ann, bob cannot resolve eve (2 checks): no answer.",
    ]


def test_the_switch_goes_by_its_address_and_many_groups_are_cut() -> None:
    checks = [Check(name, "gateway", "ping", f"10.{net}.0.1") for net in range(22) for name in ("ann", "bob")]
    why = {check: [f"{check.target} is asleep"] for check in checks}
    lines = told(dict.fromkeys(checks, "no answer"), why, {}, {}).splitlines()
    assert lines[1] == "ann, bob cannot reach 10.0.0.1 over IPv4 (2 checks): no answer."
    assert lines[-1] == "... and 4 more, of 2 other kinds."


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["h2", "h1", "h3"], "h1..h3"),
        (["h1", "h2", "web", "h9"], "h1, h2, h9, web"),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], "10.0.0.1, 10.0.0.2, 10.0.0.3"),
        (["h", "h1", "h01"], "h, h1, h01"),
        ([f"{letter}x" for letter in "abcdefghijklmn"], "ax, bx, cx, dx, ex, fx, gx, hx, ix, jx, kx, lx and 2 more"),
    ],
)
def test_names_are_listed_as_ranges(names: list[str], text: str) -> None:
    assert listed(names) == text
