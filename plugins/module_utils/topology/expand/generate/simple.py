# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A star, and nodes in a line, in a ring, or each linked to each."""

from __future__ import annotations

from itertools import combinations

from .graph import Graph, SizeError, Sizes


def star(graph: Graph, sizes: Sizes) -> None:
    """Make hosts around one switch, as Mininet's single."""
    if sizes["hosts"] < 1:
        raise SizeError("hosts", "a star has at least 1 host")
    switch = graph.add("s1", "switch")
    for number in range(1, sizes["hosts"] + 1):
        graph.link(graph.add(f"h{number}", "host"), switch)


def line(graph: Graph, sizes: Sizes) -> None:
    """Make a line of nodes, as Mininet's linear."""
    nodes = graph.row(sizes["nodes"])
    for pair in zip(nodes, nodes[1:]):
        graph.link(*pair)
    graph.hosts(nodes, sizes["hosts"])


def ring(graph: Graph, sizes: Sizes) -> None:
    """Make a closed line."""
    if sizes["nodes"] < 3:
        raise SizeError("nodes", f"a ring has at least 3 nodes, not {sizes['nodes']}")
    nodes = graph.row(sizes["nodes"])
    for pair in zip(nodes, [*nodes[1:], nodes[0]]):
        graph.link(*pair)
    graph.hosts(nodes, sizes["hosts"])


def full_mesh(graph: Graph, sizes: Sizes) -> None:
    """Link each node with each other one."""
    if sizes["nodes"] < 2:
        raise SizeError("nodes", "a full mesh has at least 2 nodes, not 1")
    nodes = graph.row(sizes["nodes"])
    for pair in combinations(nodes, 2):
        graph.link(*pair)
    graph.hosts(nodes, sizes["hosts"])
