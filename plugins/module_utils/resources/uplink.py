# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uplinks whose addresses and routes are on the switch that they are a port of, for as long as they are one."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import LabError, LabErrors
from .._plan import Change, Goal, Scope, compare
from ..reach.engine import probe_all
from ..transport import belongings
from ..transport.belongings import Belongings
from ..transport.neighbours import Neighbours
from ..transport.netlink import Netlink
from ..transport.probes import Probe
from . import _uplink_guard as guard
from . import _uplink_note as notes
from ._network import lost
from ._uplink_note import Note

_PATIENCE = 3.0  # seconds


@dataclass(frozen=True)
class Uplink:
    """An uplink and the device ``to`` of its switch. addresses and routes are those that are there, left those that it has itself.

    A move that nobody confirms is undone after ``timeout`` seconds; ``check`` are addresses that must answer before and after.
    """

    name: str
    to: str
    lab: str | None = None
    addresses: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    left: tuple[str, ...] | None = None
    kind: str = field(default="", metadata={"hidden": True})
    timeout: float = field(default=0, metadata={"hidden": True})
    check: tuple[str, ...] = field(default=(), metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the interface's name."""
        return self.name


def uplink_from(item: Mapping[str, Any], lab: str) -> Uplink:
    """Return what a share's item means."""
    return Uplink(**{**item, "check": tuple(item.get("check") or ())}, lab=lab)


class UplinkDriver:
    """Move what uplinks have to their switches, and back. Until a move is confirmed, a guard is ready to undo it."""

    kind = "uplink"

    def __init__(self) -> None:
        self._noted: dict[str, Note] = {}
        self._here: dict[str, Belongings] = {}

    def observe(self, goal: Goal[Uplink], scope: Scope) -> Mapping[str, Uplink]:
        """Read what the uplinks that are wanted, and those that have been moved, have, and their switches."""
        self._noted = {name: note for name, note in notes.read(scope.lab).items() if note.state != "undone"}
        names = {target.name for target in goal.want}.union(self._noted)
        if not names:
            return {}
        with Netlink() as kernel:
            indexes = {link.name: link.index for link in kernel.links()}
            wanted = names.union(note.to for note in self._noted.values())
            found = {name: belongings.read(kernel, indexes[name]) for name in wanted if name in indexes}
        self._here = {name: found.get(name, Belongings()) for name in names}
        return {
            name: Uplink(name, note.to, scope.lab, *_words(note, found.get(note.to, Belongings())), left=_addresses(self._here[name]))
            for name, note in self._noted.items()
        }

    def plan(self, have: Mapping[str, Uplink], goal: Goal[Uplink], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Uplink]]:
        """Compare; a switch that is made anew has nothing yet."""
        problems = [
            f"The uplink '{name}' has a route that leads by other interfaces too ({route}), which cannot be moved; "
            "replace it by a plain one."
            for name, found in self._here.items()
            for route in found.several
        ]
        if problems:
            raise LabErrors(problems)
        gone = lost(earlier)
        here = {key: replace(found, addresses=(), routes=()) if found.to in gone else found for key, found in have.items()}
        return compare(self.kind, here, replace(goal, want=tuple(map(self._whole, goal.want))), scope, replace_on=("to",))

    def _whole(self, target: Uplink) -> Uplink:
        """Return target with all that its switch is to have: what it had when it was moved, and what it has got since."""
        noted = self._noted[target.name].belongings if target.name in self._noted else Belongings()
        whole = noted.merged(self._here[target.name])
        return replace(target, addresses=_addresses(whole), routes=_routes(whole), left=())

    def brace(self, changes: Sequence[Change[Uplink]], scope: Scope) -> None:
        """Note how everything is, and post the guard. Raise LabErrors if what is to answer later does not answer now, or nobody watches."""
        made = [change.target for change in changes if change.action != "remove"]
        fresh = [uplink for uplink in made if uplink.name not in self._noted]
        asked = {uplink.name: dict.fromkeys((*uplink.check, *_gateways(self._here[uplink.name]))) for uplink in fresh}
        echoed = echoing({address for group in asked.values() for address in group}, _PATIENCE)
        silent = [(uplink.name, address) for uplink in fresh for address in uplink.check if address not in echoed]
        if silent:
            raise LabErrors(
                f"The address {address} does not answer even before the uplink '{name}' is moved; correct its check."
                for name, address in silent
            )
        before = dict(self._noted)
        for uplink in fresh:
            answered = tuple(address for address in asked[uplink.name] if address in echoed)
            known = tuple(neighbours(uplink.name, [address for address in asked[uplink.name] if address not in echoed]))
            note = Note(uplink.to, uplink.kind, "pending", time.monotonic(), uplink.timeout, answered=answered, neighbours=known)
            self._noted[uplink.name] = note.holding(self._here[uplink.name])
        timeouts = {uplink.name: uplink.timeout for uplink in made}
        for name in {change.key for change in changes}:
            note = self._noted[name]
            self._noted[name] = replace(note, state="pending", timeout=timeouts.get(name, note.timeout))
        notes.write(scope.lab, self._noted)
        try:
            guard.post(scope.lab)
        except LabError:
            notes.write(scope.lab, before)
            raise

    def remove(self, changes: Sequence[Change[Uplink]], scope: Scope) -> None:
        """Give uplinks back what they had."""
        for change in changes:
            notes.give_back(change.key, self._noted[change.key])
            if change.action == "remove":
                del self._noted[change.key]
                notes.write(scope.lab, self._noted)
        guard.dismiss(scope.lab)

    def apply(self, changes: Sequence[Change[Uplink]], scope: Scope) -> None:
        """Move what uplinks have; if the kernel refuses a part of it, all of it goes back at once."""
        for change in changes:
            target = change.target
            note = replace(self._noted[target.name], to=target.to, kind=target.kind)
            try:
                self._noted[target.name] = notes.hand_over(target.name, note)
            except LabErrors:
                guard.undo(scope.lab, [target.name])
                raise
            notes.write(scope.lab, self._noted)


def unconfirmed(lab: str) -> dict[str, Note]:
    """Return the moves that nobody has confirmed."""
    return {name: note for name, note in notes.read(lab).items() if note.state == "pending"}


def undone(lab: str) -> dict[str, Note]:
    """Return the moves that were undone, and not made again."""
    return {name: note for name, note in notes.read(lab).items() if note.state == "undone"}


def confirm(lab: str, names: Collection[str]) -> None:
    """Let moves stand."""
    noted = notes.read(lab)
    notes.write(lab, {name: replace(note, state="confirmed") if name in names else note for name, note in noted.items()})
    guard.dismiss(lab)


def echoing(addresses: Collection[str], patience: float) -> set[str]:
    """Return which addresses answer an echo request within so many seconds."""
    left, deadline = set(addresses), time.monotonic() + patience
    while left and time.monotonic() < deadline:
        asked = sorted(left)
        outcomes = probe_all([Probe("", "ping", address) for address in asked], 1.0)
        left -= {address for address, outcome in zip(asked, outcomes) if outcome.kind == "answered"}
    return set(addresses) - left


def neighbours(device: str, addresses: Collection[str]) -> list[str]:
    """Return which of the addresses, which have been asked for, have told their MAC address at a device."""
    table = Neighbours("")
    try:
        index = socket.if_nametoindex(device)
        return sorted({entry.address for entry in table.entries() if entry.known and entry.index == index}.intersection(addresses))
    finally:
        table.close()


def _gateways(things: Belongings) -> list[str]:
    return [via for data in things.routes if (via := belongings.gateway(data)) and not via.startswith("fe80:")]


def _words(note: Note, there: Belongings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what of the noted things a switch has."""
    addresses, routes = set(_addresses(there)), set(_routes(there))
    noted = note.belongings
    return tuple(one for one in _addresses(noted) if one in addresses), tuple(one for one in _routes(noted) if one in routes)


def _addresses(things: Belongings) -> tuple[str, ...]:
    return _sorted(map(belongings.told, things.addresses))


def _routes(things: Belongings) -> tuple[str, ...]:
    return _sorted(belongings.route_told(data) for data in things.routes if belongings.lasting(data))


def _sorted(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))
