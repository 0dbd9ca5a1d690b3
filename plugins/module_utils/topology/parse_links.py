# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of a topology file: all their short forms, and which attribute belongs to which end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from . import schema
from .layers import RawLink
from .model import SWITCHES, Endpoint, Link, Node
from .values import Problems, shown, suggestion

Ends = tuple[Endpoint, Endpoint]

# Two ends of a link never share one of these.
_ONE_END = frozenset(("mac", "ipv4", "gateway", "device"))


def read_links(raw: Sequence[RawLink], nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> tuple[Link, ...]:
    """Return the links; ``named`` are the nodes of the file, also those that could not be read."""
    links = (_link(item.value, item.path, nodes, named, problems) for item in raw)
    return _numbered([link for link in links if link], nodes)


def _link(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> Link | None:
    if isinstance(raw, (str, list)):
        raw = {"endpoints": raw}
    if not isinstance(raw, dict):
        problems.append(f"{path}: must be {schema.LINK.name}, not {shown(raw)}")
        return None
    before = len(problems)
    own = schema.LINK.read({key: value for key, value in raw.items() if key not in schema.END}, path, problems)
    ends = _ends(raw.get("endpoints"), f"{path}.endpoints", nodes, named, problems)
    if ends is None:
        return None
    for key, value in raw.items():
        if key in schema.END and value is not None:
            ends = _spread(key, value, path, ends, nodes, problems)
    pair = _pair_problem(ends, nodes)
    if pair:
        problems.append(f"{path}: {pair}")
    return Link(path, ends, own["mtu"], own["up"]) if own and len(problems) == before else None


def _ends(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> Ends | None:
    if raw is None:
        return None
    items = raw.split() if isinstance(raw, str) else raw
    if not isinstance(items, list) or len(items) != 2:
        problems.append(
            f"{path}: must be {schema.ENDPOINTS.name}, not {f'{len(items)} of them' if isinstance(items, list) else shown(raw)}"
        )
        return None
    first, second = (_end(item, f"{path}[{number}]", nodes, named, problems) for number, item in enumerate(items))
    return (first, second) if first and second else None


def _end(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> Endpoint | None:
    if isinstance(raw, str):
        name, colon, interface = raw.partition(":")
        raw = {"node": name, "interface": interface} if colon else {"node": name}
    values = schema.ENDPOINT.read(raw, path, problems)
    if values is None:
        return None
    name = values["node"]
    if name not in named:
        problems.append(f"{path}: no node '{name}'{suggestion(name, named)}")
    if name not in nodes:
        return None
    kind = nodes[name].kind
    misplaced = [key for key in schema.END if values[key] is not None and kind not in schema.FITS[key]]
    problems.extend(f"{path}.{key}: is for {_kinds(key)}; node '{name}' is of kind {kind}" for key in misplaced)
    device = values.pop("device")
    if device and values["interface"]:
        problems.append(f"{path}.device: the port's device is named '{values['interface']}' already; leave out one of the two")
    return None if misplaced else Endpoint(**{**values, "path": path, "interface": device or values["interface"]})


def _spread(key: str, value: Any, path: str, ends: Ends, nodes: Mapping[str, Node], problems: Problems) -> Ends:
    """Give an attribute of the whole link to the end, or the ends, that it is for."""
    fitting = [end for end in ends if nodes[end.node].kind in schema.FITS[key]]
    where = f"{path}.{key}"
    if isinstance(value, dict):
        for name, part in value.items():
            named = [end for end in fitting if name in (end.node, str(end))]
            if not named:
                choices = " or ".join(f"'{end.node}'" for end in fitting) or "none of them"
                problems.append(f"{where}: {shown(name)} is no end of this link that can have it; {choices} can")
            elif part is not None:
                ends = _given(key, part, f"{where}.{name}", ends, named, problems)
        return ends
    if not fitting:
        problems.append(f"{where}: is for {_kinds(key)}; this link has no such end")
    elif len(fitting) == 2 and key in _ONE_END:
        problems.append(f"{where}: say which end is meant, as in {{{fitting[0].node}: {value if isinstance(value, str) else '...'}}}")
    else:
        ends = _given(key, value, where, ends, fitting, problems)
    return ends


def _given(key: str, value: Any, path: str, ends: Ends, chosen: Sequence[Endpoint], problems: Problems) -> Ends:
    before = len(problems)
    canonical = schema.END[key].type.read(value, path, problems)
    name = "interface" if key == "device" else key
    for end in chosen:
        if getattr(end, name) is not None:
            problems.append(f"{path}: is given in {end.path} already")
    if len(problems) > before:
        return ends
    first, second = (replace(end, **{name: canonical}) if end in chosen else end for end in ends)
    return first, second


def _kinds(key: str) -> str:
    return " or ".join(f"a {kind}" if kind != "ovs" else "an ovs" for kind in schema.NODES if kind in schema.FITS[key])


def _pair_problem(ends: Ends, nodes: Mapping[str, Node]) -> str:
    """Say why a link cannot join these two; empty if it can."""
    first, second = (nodes[end.node] for end in ends)
    kinds = {first.kind, second.kind}
    if first is second:
        return f"both ends are at node '{first.name}'; a link joins two nodes"
    if kinds & SWITCHES or kinds in ({"netns"}, {"netns", "host"}):
        return ""
    pair = f"between the {first.kind} '{first.name}' and the {second.kind} '{second.name}'"
    return f"a direct link {pair} is not supported yet; connect both to a switch"


def _numbered(links: Sequence[Link], nodes: Mapping[str, Node]) -> tuple[Link, ...]:
    """Name the interfaces of namespaces and guests that the file leaves unnamed: the first free of eth0, eth1, ..."""
    named: dict[str, set[str]] = defaultdict(set)
    for end in (end for link in links for end in link.ends if end.interface):
        named[end.node].add(end.interface or "")
    free = {name: (f"eth{number}" for number in count()) for name, node in nodes.items() if node.kind in ("netns", "vm")}

    def complete(end: Endpoint) -> Endpoint:
        if end.interface or end.node not in free:
            return end
        return replace(end, interface=next(name for name in free[end.node] if name not in named[end.node]))

    return tuple(replace(link, ends=(complete(link.ends[0]), complete(link.ends[1]))) for link in links)
