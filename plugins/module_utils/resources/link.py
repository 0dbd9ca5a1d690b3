# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces: both ends of veth pairs, taps, Linux bridges and others, with what link layer they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare
from ..topology.tunnels import KINDS
from ..transport import bridge, features, ip_stack
from ..transport.attributes import attributes, whole
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord, delete_links, macvlan_mode
from ..transport.tunnels import Ends, tunnel_of
from ._link_make import ON_BASE, create_all, set_all
from ._link_model import BridgeSettings, Link, read_fields
from ._network import Network, Survey, key_of, read_network
from ._underlay import number_problems, require_tunnels
from .address import AddressDriver, Addressing

__all__ = ["Link", "LinkDriver", "all_links", "link_goals", "port_vlans", "read_fields"]

# What an interface is made as; another value takes another interface.
_MADE_AS = ("kind", "peer", "multi_queue", "parent", "vlan", "protocol", "vni", "local", "remote", "base", "mode")
# The interface group of what is about to go; no other program's, as far as numbers can be.
_DOOMED = 0x6E657476
# linux/if_tun.h: IFLA_TUN_*
_TUN_OWNER, _TUN_GROUP, _TUN_VNET_HDR, _TUN_MULTI_QUEUE = 1, 2, 5, 7

_CURIOUS_OF_NOTHING = Link("")


class LinkDriver:
    """Make, change and remove interfaces, by the batch."""

    kind = "link"

    def observe(self, goal: Goal[Link], scope: Scope) -> Mapping[str, Link]:
        """Read the namespaces that the goal names, or all when it purges."""
        spaces = {target.netns for target in goal.want}.union(key.rpartition("/")[0] for key in goal.absent)
        asked = {target.key: target for target in goal.want}
        have: dict[str, Link] = {}
        network = Survey.of(scope).network(spaces, everything=goal.purge)
        _require_kernel(goal.want, network)
        require_tunnels(goal.want, Survey.of(scope))
        for netns, links in network.links.items():
            masters = {record.index: record.name for record in links}
            for record in links:
                key = key_of(netns, record.name)
                have[key] = _observed(network, netns, record, masters, asked.get(key, _CURIOUS_OF_NOTHING))
        return have

    def plan(self, have: Mapping[str, Link], goal: Goal[Link], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Link]]:
        """Compare; what stands in a namespace that is removed or replaced goes with it, but for wires to others that go."""
        problems: list[str] = []
        for link in goal.want:
            read_fields(vars(link), f"the link '{link.key}': ", problems)
        if problems:
            raise LabErrors(problems)
        goal = replace(goal, want=tuple(_settled(link, have.get(link.key)) for link in goal.want))
        lost = {change.key: change for change in earlier if change.kind == "netns" and change.action in ("remove", "replace")}
        lent = {name for name, change in lost.items() if change.before and change.before.source}
        left = {key: link for key, link in have.items() if link.netns not in lost}
        wanted = {target.key: target for target in goal.want}
        changes = [
            replace(change, after=wanted[change.key], replace=True) if _loses_owner(change) else change
            for change in compare(self.kind, left, goal, scope, replace_on=_MADE_AS)
        ]
        changes = _with_lost(changes, wanted, left)
        # A process inside keeps a namespace alive without its name, and a wire between two such ones would stay with it.
        # One that was lent stays, with all that is not taken out of it.
        wires = (
            link
            for link in have.values()
            if link.lab == scope.lab and link.netns in lost and (link.netns in lent or (link.peer and link.peer[0] in lost))
        )
        changes += [Change(self.kind, wire, None) for wire in wires if goal.purge]
        made = {change.key for change in earlier if change.kind == "netns" and change.after}
        homeless = {link.netns for link in goal.want if link.netns and link.netns not in made and key_of(link.netns, "lo") not in left}
        if homeless:
            raise LabErrors(f"There is no network namespace '{netns}' to put a link into; create it first." for netns in sorted(homeless))
        staying = {*left, *wanted}.difference(change.key for change in changes if change.action == "remove")
        problems = [*number_problems(goal.want, left, changes), *_impossible(goal.want, staying)]
        new = [change.target for change in changes if change.action in ("create", "replace")]
        pairs = [(link.key, key_of(*link.peer)) for link in new if link.kind == "veth" and link.peer]
        problems += [
            f"'{key}' cannot be made without '{other}', its other end; give both ends." for key, other in pairs if other not in wanted
        ]
        if problems:
            raise LabErrors(problems)
        return changes

    def remove(self, changes: Sequence[Change[Link]], scope: Scope) -> None:
        """Remove interfaces; a pair goes by one of its ends."""
        gone: set[str] = set()
        doomed: dict[tuple[bool, str], list[str]] = defaultdict(list)
        links = [change.before for change in changes if change.before is not None]
        for link in sorted(links, key=lambda link: link.netns):
            if link.key not in gone:
                gone.update({link.key} if link.peer is None else {link.key, key_of(*link.peer)})
                doomed[link.kind != "vlan", link.netns].append(link.name)
        # Sub-interfaces first: they go with their parent, and that with its peer in another namespace.
        for (_parent, netns), names in sorted(doomed.items()):
            with Netlink(netns) as kernel:
                kernel.send(delete_links(names, _DOOMED))

    def apply(self, changes: Sequence[Change[Link]], scope: Scope) -> None:
        """Create what is missing, all that the kernel takes at creation included; then set the rest, namespace by namespace."""
        create_all([change.target for change in changes if change.action in ("create", "replace")], scope.lab)
        groups: dict[str, list[Change[Link]]] = defaultdict(list)
        for change in changes:
            groups[change.target.netns].append(change)
        for netns, group in groups.items():
            set_all(netns, group, scope.lab)


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
    asked = Link("", tx_offload=True, silent=True, tag=0)
    return [_observed(network, netns, record, masters, asked) for record in network.links[netns]]


def _observed(network: Network, netns: str, record: LinkRecord, masters: Mapping[int, str], asked: Link) -> Link:
    """Return an interface as it is; what takes a question of its own is only read where asked says something about it."""
    tun = attributes(record.data) if record.kind == "tun" else None
    vlan, protocol = bridge.vlan_of(record.data) if record.kind == "vlan" else (None, None)
    tunnel = tunnel_of(record.kind, record.data) if record.kind in KINDS else None
    link_local = ip_stack.link_local(record.families)
    tag, trunks = (None, None) if asked.tag is None else port_vlans(network.vlans(netns).get(record.index, frozenset()))
    return Link(
        name=record.name,
        netns=netns,
        lab=network.lab(netns, record) if record.index != 1 else None,  # lo is the namespace's own
        kind="tap" if record.kind == "tun" else record.kind,
        peer=network.peer(netns, record) if record.kind == "veth" else None,
        mac=record.mac,
        mtu=record.mtu,
        up=record.up,
        # Others, such as udev, may have given it more names.
        altname=asked.altname if asked.altname in record.altnames else next(iter(record.altnames), ""),
        master=masters.get(record.master, ""),
        owner=None if tun is None else _identity(tun.get(_TUN_OWNER)),
        group=None if tun is None else _identity(tun.get(_TUN_GROUP)),
        multi_queue=None if tun is None else bool(whole(tun.get(_TUN_MULTI_QUEUE, b""))),
        vnet_hdr=None if tun is None else bool(whole(tun.get(_TUN_VNET_HDR, b""))),
        tx_offload=None if asked.tx_offload is None else network.tx_offload(netns, record.name),
        silent=None if asked.silent is None else ip_stack.silent(record.families),
        link_local=asked.link_local if link_local is None else link_local,
        parent=masters.get(record.iflink, "") if record.kind == "vlan" and record.netnsid is None else None,
        vlan=vlan,
        protocol=protocol,
        vni=tunnel.vni if tunnel else None,
        local=_local(record.kind, tunnel, asked) if tunnel else None,
        remotes=network.floods(netns).get(record.index, ()) if tunnel and asked.remotes is not None else None,
        remote=tunnel.remote if tunnel else None,
        mesh=bridge.is_mesh_port(record.port) if asked.mesh is not None else None,
        base=network.base(netns, record) if record.kind in ON_BASE else None,
        mode=macvlan_mode(record.data) if record.kind in ON_BASE else None,
        # A kernel that was built without VLANs on bridges says nothing of them.
        bridge=BridgeSettings(**{"vlan_filtering": False, **bridge.settings(record.data)}) if record.kind == "bridge" else None,
        tag=tag,
        trunks=trunks,
        index=record.index,
    )


def _local(kind: str, tunnel: Ends, asked: Link) -> str | None:
    """Return the address that a tunnel comes from, '' if it is not made as it was asked for: then another is to take its place."""
    if kind == "geneve":
        return asked.local  # it has none of its own; what it sends from has been looked at (require_tunnels)
    return tunnel.local if tunnel.made or asked.local is None else ""


def _identity(value: bytes | None) -> int:
    """Return a tap's owner or group, -1 for nobody."""
    number = -1 if value is None else whole(value)
    return -1 if number == 0xFFFFFFFF else number


def port_vlans(vlans: frozenset[bridge.PortVlan]) -> tuple[int, tuple[int, ...]]:
    """Return a port's untagged VLAN and its tagged ones; -1 if it has others too, which nobody asks for."""
    untagged = [one.vlan for one in vlans if one.pvid and one.untagged]
    odd = any(one.pvid != one.untagged for one in vlans)
    return -1 if odd else untagged[0] if untagged else 0, tuple(sorted(one.vlan for one in vlans if not (one.pvid or one.untagged)))


def _require_kernel(want: Sequence[Link], network: Network) -> None:
    """Raise LabErrors if the kernel was built without something that is wanted."""
    known = {record.kind for records in network.links.values() for record in records}
    problems = []
    for kind in ("vlan", *KINDS, "ifb", *ON_BASE):
        users = [link.key for link in want if link.kind == kind]
        if users and kind not in known and not features.has_link_kind(kind):
            problems.append(features.lacking(kind, f"the interface '{users[0]}'"))
    settings = [(link.key, link.bridge) for link in want if link.bridge]
    users = [key for key, wanted in settings if wanted.vlan_filtering or wanted.vlan_protocol] + [
        link.key for link in want if link.tag or link.trunks
    ]
    if users and not features.has_vlan_filtering():
        problems.append(features.lacking("vlan_filtering", f"'{users[0]}' with its VLANs"))
    if problems:
        raise LabErrors(problems)


def _settled(target: Link, current: Link | None) -> Link:
    """Return target with a bridge's unmanaged settings as they are."""
    if target.bridge is None or current is None or current.bridge is None:
        return target
    return replace(target, bridge=_merged(current.bridge, target.bridge))


def _merged(current: BridgeSettings, target: BridgeSettings) -> BridgeSettings:
    """Return target with its unmanaged settings filled from current, and without what the kernel does not tell at present."""
    filled = replace(target, **{name: value for name, value in vars(current).items() if getattr(target, name) is None})
    return filled if current.ageing_time is not None else replace(filled, ageing_time=None)


def _with_lost(changes: list[Change[Link]], wanted: Mapping[str, Link], left: Mapping[str, Link]) -> list[Change[Link]]:
    """Return the changes with those of links that go with others that are made anew: sub-interfaces, and other ends of pairs."""
    found = {change.key: change for change in changes}
    for _level in wanted:
        anew = {key for key, change in found.items() if change.action == "replace"}
        made = anew.union(key for key, change in found.items() if change.action == "create")
        lost = [
            key
            for key, link in wanted.items()
            if ((link.parent and key_of(link.netns, link.parent) in anew) or (link.peer and key_of(*link.peer) in made))
            and key in left
            and not (key in found and found[key].replace)
        ]
        if not lost:
            break
        found.update({key: Change(LinkDriver.kind, left[key], wanted[key], replace=True) for key in lost})
    return list(found.values())


def _impossible(want: Sequence[Link], there: set[str]) -> list[str]:
    """Say which interfaces need another one that is not there."""
    problems = []
    for link in want:
        needed = (("parent", link.netns, link.parent), ("bridge (master)", link.netns, link.master), ("uplink", "", link.base))
        for word, netns, other in needed:
            if other and key_of(netns, other) not in there:
                problems.append(f"The {word} '{key_of(netns, other)}' of '{link.key}' does not exist; create it first.")
        if link.kind is None and link.key not in there:
            problems.append(f"There is no interface '{link.key}'; create it first.")
    return problems


def _loses_owner(change: Change[Link]) -> bool:
    """Say whether a tap is to belong to nobody: the kernel can give it another owner only."""
    return any(name in change.differing and change.after and getattr(change.after, name) == -1 for name in ("owner", "group"))
