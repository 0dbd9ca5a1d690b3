# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a check failed: the likely causes, from what can be seen along the path. Pure; the eyes are a View."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from ..topology.kinds import SPACES
from ..transport.neighbours import Way
from ..transport.rtnetlink import LinkRecord
from .checks import Check
from .logical import Packet, packets, refusal
from .paths import End, Step, Wiring


class OvsPort(NamedTuple):
    """A port as Open vSwitch has it; ids are what its interface is marked with, by OVN too."""

    bridge: str
    tag: int
    trunk: bool
    ids: Mapping[str, str] = MappingProxyType({})


class View(Protocol):
    """What can be seen of the lab host and its namespaces. A namespace that does not exist has no links."""

    def links(self, netns: str) -> dict[str, LinkRecord]:
        """Return the interfaces by name."""

    def addresses(self, netns: str) -> dict[str, list[str]]:
        """Return the addresses, without prefix lengths, by interface."""

    def way(self, netns: str, address: str) -> Way:
        """Return how packets to an address leave."""

    def known(self, netns: str, index: int, address: str) -> bool | None:
        """Say whether a neighbour's MAC address is known; None if nobody has asked for it."""

    def setting(self, netns: str, key: str) -> str:
        """Return a setting by its path below /proc/sys, '' if there is none."""

    def tx_offload(self, netns: str, interface: str) -> bool:
        """Say whether checksums are left to an interface."""

    def ovs_ports(self) -> dict[str, OvsPort]:
        """Return the ports of Open vSwitch by name."""

    def controlled(self) -> bool:
        """Say whether the lab host's controller of OVN runs."""

    def traced(self, packet: Packet) -> str:
        """Return what OVN says that it would do with a packet, '' if it says nothing."""

    def userspace(self, bridge: str) -> bool:
        """Say whether a bridge of Open vSwitch passes on packets in userspace, unfinished checksums included."""

    def dropping(self) -> list[str]:
        """Return the chains of the lab host that drop forwarded packets unless a rule says otherwise."""


def causes(check: Check, wiring: Wiring, view: View, alive: bool) -> list[str]:
    """Return the likely causes of a failure, the first one to mend first. alive says that an ordinary ping is answered."""
    path = wiring.path_to(check.node, check.target)
    steps = wiring.local(path)
    source = wiring.space(check.node)
    if source and not view.links(source):
        return [f"the network namespace {source} does not exist"]
    if alive:
        return list(dict.fromkeys(_of_a_service(check, steps, wiring, view)))
    # What comes first is the cause of much that comes later: who has no address has no route either.
    found = (
        list(_of_links([*_ends(steps), *wiring.tunnels(path)], wiring, view))
        or [*_of_logical_ports(steps, wiring, view), *_of_addresses(check, steps, wiring, view), *_of_vlans(steps, wiring, view)]
        or [*_of_routes(check, source, steps, wiring, view), *_of_filters(steps, wiring, view), *_of_flows(check, wiring, view)]
        or list(_of_neighbours(check, source, view))
    )
    return list(dict.fromkeys(found))


def _ends(steps: Sequence[Step]) -> list[End]:
    return [end for step in steps for end in step if end.interface and end.netns is not None]


def _of_links(ends: Sequence[End], wiring: Wiring, view: View) -> Iterator[str]:
    for end in ends:
        links = view.links(end.netns or "")
        link, port = links.get(end.interface), view.ovs_ports().get(end.interface) if end.bridge else None
        name = f"{end.node}'s {'port' if end.is_port else 'device'} {end.interface}" if end.bridge else str(end)
        if (port if wiring.is_patch(end) else link) is None:
            yield f"{name} does not exist"
        elif link and not link.up:
            yield f"{name} is down"
        elif end.is_port:
            masters = {found.index: found.name for found in links.values()}
            if end.bridge not in (link and masters.get(link.master), port and port.bridge):
                yield f"{end.interface} is no port of {end.node}"
    # A Linux bridge that is down passes on nothing; a device of Open vSwitch is only the lab host's own way in.
    for bridge, node in {end.bridge: end.node for end in ends if wiring.kinds.get(end.node) == "bridge"}.items():
        device = view.links("").get(bridge)
        if device and not device.up:
            yield f"{node}'s device {bridge} is down"


def _of_logical_ports(steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    """Look whether OVN knows the ports of its bridge on the way, and has made flows for them."""
    ports = [end for end in _ends(steps) if end.node in wiring.logical and end.interface in wiring.ports]
    if ports and not view.controlled():
        yield f"ovn-controller does not run on {wiring.lab_host}"
    for end in ports:
        ids = view.ovs_ports()[end.interface].ids if end.interface in view.ovs_ports() else {}
        wanted = wiring.ports[end.interface][1]["interface_external_ids"]["iface-id"]
        if ids.get("iface-id") != wanted:
            yield f"{end.node}'s port {end.interface} is not known to OVN as {wanted} (its iface-id)"
        elif ids.get("ovn-installed") != "true":
            yield f"OVN has not set up {end.node}'s port {end.interface}"


def _of_addresses(check: Check, steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    family = ":" in check.target
    for end in (steps[0][0],) if steps else ():
        if end.netns:
            own = view.addresses(end.netns)
            if not any((":" in address) == family for name, found in own.items() if name != "lo" for address in found):
                yield f"{end.node} has no IPv{6 if family else 4} address{_lease(wiring, end.node)}"
    owner = wiring.owners.get(check.target)
    if owner and owner[0] in wiring.spaces:
        has = {address for found in view.addresses(wiring.spaces[owner[0]]).values() for address in found}
        if check.target not in has:
            yield f"{owner[0]} does not have the address {check.target}{_lease(wiring, owner[0])}"


def _lease(wiring: Wiring, node: str) -> str:
    """Say that addresses come from a DHCP server, where they do."""
    methods = {interface["method"] for name, interface in wiring.owners.values() if name == node}
    return ": it has no lease" if "dhcp" in methods else ""


def _of_vlans(steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    tags = {}
    for port in (*(step[1] for step in steps[:1]), *(step[0] for step in steps[-1:])):
        ovs = view.ovs_ports().get(port.interface) if port.bridge != port.interface else None
        item = wiring.links.get(("", port.interface), {})
        if ovs and not ovs.trunk:
            tags[port.interface] = ovs.tag
        elif port.is_port and not ovs and not item.get("trunks"):
            tags[port.interface] = item.get("tag") or 0
    if len(set(tags.values())) > 1:
        words = [f"{name} is in {f'VLAN {tag}' if tag else 'none'}" for name, tag in tags.items()]
        yield f"VLAN tags differ: {', '.join(words)}"


def _of_routes(check: Check, source: str | None, steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    """Follow a packet there and its answer back."""
    origin = ""
    if source is not None:
        way = view.way(source, check.target)
        if way.error:
            yield f"{check.node} has no route to {check.target} ({way.error})"
            return
        origin = way.source
    for (_here, entered), (left, _there) in zip(steps, steps[1:]):
        if left.node not in wiring.kinds or wiring.kinds[left.node] in (*SPACES, "host"):
            yield from _of_router(entered, check.target, view)
    for _here, entered in steps:
        if entered.netns is not None and not entered.is_port and origin and entered.interface:
            yield from _of_answer(entered, origin, view)


def _of_neighbours(check: Check, source: str | None, view: View) -> Iterator[str]:
    if source is not None:
        way = view.way(source, check.target)
        if view.known(source, way.index, way.via or check.target) is False:
            word = "ND" if ":" in check.target else "ARP"
            yield f"nobody answers {check.node}'s {word} requests for {way.via or check.target}"


def _of_router(entered: End, target: str, view: View) -> Iterator[str]:
    netns = entered.netns or ""
    key = "net/ipv6/conf/all/forwarding" if ":" in target else "net/ipv4/ip_forward"
    if view.setting(netns, key) == "0":
        yield f"{entered.node} forwards no packets ({key.replace('/', '.')} is 0)"
    way = view.way(netns, target)
    if way.error:
        yield f"{entered.node} has no route to {target} ({way.error})"


def _of_answer(entered: End, origin: str, view: View) -> Iterator[str]:
    """Say whether what came in by an interface could be answered, and is not refused as its sender is not there (rp_filter)."""
    netns = entered.netns or ""
    back = view.way(netns, origin)
    if back.error:
        yield f"{entered.node} has no route back to {origin} ({back.error})"
        return
    links = view.links(netns)
    by = next((name for name, link in links.items() if link.index == back.index), "")
    strict = max(view.setting(netns, f"net/ipv4/conf/{name}/rp_filter") for name in ("all", entered.interface))
    if ":" not in origin and strict == "1" and by not in ("", entered.interface, "lo"):
        yield f"{entered} drops what comes from {origin}, as its own way there is by {by} (rp_filter is 1)"


def _of_flows(check: Check, wiring: Wiring, view: View) -> Iterator[str]:
    """Ask OVN what it does with the packet of a check, and with the answer."""
    for packet in packets(check, wiring):
        why = refusal(packet, view.traced(packet), wiring.lab)
        if why:
            yield why
            return


def _of_filters(steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    ends = [end for step in steps for end in step]
    routed = any(end.node == wiring.lab_host or wiring.kinds.get(end.node) == "host" for step in steps[1:] for end in step[:1])
    bridged = any(end.bridge for end in ends) and view.setting("", "net/bridge/bridge-nf-call-iptables") == "1"
    if routed or bridged:
        for chain in view.dropping():
            yield f"the lab host's chain '{chain}' drops what no rule of it accepts"


def _of_a_service(check: Check, steps: Sequence[Step], wiring: Wiring, view: View) -> Iterator[str]:
    """Look for what a ping, which is answered, gets past: the size, filters, checksums."""
    for end in _ends(steps) if check.size else ():
        link = view.links(end.netns or "").get(end.interface)
        if link and link.mtu < check.size:
            yield f"{end.node}'s {'port ' if end.bridge else ''}{end.interface} has an MTU of {link.mtu}"
    if check.verb in ("tcp", "udp"):
        switches = {end.node for end in _ends(steps) if end.bridge and view.userspace(end.bridge)}
        for end in _ends(steps) if switches else ():
            if not end.bridge and view.tx_offload(end.netns or "", end.interface):
                yield f"{end} leaves checksums to its hardware, and {', '.join(sorted(switches))} switches in userspace (offload: false)"
        yield from _of_filters(steps, wiring, view)
        yield from _of_flows(check, wiring, view)
