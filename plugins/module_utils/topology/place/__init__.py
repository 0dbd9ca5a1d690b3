# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which lab host each node is. Pure: it follows from the file, the lab hosts and the record of what was placed before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..._errors import LabErrors
from ..machines import Machine
from ..model import Node, Topology
from ..values import Problems, suggestion
from .automatic import Room, automatic, demand
from .together import check_together, spread, together

# What is on a lab host before the lab is, so that no other will do.
_FIXED = {"host": "which lab host it is", "uplink": "which lab host has it"}


def placed(topology: Topology, machines: Sequence[Machine], record: Mapping[str, str]) -> Topology:
    """Return the topology with its machines and, if there are several, the carriers of each node. Raise LabErrors.

    record says where nodes are that were placed before: they stay there.
    """
    problems: Problems = []
    names = [machine.name for machine in machines]
    for node in topology.nodes.values():
        for key, name in (("host", node.host), ("gateway", node.switch.gateway if node.switch else None)):
            if name and names and name not in names:
                problems.append(f"{node.path}.{key}: no lab host '{name}'{suggestion(name, names) or ' (known: ' + ', '.join(names) + ')'}")
        if node.kind in _FIXED and not node.host and len(names) > 1:
            problems.append(f"{node.path}.host: say {_FIXED[node.kind]}: {', '.join(names)}")
        if node.switch and node.host and node.switch.gateway not in (None, node.host):
            problems.append(f"{node.path}.gateway: the switch is on '{node.host}' alone (host); leave out one of the two")
    if problems:
        raise LabErrors(problems)
    if len(machines) < 2:
        return replace(topology, machines=tuple(machines))
    groups = together(topology)
    given = {node.name: home for node in topology.nodes.values() if (home := _pinned(node))}
    check_together(topology, groups, given, problems)
    pinned = spread(groups, given)
    kept = spread(groups, {name: home for name, home in record.items() if name in topology.nodes and home in names})
    rooms = {machine.name: Room(machine) for machine in machines}
    known = {**kept, **pinned}
    for name, home in known.items():
        rooms[home].take(demand(topology.nodes[name], topology))
    problems += [problem for room in rooms.values() for problem in room.overfull()]
    homes = automatic(topology, rooms, known, groups, problems)
    problems += [
        f"lab host '{machine.name}': netvirt_underlay is missing: the address by which the other lab hosts reach it"
        for machine in machines
        if machine.underlay is None
    ]
    problems += _mixed(machines)
    if problems:
        raise LabErrors(problems)
    return replace(topology, machines=tuple(machines), carriers=carriers(topology, homes))


def _mixed(machines: Sequence[Machine]) -> list[str]:
    """Say who is reached by another version of IP than the first."""
    versions = {machine.name: 6 if ":" in machine.underlay else 4 for machine in machines if machine.underlay}
    first = next(iter(versions), "")
    return [
        f"lab host '{machine.name}': netvirt_underlay {machine.underlay} is IPv{versions[machine.name]}, and that of '{first}' is "
        f"IPv{versions[first]}; give addresses of one version"
        for machine in machines
        if versions.get(machine.name, versions.get(first)) != versions.get(first)
    ]


def recorded(topology: Topology) -> dict[str, str]:
    """Return the record of a placed topology: the homes that the file does not give. A lab host alone is home to all."""
    free = [node.name for node in topology.nodes.values() if not (node.hidden or _pinned(node))]
    if len(topology.machines) == 1:
        return dict.fromkeys(free, topology.machines[0].name)
    return {name: topology.carriers[name][0] for name in free if name in topology.carriers}


def carriers(topology: Topology, homes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the lab hosts of each node, its home first: a switch is at home, and where its links are."""
    spread: dict[str, dict[str, None]] = defaultdict(dict)
    for name in topology.nodes:
        spread[name][homes[name]] = None
    for link in topology.links:
        first, second = sorted((topology.nodes[end.node] for end in link.ends), key=lambda node: node.spans)
        for node in (first, second):
            if node.spans:
                spread[node.name][homes[first.name]] = None
    return {name: tuple(found) for name, found in spread.items()}


def _pinned(node: Node) -> str | None:
    return node.host or (node.switch.gateway if node.switch else None)
