# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture sees at ports of Open vSwitch, whatever datapath this machine has."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import frames

from .conftest import PrivateSwitch, run_module, shell

PLACES = ["p-ash", "ash/eth0", "p-fig"]


def frame(text: str) -> bytes:
    return bytes.fromhex("ffffffffffff 020000000042 88b5") + text.encode().ljust(46)


@pytest.fixture
def ports(switch: PrivateSwitch) -> Iterator[PrivateSwitch]:
    """Give a bridge that the namespaces ash and fig are at."""
    switch.vsctl("add-br grove -- set bridge grove datapath_type=netdev")
    for name in ("ash", "fig"):
        shell(f"ip netns add {name}; ip link add p-{name} up type veth peer name eth0 netns {name}; ip -n {name} link set eth0 up")
        switch.vsctl(f"add-port grove p-{name}")
    assert "failed" not in run_module("capture", lab="maple", links=PLACES, filter="ether proto 0x88b5")
    yield switch
    run_module("capture", lab="maple", state="absent")
    switch.vsctl("del-br grove")
    shell("ip link del p-ash; ip link del p-fig; ip netns del ash; ip netns del fig")


def send(link: str, text: str) -> None:
    assert run_module("replay", link=link, frames=[frame(text).hex()])["frames"] == 1


def seen() -> dict[str, list[str]]:
    found = {place: f"/run/netvirt/maple/captures/{name}/{name}.pcap" for place in PLACES for name in (place.replace("/", "."),)}
    return {place: [one.data[14:].decode().strip() for one in frames(path)] for place, path in found.items()}


def all_seen() -> dict[str, list[str]]:
    assert "failed" not in run_module("capture", lab="maple", state="stopped")
    return seen()


def passed_on(text: str) -> None:
    """Send until the switch passes frames on, which it does once its ports and flows are as told."""
    deadline = time.monotonic() + 60
    while text not in seen()["p-fig"]:
        assert time.monotonic() < deadline
        send("ash/eth0", text)
        time.sleep(0.2)


def test_a_port_shows_what_comes_and_what_goes_and_what_is_dropped(ports: PrivateSwitch) -> None:
    passed_on("forwarded")
    ports.vsctl("set-fail-mode grove secure")  # without a controller it has no flow now, and drops all
    send("ash/eth0", "dropped")
    ports.vsctl("set-fail-mode grove standalone")
    passed_on("forwarded again")
    found = all_seen()
    assert {"forwarded", "dropped", "forwarded again"} == set(found["p-ash"])
    assert {"forwarded", "forwarded again"} == set(found["p-fig"])


def test_what_is_sent_out_of_a_port_does_not_come_to_the_switch(ports: PrivateSwitch) -> None:
    passed_on("ready")
    send("p-ash", "outward")
    passed_on("later")
    found = all_seen()
    assert "outward" in found["p-ash"]
    assert "outward" in found["ash/eth0"]
    assert "outward" not in found["p-fig"]
