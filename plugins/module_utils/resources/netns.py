# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces. Their mark is the alias of the loopback interface inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._marks import mark, owner
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces
from ..transport.netlink import Netlink
from ..transport.rtnetlink import link_attributes, mark_link, set_link
from ._network import Survey


@dataclass(frozen=True)
class Namespace:
    """A named network namespace, as in ip-netns(8); ``up`` is its loopback interface, without which it cannot even talk to itself."""

    name: str
    lab: str | None = None
    up: bool = True

    @property
    def key(self) -> str:
        """Return the name, unique on the machine."""
        return self.name


class NamespaceDriver:
    """Make and remove network namespaces."""

    kind = "netns"

    def observe(self, goal: Goal[Namespace], scope: Scope) -> Mapping[str, Namespace]:
        """Read the marks of the namespaces that the goal names, or of all when it purges."""
        named = {target.name for target in goal.want}.union(goal.absent)
        survey = Survey.of(scope)
        there = {name: _found(name, survey) for name in survey.present(named, everything=goal.purge)}
        # What a run that was killed has left of one is none that is wanted.
        others = set(namespaces.names()).difference(there, (target.name for target in goal.want)) if goal.purge else ()
        left = {name: Namespace(name, scope.lab, up=False) for name in others if owner(namespaces.left(name)) == scope.lab}
        return {**there, **left}

    def plan(
        self, have: Mapping[str, Namespace], goal: Goal[Namespace], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Namespace]]:
        """Compare names and marks."""
        return compare(self.kind, have, goal, scope)

    def remove(self, changes: Sequence[Change[Namespace]], scope: Scope) -> None:
        """Take the namespaces' names away; their interfaces go with them."""
        for change in changes:
            namespaces.remove(change.key)

    def apply(self, changes: Sequence[Change[Namespace]], scope: Scope) -> None:
        """Make namespaces with their loopback interface up; one that is there gets the mark, and up."""
        namespaces.prepare()
        for change in changes:
            if change.before is None:
                with namespaces.fresh(change.key, mark(scope.lab)):
                    _settle("", scope.lab)
            else:
                _settle(change.key, scope.lab)


def lab_of(name: str) -> str | None:
    """Return the lab whose mark a namespace carries."""
    return _found(name, Survey()).lab


def _found(name: str, survey: Survey) -> Namespace:
    return next((Namespace(name, owner(link.alias), link.up) for link in survey.links(name) if link.index == 1), Namespace(name))


def _settle(name: str, lab: str) -> None:
    with Netlink(name) as inside:
        inside.send([mark_link("lo", mark(lab)), set_link(link_attributes("lo", up=True))])
