# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings of nodes: those of the network, which each namespace has of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces, sysctl
from ..transport.namespaces import inside
from ._network import key_of, made_anew
from ._node_notes import NodeNotes

_NOTES = NodeNotes("sysctl")
# Writing one of these writes others too (devinet_sysctl_forward in net/ipv4/devinet.c), so they come first.
_WIDE = ("/all/", "/default/", "ip_forward")


@dataclass(frozen=True)
class NodeSysctls:
    """The settings of a namespace, by their path below /proc/sys."""

    netns: str
    lab: str | None = None
    values: Mapping[str, str] | None = None

    @property
    def key(self) -> str:
        """Return the namespace."""
        return self.netns


def sysctls_from(item: Mapping[str, Any], lab: str) -> NodeSysctls:
    """Return what a share's mapping asks for. Raise LabErrors."""
    values = {sysctl.path_of(name): sysctl.canonical(str(value)) for name, value in item["values"].items()}
    problems = [
        f"'{name}' of '{item['netns']}' is no setting of a network namespace: those begin with 'net.'; the others are the machine's own."
        for name in item["values"]
        if not sysctl.path_of(name).startswith("net/") or ".." in sysctl.path_of(name).split("/")
    ]
    if problems:
        raise LabErrors(problems)
    return NodeSysctls(item["netns"], lab, values)


class NodeSysctlDriver:
    """Set kernel settings inside namespaces; one that is no longer wanted gets back the value that it had before the lab set it."""

    kind = "sysctl"

    def observe(self, goal: Goal[NodeSysctls], scope: Scope) -> Mapping[str, NodeSysctls]:
        """Read the settings that are wanted, or were."""
        wanted = {target.netns: target.values or {} for target in goal.want}

        def look(netns: str, note: Mapping[str, Any]) -> NodeSysctls | None:
            noted = note.get("originals", {})
            if netns not in wanted and not noted:
                return None
            read = {path: sysctl.read(path) for path in sorted({*wanted.get(netns, ()), *noted})}
            values = {path: sysctl.canonical(value) for path, value in read.items() if value is not None}
            return NodeSysctls(netns, scope.lab, values)

        return _NOTES.visit(scope.lab, wanted, look, lambda netns, note: NodeSysctls(netns, scope.lab, {}))

    def plan(
        self, have: Mapping[str, NodeSysctls], goal: Goal[NodeSysctls], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[NodeSysctls]]:
        """Compare; an interface that is made anew in this run has lost its settings, as has a namespace."""
        made = made_anew(earlier)
        fresh = made.intersection(target.key for target in goal.want)
        now = {netns: _without(found, made) for netns, found in have.items() if netns not in fresh}
        return compare(self.kind, now, goal, scope)

    def remove(self, changes: Sequence[Change[NodeSysctls]], scope: Scope) -> None:
        """Bring back the values that there were."""
        for change in changes:
            if namespaces.exists(change.key):
                with inside(change.key):
                    _bring_back(_NOTES.read(scope.lab, change.key).get("originals", {}), change.key)
            _NOTES.drop(scope.lab, change.key)

    def apply(self, changes: Sequence[Change[NodeSysctls]], scope: Scope) -> None:
        """Note the values that there are, then set the wanted ones, and bring back those of what is no longer wanted."""
        for change in changes:
            wanted = dict(change.target.values or {})
            with inside(change.key):
                noted = _NOTES.read(scope.lab, change.key).get("originals", {})
                originals = {path: noted.get(path, sysctl.read(path)) for path in wanted}
                kept = {path: value for path, value in originals.items() if value is not None}
                # Noted before it is written, and the old ones until they are back.
                _NOTES.write(scope.lab, change.key, originals={**noted, **kept})
                _bring_back({path: value for path, value in noted.items() if path not in wanted}, change.key)
                _set(wanted, change.key)
                _NOTES.write(scope.lab, change.key, originals=kept)


def _without(found: NodeSysctls, made: set[str]) -> NodeSysctls:
    values = {path: value for path, value in (found.values or {}).items() if key_of(found.netns, _interface(path)) not in made}
    return replace(found, values=values)


def _interface(path: str) -> str:
    """Return the interface that a setting is of (net/ipv4/conf/eth0/forwarding), '' if it is of none."""
    parts = path.split("/")
    return parts[3] if len(parts) == 5 and parts[2] in ("conf", "neigh") else ""


def _bring_back(originals: Mapping[str, str], netns: str) -> None:
    _set({path: value for path, value in originals.items() if sysctl.read(path) is not None}, netns)


def _set(values: Mapping[str, str], netns: str) -> None:
    for path in sorted(values, key=lambda path: (not any(word in f"/{path}" for word in _WIDE), path)):
        sysctl.settle(path, values[path], f"of '{netns}'")
