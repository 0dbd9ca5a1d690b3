# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges in nodes and links, and groups: what the file means, in which order its parts count, and what is wrong with it."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.model import Topology
from ansible_collections.netvirt.lab.plugins.module_utils.topology.parse import parse
from ansible_collections.netvirt.lab.plugins.module_utils.topology.schema.file import KIND


def parsed(text: str) -> Topology:
    return parse({"name": "many", **yaml.safe_load(text)})


def problems_of(text: str) -> list[str]:
    with pytest.raises(LabErrors) as caught:
        load({"name": "many", **yaml.safe_load(text)})
    return list(caught.value.problems)


def test_nodes_of_a_range() -> None:
    nodes = parsed("{nodes: {'h[1:3]': {ipv4: none}, h2: bridge, 'x[a:b]': bridge}}").nodes
    assert [(name, node.kind) for name, node in nodes.items()] == [
        ("h1", "netns"),
        ("h2", "bridge"),
        ("h3", "netns"),
        ("xa", "bridge"),
        ("xb", "bridge"),
    ]
    assert list(parsed("{nodes: [q, 'h[1:2]']}").nodes) == ["q", "h1", "h2"]


def test_a_nodes_own_name_is_stronger_than_its_range_wherever_it_stands() -> None:
    for order in ("{h2: {ipv4: none}, 'h[1:3]': {ipv4: dhcp, gateway: none}}", "{'h[1:3]': {ipv4: dhcp, gateway: none}, h2: {ipv4: none}}"):
        nodes = parsed(f"{{nodes: {order}}}").nodes
        assert {name: node.ipv4.method for name, node in nodes.items() if node.ipv4} == {"h1": "dhcp", "h2": "none", "h3": "dhcp"}
        assert {node.gateway for node in nodes.values()} == {()}


LINKS = {
    "'h[1:3] s1'": ["h1:eth0 s1", "h2:eth0 s1", "h3:eth0 s1"],
    "'s1 h[1:2]'": ["s1 h1:eth0", "s1 h2:eth0"],
    "'h[1:2] h[3:4]'": ["h1:eth0 h3:eth0", "h2:eth0 h4:eth0"],
    "['h[1:2]:lan', 's[1:2]:p[7:8:9]']": ["h1:lan s1:p7", "h2:lan s2:p7"],
    "'h[1:2]:lan s1:p[1:2]'": ["h1:lan s1:p1", "h2:lan s1:p2"],
    "'h[1:2]:e[0:1] s1:p[1:4]'": ["h1:e0 s1:p1", "h1:e1 s1:p2", "h2:e0 s1:p3", "h2:e1 s1:p4"],
    "{endpoints: [{node: 'h[1:2]', interface: lan}, {node: s2}]}": ["h1:lan s2", "h2:lan s2"],
    "'h1:e[0:1] s2'": ["h1:e0 s2", "h1:e1 s2"],
}
NODES = "{'h[1:4]': , 's[1:2]': bridge}"


@pytest.mark.parametrize("text", LINKS)
def test_links_of_ranges(text: str) -> None:
    links = parsed(f"{{nodes: {NODES}, links: [{text}]}}").links
    assert [f"{link.ends[0]} {link.ends[1]}" for link in links] == LINKS[text]


def test_attributes_of_links_by_name_go_where_they_belong() -> None:
    text = "{endpoints: ['h[1:3]:lan', s1], mtu: 1400, ipv4: {'h[1:3]': none, h2: dhcp, 'h3:lan': 10.2.0.3/24}}"
    links = parsed(f"{{nodes: {NODES}, links: [{text}]}}").links
    assert [link.mtu for link in links] == [1400] * 3
    methods = [link.ends[0].ipv4.method for link in links if link.ends[0].ipv4]
    assert methods[:2] == ["none", "dhcp"]
    text = "{endpoints: 'h[1:2] s1', ipv4: {h2: dhcp, 'h[1:2]': none}}"
    links = parsed(f"{{nodes: {NODES}, links: [{text}]}}").links
    assert [link.ends[0].ipv4.method for link in links if link.ends[0].ipv4] == ["none", "dhcp"]
    ends = "{endpoints: [{node: 'h[1:2]', ipv4: dhcp}, 'h[3:4]'], ipv4: {'h[3:4]': none}}"
    links = parsed(f"{{nodes: {NODES}, links: [{ends}]}}").links
    assert [[end.ipv4.method for end in link.ends if end.ipv4] for link in links] == [["dhcp", "none"]] * 2


def test_groups_count_between_defaults_and_nodes() -> None:
    topology = parsed(
        "{defaults: {vm: {memory: 100, cpus: 3, disk: 7}}, nodes: {'h[1:3]': , h2: {kind: vm, cpus: 5}, h3: {kind: netns}},"
        " groups: {first: {members: 'h[1:2]', kind: vm, memory: 200, cpus: 4}, second: {members: [h2, h3, h2], vars: {a: 1}}}}"
    )
    guests = {name: node.guest and (node.guest.memory, node.guest.cpus, node.guest.disk) for name, node in topology.nodes.items()}
    assert guests == {"h1": (200, 4, 7), "h2": (200, 5, 7), "h3": None}
    assert {name: (group.members, dict(group.variables)) for name, group in topology.groups.items()} == {
        "first": (("h1", "h2"), {}),
        "second": (("h2", "h3"), {"a": 1}),
    }


def test_the_later_group_is_stronger() -> None:
    text = "{{nodes: [h], groups: {{b: {{members: h, {0}: {1}}}, a: {{members: h, {0}: {2}}}}}}}"
    nodes = parsed(text.format("kind", "vm", "bridge")).nodes
    assert nodes["h"].kind == "bridge"
    node = parsed(text.format("netns", "one", "two")).nodes["h"]
    assert node.netns == "two"


def test_what_a_shape_makes_is_weaker_than_groups_and_nodes() -> None:
    topology = parsed(
        "{generate: [{shape: star, hosts: 4, host: {netns: lost, ipv4: none}}], groups: {g: {members: 'h[2:4]', netns: g}},"
        " nodes: {'h[3:4]': {netns: range}, h4: {netns: own}}}"
    )
    assert [topology.nodes[f"h{number}"].netns for number in (1, 2, 3, 4)] == ["lost", "g", "range", "own"]
    assert {node.ipv4.method for node in topology.nodes.values() if node.ipv4} == {"none"}
    assert list(topology.nodes) == ["s1", "h1", "h2", "h3", "h4"]


# What is wrong, the file without its name, and every line of the message.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "nothing to make nodes of": ("{links: []}", ["topology: the key 'nodes' is missing; it must be nodes by name, or a list of names"]),
    "a range that is none, and no word of the links to its nodes": (
        "{nodes: {'h[4:1]': , a: {kind: vn}}, links: [h1 a]}",
        [
            "nodes.h[4:1]: the range [4:1] in 'h[4:1]' begins after its end; swap the two",
            f"nodes.a.kind: must be {KIND.type.name}, not 'vn'",
        ],
    ),
    "a shape that is none, and no word of the links to its nodes": (
        "{generate: [{shape: ring, nodes: 1}], nodes: [a], links: [n1 a], groups: {g: {members: n1}}}",
        ["generate[0].nodes: a ring has at least 3 nodes, not 1"],
    ),
    "a name that is none, once": (
        "{nodes: {'h_[1:500]': }}",
        ["nodes.h_[1:500]: must be a name: letters, digits or '-', beginning and ending with a letter or digit, not 'h_1'"],
    ),
    "a wrong value, once": (
        "{nodes: {'h[1:500]': {ipv4: 7}, s: bridge}, links: ['h[1:500] s']}",
        ["nodes.h[1:500].ipv4: must be 'dhcp', 'auto', 'none', or IPv4 addresses such as 192.168.100.7/24, not 7"],
    ),
    "ranges that meet": (
        "{nodes: {'h[1:5]': , 'h[5:9]': }}",
        ["nodes.h[5:9]: node 'h5' is defined in nodes.h[1:5] already"],
    ),
    "shapes that meet": (
        "{generate: [{shape: star, hosts: 2}, {shape: star, hosts: 3}]}",
        ["generate[1]: generate[0] makes a node 's1' already, and 2 more; give one of both a prefix, as in b-"],
    ),
    "ranges of two lengths": (
        "{nodes: ['h[1:5]', 'x[1:2]'], links: ['h[1:5] x[1:2]']}",
        ["links[0].endpoints: 'h[1:5]' means 5 endpoints and 'x[1:2]' 2; give as many on both sides, or one on one side"],
    ),
    "one interface for many": (
        "{nodes: {'h[1:5]': , s: bridge}, links: ['h[1:5] s:p1']}",
        ["links[0].endpoints[1]: one interface, 's:p1', cannot be the end of 5 links; give a range"],
    ),
    "unknown nodes in a range": (
        "{nodes: {'host[1:5]': , s: bridge}, links: ['hots[1:5] s', 'host[4:6] s']}",
        [
            "links[0].endpoints[0]: no node 'hots1' (did you mean 'host1'?), nor 4 more of 'hots[1:5]'",
            "links[1].endpoints[0]: no node 'host6' (did you mean 'host5'?)",
        ],
    ),
    "a bad range in a link": (
        "{nodes: [a], links: ['a[1-2] a']}",
        ["links[0].endpoints[0]: '[1-2]' in 'a[1-2]' is no range; write one as in h[1:4], h[01:10], h[a:d] or h[1:10:2]"],
    ),
    "an attribute of nobody": (
        "{nodes: {'h[1:2]': , s: bridge}, links: [{endpoints: 'h[1:2] s', ipv4: {h1: none, 'h[5:6]': none}}]}",
        ["links[0].ipv4: 'h[5:6]' is no end of this link that can have it; 'h1' can"],
    ),
    "unknown members": (
        "{nodes: ['web[1:3]'], groups: {g: {members: ['web[2:5]', wbe1]}, f: {members: wbe2}}}",
        [
            "groups.g.members[0]: no node 'web4' (did you mean 'web3'?), nor 1 more of 'web[2:5]'",
            "groups.g.members[1]: no node 'wbe1' (did you mean 'web1'?)",
            "groups.f.members: no node 'wbe2' (did you mean 'web2'?)",
        ],
    ),
    "no members": ("{nodes: [a], groups: {g: {}}}", ["groups.g: the key 'members' is missing; it must be a list of texts"]),
    "a group that is none": ("{nodes: [a], groups: {g: [a]}}", ["groups.g: must be a mapping with the key members, not a list"]),
    "names of groups": (
        "{nodes: [a], groups: {web-1: {members: a}, 7up: {members: a}, vms: {members: a}, all: {members: a}, a: {members: a}}}",
        [
            "groups.web-1: a group's name has letters, digits and '_' only and begins with no digit; 'web_1' would do",
            "groups.7up: a group's name has letters, digits and '_' only and begins with no digit; 'g_7up' would do",
            "groups.vms: every inventory or lab has a group of this name; choose another",
            "groups.all: every inventory or lab has a group of this name; choose another",
            "groups.a: a node has this name, and Ansible does not tell groups and hosts of one name apart; choose another",
        ],
    ),
    "keys of groups": (
        "{nodes: {a: , b: vm}, groups: {g: {members: [a, b], memory: much, memroy: 7}}}",
        [
            "groups.g.memory: is not for the node 'a', which is of kind netns",
            "groups.g: unknown key 'memroy' (known: gateway, ipv4, netns)",
            "groups.g.memory: must be a whole number from 32 to 4194304 (MiB), not 'much'",
            "groups.g: unknown key 'memroy' (did you mean 'memory'?)",
        ],
    ),
    "a kind of a group": (
        "{nodes: [a], groups: {g: {members: a, kind: vn}}}",
        [f"groups.g.kind: must be {KIND.type.name}, not 'vn'"],
    ),
    "keys of a range": (
        "{nodes: {'h[1:3]': {netns: a}, h2: bridge}}",
        ["nodes.h[1:3].netns: is not for the node 'h2', which is of kind bridge"],
    ),
    "keys of a shape": (
        "{generate: [{shape: star, hosts: 3, host: {cpus: 2}, link: {mtu: 3}}]}",
        [
            "generate[0].host.cpus: is not for the node 'h1', which is of kind netns",
            "generate[0].link.mtu: must be a whole number from 68 to 65535 (bytes), not 3",
        ],
    ),
    "includes where there are no files": (
        "{include: [a.yml]}",
        ["include[0]: a topology that is given as a variable cannot include files"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake(name: str) -> None:
    text, expected = MISTAKES[name]
    # Messages that list all kinds or keys grow with these.
    assert [message.partition(" (known: ")[0] for message in problems_of(text)] == [line.partition(" (known: ")[0] for line in expected]


def test_thousands_of_nodes_and_links_take_no_time() -> None:
    data: dict[str, Any] = {
        "name": "many",
        "nodes": {"h[1:2000]": {"ipv4": "none"}, "s": "bridge"},
        "links": ["h[1:2000] s"],
        "groups": {"g": {"members": "h[1:2000]", "gateway": "none"}},
    }
    begin = time.process_time()
    parse(data)
    assert time.process_time() - begin < 1  # measured: 0.1; something quadratic takes many
