# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all shapes are made of: named nodes, each with its role, and links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["host", "switch", "node"]

MOST_NODES = 20_000
MOST_LINKS = 100_000


class SizeError(ValueError):
    """A shape of this size does not exist; ``option`` is the one to change."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


@dataclass
class Graph:
    """Nodes by name with their roles, and links. ``letter`` begins the names of the nodes that are no hosts: s for switches."""

    letter: str = "s"
    nodes: dict[str, Role] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, role: Role) -> str:
        """Add a node."""
        self.nodes[name] = role
        if len(self.nodes) > MOST_NODES:
            raise SizeError("", f"this shape has more than {MOST_NODES} nodes; make it smaller")
        return name

    def row(self, count: int, role: Role = "node") -> list[str]:
        """Add several nodes, numbered from 1."""
        return [self.add(f"{self.letter}{number}", role) for number in range(1, count + 1)]

    def link(self, first: str, second: str) -> None:
        """Link two nodes."""
        self.links.append((first, second))
        if len(self.links) > MOST_LINKS:
            raise SizeError("", f"this shape has more than {MOST_LINKS} links; make it smaller")

    def hosts(self, nodes: Sequence[str], each: int) -> None:
        """Give every node its hosts, named as Mininet does: h1 at s1; if a node has several, h1s1, h2s1, ..."""
        for number, node in enumerate(nodes, 1):
            for place in range(1, each + 1):
                self.link(self.add(f"h{number}" if each == 1 else f"h{place}{node}", "host"), node)

    @property
    def has_loops(self) -> bool:
        """Say whether packets could go round in circles among the nodes that are no hosts. All shapes are connected."""
        inner = sum(role != "host" for role in self.nodes.values())
        links = sum("host" not in (self.nodes[first], self.nodes[second]) for first, second in self.links)
        return links >= inner > 0


Sizes = dict[str, int]
