# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a file with includes, shapes, ranges and groups to single nodes and links, before their keys are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..layers import Expanded, Layer, Made
from ..ranges import is_range, names_of
from ..values import Problems, shown
from ..values.scalars import NODE
from .generate.shapes import made_by
from .groups import expand_groups
from .include import Collector, Files, Part
from .links import expand_links

Layers = dict[str, list[Layer]]


def expand(values: Mapping[str, Any], files: Files | None, problems: Problems) -> Expanded:
    """Return the nodes and links that a topology's keys mean. Mistakes are added to problems, each with its place.

    When a file, a shape or a range could not be read there are no links and groups: each that names one of its nodes would be reported.
    """
    collector = Collector(files, problems)
    before = len(problems)
    collector.add(values)
    parts = collector.parts
    makers = [made for part in parts for made in _makers(part, problems)]
    whole = len(problems) == before
    made = _made(makers, problems)
    own: Layers = {}
    owner: dict[str, Part] = {}
    for part in parts:
        whole = _own_nodes(part, own, owner, problems) and whole
    names = dict.fromkeys((*made, *own))
    expanded = Expanded(notices=[notice for maker in makers for notice in maker.notices])
    grouped = expand_groups(parts, names, expanded, problems) if whole else {}
    for name in names:
        first = [made[name]] if name in made else []
        expanded.nodes[name] = [*first, *grouped.get(name, ()), *own.get(name, ())]
    expanded.links = [link for maker in makers for link in maker.links]
    for part in parts if whole else ():
        expanded.links += expand_links(part.values.get("links") or (), f"{part.prefix}links", names, problems)
    return expanded


def _makers(part: Part, problems: Problems) -> list[Made]:
    items = part.values.get("generate") or ()
    shapes = [made_by(item, f"{part.prefix}generate[{number}]", problems) for number, item in enumerate(items)]
    return [*filter(None, shapes), *part.imported]


def _made(makers: list[Made], problems: Problems) -> dict[str, Layer]:
    """Return all nodes that shapes and imports make."""
    nodes: dict[str, Layer] = {}
    sources: dict[str, str] = {}
    for maker in makers:
        twice = [name for name in maker.nodes if name in sources]
        if twice:
            others = f", and {len(twice) - 1} more" if len(twice) > 1 else ""
            source = sources[twice[0]]
            problems.append(f"{maker.source}: {source} makes a node '{twice[0]}' already{others}; give one of both a prefix, as in b-")
        _check_names(maker.nodes, maker.source, problems)
        nodes.update(maker.nodes)
        sources.update(dict.fromkeys(maker.nodes, maker.source))
    return nodes


def _own_nodes(part: Part, own: Layers, owner: dict[str, Part], problems: Problems) -> bool:
    """Add the nodes of one file. A node may stand in a range and by its own name, which is the stronger; all else is a clash.

    Return whether all names could be read.
    """
    whole = True
    nodes = part.values.get("nodes") or {}
    ranged: Layers = {}
    single: Layers = {}
    order: dict[str, None] = {}
    for key, value in nodes.items():
        layer = Layer(f"{part.prefix}nodes.{key}", _keys(value, f"{part.prefix}nodes.{key}", problems), own=True)
        try:
            names = names_of(key)
        except ValueError as error:
            problems.append(f"{layer.path}: {error}")
            whole = False
            continue
        _check_names(names, layer.path, problems)
        table = ranged if is_range(key) else single
        others = {name: table[name][0].path for name in names if name in table}
        others.update({name: own[name][-1].path for name in names if name in owner})
        if others:
            name, path = next(iter(others.items()))
            problems.append(f"{layer.path}: node '{name}' is defined in {path} already")
        for name in names:
            table[name] = [layer]
            order[name] = None
    for name in order:
        own[name] = [*ranged.get(name, ()), *single.get(name, ())]
        owner[name] = part
    return whole


def _keys(value: Any, path: str, problems: Problems) -> Mapping[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    if isinstance(value, str):
        return {"kind": value}
    problems.append(f"{path}: must be a mapping or a kind, not {shown(value)}")
    return {}


def _check_names(names: Collection[str], path: str, problems: Problems) -> None:
    """Report the first name that is none."""
    before = len(problems)
    for name in names:
        NODE.read(name, path, problems)
        if len(problems) > before:
            return
