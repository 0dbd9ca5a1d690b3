# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where nodes go of which the file does not say it.

A walk through the graph, from neighbour to neighbour in the order of the file, fills one lab host after the other up to its part
of the work, by weight. What is already placed stays where it is, so a new node or a new lab host moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..._errors import LabError
from ..machines import Machine
from ..model import Node, Topology
from ..resolve.guest import image_of
from ..values import Problems

_GUEST_WORK = 10.0  # a guest's processor is as much work as so many namespaces


@dataclass(frozen=True)
class Demand:
    """What a node takes of a lab host; memory in MiB."""

    name: str
    work: float = 0.0
    memory: int = 0
    cpus: int = 0


def demand(node: Node, topology: Topology) -> Demand:
    """Return what a node takes of its lab host; switches are where their nodes are and cost nothing of their own."""
    if node.guest:
        try:
            memory = node.guest.memory or image_of(node.guest, topology).memory
        except LabError:
            memory = 0  # reported with the guest's other mistakes
        return Demand(node.name, _GUEST_WORK * node.guest.cpus, memory, node.guest.cpus)
    return Demand(node.name, 1.0 if node.space else 0.0)


def _sum(each: Sequence[Demand]) -> Demand:
    """Return what nodes take together."""
    name = ", ".join(one.name for one in each)
    return Demand(name, sum(one.work for one in each), sum(one.memory for one in each), sum(one.cpus for one in each))


class Room:
    """What a lab host has left."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.work = 0.0
        self._memory = 0
        self._cpus = 0
        self._guests: list[str] = []

    def take(self, wanted: Demand) -> None:
        """Give a node its place."""
        self.work += wanted.work
        self._memory += wanted.memory
        self._cpus += wanted.cpus
        if wanted.memory or wanted.cpus:
            self._guests.append(wanted.name)

    def fits(self, wanted: Demand) -> bool:
        """Say whether there is room for a node."""
        memory, cpus = self.machine.memory, self.machine.cpus
        return (not wanted.memory or memory is None or self._memory + wanted.memory <= memory) and (
            not wanted.cpus or cpus is None or self._cpus + wanted.cpus <= cpus
        )

    def free(self) -> str:
        """Say what is left."""
        memory, cpus = self.machine.memory, self.machine.cpus
        parts = [] if memory is None else [f"{memory - self._memory} MiB"]
        parts += [] if cpus is None else [f"{cpus - self._cpus} processors"]
        return f"{self.machine.name}: {' and '.join(parts)}"

    def overfull(self) -> Iterator[str]:
        """Say of what the nodes that must be here need more than there is."""
        for what, needed, there, variable in (
            ("MiB of memory", self._memory, self.machine.memory, "netvirt_memory"),
            ("processors", self._cpus, self.machine.cpus, "netvirt_cpus"),
        ):
            if there is not None and needed > there:
                guests = ", ".join(self._guests)
                yield f"lab host '{self.machine.name}': {guests} need {needed} {what}, and it has {there} ({variable}); move some by host"


def automatic(
    topology: Topology, rooms: Mapping[str, Room], homes: Mapping[str, str], groups: Mapping[str, tuple[str, ...]], problems: Problems
) -> dict[str, str]:
    """Return the home of every node; homes are those that are known already, and groups are nodes that must be together."""
    found = dict(homes)
    wanted = {name: demand(node, topology) for name, node in topology.nodes.items()}
    weights = sum(room.machine.weight for room in rooms.values()) or 1.0
    whole = sum(one.work for one in wanted.values())
    shares = {name: whole * room.machine.weight / weights for name, room in rooms.items()}
    last = ""
    for name, near in _walk(topology):
        if name not in found and topology.nodes[name].switch is None:
            group = groups.get(name, (name,))
            one = _sum([wanted[each] for each in group])
            home = _chosen(one, rooms, shares, (found.get(near, ""), last))
            if home:
                rooms[home].take(one)
            else:
                left = "; ".join(room.free() for room in rooms.values())
                problems.append(
                    f"{topology.nodes[name].path}: no lab host has {one.memory} MiB of memory and {one.cpus} processors left ({left}); "
                    "give the lab hosts more (netvirt_memory, netvirt_cpus), or the lab another one"
                )
            found.update(dict.fromkeys(group, home or next(iter(rooms))))
        last = found.get(name, last)
    return _with_switches(topology, found, next(iter(rooms)))


def _with_switches(topology: Topology, homes: Mapping[str, str], first: str) -> dict[str, str]:
    """Return the homes with those of switches: with the first of their nodes, as far away as it may be."""
    found = dict(homes)
    waiting = [name for name in topology.nodes if name not in found]
    while waiting:
        near = {name: [found[far.node] for _end, far, _link in topology.ends(name) if far.node in found] for name in waiting}
        settled = {name: around[0] for name, around in near.items() if around}
        found.update(settled or dict.fromkeys(waiting, first))
        waiting = [name for name in waiting if name not in found]
    return found


def _chosen(wanted: Demand, rooms: Mapping[str, Room], shares: Mapping[str, float], preferred: tuple[str, ...]) -> str | None:
    """Return the lab host for a node: a preferred one that has not got its part of the work yet, else the least busy one."""
    for name in preferred:
        if name in rooms and rooms[name].fits(wanted) and rooms[name].work + wanted.work <= shares[name] + 1e-9:
            return name
    fitting = (name for name, room in rooms.items() if room.fits(wanted))
    return min(fitting, key=lambda name: (rooms[name].work + wanted.work) / (shares[name] or 1e-9), default=None)


def _walk(topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield every node once, with the one that it was reached from: those at the end of a branch before the branch goes on."""
    seen: set[str] = set()
    for start in topology.nodes:
        ahead = [(start, "")]
        while ahead:
            name, near = ahead.pop()
            if name not in seen:
                seen.add(name)
                yield name, near
                far = (end.node for _own, end, _link in topology.ends(name))
                around = [other for other in dict.fromkeys(far) if other not in seen]
                around.sort(key=lambda other: len(topology.ends(other)))
                ahead += [(other, name) for other in reversed(around)]
