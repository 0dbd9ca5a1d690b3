# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How interfaces are made and set, by the batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._errors import LabError
from .._marks import mark
from .._plan import Change
from ..topology.tunnels import KINDS
from ..transport import bridge, ethtool, ip_stack, tap
from ..transport.namespaces import descriptors, inside
from ..transport.netlink import Netlink
from ..transport.rtnetlink import (
    LinkAttributes,
    Request,
    create_bridge,
    create_link,
    create_veth,
    link_attributes,
    lone_link,
    macvlan_data,
    mark_link,
    name_link,
    set_kind,
    set_link,
    set_port,
)
from ..transport.tunnels import tunnel_data
from ..transport.vxlan import set_floods
from ._link_model import BridgeSettings, Link
from ._network import key_of

ON_BASE = ("macvlan", "macvtap")
TAP = ("owner", "group", "vnet_hdr")
# What the message that creates an interface does not set; a tap is created by other means, and without any.
_UNBORN = frozenset(("altname", "link_local", "master", "up"))
_TAP_UNBORN = frozenset(("mac", "mtu"))


def create_all(made: Sequence[Link], lab: str) -> None:
    """Create interfaces with all that the kernel takes at creation, those that others sit on first."""
    _create_simple([link for link in made if link.kind in ("bridge", "ifb", *KINDS)], lab)
    _create_veths([link for link in made if link.kind == "veth"], lab)
    for netns, taps in by_netns(link for link in made if link.kind == "tap").items():
        with inside(netns), Netlink() as kernel:
            for link in taps:
                _create_tap(kernel, link, lab)
    _create_vlans([link for link in made if link.kind == "vlan"], lab)
    _create_on_base([link for link in made if link.kind in ON_BASE], lab)


def set_all(netns: str, changes: Sequence[Change[Link]], lab: str) -> None:
    """Set what differs of a namespace's interfaces, and what is left to set of new ones."""
    parents = {change.target.name: change.target.parent for change in changes}
    changes = sorted(changes, key=lambda change: _depth(change.target.name, parents))  # none can be up, or wider, before its parent is
    ports = [change.target for change in changes if _wants_vlans(change)]
    floods = [change for change in changes if change.target.remotes is not None]
    with inside(netns), Netlink() as kernel:
        named = ports or floods or any(change.target.master for change in changes)
        indexes = {record.name: record.index for record in kernel.links()} if named else {}
        kernel.send([request for change in changes for request in _settings(change, indexes, lab)])
        vlans = kernel.vlans() if ports else {}
        kernel.send([request for link in ports for request in _vlan_requests(link, indexes[link.name], vlans)])
        kernel.send([request for change in floods for request in _flood_requests(change, indexes[change.target.name])])
        for change in changes:
            _set_device(change)


def _depth(name: str, parents: Mapping[str, str | None]) -> int:
    """Return how many interfaces lie under one of parents' keys."""
    depth = 0
    below = parents.get(name)
    while below and depth < len(parents):
        depth, below = depth + 1, parents.get(below)
    return depth


def _wants_vlans(change: Change[Link]) -> bool:
    """Say whether a port's VLANs are to be set: a port that joins a bridge gets that bridge's own first."""
    fresh = change.action != "update"
    return change.target.tag is not None and (fresh or not change.differing.isdisjoint(("tag", "trunks", "master")))


def _vlan_requests(link: Link, index: int, vlans: Mapping[int, frozenset[bridge.PortVlan]]) -> list[Request]:
    want = bridge.wanted_vlans(link.tag or 0, link.trunks or ())
    return bridge.set_vlans(index, link.name, vlans.get(index, frozenset()), want, own=link.kind == "bridge")


def _flood_requests(change: Change[Link], index: int) -> list[Request]:
    have = (change.before.remotes if change.before and change.action == "update" else None) or ()
    return set_floods(index, change.target.name, have, change.target.remotes or ())


def _create_simple(links: Sequence[Link], lab: str) -> None:
    """Create what needs no other interface."""
    requests: dict[str, list[Request]] = defaultdict(list)
    for link in links:
        if link.kind == "bridge":
            # A new bridge does not filter; a kernel without CONFIG_BRIDGE_VLAN_FILTERING refuses to be told so.
            values = {**vars(link.bridge), "vlan_filtering": link.bridge.vlan_filtering or None} if link.bridge else {}
            data = bridge.settings_data(values)
            requests[link.netns].append(create_bridge(_attributes(link), mark(lab), data))
        elif link.kind in KINDS:
            data = tunnel_data(link.kind, link.vni or 0, link.local or "", link.remote or "")
            # Up it would lead on what comes from other tunnels before it is told not to.
            down = replace(link, up=None) if link.mesh else link
            requests[link.netns].append(create_link(_attributes(down), link.kind, mark(lab), data))
        else:
            requests[link.netns].append(create_link(_attributes(link), str(link.kind), mark(lab)))
    _send(requests)


def _create_vlans(links: Sequence[Link], lab: str) -> None:
    """Create sub-interfaces, those that sit on others after these."""
    for netns, group in by_netns(links).items():
        with Netlink(netns) as kernel:
            while group:
                indexes = {record.name: record.index for record in kernel.links()}
                ready = [link for link in group if link.parent in indexes]
                if not ready:
                    raise LabError(f"Cannot create the interface '{group[0].key}': there is no '{group[0].parent}' for it to sit on.")
                kernel.send([_vlan_request(link, indexes[str(link.parent)], lab) for link in ready])
                group = [link for link in group if link not in ready]


def _create_on_base(links: Sequence[Link], lab: str) -> None:
    """Create what sits on interfaces of the lab host, each in its own namespace from the first moment."""
    if not links:
        return
    with descriptors([""]) as home, Netlink() as kernel:
        indexes = {record.name: record.index for record in kernel.links()}
        for netns, group in by_netns(links).items():
            with Netlink(netns) as there:
                number = there.number_of(home[""]) if netns else None
                made = [(_attributes(replace(link, up=None)), link) for link in group]
                there.send(
                    [
                        create_link(one, str(link.kind), mark(lab), macvlan_data(link.mode or "bridge"), indexes[str(link.base)], number)
                        for one, link in made
                    ]
                )


def _vlan_request(link: Link, parent: int, lab: str) -> Request:
    data = bridge.vlan_data(link.vlan or 0, link.protocol or "802.1Q")
    return create_link(link_attributes(link.name, link.mac, link.mtu), "vlan", mark(lab), data, parent)


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


def _attributes(link: Link) -> LinkAttributes:
    return link_attributes(link.name, link.mac, link.mtu, link.up)


def _far_attributes(link: Link, netns: int) -> LinkAttributes:
    # A far end cannot be up before it has its peer: the kernel says "not connected".
    return link_attributes(link.name, link.mac, link.mtu, netns=netns)


def _settings(change: Change[Link], masters: Mapping[str, int], lab: str) -> list[Request]:
    """Return what is left to ask for of a new interface, or what differs of an existing one."""
    link, old = change.target, change.before if change.action == "update" else None
    differs = change.differing if old else _UNBORN | (_TAP_UNBORN if link.kind == "tap" else frozenset())
    requests: list[Request] = []
    if "lab" in differs:
        requests.append(mark_link(link.name, mark(lab)))
    if "link_local" in differs and link.link_local is False:
        requests.append(lone_link(link.name))
    if "altname" in differs:
        if old and old.altname:
            requests.append(name_link(link.name, old.altname, remove=True))
        if link.altname:
            requests.append(name_link(link.name, link.altname))
    values: dict[str, Any] = {name: getattr(link, name) for name in ("mac", "mtu", "up") if name in differs}
    if "master" in differs and (link.master or old):
        values["master"] = masters[link.master] if link.master else 0
    if link.mesh and not differs.isdisjoint(("master", "mesh")):
        requests.append(set_link(link_attributes(link.name, **{**values, "up": False})))
        requests.append(set_port(link.name, "bridge", bridge.mesh_port_data(), "isolated and mcast_router"))
        values = {"up": link.up}
    if any(value is not None for value in values.values()):
        requests.append(set_link(link_attributes(link.name, **values)))
    if "bridge" in differs and old and old.bridge and link.bridge:
        requests += _bridge_settings(link.name, old.bridge, link.bridge)
    return requests


def _bridge_settings(name: str, old: BridgeSettings, new: BridgeSettings) -> list[Request]:
    values = {key: value for key, value in vars(new).items() if value != getattr(old, key)}
    # The kernel looks at the forward delay first, and does not take a short one while STP is on.
    first = {"stp": values.pop("stp")} if values.get("stp") is False else {}
    return [set_kind(name, "bridge", bridge.settings_data(part), ", ".join(part)) for part in (first, values) if part]


def _set_device(change: Change[Link]) -> None:
    """Set what netlink cannot set, in the namespace that this thread is in."""
    link, fresh = change.target, change.action != "update"
    if link.tx_offload is not None and (fresh or "tx_offload" in change.differing):
        ethtool.set_tx_offload(link.name, link.tx_offload)
    if link.silent is not None and (fresh or "silent" in change.differing):
        ip_stack.set_silent(link.name, link.silent)
    if link.link_local and not fresh and "link_local" in change.differing:
        ip_stack.give_link_local(link.name)
    if link.kind == "tap" and not fresh and not change.differing.isdisjoint(TAP):
        tap.change(link.name, link.owner, link.group, bool(link.vnet_hdr), bool(link.multi_queue))


def by_netns(links: Iterable[Link]) -> dict[str, list[Link]]:
    """Return interfaces by namespace."""
    groups: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        groups[link.netns].append(link)
    return groups


def _send(requests: Mapping[str, list[Request]]) -> None:
    for netns, batch in requests.items():
        if batch:
            with Netlink(netns) as kernel:
                kernel.send(batch)
