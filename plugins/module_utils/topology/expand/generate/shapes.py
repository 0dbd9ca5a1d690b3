# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key generate: from a shape and its sizes to nodes and links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...layers import Layer, Made
from ...schema.expand import GENERATE, SIZES
from ...values import Problems
from ..links import spread
from .graph import Graph, SizeError, Sizes
from .grids import grid, torus
from .random_graph import random_graph
from .simple import full_mesh, line, ring, star
from .trees import fat_tree, leaf_spine, tree

_KINDS = {"host": "netns", "switch": "bridge", "node": "netns"}
_PROTOCOLS = {"ovs": "rstp", "bridge": "stp"}  # what makes a tree of switches with loops


@dataclass(frozen=True)
class Shape:
    """How a shape is made, the sizes that it must be given, and those that it may."""

    make: Callable[..., None]
    required: tuple[str, ...]
    optional: Mapping[str, int]
    roles: tuple[str, ...] = ("host", "node")


_DATA_CENTRE = ("host", "switch")
_SHAPES = {
    "star": Shape(star, ("hosts",), {}, _DATA_CENTRE),
    "line": Shape(line, ("nodes",), {"hosts": 0}),
    "ring": Shape(ring, ("nodes",), {"hosts": 0}),
    "full-mesh": Shape(full_mesh, ("nodes",), {"hosts": 0}),
    "grid": Shape(grid, ("width", "height"), {"hosts": 0}),
    "torus": Shape(torus, ("width", "height"), {"hosts": 0}),
    "tree": Shape(tree, ("depth", "fanout"), {}, _DATA_CENTRE),
    "fat-tree": Shape(fat_tree, ("k",), {}, _DATA_CENTRE),
    "leaf-spine": Shape(leaf_spine, ("spines", "leaves"), {"hosts": 1}, _DATA_CENTRE),
    "random": Shape(random_graph, ("nodes",), {"hosts": 0}),
}


def made_by(raw: Any, path: str, problems: Problems) -> Made | None:
    """Return the nodes and links of one item of the key generate; None if something is wrong with it."""
    options = GENERATE.read(raw, path, problems)
    if options is None:
        return None
    shape = _SHAPES[options["shape"]]
    sizes = _sizes(shape, options, path, problems)
    values = {role: {"kind": _KINDS[role], **options[role]} for role in shape.roles}
    graph = Graph(letter="s" if values.get("node", {}).get("kind") in _PROTOCOLS else "n")
    if "endpoints" in options["link"]:
        problems.append(f"{path}.link.endpoints: a shape has its own endpoints; leave it out")
        return None
    if sizes is None:
        return None
    try:
        shape.make(graph, sizes, *([options["seed"] or 0] if shape.make is random_graph else []))
    except SizeError as error:
        problems.append(f"{path}{f'.{error.option}' if error.option else ''}: {error}")
        return None
    if graph.has_loops:
        values.update({role: _without_loops(keys) for role, keys in values.items() if role != "host"})
    layers = {role: Layer(f"{path}.{role}", keys) for role, keys in values.items()}
    prefix = options["prefix"]
    return Made(
        path,
        {f"{prefix}{name}": layers[role] for name, role in graph.nodes.items()},
        spread(f"{path}.link", options["link"], [(f"{prefix}{first}", f"{prefix}{second}") for first, second in graph.links]),
    )


def _sizes(shape: Shape, options: Mapping[str, Any], path: str, problems: Problems) -> Sizes | None:
    """Return the sizes of a shape that all are given and known to it."""
    name = options["shape"]
    is_random = shape.make is random_graph
    choices = ("degree", "links") if is_random else ()
    own = (*shape.required, *shape.optional, *choices)
    taken = (*own, *shape.roles, *(("seed",) if is_random else ()))
    before = len(problems)
    for option in (*SIZES, *_KINDS):
        given = options[option] != GENERATE.keys[option].default
        if given and option not in taken:
            problems.append(f"{path}.{option}: is not for the shape {name}, which has {', '.join(sorted(taken))}")
    for option in shape.required:
        if options[option] is None:
            problems.append(f"{path}: the key '{option}' is missing; a {name} needs {' and '.join(shape.required)}")
    if choices and sum(options[option] is not None for option in choices) != 1:
        problems.append(f"{path}: a random graph needs either degree or links")
    if len(problems) > before:
        return None
    return {**shape.optional, **{option: options[option] for option in own if options[option] is not None}}


def _without_loops(values: dict[str, Any]) -> dict[str, Any]:
    """Have switches whose links form loops find a tree among them, unless the user says how loops are dealt with."""
    protocol = _PROTOCOLS.get(values["kind"])
    if not protocol or values.keys() & {"stp", "rstp", "controllers"} or values.get("fail_mode") == "secure":
        return values
    return {**values, protocol: True}
