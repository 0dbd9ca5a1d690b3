# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filters of nodes: an nftables ruleset that is all there is in a namespace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces, nft
from ..transport.namespaces import inside
from ._network import made_anew
from ._node_notes import NodeNotes

_NOTES = NodeNotes("firewall")
_FLUSH = "flush ruleset\n"
# An interface that is matched by its number and not by its name.
_NUMBERED = re.compile(r"\b[io]if\b")


@dataclass(frozen=True)
class Firewall:
    """The ruleset of a namespace as nft(8) reads it, and whether what is in force is still what was loaded."""

    netns: str
    lab: str | None = None
    ruleset: str | None = None
    state: Literal["loaded", "changed"] = "loaded"

    @property
    def key(self) -> str:
        """Return the namespace."""
        return self.netns


def firewall_from(item: Mapping[str, Any], lab: str) -> Firewall:
    """Return what a share's mapping asks for."""
    return Firewall(item["netns"], lab, item["ruleset"].strip("\n") + "\n")


class FirewallDriver:
    """Load rulesets in place of whatever is in a namespace, each in one transaction."""

    kind = "firewall"

    def observe(self, goal: Goal[Firewall], scope: Scope) -> Mapping[str, Firewall]:
        """Compare the rules in force with what the lab's last run noted, and let nft look at new ones."""
        wanted = {target.netns for target in goal.want}
        if wanted and not scope.check:
            nft.require()

        def look(netns: str, note: Mapping[str, Any]) -> Firewall | None:
            if not note:
                return None
            return Firewall(netns, scope.lab, note["ruleset"], "loaded" if note["digest"] == _digest() else "changed")

        have = _NOTES.visit(scope.lab, wanted, look, lambda netns, note: Firewall(netns, scope.lab, note.get("ruleset", "")))
        _check([target for target in goal.want if target.netns not in have or have[target.netns].ruleset != target.ruleset])
        return have

    def plan(
        self, have: Mapping[str, Firewall], goal: Goal[Firewall], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Firewall]]:
        """Compare; a namespace that is made anew has no rules, and rules know an interface that is made anew by its old number."""
        made = made_anew(earlier)
        fresh = made.intersection(target.key for target in goal.want)
        touched = {key.partition("/")[0] for key in made if "/" in key}
        now = {
            netns: replace(found, state="changed") if netns in touched and _NUMBERED.search(found.ruleset or "") else found
            for netns, found in have.items()
            if netns not in fresh
        }
        return compare(self.kind, now, goal, scope)

    def remove(self, changes: Sequence[Change[Firewall]], scope: Scope) -> None:
        """Let everything pass again."""
        for change in changes:
            if namespaces.exists(change.key):
                with inside(change.key):
                    if _NOTES.read(scope.lab, change.key):
                        nft.load(_FLUSH, f"remove the rules of '{change.key}'")
            _NOTES.drop(scope.lab, change.key)

    def apply(self, changes: Sequence[Change[Firewall]], scope: Scope) -> None:
        """Load, and note what nft makes of it, which is the same for all that have the same rules."""
        digests: dict[str, str] = {}
        for change in changes:
            ruleset = change.target.ruleset or ""
            with inside(change.key):
                nft.load(_FLUSH + ruleset, f"load the firewall of '{change.key}'")
                digest = digests.get(ruleset) or _digest()
                _NOTES.write(scope.lab, change.key, ruleset=ruleset, digest=digest)
            if not _NUMBERED.search(ruleset):
                digests[ruleset] = digest


def _digest() -> str:
    return hashlib.sha256(nft.listing().encode()).hexdigest()


def _check(wanted: Sequence[Firewall]) -> None:
    """Raise LabErrors for rulesets that are none. Nodes of a kind share one: each text is looked at once."""
    texts: dict[str, str] = {}
    for target in wanted:
        texts.setdefault(target.ruleset or "", target.netns)
    if not texts or not nft.installed():
        return
    with namespaces.nameless():
        found = [(netns, problem.strip()) for text, netns in texts.items() for problem in nft.problems(text)]
    if found:
        raise LabErrors(f"The firewall of '{netns}' makes no sense to nft: line {problem}; correct it." for netns, problem in found)
