# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a topology file that stand for more than they say: include, generate, groups. They are expanded before the rest is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import Block, Key, Type
from ..values.scalars import MAPPING, TEXT, TEXTS, choice, number


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _role(value: Any) -> Any:
    """Read the keys of generated nodes: a mapping, or their kind alone."""
    if isinstance(value, str):
        return {"kind": value}
    keys: dict[str, Any] = MAPPING.parse(value)
    if not isinstance(keys.get("kind", ""), str):
        raise ValueError
    return keys


def _seed(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError
    return value


ROLE = Type("keys of a node such as {ipv4: auto}, or a kind alone", _role)
_SIZE = number(1, 10_000)
_HOSTS = number(0, 10_000)
_OPTIONS = {
    "hosts": Key(_HOSTS, "How many hosts there are; for line, ring, full-mesh, grid, torus and random at each node, for leaf-spine "
                 "at each leaf.", "500", None, "star: required; leaf-spine: 1; others: 0"),
    "nodes": Key(_SIZE, "How many nodes a line, ring, full-mesh or random graph has.", "5"),
    "width": Key(_SIZE, "How many columns a grid or torus has.", "4"),
    "height": Key(_SIZE, "How many rows a grid or torus has.", "3"),
    "depth": Key(_SIZE, "How many levels of switches a tree has.", "2"),
    "fanout": Key(_SIZE, "How many children each switch of a tree has.", "3"),
    "k": Key(_SIZE, "How many ports each switch of a fat-tree has, an even number.", "4"),
    "spines": Key(_SIZE, "How many spines there are.", "2"),
    "leaves": Key(_SIZE, "How many leaves there are.", "4"),
    "degree": Key(_SIZE, "How many neighbours each node of a random graph has; or give `links`.", "3"),
    "links": Key(_SIZE, "How many links a random graph has; all its nodes are connected.", "8"),
    "seed": Key(Type("a whole number or a text", _seed), "Which of the random graphs; the same seed always makes the same.", "7", 0),
}  # fmt: skip
SIZES = tuple(_OPTIONS)
SHAPES = ("star", "line", "ring", "full-mesh", "grid", "torus", "tree", "fat-tree", "leaf-spine", "random")

GENERATE = Block(
    "a mapping with the key shape, such as {shape: star, hosts: 8}",
    {
        "shape": Key(choice(*SHAPES), "How the nodes are linked.", "star", required=True),
        **_OPTIONS,
        "host": Key(ROLE, "Keys of every host, or their kind alone.", "{kind: netns, ipv4: auto}", {}, "netns"),
        "switch": Key(ROLE, "Keys of every switch of a star, tree, fat-tree or leaf-spine, or their kind alone.", "ovs", {}, "bridge"),
        "node": Key(
            ROLE, "Keys of every node of a line, ring, full-mesh, grid, torus or random graph, or their kind alone.", "ovs", {}, "netns"
        ),
        "link": Key(MAPPING, "Keys of every link.", "{mtu: 1400}", {}),
        "prefix": Key(TEXT, "What the names of all nodes begin with.", "a-", ""),
    },
)

GROUP = Block(
    "a mapping with the key members",
    {
        "members": Key(TEXTS, "The group's nodes; ranges are possible.", '["h[1:3]", web]', required=True),
        "vars": Key(MAPPING, "Variables of the inventory group.", "{ntp_server: 192.0.2.7}", {}),
        "kind": Key(Type("a kind of node", lambda value: value), "The members' kind, unless they have one of their own.", "vm"),
    },
)

INCLUDE = Block(
    "a file's name, or a mapping with the key containerlab or graphml",
    {
        "containerlab": Key(TEXT, "A topology of containerlab.", "net.clab.yml"),
        "graphml": Key(TEXT, "A graph in the format GraphML, or GML if the name ends in .gml.", "net.graphml"),
        "prefix": Key(TEXT, "What the names of all nodes of the file begin with.", "a-", ""),
        "link": Key(MAPPING, "Keys of every link of a graph.", "{mtu: 1400}", {}),
    },
)

EXPANDED: Mapping[str, Key] = {
    "include": Key(
        Type("a list of files", _list),
        "Further files of this lab, each with keys include, generate, groups, nodes and links; or files of other tools.",
        "[rack.yml, {containerlab: net.clab.yml}]",
        (),
    ),
    "generate": Key(Type("a list of shapes", _list), "Nodes and links by their shape.", "[{shape: star, hosts: 8}]", ()),
    "groups": Key(MAPPING, "Keys for several nodes at once; also groups of the inventory.", "{web: {members: [a], ipv4: none}}", {}),
}

BLOCKS = {"include": INCLUDE, "shape": GENERATE, "group": GROUP}
