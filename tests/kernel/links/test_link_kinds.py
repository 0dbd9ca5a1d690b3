# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sub-interfaces, ifbs, settings of Linux bridges and VLANs of their ports, in the kernel of a simulated lab host.

Kernels differ: what this one has not is refused by name, and what it has is tried.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._interface import link_from
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver, addressing
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features

LAB = "kinds"
VLANS, FILTERING = features.has_link_kind("vlan"), features.has_vlan_filtering()


def ip(*words: str) -> list[dict[str, Any]]:
    said = subprocess.run(["ip", "-details", "-json", *words], check=True, capture_output=True, text=True).stdout
    return [entry for entry in json.loads(said or "[]") if entry]


def data(name: str) -> dict[str, Any]:
    """Return what ip(8) says of the kind of an interface."""
    found: dict[str, Any] = ip("link", "show", name)[0]["linkinfo"].get("info_data", {})
    return found


def reaches(netns: str, address: str) -> bool:
    command = ["ip", "netns", "exec", netns, "ping", "-c1", "-w5", address]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def run(
    items: list[dict[str, Any]], spaces: tuple[str, ...] = (), addresses: tuple[dict[str, Any], ...] = (), **how: bool
) -> list[Change[Any]]:
    goals: list[Goal[Any]] = [
        Goal(NamespaceDriver(), tuple(Namespace(name, LAB) for name in spaces), purge=True),
        Goal(LinkDriver(), tuple(link_from(item, LAB) for item in items), purge=True),
        Goal(AddressDriver(), tuple(addressing(item, LAB) for item in addresses)),
    ]
    return converge(goals, Scope(LAB, **how))


def settle(items: list[dict[str, Any]], *rest: Any) -> list[Change[Any]]:
    """Check, run and repeat; return the changes."""
    foretold = diff(run(items, *rest, check=True))
    changes = run(items, *rest)
    assert diff(changes) == foretold
    assert run(items, *rest) == []
    return changes


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before = ip("link", "show"), ip("netns", "list")
    yield
    run([])
    assert (ip("link", "show"), ip("netns", "list")) == before


def wire(name: str, netns: str, **near: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "kind": "veth", "peer": [netns, "eth0"], "up": True, **near},
        {"name": "eth0", "netns": netns, "kind": "veth", "peer": ["", name], "up": True},
    ]


def test_settings_of_a_bridge() -> None:
    wanted: dict[str, Any] = {"stp": True, "forward_delay": 4, "hello_time": 1, "max_age": 10, "priority": 8192, "ageing_time": 60}
    wanted.update(mcast_snooping=False, group_fwd_mask=16384)
    bridge = {"name": "span0", "kind": "bridge", "up": True, "bridge": wanted}
    settle([bridge])
    told = data("span0")
    assert {name: told[name] for name in ("forward_delay", "hello_time", "max_age", "ageing_time", "priority", "stp_state")} == {
        "forward_delay": 400,
        "hello_time": 100,
        "max_age": 1000,
        "ageing_time": 6000,
        "priority": 8192,
        "stp_state": 1,
    }
    assert (told["mcast_snooping"], told["group_fwd_mask"]) == (0, "0x4000")
    index = ip("link", "show", "span0")[0]["ifindex"]

    # In place, one of them only; and STP ends before a delay that it would not bear.
    [change] = settle([{**bridge, "bridge": {"stp": False, "forward_delay": 0, "ageing_time": 15}}])
    after = diff([change])["after"]["link"]["span0"]["bridge"]
    assert after == {"stp": False, "forward_delay": 0, "ageing_time": 15}
    told = data("span0")
    assert (told["stp_state"], told["forward_delay"], told["ageing_time"], told["priority"]) == (0, 0, 1500, 8192)
    assert ip("link", "show", "span0")[0]["ifindex"] == index
    # What is left out is not managed; drift of what is in is found.
    subprocess.run(["ip", "link", "set", "span0", "type", "bridge", "priority", "1"], check=True)
    subprocess.run(["ip", "link", "set", "span0", "type", "bridge", "ageing_time", "250"], check=True)
    [change] = settle([{**bridge, "bridge": {"ageing_time": 15}}])
    assert diff([change])["before"]["link"]["span0"]["bridge"]["ageing_time"] == 2.5
    assert data("span0")["priority"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"forward_delay": 31}, "bridge.forward_delay: must be a whole number from 0 to 30"),
        ({"stp": True, "forward_delay": 1}, "bridge.forward_delay: must be 2 to 30 seconds on a bridge with stp, not 1"),
        ({"hello_time": 0}, "bridge.hello_time: must be a whole number from 1 to 10"),
        ({"group_fwd_mask": 5}, "bridge.group_fwd_mask: 5 has one of the bits 0 to 2"),
        ({"colour": "red"}, "bridge.colour: there is no such setting"),
    ],
)
def test_settings_that_no_kernel_takes_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        run([{"name": "span0", "kind": "bridge", "bridge": settings}])


def test_ifb() -> None:
    settle([{"name": "funnel0", "kind": "ifb", "up": True, "mtu": 1400}])
    told = ip("link", "show", "funnel0")[0]
    assert (told["linkinfo"]["info_kind"], told["mtu"], told["ifalias"]) == ("ifb", 1400, "netvirt:kinds")
    assert [change.key for change in settle([{"name": "funnel0", "kind": "ifb", "up": True, "mtu": 1300}])] == ["funnel0"]


def test_a_port_of_a_bridge_that_is_nowhere() -> None:
    with pytest.raises(LabError, match=r"The bridge \(master\) 'nowhere' of 'funnel0' does not exist; create it first"):
        run([{"name": "funnel0", "kind": "ifb", "master": "nowhere"}])


@pytest.mark.skipif(VLANS, reason="this kernel has CONFIG_VLAN_8021Q")
def test_a_kernel_without_vlans_is_told_before_anything_is_made() -> None:
    with pytest.raises(LabError, match=r"lacks CONFIG_VLAN_8021Q, which the interface 'eth0\.10' needs; load the module 8021q"):
        run([{"name": "trunk0", "kind": "bridge"}, {"name": "eth0.10", "kind": "vlan", "parent": "trunk0", "vlan": 10}])
    assert not [link for link in ip("link", "show") if link["ifname"] == "trunk0"]


@pytest.mark.skipif(not VLANS, reason="this kernel lacks CONFIG_VLAN_8021Q (module 8021q)")
def test_sub_interfaces() -> None:
    spaces = ("kinds-a", "kinds-b")
    pair = [
        {"name": "eth0", "netns": "kinds-a", "kind": "veth", "peer": ["kinds-b", "eth0"], "up": True},
        {"name": "eth0", "netns": "kinds-b", "kind": "veth", "peer": ["kinds-a", "eth0"], "up": True},
    ]
    # The inner one, which sits on the outer one, is listed first.
    stack = [
        {"name": name, "netns": netns, "kind": "vlan", "parent": parent, "vlan": vlan, "up": True, **more}
        for netns in spaces
        for name, parent, vlan, more in (("inner", "outer", 7, {}), ("outer", "eth0", 10, {"protocol": "802.1ad"}))
    ]
    places = tuple({"name": "inner", "netns": netns, "addresses": [f"10.41.7.{n}/24"]} for n, netns in enumerate(spaces, 1))
    settle([*stack, *pair], spaces, places)
    told = ip("-n", "kinds-a", "link", "show", "outer")[0]
    assert (told["link"], told["linkinfo"]["info_data"]["id"], told["linkinfo"]["info_data"]["protocol"]) == ("eth0", 10, "802.1ad")
    assert reaches("kinds-a", "10.41.7.2")
    # Another VLAN takes another interface, and what sits on it goes with it.
    for item in stack:
        if item["name"] == "outer":
            item["vlan"] = 11
    changes = settle([*stack, *pair], spaces, places)
    assert {(change.key, change.action) for change in changes if change.kind == "link"} == {
        (f"{netns}/{name}", "replace") for netns in spaces for name in ("inner", "outer")
    }
    assert reaches("kinds-a", "10.41.7.2")
    with pytest.raises(LabError, match=r"The parent 'kinds-a/nowhere' of 'kinds-a/lost' does not exist"):
        run([*pair, {"name": "lost", "netns": "kinds-a", "kind": "vlan", "parent": "nowhere", "vlan": 3}], spaces)
    settle(pair, spaces)


@pytest.mark.skipif(FILTERING, reason="this kernel has CONFIG_BRIDGE_VLAN_FILTERING")
@pytest.mark.parametrize("more", [{"bridge": {"vlan_filtering": True}}, {"tag": 10}])
def test_a_kernel_whose_bridges_know_no_vlans_is_told_before_anything_is_made(more: dict[str, Any]) -> None:
    with pytest.raises(
        LabError, match=r"lacks CONFIG_BRIDGE_VLAN_FILTERING, which 'trunk0' with its VLANs needs; run a kernel that has it"
    ):
        run([{"name": "trunk0", "kind": "bridge", **more}])
    assert not [link for link in ip("link", "show") if link["ifname"] == "trunk0"]


@pytest.mark.skipif(not FILTERING, reason="this kernel lacks CONFIG_BRIDGE_VLAN_FILTERING")
def test_who_reaches_whom_on_a_bridge_with_vlans() -> None:
    spaces = ("kinds-a", "kinds-b", "kinds-c")
    places = tuple({"name": "eth0", "netns": netns, "addresses": [f"10.42.0.{n}/24"]} for n, netns in enumerate(spaces, 1))
    bridge = {"name": "trunk0", "kind": "bridge", "up": True, "bridge": {"vlan_filtering": True}}

    def lab(*tags: int, trunks: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        ports = [wire(f"port{n}", netns, master="trunk0", tag=tag) for n, (netns, tag) in enumerate(zip(spaces, tags))]
        return [
            bridge,
            *(end for ends in ports for end in ends),
            {"name": "spare0", "kind": "ifb", "master": "trunk0", "trunks": list(trunks)},
        ]

    def vlans(port: str) -> list[dict[str, Any]]:
        command = ["bridge", "-compressvlans", "-json", "vlan", "show", "dev", port]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return [{key: value for key, value in vlan.items() if value != []} for vlan in (said[0]["vlans"] if said else [])]

    settle(lab(10, 10, 20, trunks=(100, "200-299")), spaces, places)
    assert reaches("kinds-a", "10.42.0.2")
    assert not reaches("kinds-a", "10.42.0.3")
    assert vlans("port0") == [{"vlan": 10, "flags": ["PVID", "Egress Untagged"]}], "the default VLAN 1 is gone"
    assert vlans("spare0") == [{"vlan": 100}, {"vlan": 200, "vlanEnd": 299}]
    # In place: one port moves, VLANs that are not wanted go.
    changes = settle(lab(10, 20, 20, trunks=(100, "250-260")), spaces, places)
    assert {change.key: sorted(change.differing) for change in changes} == {"port1": ["tag"], "spare0": ["trunks"]}
    assert reaches("kinds-b", "10.42.0.3")
    assert not reaches("kinds-a", "10.42.0.2")
    # By hand: a VLAN too many, and one that is tagged instead.
    subprocess.run("bridge vlan add dev port0 vid 99; bridge vlan add dev port2 vid 20", shell=True, check=True)
    assert {change.key for change in settle(lab(10, 20, 20, trunks=(100, "250-260")), spaces, places)} == {"port0", "port2"}
    # Who comes to the bridge again has its default VLAN.
    subprocess.run("ip link set port0 nomaster; ip link set port0 master trunk0", shell=True, check=True)
    assert [change.key for change in settle(lab(10, 20, 20, trunks=(100, "250-260")), spaces, places)] == ["port0"]
    settle(lab(0, 20, 20), spaces, places)
    assert vlans("port0") == []
