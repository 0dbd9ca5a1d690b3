# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key groups: keys for several nodes at once, which are also groups of the inventory."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..layers import Expanded, Layer
from ..ranges import names_of
from ..schema.expand import GROUP
from ..values import Problems, shown, suggestion
from .include import Part

# Ansible's own groups, and those that the inventory plugin makes.
RESERVED = frozenset(("all", "ungrouped", "lab_hosts", "nodes", "vms", "namespaces", "switches", "uplinks"))
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def expand_groups(parts: Sequence[Part], nodes: Collection[str], expanded: Expanded, problems: Problems) -> dict[str, list[Layer]]:
    """Note the groups of all files, and return what they say of each node, in the order of the groups."""
    layers: dict[str, list[Layer]] = {}
    places: dict[str, str] = {}
    for part in parts:
        for name, raw in (part.values.get("groups") or {}).items():
            path = f"{part.prefix}groups.{name}"
            wrong = _wrong_name(name, nodes) or (f"is defined in {places[name]} already" if name in places else "")
            if wrong:
                problems.append(f"{path}: {wrong}")
            places[name] = path
            group = _group(raw, path, nodes, problems)
            if group:
                members, variables, layer = group
                expanded.groups[name], expanded.variables[name] = members, variables
                for member in members if layer.values else ():
                    layers.setdefault(member, []).append(layer)
    return layers


def _wrong_name(name: str, nodes: Collection[str]) -> str:
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^A-Za-z0-9_]", "_", name)
        better = better if _NAME.fullmatch(better) else f"g_{better}"
        return f"a group's name has letters, digits and '_' only and begins with no digit; '{better}' would do"
    if name in RESERVED:
        return "every inventory or lab has a group of this name; choose another"
    return "a node has this name, and Ansible does not tell groups and hosts of one name apart; choose another" if name in nodes else ""


def _group(raw: Any, path: str, nodes: Collection[str], problems: Problems) -> tuple[tuple[str, ...], Mapping[str, Any], Layer] | None:
    if not isinstance(raw, dict):
        problems.append(f"{path}: must be {GROUP.name}, not {shown(raw)}")
        return None
    read = GROUP.read({key: value for key, value in raw.items() if key in GROUP.keys}, path, problems)
    if read is None:
        return None
    members: dict[str, None] = {}
    several = isinstance(raw["members"], list)
    for number, pattern in enumerate(read["members"]):
        where = f"{path}.members[{number}]" if several else f"{path}.members"
        try:
            names = names_of(pattern)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        lost = [name for name in names if name not in nodes]
        if lost:
            others = f", nor {len(lost) - 1} more of '{pattern}'" if len(lost) > 1 else ""
            problems.append(f"{where}: no node '{lost[0]}'{suggestion(lost[0], nodes)}{others}")
        members.update(dict.fromkeys(name for name in names if name in nodes))
    values = {key: value for key, value in raw.items() if key not in ("members", "vars")}
    return tuple(members), read["vars"], Layer(path, values)
