# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths through a lab, and the causes that cannot be made on every machine: those that need Open vSwitch or guests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.diagnosis import OvsPort, causes
from ansible_collections.netvirt.lab.plugins.module_utils.reach.logical import Packet
from ansible_collections.netvirt.lab.plugins.module_utils.reach.paths import Wiring, shown
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.neighbours import Way

SHARE = compile_share(
    load(
        {
            "name": "park",
            "nodes": {
                "oak": {"kind": "bridge", "ipv4": "10.7.0.1/24"},
                "elm": {"kind": "ovs"},
                "fir": {"kind": "bridge", "ipv4": "10.9.0.1/24"},
                "ann": None,
                "bob": None,
                "eve": None,
                "deep": {"kind": "vm", "image": "tiny"},
            },
            "links": [
                {"endpoints": ["ann", "oak"], "ipv4": "10.7.0.7/24"},
                {"endpoints": ["bob", "elm:bob-port"], "ipv4": "10.7.0.9/24"},
                {"endpoints": ["ann", "elm:ann-port"], "ipv4": {"ann": "10.7.0.77/24"}},
                {"endpoints": ["deep", "elm:deep-tap"], "ipv4": "10.7.0.5/24"},
                {"endpoints": ["eve", "fir"], "ipv4": "10.9.0.5/24"},
                {"endpoints": ["eve:wire", "bob:wire"], "ipv4": {"eve": "10.8.0.1/30", "bob": "10.8.0.2/30"}},
                ["oak", "elm"],
            ],
        }
    )
)
WIRING = Wiring(SHARE)


@pytest.mark.parametrize(
    ("source", "target", "path"),
    [
        ("ann", "oak", "ann:eth0 - oak"),
        ("ann", "bob", "ann:eth1 - elm - bob:eth0"),
        ("deep", "oak", "deep:eth0 - elm - oak"),
        ("eve", "bob", "eve:wire - bob:wire"),
        ("eve", "ann", "eve:eth0 - fir - the lab host - oak - ann:eth0"),
        ("oak", "eve", "oak - the lab host - fir - eve:eth0"),
        ("ann", "nobody", ""),
    ],
)
def test_paths(source: str, target: str, path: str) -> None:
    assert shown(WIRING.path(source, target)) == path


def test_a_path_ends_at_the_interface_that_has_the_address() -> None:
    assert shown(WIRING.path("bob", "ann", "eth0")) == "bob:eth0 - elm - oak - ann:eth0"
    assert shown(WIRING.path("ann", "bob", "wire")) == "ann:eth0 - oak - the lab host - fir - eve:eth0 - eve:wire - bob:wire"


def test_patch_ports_join_switches() -> None:
    nodes = [{"name": name, "kind": "ovs", "netns": None, "interfaces": [{"name": f"{name}0", "addresses": []}]} for name in ("elm", "yew")]
    bridges = [
        {"name": f"{name}0", "ports": [{"name": f"to-{peer}", "type": "patch", "options": {"peer": f"to-{name}"}}]}
        for name, peer in (("elm", "yew"), ("yew", "elm"))
    ]
    assert shown(Wiring({"nodes": nodes, "bridges": bridges}).path("elm", "yew")) == "elm - yew"


class Intact:
    """A lab in which nothing is wrong, but for what a test says."""

    def __init__(self, **wrong: Any) -> None:
        self.wrong = {"ports": {}, "userspace": False, "offload": False, "up": {}, **wrong}

    def links(self, netns: str) -> dict[str, Any]:
        names = [link["name"] for link in SHARE["links"] if (link.get("netns") or "") == netns]
        masters = {link["name"]: link.get("master") for link in SHARE["links"] if link.get("master")}
        found = {name: SimpleNamespace(index=number, name=name, up=True, mtu=1500, master=0) for number, name in enumerate(names, 1)}
        for name, link in found.items():
            link.up = self.wrong["up"].get(name, True)
            link.master = found[masters[name]].index if name in masters and netns == "" else 0
        return found

    def addresses(self, netns: str) -> dict[str, list[str]]:
        return {
            item["name"]: [address.split("/")[0] for address in item["addresses"]]
            for item in SHARE["addresses"]
            if item["netns"] == netns and "addresses" in item
        }

    def way(self, netns: str, address: str) -> Way:
        return Way(1, "", "10.7.0.7")

    def known(self, netns: str, index: int, address: str) -> bool | None:
        return None

    def setting(self, netns: str, key: str) -> str:
        return ""

    def tx_offload(self, netns: str, interface: str) -> bool:
        return bool(self.wrong["offload"])

    def ovs_ports(self) -> dict[str, OvsPort]:
        ports = {port["name"]: OvsPort(bridge["name"], 0, False) for bridge in SHARE["bridges"] for port in bridge["ports"]}
        return {**ports, **self.wrong["ports"]}

    def controlled(self) -> bool:
        return True

    def traced(self, packet: Packet) -> str:
        return ""

    def userspace(self, bridge: str) -> bool:
        return bool(self.wrong["userspace"])

    def dropping(self) -> list[str]:
        return []


ELM = SHARE["bridges"][0]["name"]
PING = Check("ann", "bob", "ping", "10.7.0.9")


@pytest.mark.parametrize(
    ("check", "alive", "wrong", "found"),
    [
        (PING, False, {}, []),
        (PING, False, {"ports": {"bob-port": OvsPort("other", 0, False)}}, ["bob-port is no port of elm"]),
        (PING, False, {"ports": {"bob-port": OvsPort(ELM, 20, False)}}, ["VLAN tags differ: ann-port is in none, bob-port is in VLAN 20"]),
        (PING, False, {"ports": {"bob-port": OvsPort(ELM, 20, True)}}, []),
        (Check("bob", "deep", "ping", "10.7.0.5"), False, {"up": {"deep-tap": False}}, ["elm's port deep-tap is down"]),
        (Check("deep", "bob", "ping", "10.7.0.9"), False, {"up": {"bob-port": False}}, ["elm's port bob-port is down"]),
        (
            Check("ann", "bob", "tcp", "10.7.0.9", port=80),
            True,
            {"userspace": True, "offload": True},
            [f"{end} leaves checksums to its hardware, and elm switches in userspace (offload: false)" for end in ("ann:eth1", "bob:eth0")],
        ),
        (Check("ann", "bob", "tcp", "10.7.0.9", port=80), True, {"userspace": False, "offload": True}, []),
    ],
)
def test_causes(check: Check, alive: bool, wrong: dict[str, Any], found: list[str]) -> None:
    assert causes(check, WIRING, Intact(**wrong), alive) == found
