# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes in rows and columns; named as Mininet does, s2x1 is the first of the second row."""

from __future__ import annotations

from .graph import Graph, SizeError, Sizes


def grid(graph: Graph, sizes: Sizes) -> None:
    """Link each node with those beside, above and below it."""
    _mesh(graph, sizes, closed=False)


def torus(graph: Graph, sizes: Sizes) -> None:
    """Make a grid whose rows and columns are rings."""
    for option in ("width", "height"):
        if sizes[option] < 3:
            raise SizeError(option, f"a torus is at least 3 wide and 3 high, not {sizes[option]}; a smaller one would link nodes twice")
    _mesh(graph, sizes, closed=True)


def _mesh(graph: Graph, sizes: Sizes, closed: bool) -> None:
    width, height = sizes["width"], sizes["height"]
    rows = [[graph.add(f"{graph.letter}{row}x{column}", "node") for column in range(1, width + 1)] for row in range(1, height + 1)]
    for row in range(height):
        for column in range(width):
            if closed or column + 1 < width:
                graph.link(rows[row][column], rows[row][(column + 1) % width])
            if closed or row + 1 < height:
                graph.link(rows[row][column], rows[(row + 1) % height][column])
    for line in rows:
        for node in line:
            for place in range(1, sizes["hosts"] + 1):
                end = f"x{place}" if sizes["hosts"] > 1 else ""
                graph.link(graph.add(f"h{node[1:]}{end}", "host"), node)
