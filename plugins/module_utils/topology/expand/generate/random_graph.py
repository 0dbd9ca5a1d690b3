# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random graphs: all nodes are connected, no two of them twice, and a seed makes the same graph on every machine and Python."""

from __future__ import annotations

import random
from itertools import combinations

from .graph import MOST_LINKS, Graph, SizeError, Sizes

Pair = tuple[int, int]
_TRIES = 100


def random_graph(graph: Graph, sizes: Sizes, seed: object) -> None:
    """Make a graph with a number of links, or with a number of links at each node."""
    count = sizes["nodes"]
    # Only random() itself is promised to be the same in every Python.
    chance = random.Random(str(seed))
    pairs = _with_links(count, sizes["links"], chance) if "links" in sizes else _regular(count, sizes["degree"], chance)
    nodes = graph.row(count)
    for first, second in sorted(pairs):
        graph.link(nodes[first], nodes[second])
    graph.hosts(nodes, sizes["hosts"])


def _below(count: int, chance: random.Random) -> int:
    return int(chance.random() * count)


def _shuffled(count: int, chance: random.Random) -> list[int]:
    numbers = list(range(count))
    for place in range(count - 1, 0, -1):
        other = _below(place + 1, chance)
        numbers[place], numbers[other] = numbers[other], numbers[place]
    return numbers


def _pair(first: int, second: int) -> Pair:
    return (first, second) if first < second else (second, first)


def _with_links(count: int, links: int, chance: random.Random) -> set[Pair]:
    most = count * (count - 1) // 2
    if not count - 1 <= links <= most:
        raise SizeError("links", f"{count} nodes that are all connected have from {count - 1} to {most} links, not {links}")
    if links > MOST_LINKS:
        raise SizeError("links", f"at most {MOST_LINKS} links are possible, not {links}")
    order = _shuffled(count, chance)
    pairs = {_pair(order[place], order[_below(place, chance)]) for place in range(1, count)}
    if links * 4 > most:
        rest = [pair for pair in combinations(range(count), 2) if pair not in pairs]
        pairs.update(rest[place] for place in _shuffled(len(rest), chance)[: links - len(pairs)])
    while len(pairs) < links:
        first, second = _below(count, chance), _below(count, chance)
        if first != second:
            pairs.add(_pair(first, second))
    return pairs


def _regular(count: int, degree: int, chance: random.Random) -> set[Pair]:
    """Swap the far ends of random pairs of links, beginning with a ring in which each node is linked to its nearest."""
    if degree >= count:
        raise SizeError("degree", f"each of {count} nodes has at most {count - 1} neighbours, not {degree}")
    if count * degree % 2:
        raise SizeError("degree", f"{count} nodes cannot have {degree} neighbours each; one of both numbers is even")
    if degree == 1 and count > 2:
        raise SizeError("degree", f"{count} nodes with 1 neighbour each are not connected; take at least 2")
    if count * degree // 2 > MOST_LINKS:
        raise SizeError("degree", f"at most {MOST_LINKS} links are possible, not {count * degree // 2}")
    order = _shuffled(count, chance)
    steps = [*range(1, degree // 2 + 1), *([count // 2] if degree % 2 else [])]
    start = {_pair(order[place], order[(place + step) % count]) for step in steps for place in range(count)}
    if degree <= 2:
        return start
    for _try in range(_TRIES):
        pairs = _swapped(start, chance)
        if _connected(count, pairs):
            return pairs
    return start


def _swapped(start: set[Pair], chance: random.Random) -> set[Pair]:
    links, pairs = sorted(start), set(start)
    for _swap in range(4 * len(links)):
        one, two = _below(len(links), chance), _below(len(links), chance)
        (a, b), (c, d) = links[one], links[two]
        if chance.random() < 0.5:
            c, d = d, c
        first, second = _pair(a, d), _pair(c, b)
        if len({a, b, c, d}) == 4 and first not in pairs and second not in pairs:
            pairs -= {links[one], links[two]}
            pairs |= {first, second}
            links[one], links[two] = first, second
    return pairs


def _connected(count: int, pairs: set[Pair]) -> bool:
    near: list[list[int]] = [[] for _node in range(count)]
    for first, second in pairs:
        near[first].append(second)
        near[second].append(first)
    seen, waiting = {0}, [0]
    while waiting:
        for other in near[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return len(seen) == count
