# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user wrote to the canonical form: short forms expanded, defaults merged, every mistake reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .._errors import LabErrors
from . import schema
from .expect import check_expectations
from .model import SWITCHES, Guest, Node, Switch, Topology
from .parse_links import read_links
from .scalars import NODE
from .values import Problems, shown, suggestion

_GUEST = frozenset(part.name for part in fields(Guest))


def parse(data: Any) -> Topology:
    """Return the topology that the file's content describes. Raise LabErrors."""
    problems: Problems = []
    given = schema.TOP.given(data, "", problems) if isinstance(data, dict) else {}
    if not isinstance(data, dict) or not {"name", "nodes"} <= given.keys():
        schema.TOP.read(data, "", problems)
    if "nodes" not in given:
        raise LabErrors(problems)
    values = {**schema.TOP.defaults(), **given}
    nodes = _nodes(values["nodes"], _defaults(values["defaults"], problems), problems)
    links = read_links(values["links"], nodes, values["nodes"], problems)
    interfaces: dict[str, set[str]] = {}
    for end in (end for link in links for end in link.ends):
        interfaces.setdefault(end.node, set()).add(end.interface or "")
    check_expectations(values["expect"], values["nodes"], interfaces, problems)
    if problems:
        raise LabErrors(problems)
    name = values["name"]
    return Topology(
        name=name,
        domain=values["domain"] or f"{name.lower()}.internal",
        resolvers=values["resolvers"],
        uplink=values["uplink"],
        images=values["images"],
        nodes=nodes,
        links=links,
        expect=values["expect"],
    )


def _defaults(raw: Mapping[str, Any], problems: Problems) -> dict[str, dict[str, Any]]:
    """Return all values of a node of each kind that says nothing."""
    defaults = {kind: block.defaults() for kind, block in schema.NODES.items()}
    for kind, values in raw.items():
        path = f"defaults.{kind}"
        if kind not in defaults:
            problems.append(f"{path}: no kind '{kind}'{suggestion(kind, schema.NODES) or ' (known: ' + ', '.join(schema.NODES) + ')'}")
        elif not isinstance(values, dict):
            problems.append(f"{path}: must be a mapping, not {shown(values)}")
        else:
            defaults[kind].update(schema.NODES[kind].given(values, path, problems))
    return defaults


def _nodes(raw: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]], problems: Problems) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    folded: dict[str, str] = {}
    for name, value in raw.items():
        path = f"nodes.{name}"
        NODE.read(name, path, problems)
        twin = folded.setdefault(name.lower(), name)
        if twin != name:
            problems.append(f"{path}: the name differs from '{twin}' by upper and lower case only; names of hosts do not tell these apart")
        node = _node(name, path, value, defaults, problems)
        if node:
            nodes[name] = node
    return nodes


def _node(name: str, path: str, value: Any, defaults: Mapping[str, Mapping[str, Any]], problems: Problems) -> Node | None:
    raw = {} if value is None else {"kind": value} if isinstance(value, str) else value
    if not isinstance(raw, dict):
        problems.append(f"{path}: must be a mapping or a kind, not {shown(value)}")
        return None
    before = len(problems)
    wanted = raw.get("kind")
    kind = schema.KIND.default if wanted is None else schema.KIND.type.read(wanted, f"{path}.kind", problems)
    if kind is None:
        return None
    given = schema.NODES[kind].given({key: part for key, part in raw.items() if key != "kind"}, path, problems)
    # With a mistake in it the node still counts as known, so that its links are not reported too.
    values = {**defaults[kind], **given} if len(problems) == before else defaults[kind]
    return _built(name, kind, path, values)


def _built(name: str, kind: Any, path: str, values: Mapping[str, Any]) -> Node:
    if kind in SWITCHES:
        bridge = {key: values[key] for key in schema.BRIDGE if values.get(key) is not None}
        own = {key: values[key] for key in ("device", "ipv4", "dhcp", "nat")}
        return Node(name, kind, path, switch=Switch(**own, bridge=bridge))
    guest = Guest(**{key: values[key] for key in _GUEST}) if kind == "vm" else None
    return Node(name, kind, path, netns=values.get("netns"), ipv4=values["ipv4"], gateway=values.get("gateway"), guest=guest)
