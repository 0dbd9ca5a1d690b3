# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A graph of another tool: its nodes and edges as nodes and links."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...layers import Layer, Made, RawLink
from ...values import Problems
from ..links import spread
from .names import Names

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SPEED = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:b(?:it)?(?:/s|ps)?)?\s*", re.IGNORECASE)


def from_graph(
    graph: Mapping[str, Any], source: str, path: str, options: Mapping[str, Any], keys: Mapping[str, Any], problems: Problems
) -> Made | None:
    """Return the nodes and links of a graph: directed, nodes [(id, attributes)], edges [(id, id, attributes)].

    ``keys`` are those of every node; the options are prefix and link, the keys of every link.
    """
    if not graph["nodes"]:
        problems.append(f"{source}: the graph has no nodes")
        return None
    if "endpoints" in options["link"]:
        problems.append(f"{path}.link.endpoints: the graph has its own endpoints; leave it out")
        return None
    names = Names(options["prefix"])
    made = Made(source)
    layer = Layer(path, keys)
    for identity, attributes in graph["nodes"]:
        made.nodes[names.name(identity, _label(identity, attributes))] = layer
    edges, notices = _single(graph)
    made.notices += [f"{source}: {notice}" for notice in notices]
    made.notices += names.notices(source)
    for first, second, attributes in edges:
        rate = _rate(attributes)
        link = {**({"rate": rate} if rate else {}), **options["link"]}
        made.links += spread(f"{path}.link", link, [(names.known(first), names.known(second))])
    return made


def _label(identity: str, attributes: Mapping[str, Any]) -> str:
    label = attributes.get("label")
    return str(label) if label not in (None, "", "None") else identity


def _single(graph: Mapping[str, Any]) -> tuple[list[tuple[str, str, Mapping[str, Any]]], list[str]]:
    """Return the edges without loops, and those of a directed graph that run both ways once."""
    edges, seen, loops, back = [], set(), 0, 0
    for first, second, attributes in graph["edges"]:
        if first == second:
            loops += 1
        elif graph["directed"] and (second, first) in seen:
            back += 1
        else:
            seen.add((first, second))
            edges.append((first, second, attributes))
    notices = [f"{loops} edges from a node to itself were left out"] if loops else []
    notices += [f"{back} pairs of edges that run both ways are one link each"] if back else []
    return edges, notices


def _rate(attributes: Mapping[str, Any]) -> str:
    """Return the speed of an edge where it is plainly given, as a rate; else nothing."""
    given = {str(key).lower(): value for key, value in attributes.items()}
    raw = given.get("linkspeedraw")
    if raw is not None:
        return _bits(_number(raw))
    speed, unit = given.get("linkspeed"), given.get("linkspeedunits")
    if speed is not None and isinstance(unit, str) and unit.lower() in _UNITS:
        return _bits(_number(speed) * _UNITS[unit.lower()])
    for key in ("bandwidth", "capacity", "rate", "speed", "linkspeed"):
        found = _SPEED.fullmatch(str(given[key])) if key in given else None
        if found and found[2]:  # a number alone has no unit
            return _bits(float(found[1]) * _UNITS[found[2].lower()])
    return ""


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _bits(rate: float) -> str:
    """Return bit/s with the largest unit that leaves a whole number."""
    if not math.isfinite(rate) or rate < 1:
        return ""
    whole = round(rate)
    for unit in ("g", "m", "k"):
        if whole % _UNITS[unit] == 0:
            return f"{whole // _UNITS[unit]}{unit}bit"
    return f"{whole}bit"


def fragment(made: Made) -> dict[str, Any]:
    """Return what was made as the keys nodes and links of a topology."""
    links: Sequence[RawLink] = made.links
    return {"nodes": {name: dict(layer.values) for name, layer in made.nodes.items()}, "links": [link.value for link in links]}
