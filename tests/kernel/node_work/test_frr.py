# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers that run FRR."""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError

from .conftest import LAB, Hamlet, shell, until, within

pytestmark = pytest.mark.skipif(not shutil.which("vtysh", path="/usr/bin:/usr/sbin"), reason="FRR is not installed (Debian: frr)")

NAMES = ("west", "middle", "east")
FORWARDING = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


def loopbacks(number: int) -> list[str]:
    return [f"10.99.9.{number}/32", f"fd99:9::{number}/128"]


def line(**protocols: Any) -> dict[str, Any]:
    """Return the share of three routers in a line."""
    ends = {"west": ["eth1"], "middle": ["eth1", "eth2"], "east": ["eth2"]}
    interfaces = {
        ("west", "eth1"): ["10.99.1.1/30", "fd99:1::1/126"],
        ("middle", "eth1"): ["10.99.1.2/30", "fd99:1::2/126"],
        ("middle", "eth2"): ["10.99.2.1/30", "fd99:2::1/126"],
        ("east", "eth2"): ["10.99.2.2/30", "fd99:2::2/126"],
    }
    peers = {"eth1": ("west", "middle"), "eth2": ("east", "middle")}
    links = [
        {"name": name, "netns": here, "kind": "veth", "peer": [there, name], "up": True}
        for name, pair in peers.items()
        for here, there in (pair, pair[::-1])
    ]
    return {
        "namespaces": [{"name": name} for name in NAMES],
        "links": links,
        "addresses": [
            {"name": name, "netns": netns, "addresses": addresses, "routes": [], "up": True}
            for (netns, name), addresses in interfaces.items()
        ]
        + [{"name": "lo", "netns": name, "addresses": loopbacks(number), "up": True} for number, name in enumerate(NAMES, 1)],
        "sysctls": [{"netns": name, "values": FORWARDING} for name in NAMES],
        "frr": [
            {
                "netns": name,
                "node": f"router-{name}",
                "router_id": f"10.99.9.{number}",
                "loopbacks": loopbacks(number),
                "interfaces": [{"name": interface, "addresses": interfaces[name, interface]} for interface in ends[name]],
                **copy.deepcopy(protocols),
            }
            for number, name in enumerate(NAMES, 1)
        ],
    }


def reached(netns: str, source: str, *addresses: str) -> bool:
    return all("1 received" in shell(f"ip netns exec {netns} ping -c1 -W1 -I {source} {address} || true") for address in addresses)


def end_to_end() -> bool:
    return reached("west", "10.99.9.1", "10.99.9.3") and reached("west", "fd99:9::1", "fd99:9::3")


def vtysh(node: str, command: str) -> str:
    return shell(f"vtysh --vty_socket /run/netvirt/{LAB}/frr/router-{node} -c '{command}'")


def daemon(name: str, node: str) -> int:
    return int(shell(f"pgrep -f '^[^ ]*/{name} .*/router-{node} '"))


def test_ospf_in_a_line(hamlet: Hamlet) -> None:
    share = line(ospf={"hello": 1, "dead": 4})
    hamlet.changed(share)
    until(end_to_end, 180)
    assert "proto ospf" in shell("ip -n west route get 10.99.9.3; ip -n west route show")
    assert hamlet.bring(share) == {}

    killed = daemon("ospfd", "middle")
    os.kill(killed, signal.SIGKILL)
    until(lambda: "0" not in shell("pgrep -fc '^[^ ]*/ospfd .*/router-middle ' || true").split(), 120)
    assert daemon("ospfd", "middle") != killed
    until(end_to_end, 180)
    assert hamlet.bring(share) == {}

    # Those who have told their routes to a zebra that is gone tell them to the next one.
    os.kill(daemon("zebra", "west"), signal.SIGKILL)
    until(lambda: "proto ospf" not in shell("ip -n west route"), 120)
    until(end_to_end, 180)
    assert hamlet.bring(share) == {}

    others = {(name, node): daemon(name, node) for name in ("zebra", "ospfd", "ospf6d") for node in NAMES}
    share["frr"][0]["ospf"]["cost"] = {"eth1": 77}
    shown = hamlet.changed(share)
    assert set(shown["after"]["service"]) == {"west/frr.ospfd", "west/frr.ospf6d"}
    assert {key for key, pid in others.items() if daemon(*key) != pid} == {("ospfd", "west"), ("ospf6d", "west")}
    until(lambda: re.search(r"cost: 77|Cost: 77", vtysh("west", "show ip ospf interface eth1"), re.IGNORECASE), 120)
    until(end_to_end, 180)


def test_isis_and_static_routes_and_what_somebody_has_written(hamlet: Hamlet) -> None:
    share = line(isis={"level": 2})
    share["frr"][0] |= {
        "static": [{"to": "192.0.2.0/24", "via": "10.99.1.2"}, {"to": "2001:db8::/32", "via": "fd99:1::2"}],
        "config": "ip route 198.51.100.0/24 blackhole\nip prefix-list few seq 5 permit 10.0.0.0/8\n",
    }
    hamlet.changed(share)
    until(end_to_end, 180)
    # Each by its own name, and not by the lab host's: the neighbours, and all whose news are known.
    until(lambda: all(f"router-{name}" in vtysh("west", "show isis hostname") for name in NAMES), 120)
    assert "router-middle" in vtysh("west", "show isis neighbor")
    routes = shell("ip -n west route; ip -n west -6 route")
    assert "192.0.2.0/24" in routes
    assert "2001:db8::/32" in routes
    assert "blackhole 198.51.100.0/24" in routes
    assert "ip prefix-list few seq 5 permit 10.0.0.0/8" in vtysh("west", "show running-config")
    share["frr"][0]["config"] = "interface eth1\n isis ruplicate\n"
    before = shell("pgrep -f /run/netvirt/")
    with pytest.raises(LabError, match=r"(?s)The settings of 'frr.zebra' in 'west' make no sense to vtysh:.*Unknown command.*ruplicate"):
        hamlet.bring(share)
    assert shell("pgrep -f /run/netvirt/").split()[:-1] == before.split()[:-1]  # the last one is the shell that asks


def test_bgp(hamlet: Hamlet) -> None:
    share = line()
    peers = {
        "west": (65001, [("10.99.1.2", 65002), ("fd99:1::2", 65002)]),
        "middle": (65002, [("10.99.1.1", 65001), ("fd99:1::1", 65001), ("10.99.2.2", 65003), ("fd99:2::2", 65003)]),
        "east": (65003, [("10.99.2.1", 65002), ("fd99:2::1", 65002)]),
    }
    for number, router in enumerate(share["frr"], 1):
        asn, neighbors = peers[router["netns"]]
        router["bgp"] = {
            "asn": asn,
            "neighbors": [{"address": address, "asn": other} for address, other in neighbors],
            "networks": loopbacks(number),
        }
    hamlet.changed(share)
    until(end_to_end, 180)
    assert "65002 65003" in vtysh("west", "show bgp ipv4 unicast 10.99.9.3/32")
    assert hamlet.bring(share) == {}
    share["frr"][2]["bgp"]["networks"].append("198.51.100.0/24")
    hamlet.changed(share)
    until(lambda: "198.51.100.0/24" in within("west", "ip route"), 120)

    # A node that is no longer a router: its processes and what they set goes, the others stay.
    del share["frr"][2]
    hamlet.changed(share)
    until(lambda: "10.99.9.3" not in within("west", "ip route"), 120)
    shell("pgrep -f '^[^ ]*/(zebra|bgpd) .*/router-east '", code=1)
    assert "proto bgp" not in within("east", "ip route")
    daemon("bgpd", "middle")
