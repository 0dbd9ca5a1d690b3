# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the topology calls an end of a link is found on the lab host."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._ends import Interface, interfaces
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.reach.paths import Wiring
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

FILE = """
name: ends
nodes:
  sw: {kind: bridge, device: br-sw}
  ovs1: {kind: ovs}
  ovs2: {kind: ovs}
  away: {kind: host}
  ann: {netns: ann, interfaces: {eth0.7: {parent: eth0, vlan: 7}}}
  bob:
  eve:
  one: {kind: vm}
  two: {kind: vm}
links:
  - [ann, {node: sw, device: to-ann}]
  - [bob, sw]
  - [bob, sw]
  - [one, {node: sw, device: tap-one}]
  - [one, two]
  - [eve, two]
  - [one, "away:tap-away"]
  - [ovs1, ovs2]
"""
SHARE = compile_share(load(yaml.safe_load(FILE)))
WIRE = {(nic["id"]): nic["tap"] for vm in SHARE["vms"] if vm["name"] == "one" for nic in vm["nics"]}

MEANT = {
    "ann:eth0": ("ann", "eth0", "ann.eth0"),
    "ann:eth0.7": ("ann", "eth0.7", "ann.eth0.7"),
    "ann": ("ann", "eth0", "ann.eth0"),
    "ann sw": ("ann", "eth0", "ann.eth0"),
    "  sw   ann ": ("", "to-ann", "sw.to-ann"),
    "sw": ("", "br-sw", "sw"),
    "one:eth0": ("", "tap-one", "one.eth0"),
    "sw:tap-one": ("", "tap-one", "sw.tap-one"),
    "one two": ("", WIRE["eth1"], "one.eth1"),
    "two eve": ("ends.eve", "eth0", "two.eth1"),
    "eve:eth0": ("ends.eve", "eth0", "eve.eth0"),
    "one away": ("", "tap-away", "one.eth2"),
    "away:tap-away": ("", "tap-away", "away.tap-away"),
    "eth7": ("", "eth7", "eth7"),
    "elsewhere/eth7": ("elsewhere", "eth7", "elsewhere.eth7"),
}
MEANT_NOTHING = {
    "anm:eth0": "names no node 'anm' of the topology (did you mean 'ann'?)",
    "ann:eth1": "is no interface of 'ann' (did you mean 'eth0'?)",
    "ann bob": "is no link: nothing joins these two directly",
    "bob sw": "is 2 links; name an end: bob:eth0, bob:eth1",
    "bob": "has 2 links; name an end: bob:eth0, bob:eth1",
    "ovs1 ovs2": "is a pair of patch ports, which exist inside of Open vSwitch only; give the link an mtu to have an interface",
    "a b c": "is neither 'node:interface', nor 'node node', nor an interface's name or 'netns/name'",
    ":eth0": "is neither 'node:interface', nor 'node node', nor an interface's name or 'netns/name'",
    "": "is neither 'node:interface', nor 'node node', nor an interface's name or 'netns/name'",
}


@pytest.mark.parametrize("word", MEANT)
def test_a_word_is_an_interface(word: str) -> None:
    assert interfaces(SHARE, [word]) == [Interface(*MEANT[word])]


@pytest.mark.parametrize("word", MEANT_NOTHING)
def test_a_word_that_is_none_is_told_so(word: str) -> None:
    with pytest.raises(LabErrors) as caught:
        interfaces(SHARE, [word])
    assert caught.value.problems == (f"links: '{word}' {MEANT_NOTHING[word]}.",)


def test_all_that_is_wrong_is_told_together() -> None:
    with pytest.raises(LabErrors) as caught:
        interfaces(SHARE, ["anm:eth0", "ann", "bob"])
    assert len(caught.value.problems) == 2


def test_one_end_by_two_names_is_one_and_two_of_one_name_are_refused() -> None:
    assert len(interfaces(SHARE, ["ann", "ann:eth0", "ann sw"])) == 1
    with pytest.raises(LabErrors, match=r"two interfaces would both be called 'ann.eth0'"):
        interfaces(SHARE, ["ann", "ann.eth0"])


def test_without_a_topology_there_are_only_interfaces() -> None:
    assert interfaces({}, ["ann", "ann/eth0"]) == [Interface("", "ann", "ann"), Interface("ann", "eth0", "ann.eth0")]
    with pytest.raises(LabErrors, match="names no node 'ann' of the topology; give the share"):
        interfaces({}, ["ann:eth0"])


LOGICAL = """
name: ends
fabric: ovn
nodes:
  front: {kind: ovs, ipv4: 10.1.0.1/24}
  back: {kind: ovs, ipv4: 10.2.0.1/24}
  own: {kind: ovs, ipv4: 10.3.0.1/24}
  far: {kind: ovs}
  r: logical_router
  ann:
  one: {kind: vm}
  eve:
links: [r front, r back, r far, [ann, {node: front, device: to-ann}], [one, {node: back, device: tap-one}], eve own]
"""
LOGICAL_SHARE = compile_share(load(yaml.safe_load(LOGICAL)))
BEHIND = {link["altname"]: link["name"] for link in LOGICAL_SHARE["links"] if link.get("altname") in ("ends.r", "ends.own")}
INSIDE = "is inside of OVN, without an interface"
MEANT_LOGICAL = {
    "ann front": ("ends.ann", "eth0", "ann.eth0"),
    "front ann": ("", "to-ann", "front.to-ann"),
    "front:to-ann": ("", "to-ann", "front.to-ann"),
    "one": ("", "tap-one", "one.eth0"),
    "back one": ("", "tap-one", "back.tap-one"),
    BEHIND["ends.r"]: ("", BEHIND["ends.r"], BEHIND["ends.r"]),
}
MEANT_NOTHING_LOGICAL = {
    "front": f"{INSIDE}; name an end that has one: ann:eth0",
    "own": f"{INSIDE}; name an end that has one: eve:eth0, {BEHIND['ends.own']}",
    "far": f"{INSIDE}; nothing on this lab host is linked with it",
    **dict.fromkeys(("r", "r:eth0", "r back"), f"{INSIDE}; name an end that has one: {BEHIND['ends.r']}"),
    "back r": f"{INSIDE}; name an end that has one: one:eth0",
    "ann r": "is no link: nothing joins these two directly",
    "front:to-anm": "is no interface of 'front' (did you mean 'to-ann'?)",
}


@pytest.mark.parametrize("word", MEANT_LOGICAL)
def test_a_port_of_a_logical_switch_is_an_interface(word: str) -> None:
    assert interfaces(LOGICAL_SHARE, [word]) == [Interface(*MEANT_LOGICAL[word])]


@pytest.mark.parametrize("word", MEANT_NOTHING_LOGICAL)
def test_what_is_inside_of_ovn_is_told_with_what_is_linked_with_it(word: str) -> None:
    with pytest.raises(LabErrors) as caught:
        interfaces(LOGICAL_SHARE, [word])
    assert caught.value.problems == (f"links: '{word}' {MEANT_NOTHING_LOGICAL[word]}.",)


OTHERS_AT_LOGICAL = """
name: ends
fabric: ovn
nodes:
  front: {kind: ovs, ipv4: 10.1.0.1/24}
  box: host
  br: bridge
  ann:
links:
  - ["box:to-front", {node: front, device: to-box}]
  - ["br:up", {node: front, device: to-br}]
  - ann br
"""


@pytest.mark.parametrize(
    ("word", "device", "label"),
    [("box:to-front", "to-front", "box"), ("front:to-box", "to-box", "front"), ("br front", "up", "br"), ("front br", "to-br", "front")],
)
def test_a_bridge_or_the_lab_host_at_a_logical_switch_has_its_own_end_and_the_port(word: str, device: str, label: str) -> None:
    share = compile_share(load(yaml.safe_load(OTHERS_AT_LOGICAL)))
    assert interfaces(share, [word]) == [Interface("", device, f"{label}.{device}")]
    assert [there.node for _here, there in Wiring(share).path("ann", "front")] == ["br", "front"]
