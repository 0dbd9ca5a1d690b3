# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and routes of both families, and whose they are."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import Addressing, addressing
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace

from .test_links import LAB, Bench, bench, ip, pair

__all__ = ["bench"]

NETNS = "wiring-blue"


def place(name: str, **item: Any) -> Addressing:
    return addressing({"name": name, "netns": NETNS, **item}, LAB)


def shell(line: str) -> None:
    subprocess.run(line.split(), check=True)


def addresses(name: str) -> set[str]:
    (link,) = ip("-n", NETNS, "address", "show", "dev", name)
    return {info["local"] for info in link["addr_info"] if not info["local"].startswith("fe80:")}


def targets(*words: str) -> set[str]:
    return {route["dst"] for route in ip("-n", NETNS, *words, "route", "show")}


def test_loopback_addresses_come_and_go_beside_the_kernels_own(bench: Bench) -> None:
    wanted = [Namespace(NETNS, LAB)], pair("blue0", "lan0", NETNS), [place("lo", addresses=["10.255.0.3/32", "fd33::3/128"])]
    bench.run(*wanted)
    assert bench.run(*wanted) == []
    assert addresses("lo") == {"127.0.0.1", "::1", "10.255.0.3", "fd33::3"}
    bench.run(*wanted[:2], [place("lo", addresses=[])])
    assert addresses("lo") == {"127.0.0.1", "::1"}


def test_one_family_is_managed_and_the_other_is_left_alone(bench: Bench) -> None:
    spaces, ends = [Namespace(NETNS, LAB)], pair("blue0", "lan0", NETNS)
    bench.run(spaces, ends)
    shell(f"ip -n {NETNS} address add 10.34.0.9/24 dev lan0")
    six = place(
        "lan0", family=6, addresses=["fd34::9/64"], routes=[{"to": "default", "via": "fd34::1"}, {"to": "fd35::/64", "via": "fd34::2"}]
    )
    bench.run(spaces, ends, [six])
    assert bench.run(spaces, ends, [six]) == []
    assert addresses("lan0") == {"10.34.0.9", "fd34::9"}
    assert targets("-6") >= {"default", "fd35::/64"}
    bench.run(spaces, ends, [place("lan0", family=6, addresses=["fd34::8/64"], routes=[])])
    assert addresses("lan0") == {"10.34.0.9", "fd34::8"}
    assert not targets("-6") & {"default", "fd35::/64"}
    bench.run(spaces, ends, [place("lan0", addresses=["fd34::8/64"])])
    assert addresses("lan0") == {"fd34::8"}


def test_the_routes_of_others_stay(bench: Bench) -> None:
    spaces, ends = [Namespace(NETNS, LAB)], pair("blue0", "lan0", NETNS)
    own = place("lan0", addresses=["10.34.0.9/24"], routes=[{"to": "10.77.0.0/16", "via": "10.34.0.1"}])
    bench.run(spaces, ends, [own])
    for protocol, network in (("boot", "10.78.0.0/16"), ("dhcp", "default"), ("zebra", "10.79.0.0/16")):
        shell(f"ip -n {NETNS} route add {network} via 10.34.0.2 proto {protocol}")
    assert bench.run(spaces, ends, [own]) == []
    bench.run(spaces, ends, [place("lan0", addresses=["10.34.0.9/24"], routes=[])])
    assert targets() == {"10.34.0.0/24", "10.78.0.0/16", "default", "10.79.0.0/16"}
