# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis finds: a real lab is broken in every way that it knows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import Pond, run

PAIR = {"from": "h1", "to": "h2"}
# How h2, h3, ... are broken in turn, NODE and PORT being each one's own, and what is said of the way from h1 to it.
BROKEN = [
    ("ip -n NODE link set eth0 down", "NAME:eth0 is down"),
    ("ip link set PORT down", "sw's port PORT is down"),
    ("ip link set PORT nomaster", "PORT is no port of sw"),
    ("ip link del PORT", "sw's port PORT does not exist; NAME:eth0 does not exist"),
    ("ip -n NODE address flush dev eth0", "NAME does not have the address ADDRESS"),
    ("ip -n NODE route flush table main", "NAME has no route back to 10.43.0.11 (network is unreachable)"),
    ("ip -n NODE link set eth0 arp off", "nobody answers h1's ARP requests for ADDRESS"),
    (
        "ip -n NODE link add by type bridge; ip -n NODE link set by up; ip -n NODE route add 10.43.0.11/32 dev by; "
        "ip netns exec NODE sysctl -qw net.ipv4.conf.eth0.rp_filter=1",
        "NAME:eth0 drops what comes from 10.43.0.11, as its own way there is by by (rp_filter is 1)",
    ),
]
# The same for those who send to h1.
MUTE = [
    ("ip -n NODE link set eth0 down", "NAME:eth0 is down"),
    ("ip -n NODE address flush dev eth0", "NAME has no IPv4 address"),
    ("ip -n NODE route flush table main", "NAME has no route to 10.43.0.11 (network is unreachable)"),
]


def test_every_way_to_break_a_pair_is_told(make: Callable[[Any, Any], Pond]) -> None:
    names = [f"h{number}" for number in range(1, 14)]
    addresses = {name: f"10.43.0.{number}" for number, name in enumerate(names, 11)}
    links = [{"endpoints": [name, "sw"], "ipv4": addresses[name]} for name in names]
    pond = make({"sw": {"kind": "bridge", "ipv4": "10.43.0.1/24"}, **dict.fromkeys(names)}, links)
    deaf, mute = names[1 : 1 + len(BROKEN)], names[1 + len(BROKEN) : 1 + len(BROKEN) + len(MUTE)]
    asked = [{"from": "h1", "to": [*deaf, names[-1]]}, {"from": [*mute, names[-1]], "to": "h1"}]
    assert pond.failures(*asked) == []
    expected = set()
    for name, (commands, likely) in zip([*deaf, *mute], [*BROKEN, *MUTE]):
        for old, new in {"NODE": f"pond.{name}", "PORT": pond.ports[name], "NAME": name, "ADDRESS": addresses[name]}.items():
            commands, likely = commands.replace(old, new), likely.replace(old, new)
        run(*commands.split("; "))
        way = f"{name}:eth0 - sw - h1:eth0" if name in mute else f"h1:eth0 - sw - {name}:eth0"
        expected.add(f"Path: {way}. Likely: {likely}.")
    run("ip -n pond.h1 neighbour flush dev eth0")
    told = pond.failures(*asked)
    assert {line[line.index("Path: ") :] for line in told} == expected
    assert len(told) == len(expected)


def test_a_namespace_that_is_gone(pond: Pond) -> None:
    run("ip netns del pond.h1")
    deadline = time.monotonic() + 5  # its interfaces end a little later
    while Path("/sys/class/net", pond.ports["h1"]).exists():
        assert time.monotonic() < deadline
    (told,) = pond.failures(PAIR)
    assert told.endswith("Likely: the network namespace pond.h1 does not exist.")


def test_all_pairs_with_one_node_down_name_that_node_only(pond: Pond) -> None:
    assert pond.failures(pairs="all") == []
    run("ip -n pond.h5 link set eth0 down")
    told = pond.failures(pairs="all")
    assert len(told) == 11  # to the switch, and with five others both ways
    assert all("h5:eth0 is down" in line for line in told)


def test_a_bridge_that_is_down(pond: Pond) -> None:
    device = next(node["interfaces"][0]["name"] for node in pond.share["nodes"] if node["name"] == "sw")
    run(f"ip link set {device} down")
    (told,) = pond.failures(PAIR)
    assert told.endswith(f"Likely: sw's device {device} is down.")


def test_a_router_that_does_not_forward(chain: Pond) -> None:
    ends = {"from": "left", "to": "right"}
    assert chain.failures(ends) == []
    run("ip netns exec pond.mid sysctl -qw net.ipv4.ip_forward=0")
    (told,) = chain.failures(ends)
    assert told.endswith("Path: left:eth0 - mid:west - mid:east - right:eth0. Likely: mid forwards no packets (net.ipv4.ip_forward is 0).")
    run("ip netns exec pond.mid sysctl -qw net.ipv4.ip_forward=1", "ip -n pond.right route del default")
    (told,) = chain.failures(ends)
    assert told.endswith("Likely: right has no route back to 10.44.1.1 (network is unreachable).")


def test_a_filter_of_the_lab_host(make: Callable[[Any, Any], Pond]) -> None:
    switches = {"oak": {"kind": "bridge", "ipv4": "10.45.1.1/24"}, "elm": {"kind": "bridge", "ipv4": "10.45.2.1/24"}}
    links = [{"endpoints": ["left", "oak"], "ipv4": "10.45.1.2"}, {"endpoints": ["right", "elm"], "ipv4": "10.45.2.2"}]
    pond = make({**switches, "left": None, "right": None}, links)
    run("sysctl -qw net.ipv4.ip_forward=1")
    ends = {"from": "left", "to": "right"}
    assert pond.failures(ends) == []
    run("nft add table inet wall", "nft add chain inet wall gate { type filter hook forward priority 0 ; policy drop ; }")
    try:
        (told,) = pond.failures(ends)
    finally:
        run("nft delete table inet wall", "sysctl -qw net.ipv4.ip_forward=0")
    assert "Path: left:eth0 - oak - the lab host - elm - right:eth0." in told
    assert told.endswith("Likely: the lab host's chain 'inet wall gate' drops what no rule of it accepts.")


def test_a_narrow_port_of_a_switch(pond: Pond) -> None:
    wide = {**PAIR, "mtu": 1500}
    assert pond.failures(wide) == []
    run(f"ip link set {pond.ports['h2']} mtu 1400")
    (told,) = pond.failures(wide, PAIR)
    assert "by packets of 1500 bytes (h2): no answer." in told
    assert told.endswith(f"sw's port {pond.ports['h2']} has an MTU of 1400; at most 1400 bytes get through.")


def test_a_narrow_link_behind_a_router(chain: Pond) -> None:
    run("ip -n pond.mid link set east mtu 1400", "ip -n pond.right link set eth0 mtu 1400")
    assert chain.failures({"from": "left", "to": "right", "mtu": 1400}) == []
    (told,) = chain.failures({"from": "left", "to": "right", "mtu": 1401})
    assert "by packets of 1401 bytes (right): 10.44.1.2 lets at most 1400 bytes through." in told
    assert "mid's east has an MTU of 1400; right's eth0 has an MTU of 1400" in told


def test_an_interface_of_its_own_that_is_too_narrow(pond: Pond) -> None:
    (told,) = pond.failures({**PAIR, "mtu": 1501})
    assert "larger than its own interface allows" in told
    assert "at most 1500 bytes get through" in told
