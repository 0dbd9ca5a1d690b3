# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes: who is linked with whom, how the nodes are called, and sizes that do not exist."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.generate.shapes import made_by
from ansible_collections.netvirt.lab.plugins.module_utils.topology.layers import Made


def made(text: str) -> Made:
    problems: list[str] = []
    result = made_by(yaml.safe_load(text), "generate[3]", problems)
    assert problems == []
    assert result
    return result


def pairs(result: Made) -> list[tuple[str, str]]:
    return [tuple(link.value["endpoints"]) for link in result.links]


def degrees(result: Made) -> Counter[str]:
    return Counter(name for pair in pairs(result) for name in pair)


SMALL = {
    "{shape: star, hosts: 3}": "s1 h1 h2 h3 | h1-s1 h2-s1 h3-s1",
    "{shape: line, nodes: 3}": "n1 n2 n3 | n1-n2 n2-n3",
    "{shape: line, nodes: 1}": "n1 |",
    "{shape: line, nodes: 2, hosts: 1, node: ovs}": "s1 s2 h1 h2 | s1-s2 h1-s1 h2-s2",
    "{shape: line, nodes: 2, hosts: 2, node: {kind: bridge}}": "s1 s2 h1s1 h2s1 h1s2 h2s2 | s1-s2 h1s1-s1 h2s1-s1 h1s2-s2 h2s2-s2",
    "{shape: ring, nodes: 3}": "n1 n2 n3 | n1-n2 n2-n3 n3-n1",
    "{shape: full-mesh, nodes: 3, prefix: east-}": "east-n1 east-n2 east-n3 | east-n1-east-n2 east-n1-east-n3 east-n2-east-n3",
    "{shape: grid, width: 2, height: 2, hosts: 1}": "n1x1 n1x2 n2x1 n2x2 h1x1 h1x2 h2x1 h2x2 |"
    " n1x1-n1x2 n1x1-n2x1 n1x2-n2x2 n2x1-n2x2 h1x1-n1x1 h1x2-n1x2 h2x1-n2x1 h2x2-n2x2",
    "{shape: grid, width: 1, height: 1, hosts: 2, node: ovs}": "s1x1 h1x1x1 h1x1x2 | h1x1x1-s1x1 h1x1x2-s1x1",
    "{shape: tree, depth: 2, fanout: 2}": "s1 s2 h1 h2 s3 h3 h4 | s2-s1 h1-s2 h2-s2 s3-s1 h3-s3 h4-s3",
    "{shape: tree, depth: 1, fanout: 2}": "s1 h1 h2 | h1-s1 h2-s1",
    "{shape: fat-tree, k: 2}": "core1 agg1 edge1 h1 agg2 edge2 h2 | agg1-core1 edge1-agg1 h1-edge1 agg2-core1 edge2-agg2 h2-edge2",
    "{shape: leaf-spine, spines: 2, leaves: 2}": "spine1 spine2 leaf1 h1 leaf2 h2 |"
    " leaf1-spine1 leaf1-spine2 h1-leaf1 leaf2-spine1 leaf2-spine2 h2-leaf2",
    "{shape: random, nodes: 3, links: 3}": "n1 n2 n3 | n1-n2 n1-n3 n2-n3",
    "{shape: random, nodes: 2, degree: 1}": "n1 n2 | n1-n2",
}  # fmt: skip


@pytest.mark.parametrize("text", SMALL)
def test_a_small_shape(text: str) -> None:
    nodes, _bar, links = SMALL[text].partition("|")
    result = made(text)
    assert list(result.nodes) == nodes.split()
    assert [f"{first}-{second}" for first, second in pairs(result)] == links.split()


def test_a_fat_tree_of_four_ports_uses_each_port() -> None:
    result = made("{shape: fat-tree, k: 4}")
    found = degrees(result)
    names = Counter(name.rstrip("0123456789") for name in result.nodes)
    assert names == {"core": 4, "agg": 8, "edge": 8, "h": 16}
    assert {found[name] for name in result.nodes if not name.startswith("h")} == {4}
    # Each core reaches each pod once.
    assert {first for first, second in pairs(result) if second == "core1"} == {"agg1", "agg3", "agg5", "agg7"}


def test_a_torus_has_four_neighbours_everywhere() -> None:
    result = made("{shape: torus, width: 4, height: 3}")
    assert set(degrees(result).values()) == {4}
    assert len(result.nodes) == 12
    assert len(set(map(frozenset, pairs(result)))) == len(result.links) == 24


@pytest.mark.parametrize("degree", [2, 3, 4, 7, 9])
def test_a_regular_random_graph(degree: int) -> None:
    result = made(f"{{shape: random, nodes: 10, degree: {degree}, seed: pear}}")
    assert set(degrees(result).values()) == {degree}
    assert connected(result)
    assert len(set(map(frozenset, pairs(result)))) == len(result.links)


@pytest.mark.parametrize("links", [9, 12, 40, 45])
def test_a_random_graph_with_so_many_links(links: int) -> None:
    result = made(f"{{shape: random, nodes: 10, links: {links}}}")
    assert len(set(map(frozenset, pairs(result)))) == len(result.links) == links
    assert connected(result)


def test_a_seed_is_a_graph() -> None:
    first, again, other = (made(f"{{shape: random, nodes: 6, degree: 3, seed: {seed}}}") for seed in (5, 5, 6))
    assert pairs(first) == pairs(again) != pairs(other)
    # The same on every Python and every machine.
    for options, expected in GRAPHS.items():
        assert " ".join("-".join(pair) for pair in pairs(made(f"{{shape: random, nodes: 6, seed: 5, {options}}}"))) == expected


GRAPHS = {
    "degree: 3": "n1-n3 n1-n4 n1-n5 n2-n3 n2-n4 n2-n6 n3-n5 n4-n6 n5-n6",
    "links: 6": "n1-n2 n1-n5 n2-n3 n2-n5 n4-n5 n5-n6",
}


def connected(result: Made) -> bool:
    seen, links = {next(iter(result.nodes))}, pairs(result)
    for _round in result.nodes:
        seen |= {name for pair in links if seen & set(pair) for name in pair}
    return seen == set(result.nodes)


def test_keys_of_nodes_and_links() -> None:
    result = made("{shape: star, hosts: 2, host: {ipv4: none}, switch: ovs, link: {mtu: 1400, ipv4: {h2: dhcp}}}")
    assert result.nodes["h1"].values == {"kind": "netns", "ipv4": "none"}
    assert result.nodes["h1"] is result.nodes["h2"]
    assert (result.nodes["s1"].path, result.nodes["s1"].values) == ("generate[3].switch", {"kind": "ovs"})
    assert [link.value for link in result.links] == [
        {"mtu": 1400, "endpoints": ["h1", "s1"]},
        {"mtu": 1400, "endpoints": ["h2", "s1"], "ipv4": {"h2": "dhcp"}},
    ]


LOOPS: dict[str, dict[str, Any]] = {
    "{shape: leaf-spine, spines: 2, leaves: 2, switch: ovs}": {"kind": "ovs", "rstp": True},
    "{shape: leaf-spine, spines: 2, leaves: 2}": {"kind": "bridge", "stp": True},
    "{shape: leaf-spine, spines: 1, leaves: 2}": {"kind": "bridge"},
    "{shape: fat-tree, k: 4, switch: {kind: ovs, stp: true}}": {"kind": "ovs", "stp": True},
    "{shape: fat-tree, k: 4, switch: {kind: ovs, rstp: false}}": {"kind": "ovs", "rstp": False},
    "{shape: fat-tree, k: 4, switch: {kind: ovs, fail_mode: secure}}": {"kind": "ovs", "fail_mode": "secure"},
    "{shape: fat-tree, k: 4, switch: netns}": {"kind": "netns"},
    "{shape: tree, depth: 3, fanout: 3, switch: ovs}": {"kind": "ovs"},
    "{shape: ring, nodes: 4, node: ovs, hosts: 1}": {"kind": "ovs", "rstp": True},
    "{shape: line, nodes: 4, node: ovs, hosts: 1}": {"kind": "ovs"},
    "{shape: ring, nodes: 4}": {"kind": "netns"},
}


@pytest.mark.parametrize("text", LOOPS)
def test_switches_in_a_loop_find_a_tree(text: str) -> None:
    nodes = made(text).nodes
    assert {name: layer.values for name, layer in nodes.items() if not name.startswith("h")} == {
        name: LOOPS[text] for name in nodes if not name.startswith("h")
    }


MISTAKES = {
    "{shape: str}": "generate[3].shape: must be one of star, line, ring, full-mesh, grid, torus, tree, fat-tree, leaf-spine, random, "
    "not 'str' (did you mean 'star'?)",
    "{hosts: 3}": "generate[3]: the key 'shape' is missing; it must be one of star, line, ring, full-mesh, grid, torus, tree, fat-tree, "
    "leaf-spine, random",
    "star": "generate[3]: must be a mapping with the key shape, such as {shape: star, hosts: 8}, not 'star'",
    "{shape: star, host: 3}": "generate[3].host: must be keys of a node such as {ipv4: auto}, or a kind alone, not 3",
    "{shape: star, hsots: 3}": "generate[3]: unknown key 'hsots' (did you mean 'hosts'?)",
    "{shape: star}": "generate[3]: the key 'hosts' is missing; a star needs hosts",
    "{shape: star, hosts: 0}": "generate[3].hosts: a star has at least 1 host",
    "{shape: star, hosts: -1}": "generate[3].hosts: must be a whole number from 0 to 10000, not -1",
    "{shape: star, hosts: 2, depth: 2}": "generate[3].depth: is not for the shape star, which has host, hosts, switch",
    "{shape: line, nodes: 2, switch: ovs}": "generate[3].switch: is not for the shape line, which has host, hosts, node, nodes",
    "{shape: line, nodes: 2, seed: 4}": "generate[3].seed: is not for the shape line, which has host, hosts, node, nodes",
    "{shape: ring, nodes: 2}": "generate[3].nodes: a ring has at least 3 nodes, not 2",
    "{shape: full-mesh, nodes: 1}": "generate[3].nodes: a full mesh has at least 2 nodes, not 1",
    "{shape: full-mesh, nodes: 5000}": "generate[3]: this shape has more than 100000 links; make it smaller",
    "{shape: torus, width: 2, height: 3}": "generate[3].width: a torus is at least 3 wide and 3 high, not 2; "
    "a smaller one would link nodes twice",
    "{shape: tree, depth: 9000, fanout: 9000}": "generate[3]: this tree has more than 20000 nodes; make it smaller",
    "{shape: tree, depth: 2}": "generate[3]: the key 'fanout' is missing; a tree needs depth and fanout",
    "{shape: fat-tree, k: 3}": "generate[3].k: a fat-tree has switches with an even number of ports, not 3",
    "{shape: random, nodes: 4}": "generate[3]: a random graph needs either degree or links",
    "{shape: random, nodes: 4, links: 2}": "generate[3].links: 4 nodes that are all connected have from 3 to 6 links, not 2",
    "{shape: random, nodes: 5, degree: 3}": "generate[3].degree: 5 nodes cannot have 3 neighbours each; one of both numbers is even",
    "{shape: random, nodes: 4, degree: 4}": "generate[3].degree: each of 4 nodes has at most 3 neighbours, not 4",
    "{shape: random, nodes: 4, degree: 1}": "generate[3].degree: 4 nodes with 1 neighbour each are not connected; take at least 2",
    "{shape: star, hosts: 2, link: {endpoints: [a, b]}}": "generate[3].link.endpoints: a shape has its own endpoints; leave it out",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_size_that_does_not_exist(text: str) -> None:
    problems: list[str] = []
    assert made_by(yaml.safe_load(text), "generate[3]", problems) is None
    assert problems == [MISTAKES[text]]
