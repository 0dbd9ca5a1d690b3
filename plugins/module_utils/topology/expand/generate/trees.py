# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees and the networks of data centres."""

from __future__ import annotations

from .graph import MOST_NODES, Graph, SizeError, Sizes


def tree(graph: Graph, sizes: Sizes) -> None:
    """Make a tree with hosts as its leaves, numbered depth first as Mininet does."""
    nodes = width = 1
    for _level in range(sizes["depth"]):
        width *= sizes["fanout"]
        nodes += width
        if nodes > MOST_NODES:
            raise SizeError("", f"this tree has more than {MOST_NODES} nodes; make it smaller")
    waiting: list[tuple[str, int]] = [("", 0)]
    switches = hosts = 0
    while waiting:
        parent, level = waiting.pop()
        if level < sizes["depth"]:
            switches += 1
            name = graph.add(f"s{switches}", "switch")
            waiting += [(name, level + 1)] * sizes["fanout"]
        else:
            hosts += 1
            name = graph.add(f"h{hosts}", "host")
        if parent:
            graph.link(name, parent)


def fat_tree(graph: Graph, sizes: Sizes) -> None:
    """Make the fat-tree of Al-Fares, Loukissas and Vahdat (SIGCOMM 2008): k pods, k*k/4 cores, k*k*k/4 hosts."""
    k = sizes["k"]
    if k % 2:
        raise SizeError("k", f"a fat-tree has switches with an even number of ports, not {k}")
    half = k // 2
    cores = [graph.add(f"core{number}", "switch") for number in range(1, half * half + 1)]
    hosts = 0
    for pod in range(k):
        first = pod * half + 1
        aggregations = [graph.add(f"agg{number}", "switch") for number in range(first, first + half)]
        edges = [graph.add(f"edge{number}", "switch") for number in range(first, first + half)]
        for number, aggregation in enumerate(aggregations):
            for core in cores[number * half : (number + 1) * half]:
                graph.link(aggregation, core)
        for edge in edges:
            for aggregation in aggregations:
                graph.link(edge, aggregation)
            for _host in range(half):
                hosts += 1
                graph.link(graph.add(f"h{hosts}", "host"), edge)


def leaf_spine(graph: Graph, sizes: Sizes) -> None:
    """Link every leaf with every spine, and hosts with each leaf."""
    spines = [graph.add(f"spine{number}", "switch") for number in range(1, sizes["spines"] + 1)]
    hosts = 0
    for number in range(1, sizes["leaves"] + 1):
        leaf = graph.add(f"leaf{number}", "switch")
        for spine in spines:
            graph.link(leaf, spine)
        for _host in range(sizes["hosts"]):
            hosts += 1
            graph.link(graph.add(f"h{hosts}", "host"), leaf)
