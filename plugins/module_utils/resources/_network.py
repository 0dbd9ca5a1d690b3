# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of several namespaces at once, and how they hang together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .._errors import LabError, LabErrors
from .._marks import owner
from .._paths import run_dir
from .._plan import Change, Scope
from ..transport import namespaces
from ..transport.bridge import PortVlan
from ..transport.namespaces import NoNamespace
from ..transport.netlink import Netlink, addresses_of, directory, routes_of
from ..transport.rtnetlink import AddressRecord, LinkRecord, RouteRecord


def key_of(netns: str, name: str) -> str:
    """Return the name by which plans and messages know an interface."""
    return f"{netns}/{name}" if netns else name


# Changes of these kinds are about interfaces and namespaces themselves; those of others may only be called like one.
_THINGS = frozenset(("netns", "link", "ovs_bridge", "ovs_port"))


def made_anew(earlier: Iterable[Change[Any]]) -> set[str]:
    """Return the keys of the interfaces and namespaces that changes create or replace: what was done to them is to be done again."""
    return {change.key for change in earlier if change.kind in _THINGS and change.action in ("create", "replace")}


def lost(earlier: Iterable[Change[Any]]) -> set[str]:
    """Return the keys of the interfaces and namespaces that changes remove or replace: what they had is gone."""
    return {change.key for change in earlier if change.kind in _THINGS and change.action in ("remove", "replace")}


def adopted(lab: str) -> list[str]:
    """Return the names that a lab has given to namespaces that are not its own, by the notes of their driver."""
    return [note.stem for note in (run_dir(lab) / "adopted").glob("*.json")]


def require_present(names: Iterable[str], purpose: str, present: Collection[str], scope: Scope, earlier: Sequence[Change[Any]]) -> None:
    """Raise LabErrors unless the lab host has these interfaces or will have them; what an earlier task only checked may be missing."""
    there = (set(present) - lost(earlier)) | made_anew(earlier)
    missing = [name for name in names if name not in there]
    if missing and not scope.check:
        raise LabErrors(f"Cannot {purpose} '{name}' for lab '{scope.lab}': there is no such interface." for name in missing)


@dataclass(frozen=True)
class Network:
    """The interfaces of the namespaces that were read, by namespace; numbers has each one's ids for the others."""

    links: Mapping[str, Sequence[LinkRecord]]
    numbers: Mapping[str, Mapping[int, str]]
    _offloads: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    _vlans: dict[str, dict[int, frozenset[PortVlan]]] = field(default_factory=dict)
    _floods: dict[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def _by_index(self) -> dict[tuple[str, int], LinkRecord]:
        return {(netns, record.index): record for netns, records in self.links.items() for record in records}

    def peer(self, netns: str, record: LinkRecord) -> tuple[str, str] | None:
        """Return (netns, name) of a veth's other end, None if it is in a namespace that was not read."""
        there = self._there(netns, record)
        return (there[0], there[1].name) if there else None

    def _there(self, netns: str, record: LinkRecord) -> tuple[str, LinkRecord] | None:
        there = netns if record.netnsid is None else self.numbers[netns].get(record.netnsid)
        far = self._by_index.get((there, record.iflink)) if there is not None else None
        return (there, far) if there is not None and far else None

    def base(self, netns: str, record: LinkRecord) -> str:
        """Return the interface of the lab host that another one sits on, '' if it is somewhere else."""
        there = self._there(netns, record)
        return there[1].name if there and not there[0] else ""

    def lab(self, netns: str, record: LinkRecord) -> str | None:
        """Return whose an interface is: by its mark, or by that of its other end, as a pair is made with one mark."""
        if owner(record.alias) or record.kind != "veth":
            return owner(record.alias)
        there = self._there(netns, record)
        return owner(there[1].alias) if there else None

    def vlans(self, netns: str) -> dict[int, frozenset[PortVlan]]:
        """Return the VLANs of bridges' ports, by index."""
        if netns not in self._vlans:
            with Netlink(netns) as kernel:
                self._vlans[netns] = kernel.vlans()
        return self._vlans[netns]

    def floods(self, netns: str) -> Mapping[int, tuple[str, ...]]:
        """Return the machines that VXLAN devices send broadcasts to, by index."""
        if netns not in self._floods:
            with Netlink(netns) as kernel:
                self._floods[netns] = kernel.floods()
        return self._floods[netns]

    def tx_offload(self, netns: str, name: str) -> bool | None:
        """Say whether checksums are left to the interface, None if it does not tell."""
        return self._offloads[netns].get(name)


class Survey:
    """What a run reads of the machine's namespaces. It enters each one once; what it tells holds until the first change."""

    def __init__(self, lab: str | None = None) -> None:
        self._lab = lab
        self._visits: dict[str, _Visit] = {}
        self._present: list[str] | None = None
        self._networks: dict[tuple[str, ...], Network] = {}

    @staticmethod
    def of(scope: Scope) -> Survey:
        """Return the one that the drivers of a run share, or one of its own for who observes outside of a run."""
        found: Survey = Survey(scope.lab) if scope.seen is None else scope.seen.setdefault(Survey.__name__, Survey(scope.lab))
        return found

    def present(self, spaces: Collection[str], everything: bool = False) -> list[str]:
        """Return the names of those of spaces that exist, or of all namespaces of the machine."""
        if self._present is None:
            self._present = _less_twins(namespaces.names(), adopted(self._lab) if self._lab else ())
        return [name for name in self._present if (everything or name in spaces) and self._is_there(name)]

    def _is_there(self, name: str) -> bool:
        try:
            return bool(self._visited(name))
        except NoNamespace:
            return False

    def links(self, netns: str) -> Sequence[LinkRecord]:
        """Return the interfaces of a namespace, by index."""
        return self._visited(netns).links

    def devices(self) -> dict[str, int]:
        """Return the index of each of the lab host's own interfaces, by name."""
        return {link.name: link.index for link in self.links("")}

    def addresses(self, netns: str) -> Sequence[AddressRecord]:
        """Return the addresses of a namespace."""
        return addresses_of(self._visited(netns).addresses)

    def routes(self, netns: str) -> Sequence[RouteRecord]:
        """Return the routes of a namespace."""
        return routes_of(self._visited(netns).routes)

    def network(self, spaces: Collection[str], everything: bool = False) -> Network:
        """Return the interfaces of the lab host's own namespace and those of spaces that exist, or of all of the machine."""
        names = ("", *self.present(spaces, everything))
        if names not in self._networks:
            links = {netns: self.links(netns) for netns in names}
            try:
                self._networks[names] = Network(links, _numbers(links), {netns: self._visited(netns).offloads for netns in names})
            except NoNamespace:  # another lab's, which has just gone
                self._visits = {name: visit for name, visit in self._visits.items() if not name or namespaces.exists(name)}
                return self.network(spaces, everything)
        return self._networks[names]

    def _visited(self, netns: str) -> _Visit:
        if netns not in self._visits:
            self._visits[netns] = _look(netns)
        return self._visits[netns]


@dataclass(frozen=True)
class _Visit:
    """What one look into a namespace tells; addresses and routes are still packed, as few ask for them."""

    links: Sequence[LinkRecord]
    addresses: Sequence[bytes]
    routes: Sequence[bytes]
    offloads: Mapping[str, bool]


def _look(netns: str) -> _Visit:
    with Netlink(netns) as kernel:
        links = sorted(kernel.links(), key=lambda record: record.index)
        return _Visit(links, kernel.packed_addresses(), kernel.packed_routes(), dict(_offloads(kernel, links)))


def _offloads(kernel: Netlink, links: Iterable[LinkRecord]) -> Iterator[tuple[str, bool]]:
    for link in links:
        with suppress(LabError):  # another's may have gone
            yield link.name, kernel.tx_offload(link.name)


def read_network(spaces: Collection[str], everything: bool = False) -> Network:
    """Read the lab host's own namespace and those of spaces that exist, or all of the machine."""
    return Survey().network(spaces, everything)


def _less_twins(names: Sequence[str], lent: Sequence[str]) -> list[str]:
    """Return names without further ones of namespaces that are lent to the lab: what it has there would seem to be there twice."""
    known = {namespaces.inode(name) for name in lent} - {None}
    return [name for name in names if not known or name in lent or namespaces.inode(name) not in known]


def _numbers(links: Mapping[str, Sequence[LinkRecord]]) -> dict[str, dict[int, str]]:
    """Return by which numbers each namespace knows those that its interfaces lead to."""
    names = list(links)
    numbers: dict[str, dict[int, str]] = {netns: {} for netns in names}
    afar = {netns: [(record, record.netnsid) for record in records if record.netnsid is not None] for netns, records in links.items()}
    if not any(afar.values()):
        return numbers
    ends = {(netns, record.index): (record.iflink, number) for netns in names for record, number in afar[netns] if record.kind == "veth"}
    # Asked one about another, n namespaces are n * n questions: a namespace that numbers them all translates in one each.
    with directory(names) as book:
        for place, netns in enumerate(names):
            known = numbers[netns]
            if all(number in known for _record, number in afar[netns]):
                continue  # the other ends of its pairs have told
            known.update((theirs, names[ours]) for theirs, ours in book.translated(place, len(names)).items())
            for record, number in afar[netns]:
                index, back = ends.get((known.get(number, ""), record.iflink), (0, 0))
                if record.kind == "veth" and number in known and index == record.index:
                    numbers[known[number]][back] = netns
    return numbers
