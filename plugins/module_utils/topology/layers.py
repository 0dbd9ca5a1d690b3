# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What expansion turns a file into: for every node what is said of it and where, and links with where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Layer:
    """Keys of a node, and their place in the user's file. All nodes of a range, a group or a shape share one.

    ``own`` says that they are under the node's own name, so that each belongs to the node's kind.
    """

    path: str
    values: Mapping[str, Any]
    own: bool = False


@dataclass(frozen=True)
class RawLink:
    """A link between two single nodes, as the user wrote it."""

    path: str
    value: Any


@dataclass
class Made:
    """Nodes and links that come from elsewhere than the keys nodes and links; ``source`` is what makes them."""

    source: str
    nodes: dict[str, Layer] = field(default_factory=dict)
    links: list[RawLink] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass
class Expanded:
    """A whole lab: the layers of each node, the weakest first."""

    nodes: dict[str, list[Layer]] = field(default_factory=dict)
    links: list[RawLink] = field(default_factory=list)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variables: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
