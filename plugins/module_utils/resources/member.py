# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of Linux bridges that are not made with the bridge: ours is that they are in it, not the interfaces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError, LabErrors
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import bridge, features, notes, ovsdb
from ..transport.namespaces import inside
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord, Request, link_attributes, set_link
from ._existing import occupied
from ._link_model import TYPES, read_vlans
from ._network import Network, Survey, key_of
from ._ovs_model import MARK
from .link import LinkDriver, port_vlans

Purge = Literal["none", "own", "all"]


@dataclass(frozen=True)
class Member:
    """An interface in a Linux bridge, with its VLANs there (see Link). Without a master it is only kept up: Open vSwitch has it."""

    name: str
    netns: str = ""
    lab: str | None = None
    master: str | None = None
    tag: int | None = None
    trunks: tuple[int, ...] | None = None
    up: bool | None = None

    @property
    def key(self) -> str:
        """Return 'name' on the lab host, 'netns/name' elsewhere."""
        return key_of(self.netns, self.name)


def member_from(item: Mapping[str, Any], lab: str) -> Member:
    """Return what a share's item or a module's port means. Raise LabErrors."""
    problems: list[str] = []
    where = f"the port '{item.get('name')}', "
    given = {name: item.get(name) for name in ("name", "master") if name == "name" or item.get(name) is not None}
    words = {name: TYPES["name"].read(value, f"{where}{name}", problems) for name, value in given.items()}
    vlans = read_vlans(item, where, problems)
    problems += [f"{where}{name}: there is no such attribute" for name in sorted(set(item) - {"name", "netns", "master", "tag", "trunks"})]
    if problems:
        raise LabErrors(problems)
    return Member(netns=item.get("netns") or "", lab=lab, **words, **vlans)


def port_from(item: Mapping[str, Any] | str, netns: str, master: str, lab: str, problems: list[str]) -> Member | None:
    """Return a module's port, a mapping or 'NAME [tag=10] [trunks=20,30-39]'; what is wrong with it is added to the problems."""
    if isinstance(item, str):
        name, *words = item.split() or [""]
        item = {"name": name, **dict(word.partition("=")[::2] for word in words)}
        if isinstance(item.get("trunks"), str):
            item["trunks"] = item["trunks"].split(",")
    given = dict(item)
    if str(given.get("tag", "")).isdigit():
        given["tag"] = int(given["tag"])
    try:
        return member_from({**given, "netns": netns, "master": master}, lab)
    except LabErrors as error:
        problems.extend(error.problems)
        return None


def borrowed(lab: str, netns: str, master: str) -> tuple[str, ...]:
    """Return the keys of interfaces that a lab has put into a bridge though they are not its own."""
    keys = (key for key, note in _noted(lab).items() if note["master"] == master)
    return tuple(sorted(key for key in keys if key.rpartition("/")[0] == netns))


class MemberDriver:
    """Put interfaces into bridges and take them out. A note in the lab's directory says which was down before, and is to be again."""

    kind = "port"

    def __init__(self, purge: Mapping[str, Purge] | None = None, lent: Collection[str] = ()) -> None:
        self._purge = purge or {}
        self._lent = lent  # interfaces whose addresses go to the bridge with them
        self._noted: dict[str, Any] = {}
        self._network: Network = Network({}, {})
        self._records: dict[str, LinkRecord] = {}
        self._occupied: dict[str, str] = {}

    def observe(self, goal: Goal[Member], scope: Scope) -> Mapping[str, Member]:
        """Read the interfaces that are wanted, those that a run of this lab has put somewhere, and the ports of bridges to be purged."""
        noted = self._noted = _noted(scope.lab)
        spaces = {target.netns for target in goal.want}.union(key.rpartition("/")[0] for key in (*goal.absent, *noted, *self._purge))
        self._network = Survey.of(scope).network(spaces, everything=goal.purge)
        wanted = {target.key: target for target in goal.want}
        named = {*wanted, *goal.absent, *noted}
        have: dict[str, Member] = {}
        for netns, records in self._network.links.items():
            names = {record.index: record.name for record in records}
            for record in records:
                key, master = key_of(netns, record.name), names.get(record.master, "")
                self._records[key] = record
                lab = self._network.lab(netns, record)
                if key in named or key_of(netns, master) in self._purge:
                    home = next((one for one in records if one.index == record.master), None)
                    # Open vSwitch's own datapath device is the master of what the kernel switches for it.
                    lent = key in noted and (master in ("", noted[key]["master"]) or not noted[key]["master"])
                    lent = lent or (home is not None and self._network.lab(netns, home) == scope.lab)
                    lent = lent or (key in wanted and master != "" and wanted[key].master == master)
                    if lab or lent:
                        have[key] = self._member(netns, record, master, lab or scope.lab, wanted.get(key))
        self._look_closer([target for target in goal.want if target.key not in have or have[target.key].master != target.master], scope.lab)
        users = [target.key for target in goal.want if target.tag or target.trunks]
        if users and not features.has_vlan_filtering():
            raise LabError(features.lacking("vlan_filtering", f"'{users[0]}' with its VLANs"))
        return have

    def _member(self, netns: str, record: LinkRecord, master: str, lab: str, asked: Member | None) -> Member:
        member = Member(record.name, netns, lab, master, up=record.up)
        if asked is None or asked.tag is None:
            return member
        tag, trunks = port_vlans(self._network.vlans(netns).get(record.index, frozenset()))
        return replace(member, tag=tag, trunks=trunks)

    def _look_closer(self, joining: Sequence[Member], lab: str) -> None:
        """Note why interfaces that are to join a bridge cannot."""
        ports = _switched(lab) if joining else {}
        for netns in {member.netns for member in joining if member.netns in self._network.links}:
            names = {record.index: record.name for record in self._network.links[netns]}
            addresses: dict[int, list[str]] = defaultdict(list)
            with Netlink(netns) as kernel:
                for address in kernel.addresses():
                    addresses[address.index].append(address.address)
            for member in joining:
                record = self._records.get(member.key)
                if record is not None and member.netns == netns:
                    known = {} if netns or member.master is None else ports
                    free = replace(record, master=0) if member.master is None else record
                    self._occupied[member.key] = occupied(free, () if member.key in self._lent else addresses[record.index], names, known)

    def plan(self, have: Mapping[str, Member], goal: Goal[Member], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Member]]:
        """Compare; a bridge that is made anew has no ports yet."""
        links = {change.key: change for change in earlier if change.kind == LinkDriver.kind}
        anew = {key for key, change in links.items() if change.action != "update"}
        left = {
            key: replace(member, master="") if key_of(member.netns, member.master or "") in anew else member
            for key, member in have.items()
            if key not in anew
        }
        noted = self._noted
        want = tuple(
            replace(target, up=None if self._is_ours(target.key, scope) else True, master=_home(target, left.get(target.key), noted))
            for target in goal.want
        )
        problems = [problem for target in want for problem in self._problems(target, left.get(target.key), links)]
        if problems:
            raise LabErrors(problems)
        wanted = {target.key for target in want}
        extra = tuple(key for key, member in left.items() if key not in wanted and self._goes(key, member, goal, noted, scope))
        return compare(self.kind, left, replace(goal, want=want, absent=(*goal.absent, *extra), purge=False), scope)

    def _goes(self, key: str, member: Member, goal: Goal[Member], noted: Mapping[str, Any], scope: Scope) -> bool:
        if goal.purge and key in noted:
            return True
        purge = self._purge.get(key_of(member.netns, member.master or ""), "none")
        return purge == "all" or (purge == "own" and (key in noted or self._is_ours(key, scope)))

    def _is_ours(self, key: str, scope: Scope) -> bool:
        """Say whether the interface itself, not only its place, is the lab's."""
        record = self._records.get(key)
        return record is not None and self._network.lab(key.rpartition("/")[0], record) == scope.lab

    def _problems(self, target: Member, current: Member | None, links: Mapping[str, Change[Any]]) -> Iterator[str]:
        present = (self._records.keys() | {key for key, change in links.items() if change.after}) - {
            key for key, change in links.items() if change.action == "remove"
        }
        if target.key not in present:
            yield f"There is no interface '{target.key}' to put into a switch; correct its name, or make it first."
            return
        if target.master and key_of(target.netns, target.master) not in present:
            yield f"There is no bridge '{key_of(target.netns, target.master)}' for the interface '{target.key}'; create it first."
        moves = current is None or (target.master is not None and current.master != target.master)
        # What is in a bridge of this lab already may be moved to another one.
        if moves and not (current and current.master) and self._occupied.get(target.key):
            yield self._occupied[target.key]

    def remove(self, changes: Sequence[Change[Member]], scope: Scope) -> None:
        """Take interfaces out of their bridges, and set down what was down before."""
        noted = _noted(scope.lab)
        for netns, group in _by_netns(changes):
            with inside(netns), Netlink() as kernel:
                there = {record.name: record for record in kernel.links()}
                requests: list[Request] = []
                for change in group:
                    before = change.before
                    if before is not None and before.name in there:
                        down = False if noted.get(change.key, {}).get("up") is False else None
                        leaves = 0 if noted.get(change.key, {}).get("master", before.master) == before.master and before.master else None
                        if leaves is not None or down is not None:
                            requests.append(set_link(link_attributes(before.name, up=down, master=leaves)))
                kernel.send(requests)
        _note(scope.lab, {key: note for key, note in noted.items() if key not in {change.key for change in changes}})

    def apply(self, changes: Sequence[Change[Member]], scope: Scope) -> None:
        """Put interfaces into their bridges, noting first how they were."""
        noted = _noted(scope.lab)
        for change in changes:
            record = self._records.get(change.key)
            if record is not None and not self._is_ours(change.key, scope):
                noted[change.key] = {"up": noted.get(change.key, {}).get("up", record.up), "master": change.target.master}
        _note(scope.lab, noted)
        for netns, group in _by_netns(changes):
            with inside(netns), Netlink() as kernel:
                indexes = {record.name: record.index for record in kernel.links()}
                kernel.send([request for change in group for request in _joining(change, indexes)])
                ports = [change.target for change in group if change.target.tag is not None]
                vlans = kernel.vlans() if ports else {}
                kernel.send([request for port in ports for request in _vlan_requests(port, indexes[port.name], vlans)])


def _home(target: Member, current: Member | None, noted: Mapping[str, Any]) -> str | None:
    """Return where a port is to be: what is only kept up leaves the bridge that the lab has put it into."""
    before = (current and current.master) or ""
    leaves = target.master is None and before and noted.get(target.key, {}).get("master") == before
    return "" if leaves else target.master


def _joining(change: Change[Member], indexes: Mapping[str, int]) -> list[Request]:
    target, before = change.target, change.before
    joins = target.master is not None and (before is None or before.master != target.master)
    master = None if not joins else indexes[target.master] if target.master else 0
    up = True if target.up and not (before and before.up) else None
    return [set_link(link_attributes(target.name, up=up, master=master))] if joins or up else []


def _vlan_requests(port: Member, index: int, vlans: Mapping[int, frozenset[bridge.PortVlan]]) -> list[Request]:
    want = bridge.wanted_vlans(port.tag or 0, port.trunks or ())
    return bridge.set_vlans(index, port.name, vlans.get(index, frozenset()), want, own=False)


def _switched(lab: str) -> dict[str, str]:
    """Return the bridges of Open vSwitch by the names of their ports, as far as it can be asked; not the lab's own, which let go first."""
    if not ovsdb.running(None):
        return {}
    try:
        with ovsdb.Database(None, {"Open_vSwitch": ("bridges",), "Bridge": ("name", "ports", "external_ids"), "Port": ("name",)}) as switch:
            return {port.name: row.name for row in switch.rows("Bridge") if row.external_ids.get(MARK) != lab for port in row.ports}
    except LabError:
        return {}  # a stale socket, or no library to ask by: then this lab has nothing to do with Open vSwitch


def _notes_file(lab: str) -> Path:
    return run_dir(lab) / "ports.json"


def _noted(lab: str) -> dict[str, Any]:
    return notes.read(_notes_file(lab))


def _note(lab: str, noted: Mapping[str, Any]) -> None:
    if noted:
        notes.write(_notes_file(lab), noted)
    else:
        _notes_file(lab).unlink(missing_ok=True)


def _by_netns(changes: Sequence[Change[Member]]) -> list[tuple[str, list[Change[Member]]]]:
    groups: dict[str, list[Change[Member]]] = defaultdict(list)
    for change in changes:
        side = change.after or change.before
        groups[side.netns if side else ""].append(change)
    return list(groups.items())
