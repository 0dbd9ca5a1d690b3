# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces: both ends of veth pairs, taps and Linux bridges, with what link layer they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import LabErrors
from .._marks import mark
from .._plan import Change, Goal, Scope, compare
from ..topology.scalars import DEVICE, MAC, MTU, NAMESPACE, matching
from ..transport import ethtool, ip_stack, tap
from ..transport.namespaces import descriptors, inside
from ..transport.netlink import Netlink
from ..transport.rtnetlink import (
    LinkRecord,
    Request,
    create_bridge,
    create_veth,
    delete_links,
    link_attributes,
    mark_link,
    name_link,
    set_link,
)
from ._network import Network, key_of, read_network
from .address import AddressDriver, Addressing

# What the kernel would only refuse when half of a run is done.
_TYPES = {
    "name": DEVICE,
    "netns": NAMESPACE,
    "mac": MAC,
    "mtu": MTU,
    "altname": matching("an alternative name: up to 127 characters without spaces", r"\S+", 127),
}
# What a tap or veth is made as; another value takes another interface.
_MADE_AS = ("kind", "peer", "multi_queue")
_TAP = ("owner", "group", "vnet_hdr")
# What the message that creates an interface does not set; a tap is created by other means, and without any.
_UNBORN = frozenset(("altname", "master", "up"))
_TAP_UNBORN = frozenset(("mac", "mtu"))
# The interface group of what is about to go; no other program's, as far as numbers can be.
_DOOMED = 0x6E657476


@dataclass(frozen=True)
class Link:
    """An interface. ``netns`` '' is the lab host; ``peer`` is (netns, name) of a veth's other end.

    owner and group are ids, -1 for nobody. On a silent interface, a switch's port, the host's own IP stack takes no part:
    Open vSwitch's userspace datapath only listens in, and the host would answer for its addresses a second time.
    """

    name: str
    netns: str = ""
    lab: str | None = None
    kind: str | None = None
    peer: tuple[str, str] | None = None
    mac: str | None = None
    mtu: int | None = None
    up: bool | None = None
    altname: str | None = None
    master: str | None = None
    owner: int | None = None
    group: int | None = None
    multi_queue: bool | None = None
    vnet_hdr: bool | None = None
    tx_offload: bool | None = None
    silent: bool | None = None
    index: int = field(default=0, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return 'name' on the lab host, 'netns/name' elsewhere."""
        return key_of(self.netns, self.name)


_CURIOUS_OF_NOTHING = Link("")


def read_fields(given: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """Return an interface's fields in canonical form; what is wrong with them is added to the problems, under the path."""
    named = {name: given[name] for name in _TYPES if given[name] is not None and (given[name] != "" or name == "name")}
    return {**given, **{name: _TYPES[name].read(value, f"{path}{name}", problems) for name, value in named.items()}}


class LinkDriver:
    """Make, change and remove interfaces, by the batch."""

    kind = "link"

    def observe(self, goal: Goal[Link], scope: Scope) -> Mapping[str, Link]:
        """Read the namespaces that the goal names, or all when it purges."""
        spaces = {target.netns for target in goal.want}.union(key.rpartition("/")[0] for key in goal.absent)
        asked = {target.key: target for target in goal.want}
        have: dict[str, Link] = {}
        network = read_network(spaces, everything=goal.purge)
        for netns, links in network.links.items():
            masters = {record.index: record.name for record in links}
            for record in links:
                link = _observed(network, netns, record, masters, asked.get(key_of(netns, record.name), _CURIOUS_OF_NOTHING))
                have[link.key] = link if record.index != 1 else replace(link, lab=None)  # lo is the namespace's own
        return have

    def plan(self, have: Mapping[str, Link], goal: Goal[Link], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Link]]:
        """Compare; what stands in a namespace that is removed or replaced goes with it, but for wires to others that go."""
        problems: list[str] = []
        for link in goal.want:
            read_fields(vars(link), f"the link '{link.key}': ", problems)
        if problems:
            raise LabErrors(problems)
        lost = {change.key for change in earlier if change.kind == "netns" and change.action in ("remove", "replace")}
        left = {key: link for key, link in have.items() if link.netns not in lost}
        wanted = {target.key: target for target in goal.want}
        changes = [
            replace(change, after=wanted[change.key], replace=True) if _loses_owner(change) else change
            for change in compare(self.kind, left, goal, scope, replace_on=_MADE_AS)
        ]
        # A process inside keeps a namespace alive without its name, and a wire between two such ones would stay with it.
        wires = (link for link in have.values() if link.lab == scope.lab and link.netns in lost and link.peer and link.peer[0] in lost)
        changes += [Change(self.kind, wire, None) for wire in wires if goal.purge]
        made = {change.key for change in earlier if change.kind == "netns" and change.after}
        homeless = {link.netns for link in goal.want if link.netns and link.netns not in made and key_of(link.netns, "lo") not in left}
        if homeless:
            raise LabErrors(f"There is no network namespace '{netns}' to put a link into; create it first." for netns in sorted(homeless))
        return changes

    def remove(self, changes: Sequence[Change[Link]], scope: Scope) -> None:
        """Remove interfaces; a pair goes by one of its ends."""
        gone: set[str] = set()
        doomed: dict[str, list[str]] = defaultdict(list)
        for change in sorted(changes, key=lambda change: change.before.netns if change.before else ""):
            link = change.before
            if link is not None and link.key not in gone:
                gone.update({link.key} if link.peer is None else {link.key, key_of(*link.peer)})
                doomed[link.netns].append(link.name)
        for netns, names in doomed.items():
            with Netlink(netns) as kernel:
                kernel.send(delete_links(names, _DOOMED))

    def apply(self, changes: Sequence[Change[Link]], scope: Scope) -> None:
        """Create what is missing, all that the kernel takes at creation included; then set the rest, namespace by namespace."""
        made = [change.target for change in changes if change.action in ("create", "replace")]
        _create_bridges([link for link in made if link.kind == "bridge"], scope.lab)
        _create_veths([link for link in made if link.kind == "veth"], scope.lab)
        for netns, taps in _by_netns(link for link in made if link.kind == "tap").items():
            with inside(netns), Netlink() as kernel:
                for link in taps:
                    _create_tap(kernel, link, scope.lab)
        chosen = {change.key: change for change in changes}
        for netns, links in _by_netns(change.target for change in changes).items():
            with inside(netns), Netlink() as kernel:
                masters = {record.name: record.index for record in kernel.links()} if any(link.master for link in links) else {}
                kernel.send([request for link in links for request in _settings(chosen[link.key], masters, scope.lab)])
                for link in links:
                    _set_device(chosen[link.key])


def link_goals(ends: Sequence[tuple[Link, Addressing]], present: bool) -> list[Goal[Any]]:
    """Return the goals for interfaces and their addresses, or for the absence of the first (and so of its peer)."""
    if not present:
        return [Goal(LinkDriver(), absent=(ends[0][0].key,))]
    return [
        Goal(LinkDriver(), want=tuple(link for link, _addresses in ends)),
        Goal(AddressDriver(), want=tuple(addresses for _link, addresses in ends if addresses.addresses is not None)),
    ]


def all_links(netns: str) -> list[Link]:
    """Return every interface of one namespace ('' is the lab host's own), in the kernel's order."""
    network = read_network((netns,), everything=True)
    masters = {record.index: record.name for record in network.links[netns]}
    return [_observed(network, netns, record, masters, Link("", tx_offload=True, silent=True)) for record in network.links[netns]]


def _observed(network: Network, netns: str, record: LinkRecord, masters: Mapping[int, str], asked: Link) -> Link:
    """Return an interface as it is; what takes a question of its own is only read where asked says something about it."""
    return Link(
        name=record.name,
        netns=netns,
        lab=network.lab(netns, record),
        kind="tap" if record.kind == "tun" else record.kind,
        peer=network.peer(netns, record) if record.kind == "veth" else None,
        mac=record.mac,
        mtu=record.mtu,
        up=record.up,
        altname=record.altnames[0] if record.altnames else "",
        master=masters.get(record.master, ""),
        owner=record.tun.get("IFLA_TUN_OWNER", -1) if record.tun else None,
        group=record.tun.get("IFLA_TUN_GROUP", -1) if record.tun else None,
        multi_queue=bool(record.tun.get("IFLA_TUN_MULTI_QUEUE")) if record.tun else None,
        vnet_hdr=bool(record.tun.get("IFLA_TUN_VNET_HDR")) if record.tun else None,
        tx_offload=None if asked.tx_offload is None else network.tx_offload(netns, record.name),
        silent=None if asked.silent is None else network.silent(netns, record.name),
        index=record.index,
    )


def _create_bridges(links: Sequence[Link], lab: str) -> None:
    _send({netns: [create_bridge(_attributes(link), mark(lab)) for link in group] for netns, group in _by_netns(links).items()})


def _create_veths(links: Sequence[Link], lab: str) -> None:
    ends = {link.key: link for link in links}
    pairs: dict[str, list[tuple[Link, Link]]] = defaultdict(list)
    for key, link in sorted(ends.items(), key=lambda item: item[1].netns):
        if link.peer and key in ends:
            far = ends.pop(key_of(*link.peer))
            pairs[link.netns].append((link, far))
            del ends[key]
    spaces = {far.netns for group in pairs.values() for _near, far in group}
    with descriptors(sorted(spaces)) as opened:
        for netns, group in pairs.items():
            with Netlink(netns) as kernel:
                kernel.send([create_veth(_attributes(near), _far_attributes(far, opened[far.netns]), mark(lab)) for near, far in group])


def _create_tap(kernel: Netlink, link: Link, lab: str) -> None:
    # Persistent only once it is marked: until then it goes when this process ends.
    with tap.created(link.name, link.owner, link.group, bool(link.vnet_hdr), bool(link.multi_queue)):
        kernel.send([mark_link(link.name, mark(lab))])


def _attributes(link: Link) -> dict[str, Any]:
    return link_attributes(link.name, link.mac, link.mtu, link.up)


def _far_attributes(link: Link, netns: int) -> dict[str, Any]:
    # A far end cannot be up before it has its peer: the kernel says "not connected".
    return link_attributes(link.name, link.mac, link.mtu, netns=netns)


def _settings(change: Change[Link], masters: Mapping[str, int], lab: str) -> list[Request]:
    """Return what is left to ask for of a new interface, or what differs of an existing one."""
    link, old = change.target, change.before if change.action == "update" else None
    differs = change.differing if old else _UNBORN | (_TAP_UNBORN if link.kind == "tap" else frozenset())
    requests: list[Request] = []
    if "lab" in differs:
        requests.append(mark_link(link.name, mark(lab)))
    if "altname" in differs:
        if old and old.altname:
            requests.append(name_link(link.name, old.altname, remove=True))
        if link.altname:
            requests.append(name_link(link.name, link.altname))
    values: dict[str, Any] = {name: getattr(link, name) for name in ("mac", "mtu", "up") if name in differs}
    if "master" in differs and (link.master or old):
        values["master"] = masters[link.master] if link.master else 0
    if any(value is not None for value in values.values()):
        requests.append(set_link(link_attributes(link.name, **values)))
    return requests


def _set_device(change: Change[Link]) -> None:
    """Set what netlink cannot set, in the namespace that this thread is in."""
    link, fresh = change.target, change.action != "update"
    if link.tx_offload is not None and (fresh or "tx_offload" in change.differing):
        ethtool.set_tx_offload(link.name, link.tx_offload)
    if link.silent is not None and (fresh or "silent" in change.differing):
        ip_stack.set_silent(link.name, link.silent)
    if link.kind == "tap" and not fresh and not change.differing.isdisjoint(_TAP):
        tap.change(link.name, link.owner, link.group, bool(link.vnet_hdr), bool(link.multi_queue))


def _loses_owner(change: Change[Link]) -> bool:
    """Say whether a tap is to belong to nobody: the kernel can give it another owner only."""
    return any(name in change.differing and change.after and getattr(change.after, name) == -1 for name in ("owner", "group"))


def _by_netns(links: Iterable[Link]) -> dict[str, list[Link]]:
    groups: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        groups[link.netns].append(link)
    return groups


def _send(requests: Mapping[str, list[Request]]) -> None:
    for netns, batch in requests.items():
        if batch:
            with Netlink(netns) as kernel:
                kernel.send(batch)
