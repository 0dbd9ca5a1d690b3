# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between ranges: two of one length are linked one by one, a single endpoint with each of the other side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..layers import RawLink
from ..ranges import is_range, names_of, split_endpoint
from ..schema.file import END
from ..values import Problems, suggestion


def expand_links(raw: Sequence[Any], path: str, nodes: Collection[str], problems: Problems) -> list[RawLink]:
    """Return the links of one file; those without ranges are as the user wrote them, right or wrong."""
    links: list[RawLink] = []
    for number, item in enumerate(raw):
        where = f"{path}[{number}]"
        ends = _ends(item)
        if ends and any(_has_range(end) for end in ends):
            links += _expanded(item, ends, where, nodes, problems)
        else:
            links.append(RawLink(where, item))
    return links


def spread(path: str, attributes: Mapping[str, Any], pairs: Sequence[tuple[Any, Any]]) -> list[RawLink]:
    """Give each of several links its endpoints and attributes; of an attribute by names of nodes the part that is the link's."""
    common = {key: value for key, value in attributes.items() if not (key in END and isinstance(value, dict))}
    named = {key: _by_name(value) for key, value in attributes.items() if key in END and isinstance(value, dict)}
    links = [{**common, "endpoints": [first, second]} for first, second in pairs]
    for key, values in named.items():
        used: set[Any] = set()
        for link, (first, second) in zip(links, pairs):
            part = {name: values[name][1] for end in (first, second) for name in _strongest(end, values)}
            used.update(values[name][0] for name in (*_names(first), *_names(second)) if name in values)
            if part:
                link[key] = part
        # What is nobody's goes to the first link, where reading finds it.
        lost = {name: value for name, value in attributes[key].items() if name not in used}
        if lost and links:
            links[0][key] = {**links[0].get(key, {}), **lost}
    return [RawLink(path, link) for link in links]


def _by_name(values: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """Return for each name what was written for it, and its value; a single name outranks a range."""
    found: dict[Any, tuple[Any, Any]] = {}
    for written, value in sorted(values.items(), key=lambda item: not is_range(item[0])):
        try:
            names = names_of(written) if is_range(written) else [written]
        except ValueError:
            continue  # nobody's: reading reports it
        found.update(dict.fromkeys(names, (written, value)))
    return found


def _strongest(end: Any, values: Mapping[Any, tuple[Any, Any]]) -> list[Any]:
    """Return the names by which an end has a value: those written singly, else the most exact range."""
    names = [name for name in _names(end) if name in values]
    return [name for name in names if not is_range(values[name][0])] or names[-1:]


def _ends(item: Any) -> list[Any] | None:
    value = item.get("endpoints") if isinstance(item, dict) else item
    ends = value.split() if isinstance(value, str) else value
    return ends if isinstance(ends, list) and len(ends) == 2 else None


def _has_range(end: Any) -> bool:
    return any(is_range(end.get(key)) for key in ("node", "interface")) if isinstance(end, dict) else is_range(end)


def _names(end: Any) -> tuple[Any, ...]:
    """Return the names that an endpoint has in attributes: its node, and the node with its interface."""
    if isinstance(end, dict):
        return (end["node"], f"{end['node']}:{end['interface']}") if end.get("interface") else (end["node"],)
    node, interface = split_endpoint(end)
    return (node, end) if interface else (node,)


def _expanded(item: Any, ends: Sequence[Any], path: str, nodes: Collection[str], problems: Problems) -> list[RawLink]:
    where = f"{path}.endpoints"
    sides = [_side(end, f"{where}[{number}]", nodes, problems) for number, end in enumerate(ends)]
    if not all(sides):
        return []
    count = max(len(side) for side in sides)
    for number, (side, end) in enumerate(zip(sides, ends)):
        if len(side) == 1 < count:
            if len(_names(side[0])) > 1:
                problems.append(f"{where}[{number}]: one interface, '{_shown(end)}', cannot be the end of {count} links; give a range")
                return []
            sides[number] = side * count
    first, second = sides
    if len(first) != len(second):
        problems.append(
            f"{where}: '{_shown(ends[0])}' means {len(first)} endpoints and '{_shown(ends[1])}' {len(second)}; "
            "give as many on both sides, or one on one side"
        )
        return []
    attributes = {key: value for key, value in item.items() if key != "endpoints"} if isinstance(item, dict) else {}
    return spread(path, attributes, list(zip(first, second)))


def _side(end: Any, path: str, nodes: Collection[str], problems: Problems) -> list[Any]:
    """Return the single endpoints that one side of a link means; none if something is wrong."""
    node, interface = (end.get("node"), end.get("interface")) if isinstance(end, dict) else split_endpoint(str(end))
    try:
        names = names_of(node) if isinstance(node, str) else [node]
        interfaces = names_of(interface) if isinstance(interface, str) else [interface]
        if len(names) * len(interfaces) > 1:
            names_of(f"{node}:{interface}")  # not too many in all
    except ValueError as error:
        problems.append(f"{path}: {error}")
        return []
    lost = [name for name in names if not isinstance(name, str) or name not in nodes]
    if lost:
        others = f", nor {len(lost) - 1} more of '{node}'" if len(lost) > 1 else ""
        problems.append(f"{path}: no node '{lost[0]}'{suggestion(lost[0], nodes)}{others}")
        return []
    if isinstance(end, dict):
        return [{**end, "node": name, **({"interface": part} if part else {})} for name in names for part in interfaces]
    return [f"{name}:{part}" if part else name for name in names for part in interfaces]


def _shown(end: Any) -> str:
    return ":".join(str(end[key]) for key in ("node", "interface") if end.get(key)) if isinstance(end, dict) else str(end)
