# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN devices in the kernel of a simulated lab host: made, kept, changed in place, refused, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors

from .converging import Links, sh

LAB = "tube"
UNDERLAY = "192.0.2.9"
BRIDGE = {"name": "plaza", "kind": "bridge", "up": True}
TUNNEL = {
    "name": "plaza-vx",
    "kind": "vxlan",
    "vni": 7700,
    "local": UNDERLAY,
    "remotes": ["192.0.2.21", "192.0.2.22"],
    "mtu": 1400,
    "up": True,
    "altname": "tube.plaza.vxlan",
    "master": "plaza",
}


run, settle = Links(LAB).run, Links(LAB).settle


@pytest.fixture(autouse=True)
def underlay() -> Iterator[None]:
    sh(f"ip link add under9 type bridge; ip link set under9 up; ip addr add {UNDERLAY}/24 dev under9")
    sh("ip addr add 2001:db8::9/64 dev under9 nodad")
    yield
    run()
    assert "vxlan" not in sh("ip -d link")
    sh("ip link del under9")


def floods() -> set[str]:
    lines = sh("bridge fdb show dev plaza-vx").splitlines()
    return {line.split()[line.split().index("dst") + 1] for line in lines if line.startswith("00:00:00:00:00:00")}


def made() -> dict[str, Any]:
    (link,) = (entry for entry in json.loads(sh("ip -d -j link show type vxlan")) if entry)
    return {**link, **link["linkinfo"]["info_data"]}


def test_a_tunnel_is_a_port_that_sends_a_copy_to_each_other_lab_host() -> None:
    settle(BRIDGE, TUNNEL)
    found = made()
    assert (found["ifname"], found["id"], found["local"], found["port"]) == ("plaza-vx", 7700, UNDERLAY, 4789)
    assert (found["mtu"], found["master"], found["ifalias"], "UP" in found["flags"]) == (1400, "plaza", "netvirt:tube", True)
    assert floods() == {"192.0.2.21", "192.0.2.22"}


def test_other_lab_hosts_come_and_go_in_place() -> None:
    run(BRIDGE, TUNNEL)
    index = made()["ifindex"]
    (change,) = settle(BRIDGE, {**TUNNEL, "remotes": ["192.0.2.22", "192.0.2.23"]})
    assert change.differing == {"remotes"}
    assert floods() == {"192.0.2.22", "192.0.2.23"}
    assert made()["ifindex"] == index
    sh("bridge fdb del 00:00:00:00:00:00 dev plaza-vx dst 192.0.2.22; bridge fdb append 00:00:00:00:00:00 dev plaza-vx dst 192.0.2.66")
    assert [change.action for change in settle(BRIDGE, {**TUNNEL, "remotes": ["192.0.2.22", "192.0.2.23"]})] == ["update"]
    assert floods() == {"192.0.2.22", "192.0.2.23"}


@pytest.mark.parametrize("other", [{"vni": 7701}, {"local": "2001:db8::9", "remotes": ["2001:db8::21"]}])
def test_another_number_or_address_takes_another_device(other: dict[str, Any]) -> None:
    run(BRIDGE, TUNNEL)
    assert [change.action for change in settle(BRIDGE, {**TUNNEL, **other})] == ["replace"]
    assert floods() == set(other.get("remotes", TUNNEL["remotes"]))


def problems(*items: dict[str, Any]) -> str:
    before = sh("ip link")
    with pytest.raises(LabErrors) as raised:
        run(*items)
    assert sh("ip link") == before
    return str(raised.value)


def test_an_underlay_that_is_not_there_or_too_small_is_told_before_anything_changes() -> None:
    assert problems(BRIDGE, {**TUNNEL, "local": "192.0.2.10"}) == (
        "This machine has not the address 192.0.2.10, by which it is to be reached by the other lab hosts; give the one that it has as the "
        "lab host's variable netvirt_underlay."
    )
    assert problems(BRIDGE, {**TUNNEL, "mtu": 1451}) == (
        "The interface 'under9' of the underlay has an MTU of 1500 bytes, and tunnels for packets of 1451 bytes need 1501; raise it, or "
        "set netvirt_underlay_mtu of the lab hosts to 1500."
    )


def test_a_number_that_somebody_else_has_is_told_before_anything_changes() -> None:
    sh("ip link add theirs type vxlan id 7700 dstport 4789")
    try:
        assert problems(BRIDGE, TUNNEL) == (
            "The VXLAN 7700 of 'plaza-vx' is the one of 'theirs' on this machine already; give its switch another (vni)."
        )
    finally:
        sh("ip link del theirs")
