# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What interfaces send: how fast, how late, and what gets lost; and where what comes in is redirected to."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare
from ..transport import features, tc
from ..transport.namespaces import NoNamespace, inside
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord, Request
from ._network import Survey, key_of
from ._shaping_model import HEADER, Shaping, completed, shape_of, shaping_as, shaping_from, shapings_from, snapped
from .link import Link, LinkDriver

__all__ = ["Shaping", "ShapingDriver", "shaping_from", "shaping_of", "shapings_from"]

NOWHERE = "(none)"  # where a redirect leads whose ifb is gone


class ShapingDriver:
    """Shape interfaces that exist or are about to; ours is what has the lab's handle."""

    kind = "shaping"

    def __init__(self) -> None:
        self._mtus: dict[str, int] = {}
        self._foreign: dict[str, str] = {}
        self._ours: set[str] = set()

    def observe(self, goal: Goal[Shaping], scope: Scope) -> Mapping[str, Shaping]:
        """Read the namespaces that the goal names and, when it purges, those in which something may be shaped by us.

        Which these are the list of interfaces tells, that is read anyway: it has the name of each one's discipline.
        """
        spaces = {target.netns for target in goal.want}.union(key.rpartition("/")[0] for key in goal.absent)
        network = Survey.of(scope).network(spaces, everything=goal.purge)
        have: dict[str, Shaping] = {}
        for netns, records in network.links.items():
            self._mtus.update((key_of(netns, record.name), record.mtu) for record in records)
            self._ours.update(key_of(netns, record.name) for record in records if network.lab(netns, record) == scope.lab)
            if netns in spaces or (goal.purge and any(record.qdisc in tc.KINDS or record.kind == "ifb" for record in records)):
                with suppress(NoNamespace):  # another lab's, which has just gone
                    have.update((shaping.key, shaping) for shaping in self._read(netns, records, scope.lab))
        _require_kernel(goal.want, have)
        return have

    def _read(self, netns: str, records: Sequence[LinkRecord], lab: str) -> Iterator[Shaping]:
        """Yield what is the lab's own in a namespace; note what is somebody else's."""
        by_index = {record.index: record.name for record in records}
        with Netlink(netns) as kernel:
            found: dict[str, Shaping] = {}
            for qdisc in kernel.qdiscs():
                name = by_index.get(qdisc.index)
                if name is None or not qdisc.handle:
                    continue  # it has just gone; or it is the kernel's own default
                key, current = key_of(netns, name), found.get(name, Shaping(name, netns, lab))
                if qdisc.ingress:
                    target = kernel.redirect(qdisc.index, lab)
                    if target is None:
                        self._foreign[f"{key} ingress"] = qdisc.kind
                    else:
                        found[name] = replace(current, redirect=by_index.get(target, NOWHERE))
                elif qdisc.handle == tc.major(lab) << 16 and qdisc.shape:
                    found[name] = replace(shaping_as(current, qdisc.kind, qdisc.shape), kind=qdisc.kind)
                else:
                    self._foreign[key] = qdisc.kind
        yield from found.values()

    def plan(self, have: Mapping[str, Shaping], goal: Goal[Shaping], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Shaping]]:
        """Compare; what an interface had before it is made anew is lost, and so is a redirect to one."""
        links = {change.key: change for change in earlier if change.kind == LinkDriver.kind}
        gone = {key for key, change in links.items() if change.action != "update"}
        spaces = {change.key for change in earlier if change.kind == "netns" and change.action == "remove"}
        left = {
            key: replace(found, redirect=NOWHERE) if key_of(found.netns, found.redirect) in gone else found
            for key, found in have.items()
            if key not in gone and found.netns not in spaces
        }
        want = tuple(self._settled(target, left.get(target.key), links) for target in goal.want)
        problems = [problem for target in want for problem in self._problems(target, gone, links, scope)]
        if problems:
            raise LabErrors(problems)
        nothing = {target.key for target in want if not (target.discipline or target.redirect)}
        goal = replace(goal, want=tuple(one for one in want if one.key not in nothing), absent=(*goal.absent, *nothing))
        return compare(self.kind, left, goal, scope)

    def _mtu(self, key: str, links: Mapping[str, Change[Link]]) -> int:
        after = links[key].after if key in links else None
        return (after.mtu if after else None) or self._mtus.get(key, 1500)

    def _settled(self, target: Shaping, current: Shaping | None, links: Mapping[str, Change[Link]]) -> Shaping:
        """Return target with the defaults that it leaves open, and as the kernel rounds it."""
        complete = completed(target, self._mtu(target.key, links))
        return snapped(complete, current) if current else complete

    def _problems(self, target: Shaping, made: set[str], links: Mapping[str, Change[Link]], scope: Scope) -> Iterator[str]:
        after = {key for key, change in links.items() if change.action != "remove"}
        removed = {key for key, change in links.items() if change.action == "remove"}
        there = (self._mtus.keys() | after) - removed
        mtu = self._mtu(target.key, links)
        if target.key not in there:
            yield f"There is no interface '{target.key}' to shape; create it first."
        elif target.redirect and key_of(target.netns, target.redirect) not in there:
            yield f"There is no ifb '{key_of(target.netns, target.redirect)}' to redirect '{target.key}' to; create it first."
        if target.discipline == "tbf" and target.burst < mtu + HEADER:
            yield f"The burst of '{target.key}' must be {mtu + HEADER} bytes at least, one packet with its header, not {target.burst}."
        if target.key in made | self._ours or scope.adopt:
            return  # a discipline that somebody gave an interface of the lab is drift
        for part, wanted in (("", target.discipline), (" ingress", target.redirect)):
            if wanted and f"{target.key}{part}" in self._foreign:
                kind = self._foreign[f"{target.key}{part}"]
                yield (
                    f"The interface '{target.key}' has a queueing discipline ({kind}) that was not made for lab '{scope.lab}'; "
                    f"remove it first ('tc qdisc del dev {target.name} {'ingress' if part else 'root'}'), or take it over with adopt=true."
                )

    def remove(self, changes: Sequence[Change[Shaping]], scope: Scope) -> None:
        """Give interfaces the kernel's own discipline again."""
        for netns, group in _by_netns(changes):
            with inside(netns), Netlink() as kernel:
                requests: list[Request] = []
                for change in group:
                    if change.before:
                        requests += _end(socket.if_nametoindex(change.before.name), change.before, scope.lab)
                kernel.send(requests)

    def apply(self, changes: Sequence[Change[Shaping]], scope: Scope) -> None:
        """Shape, namespace by namespace; what only has other values is changed without losing a packet."""
        for netns, group in _by_netns(changes):
            with inside(netns), Netlink() as kernel:
                kernel.send([request for change in group for request in self._requests(change, scope)])

    def _requests(self, change: Change[Shaping], scope: Scope) -> list[Request]:
        target, before = change.target, change.before or Shaping(change.target.name)
        index = socket.if_nametoindex(target.name)
        requests: list[Request] = []
        if target.redirect != before.redirect:
            if before.redirect or f"{target.key} ingress" in self._foreign:
                requests.append(tc.drop_redirect(index, target.name))
            if target.redirect:
                requests += tc.set_redirect(index, target.name, socket.if_nametoindex(target.redirect), scope.lab)
        kind = target.discipline
        if before.kind and before.kind != kind:
            requests.append(tc.drop_shape(index, target.name, scope.lab))  # one handle cannot change its kind
        if kind and replace(target, redirect="") != replace(before, redirect=""):
            requests.append(tc.set_shape(index, target.name, kind, shape_of(target), scope.lab))
        return requests


def shaping_of(netns: str, name: str, lab: str) -> Shaping | None:
    """Return the lab's shaping of one interface."""
    driver = ShapingDriver()
    key = key_of(netns, name)
    return driver.observe(Goal(driver, absent=(key,)), Scope(lab)).get(key)


def _end(index: int, before: Shaping, lab: str) -> list[Request]:
    ended = [tc.drop_shape(index, before.name, lab)] if before.kind else []
    return [*ended, *([tc.drop_redirect(index, before.name)] if before.redirect else [])]


def _require_kernel(want: Sequence[Shaping], have: Mapping[str, Shaping]) -> None:
    """Raise LabErrors if the kernel lacks what is wanted; what it does already need not be asked for."""
    users: dict[str, Shaping] = {}
    for target in want:
        users.setdefault(target.discipline, target)
        if target.redirect:
            users.setdefault("redirect", target)
    known = {shaping.discipline for shaping in have.values()} | {"redirect" for shaping in have.values() if shaping.redirect}
    problems = [
        features.lacking(part, f"the shaping of '{users[part].key}'")
        for part in ("tbf", "netem", "redirect")
        if part in users and part not in known and not (features.has_redirect() if part == "redirect" else features.has_qdisc(part))
    ]
    if problems:
        raise LabErrors(problems)


def _by_netns(changes: Sequence[Change[Shaping]]) -> list[tuple[str, list[Change[Shaping]]]]:
    groups: dict[str, list[Change[Shaping]]] = {}
    for change in changes:
        side = change.after or change.before
        groups.setdefault(side.netns if side else "", []).append(change)
    return list(groups.items())
