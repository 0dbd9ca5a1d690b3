# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces, interfaces and addresses in the kernel of a simulated lab host, seen with ip(8)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver, Addressing, Route, addressing
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver

LAB = "wiring"


def ip(*words: str) -> list[dict[str, Any]]:
    """Return what 'ip -json' says."""
    said = subprocess.run(["ip", "-details", "-json", *words], check=True, capture_output=True, text=True).stdout
    found = json.loads(said or "[]")
    assert isinstance(found, list)
    return found


def attempt(*words: str) -> int:
    return subprocess.run(words, check=False, capture_output=True).returncode


def links(*words: str) -> dict[str, dict[str, Any]]:
    return {link["ifname"]: link for link in ip(*words, "link", "show")}


def settings(name: str) -> tuple[str, ...]:
    """Return whether the host answers ARP requests on an interface, and whether it speaks IPv6 there."""
    return tuple(
        Path(f"/proc/sys/net/{key}").read_text().strip() for key in (f"ipv4/conf/{name}/arp_ignore", f"ipv6/conf/{name}/disable_ipv6")
    )


def test_nobody_answers_for_the_host_at_a_silent_port(bench: Bench) -> None:
    """A userspace switch only listens in at its ports: the host would answer for all its addresses there, with another MAC."""
    ends = pair("blue0", "lan0", "wiring-blue")
    places = [addressing({"name": "lan0", "netns": "wiring-blue", "addresses": ["10.35.0.2/24"]}, LAB)]
    host = [Link("other", "", LAB, "bridge", up=True)], [addressing({"name": "other", "addresses": ["10.35.0.1/24"]}, LAB)]
    for silent, answered in ((False, True), (True, False)):
        bench.run([Namespace("wiring-blue", LAB)], [replace(ends[0], silent=silent), ends[1], *host[0]], places + host[1])
        attempt("ip", "-n", "wiring-blue", "neigh", "flush", "dev", "lan0")
        # It is asked three times, a second apart (arp(7), mcast_solicit); a ping without an answer ends when that has failed.
        attempt("ip", "netns", "exec", "wiring-blue", "ping", "-c1", "-w4", "10.35.0.1")
        neighbours = ip("-n", "wiring-blue", "neigh", "show", "10.35.0.1")
        assert any("lladdr" in neighbour for neighbour in neighbours) is answered


class Bench:
    """Runs goals on the lab and looks at the plans."""

    def run(
        self, spaces: list[Namespace], ends: list[Link], addresses: list[Addressing] | None = None, lab: str = LAB, **how: bool
    ) -> list[Change[Any]]:
        goals: list[Goal[Any]] = [
            Goal(NamespaceDriver(), tuple(spaces), purge=True),
            Goal(LinkDriver(), tuple(ends), purge=True),
            Goal(AddressDriver(), tuple(addresses or ())),
        ]
        return converge(goals, Scope(lab, **how))


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a bench, and see that the lab is gone when it is taken down."""
    before = ip("link", "show"), ip("netns", "list")
    bench = Bench()
    yield bench
    for lab in (LAB, "neighbour"):
        bench.run([], [], lab=lab)
    assert (ip("link", "show"), ip("netns", "list")) == before


def pair(near: str, far: str, netns: str, lab: str = LAB, **attributes: Any) -> list[Link]:
    return [
        Link(near, "", lab, "veth", (netns, far), up=True),
        Link(far, netns, lab, "veth", ("", near), up=True, **attributes),
    ]


def test_create_repeat_change_remove(bench: Bench) -> None:
    space = Namespace("wiring-blue", LAB)
    ends = pair("blue0", "lan0", "wiring-blue", mac="02:00:00:00:00:17", mtu=1400, tx_offload=False)
    ends[0] = replace(ends[0], altname="wiring-blue-lan0")
    tap = Link("tapdance", "", LAB, "tap", owner=65534, group=65534, vnet_hdr=True, mtu=1300, up=True, silent=True)
    bridge = Link("bridge7", "", LAB, "bridge", up=True)
    ends[0] = replace(ends[0], master="bridge7")
    places = [
        addressing({"name": "bridge7", "addresses": ["10.31.0.1/24", "fd31::1/64"]}, LAB),
        addressing(
            {"name": "lan0", "netns": "wiring-blue", "addresses": ["10.31.0.2/24"], "routes": [{"to": "default", "via": "10.31.0.1"}]}, LAB
        ),
    ]
    wanted = [space], [*ends, tap, bridge], places

    foretold = bench.run(*wanted, check=True)
    assert "bridge7" not in links()
    assert diff(bench.run(*wanted)) == diff(foretold)
    assert bench.run(*wanted) == []

    here, there = links(), links("-n", "wiring-blue")
    assert here["blue0"]["master"] == "bridge7"
    assert here["blue0"]["altnames"] == ["wiring-blue-lan0"]
    assert here["blue0"]["ifalias"] == "netvirt:wiring"
    assert (there["lan0"]["address"], there["lan0"]["mtu"]) == ("02:00:00:00:00:17", 1400)
    assert "UP" in there["lo"]["flags"]
    assert here["tapdance"]["linkinfo"]["info_data"]["user"] == "nobody"
    assert here["tapdance"]["linkinfo"]["info_data"]["vnet_hdr"] is True
    assert settings("tapdance") == ("8", "1")
    assert {info["local"] for link in ip("address", "show", "dev", "bridge7") for info in link["addr_info"]} >= {"10.31.0.1", "fd31::1"}
    assert ip("-n", "wiring-blue", "route", "show", "default")[0]["gateway"] == "10.31.0.1"
    assert attempt("ip", "netns", "exec", "wiring-blue", "ping", "-c1", "-w20", "10.31.0.1") == 0

    index = here["blue0"]["ifindex"]
    changed = [
        replace(ends[0], master=""),
        replace(ends[1], mtu=1200, mac="02:00:00:00:00:18"),
        replace(tap, owner=0, mtu=1290, silent=False),
        replace(bridge, mtu=1450),
    ]
    places[1] = replace(places[1], addresses=("10.31.0.3/24",), routes=(Route("10.99.0.0/16", "10.31.0.1"),))
    foretold = bench.run([space], changed, places, check=True)
    assert {(change.kind, change.key): sorted(change.differing) for change in foretold} == {
        ("link", "blue0"): ["master"],
        ("link", "wiring-blue/lan0"): ["mac", "mtu"],
        ("link", "tapdance"): ["mtu", "owner", "silent"],
        ("link", "bridge7"): ["mtu"],
        ("address", "wiring-blue/lan0"): ["addresses", "routes"],
    }
    assert diff(bench.run([space], changed, places)) == diff(foretold)
    assert bench.run([space], changed, places) == []
    assert links()["blue0"]["ifindex"] == index, "changed in place, not made anew"
    assert settings("tapdance") == ("0", "0")
    assert links("-n", "wiring-blue")["lan0"]["mtu"] == 1200
    assert [route["dst"] for route in ip("-n", "wiring-blue", "route", "show", "proto", "static")] == ["10.99.0.0/16"]

    gone = bench.run([], [])
    assert {change.action for change in gone} == {"remove"}
    assert not {"blue0", "tapdance", "bridge7"} & set(links())
    assert bench.run([], []) == []


@pytest.mark.parametrize(
    ("damage", "repaired"),
    [
        ("ip -n wiring-red link set lan0 mtu 1280", {"wiring-red/lan0"}),
        ("ip link del red0", {"red0", "wiring-red/lan0"}),
        ("ip -n wiring-red address flush dev lan0", {"wiring-red/lan0"}),
        ("ip -n wiring-red link set lan0 down", {"wiring-red/lan0"}),
        ("ip netns del wiring-red", {"wiring-red", "red0", "wiring-red/lan0"}),
        ("ip -n wiring-red link set lan0 name lan1", {"wiring-red/lan0", "wiring-red/lan1", "red0"}),
    ],
)
def test_damage_done_by_hand_is_found_and_repaired(bench: Bench, damage: str, repaired: set[str]) -> None:
    wanted = (
        [Namespace("wiring-red", LAB), Namespace("wiring-green", LAB)],
        [*pair("red0", "lan0", "wiring-red", mtu=1400), *pair("green0", "lan0", "wiring-green")],
        [addressing({"name": "lan0", "netns": "wiring-red", "addresses": ["10.32.0.2/24"]}, LAB)],
    )
    bench.run(*wanted)
    subprocess.run(damage.split(), check=True)
    # The kernel may take a moment to end the interfaces of a namespace that is gone.
    for _try in range(600):
        if "netns del" not in damage or "red0" not in links():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert {change.key for change in bench.run(*wanted)} == repaired
    assert bench.run(*wanted) == []


def test_tap_that_loses_its_owner_is_made_anew(bench: Bench) -> None:
    bench.run([], [Link("tapdance", "", LAB, "tap", owner=65534)])
    nobodys = [Link("tapdance", "", LAB, "tap", owner=-1)]
    assert [change.action for change in bench.run([], nobodys)] == ["replace"]
    assert "user" not in links()["tapdance"]["linkinfo"]["info_data"]
    assert bench.run([], nobodys) == []


def test_veth_straight_between_two_namespaces(bench: Bench) -> None:
    spaces = [Namespace("wiring-left", LAB), Namespace("wiring-right", LAB), Namespace("wiring-up", LAB), Namespace("wiring-down", LAB)]
    ends = [
        Link("to-right", "wiring-left", LAB, "veth", ("wiring-right", "to-left"), up=True),
        Link("to-left", "wiring-right", LAB, "veth", ("wiring-left", "to-right"), up=True),
        Link("to-down", "wiring-up", LAB, "veth", ("wiring-down", "to-up"), up=True),
        Link("to-up", "wiring-down", LAB, "veth", ("wiring-up", "to-down"), up=True),
    ]
    places = [
        addressing({"name": "to-right", "netns": "wiring-left", "addresses": ["10.33.0.1/30"]}, LAB),
        addressing({"name": "to-left", "netns": "wiring-right", "addresses": ["10.33.0.2/30"]}, LAB),
    ]
    bench.run(spaces, ends, places)
    assert bench.run(spaces, ends, places) == []
    assert attempt("ip", "netns", "exec", "wiring-left", "ping", "-c1", "-w20", "10.33.0.2") == 0
    assert {change.key for change in bench.run(spaces[:2], ends[:2], places)} >= {"wiring-up", "wiring-down"}


def test_a_process_keeps_no_wire_of_a_removed_lab(bench: Bench) -> None:
    """Namespaces in which a process runs live on without their names; nothing of the lab's network lives on in them."""
    spaces = [Namespace(name, LAB) for name in ("wiring-east", "wiring-west")]
    east, west = ("wiring-east", "e0"), ("wiring-west", "w0")
    wire = [Link(name, netns, LAB, "veth", peer) for (netns, name), peer in ((east, west), (west, east))]
    bench.run(spaces, [*wire, *pair("home0", "e1", "wiring-east")])
    sleepers = [subprocess.Popen(["ip", "netns", "exec", space.name, "sleep", "60"]) for space in spaces]
    try:
        for sleeper in sleepers:
            while Path(f"/proc/{sleeper.pid}/comm").read_text() != "sleep\n":
                assert sleeper.poll() is None
        foretold = bench.run([], [], check=True)
        assert diff(bench.run([], [])) == diff(foretold)
        for sleeper in sleepers:
            seen = Path(f"/proc/{sleeper.pid}/net/dev").read_text().splitlines()[2:]
            assert [line.partition(":")[0].strip() for line in seen] == ["lo"]
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def test_two_labs_side_by_side(bench: Bench) -> None:
    mine = [Namespace("wiring-a", LAB)], pair("a0", "eth0", "wiring-a")
    theirs = [Namespace("neighbour-a", "neighbour")], pair("b0", "eth0", "neighbour-a", lab="neighbour")
    bench.run(*mine)
    bench.run(*theirs, lab="neighbour")
    bench.run([], [])
    assert "b0" in links()
    assert [space["name"] for space in ip("netns", "list") if space["name"].endswith("-a")] == ["neighbour-a"]
    assert bench.run(*theirs, lab="neighbour") == []


@pytest.mark.parametrize(
    ("make", "end", "message"),
    [
        ("ip link add mine type bridge", Link("mine", "", LAB, "bridge"), r"The link 'mine' exists and was not made by netvirt\.lab"),
        ("ip tuntap add mine mode tap", Link("mine", "", LAB, "tap", mtu=1400), r"The link 'mine' exists and was not made by netvirt\.lab"),
    ],
)
def test_foreign_interfaces_are_refused_and_can_be_adopted(bench: Bench, make: str, end: Link, message: str) -> None:
    subprocess.run(make.split(), check=True)
    with pytest.raises(LabError, match=message):
        bench.run([], [end])
    assert "ifalias" not in links()["mine"]
    bench.run([], [end], adopt=True)
    assert links()["mine"]["ifalias"] == "netvirt:wiring"
    assert bench.run([], [end]) == []


def test_foreign_namespace_is_refused(bench: Bench) -> None:
    subprocess.run(["ip", "netns", "add", "theirs"], check=True)
    try:
        with pytest.raises(LabError, match=r"The netns 'theirs' exists and was not made by netvirt\.lab"):
            bench.run([Namespace("theirs", LAB)], [])
        assert bench.run([], []) == []
    finally:
        subprocess.run(["ip", "netns", "del", "theirs"], check=True)


def test_subnet_in_use_elsewhere_is_refused_before_anything_is_made(bench: Bench) -> None:
    subprocess.run(["ip", "link", "add", "theirs", "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", "10.34.0.1/16", "dev", "theirs"], check=True)
    try:
        with pytest.raises(LabError, match=r"The subnet 10\.34\.7\.0/24 of 'bridge7' is in use: 'theirs' has 10\.34\.0\.0/16"):
            bench.run([], [Link("bridge7", "", LAB, "bridge")], [addressing({"name": "bridge7", "addresses": ["10.34.7.1/24"]}, LAB)])
        assert "bridge7" not in links()
    finally:
        subprocess.run(["ip", "link", "del", "theirs"], check=True)


def test_missing_namespace_is_named_in_check_mode_too(bench: Bench) -> None:
    for check in (True, False):
        with pytest.raises(LabError, match="There is no network namespace 'nowhere' to put a link into"):
            bench.run([], pair("blue0", "lan0", "nowhere"), check=check)
    assert "blue0" not in links()


def test_a_name_left_by_a_killed_run_is_reused(bench: Bench) -> None:
    Path("/run/netns").mkdir(exist_ok=True)
    Path("/run/netns/wiring-half").touch()
    bench.run([Namespace("wiring-half", LAB)], [])
    assert attempt("ip", "netns", "exec", "wiring-half", "true") == 0


def test_a_name_left_by_a_killed_run_is_removed_with_its_lab(bench: Bench) -> None:
    bench.run([Namespace("wiring-half", LAB)], [])
    for name in ("wiring-half", "theirs-half"):
        subprocess.run(f"umount /run/netns/{name} || touch /run/netns/{name}", shell=True, check=True, capture_output=True)
    foretold = bench.run([], [], check=True)
    assert [(change.key, change.action) for change in bench.run([], [])] == [("wiring-half", "remove")]
    assert [change.key for change in foretold] == ["wiring-half"]
    assert sorted(path.name for path in Path("/run/netns").glob("*-half")) == ["theirs-half"]
    Path("/run/netns/theirs-half").unlink()


def test_two_hundred_namespaces(bench: Bench) -> None:
    spaces = [Namespace(f"wiring-{number}", LAB) for number in range(200)]
    ends = [end for number in range(200) for end in pair(f"w{number}", "eth0", f"wiring-{number}")]
    bench.run(spaces, ends)
    assert bench.run(spaces, ends) == []
    assert len([name for name in links() if name.startswith("w")]) == 200
