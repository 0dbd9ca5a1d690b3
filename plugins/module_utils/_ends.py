# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interface of a lab host the user means: one of the topology's words for it, or its own name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ._errors import LabError, LabErrors
from .reach.paths import End, Wiring
from .topology.kinds import SWITCHES
from .topology.values import suggestion


class Interface(NamedTuple):
    """An interface of the lab host, or of a namespace of it; ``label`` is what it is called in the topology, as a file's name."""

    netns: str
    name: str
    label: str


def interfaces(share: Mapping[str, Any], words: Sequence[str]) -> list[Interface]:
    """Return the interfaces that words mean, each once. Raise LabErrors.

    'node:interface' is an end of a link, 'node node' the first one's end of the link between them, 'node' a switch's own device (a
    logical one has none); 'name' and 'netns/name' are interfaces whatever they are in a topology. A guest's end is its tap.
    """
    problems: list[str] = []
    found: dict[Interface, None] = {}
    reader = _Reader(share)
    for word in words:
        try:
            found[reader.read(" ".join(word.split()))] = None
        except LabError as error:
            problems.append(f"links: '{word}' {error}.")
    labels = [one.label for one in found]
    twins = sorted({label for label in labels if labels.count(label) > 1})
    problems.extend(f"links: two interfaces would both be called '{label}'; name them in two tasks, one with a name." for label in twins)
    if problems:
        raise LabErrors(problems)
    return list(found)


class _Reader:
    """What words mean in a share; LabError completes what is told of a word."""

    def __init__(self, share: Mapping[str, Any]) -> None:
        self._wiring = Wiring(share)
        self._nodes = {node["name"]: node for node in share.get("nodes") or ()}
        self._machine = share.get("machine")

    def read(self, word: str) -> Interface:
        if word.count(" ") == 1:
            return self._between(*word.split())
        node, colon, name = word.partition(":")
        if colon and node and name:
            return self._end(node, name)
        if word in self._nodes:
            return self._alone(word)
        netns, slash, name = word.rpartition("/")
        if " " in word or colon or not name or bool(netns) != bool(slash):
            raise LabError("is neither 'node:interface', nor 'node node', nor an interface's name or 'netns/name'")
        return Interface(netns, name, word.replace("/", "."))

    def _known(self, *names: str) -> None:
        for name in names:
            if name not in self._nodes:
                listed = f" (known: {', '.join(sorted(self._nodes)[:12])})" if self._nodes else "; give the share"
                where = f"on the lab host '{self._machine}', and --limit says which one is meant" if self._machine else "of the topology"
                raise LabError(f"names no node '{name}' {where}{suggestion(name, self._nodes) or listed}")

    def _between(self, node: str, other: str) -> Interface:
        self._known(node, other)
        ends = {here: there for here, there in self._wiring.steps(node) if other in self._beyond(there)}
        if not ends:
            raise LabError("is no link: nothing joins these two directly")
        if len(ends) > 1:
            raise LabError(f"is {len(ends)} links; name an end: {', '.join(sorted(map(_named, ends)))}")
        ((here, there),) = ends.items()
        return self._device(here, there)

    def _beyond(self, end: End) -> set[str]:
        """Return the node that an end is at; if it is the hidden bridge between two guests, both of them."""
        return {end.node} if end.node in self._nodes else {far.node for _near, far in self._wiring.steps(end.node)}

    def _end(self, node: str, name: str) -> Interface:
        self._known(node)
        steps = self._wiring.steps(node)
        for here, there in steps:
            if here.interface == name:
                return self._device(here, there)
        item = self._nodes[node]
        own = [interface["name"] for interface in item["interfaces"]] if node not in self._wiring.logical else []
        if name in own and item["kind"] != "vm":  # a VLAN of an interface, or a switch's own device
            return Interface(item.get("netns") or "", name, f"{node}.{name}")
        real = (here.interface for here, there in steps if (here.netns, there.netns) != (None, None))
        names = list(dict.fromkeys((*own, *real)))
        listed = f" (it has: {', '.join(names)})"
        raise LabError(f"is no interface of '{node}'{suggestion(name, names) or listed}")

    def _alone(self, node: str) -> Interface:
        item, steps = self._nodes[node], self._wiring.steps(node)
        if node in self._wiring.logical:
            raise LabError(self._inside(node))
        if item["kind"] in SWITCHES:
            return Interface("", item["interfaces"][0]["name"], node)
        if len(steps) != 1:
            raise LabError(f"has {len(steps)} links; name an end{': ' if steps else ''}{', '.join(_named(here) for here, _there in steps)}")
        return self._device(*steps[0])

    def _device(self, here: End, there: End) -> Interface:
        label = _named(here).replace(":", ".")
        if here.netns is None and there.netns is None:
            raise LabError(self._inside(here.node))
        if here.netns is None:  # inside of a guest
            return Interface(there.netns or "", there.interface, label)
        if not here.netns and self._wiring.ports.get(here.interface, ("", {}))[1].get("type") == "patch":
            raise LabError("is a pair of patch ports, which exist inside of Open vSwitch only; give the link an mtu to have an interface")
        return Interface(here.netns, here.interface, label)

    def _inside(self, node: str) -> str:
        """Say that a logical switch or router is no interface, and what is linked with it here."""
        steps = self._wiring.steps(node)
        ends = [_named(there) if there.node in self._nodes else there.interface for here, there in steps if here.netns is not None]
        known = f"name an end that has one: {', '.join(sorted(ends)[:12])}" if ends else "nothing on this lab host is linked with it"
        return f"is inside of OVN, without an interface; {known}"


def _named(end: End) -> str:
    return f"{end.node}:{end.interface}"
