# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a topology leaves out and that can be derived. After it a field that is None is not managed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ..._errors import LabErrors
from ..kinds import SWITCHES
from ..logical import routers, with_doors, with_name_servers
from ..model import Endpoint, Link, Node, Topology
from ..names import GUEST_MAC, LOCAL_MAC, Names, altname, devices, macs, namespace, vnis
from ..tunnels import PAIRED, Tunnel
from ..values import Problems
from .addresses import addressed
from .checks import check_hosts, check_interfaces, check_mtus, check_switches, check_uplinks
from .guest import check_guests
from .mesh import check_mesh
from .nat import check_nat
from .neighbors import acquainted
from .nics import plugged
from .overlay import fitted
from .switch_ports import check_bonds, with_ports_of_switches
from .wires import based, joined


def resolve(topology: Topology) -> Topology:
    """Return the topology with the names of devices, MAC and IP addresses and default routes filled in. Raise LabErrors."""
    problems: Problems = []
    check_guests(topology, problems)
    check_switches(topology, problems)
    check_mesh(topology, problems)
    check_hosts(topology, problems)
    check_interfaces(topology, problems)
    check_bonds(topology, problems)
    check_uplinks(topology, problems)
    named = _Naming(joined(plugged(topology, problems)), problems).result()
    if problems:
        raise LabErrors(problems)
    whole = addressed(fitted(named, problems), problems)
    if not problems and whole.fabric == "ovn":
        ways = routers(whole)
        whole = with_doors(ways, with_name_servers(ways, whole))
        check_nat(ways, whole, problems)
    check_mtus(whole, problems)
    whole = acquainted(whole, problems)
    if problems:
        raise LabErrors(problems)
    return whole


_SHORT = {"vxlan": "vx", "geneve": "gn", "gre": "gr"}


class _Naming:
    """The names of devices, namespaces and MAC addresses, each given once."""

    def __init__(self, topology: Topology, problems: Problems) -> None:
        self._topology = topology
        self._problems = problems
        self._devices = Names("device")
        self._macs = Names("MAC address")
        self._vnis = Names("tunnel number")
        self._pairs: Counter[tuple[str, str]] = Counter()

    def result(self) -> Topology:
        """Return the topology with all names."""
        self._claim_given()
        nodes = {name: self._node(node) for name, node in self._topology.nodes.items()}
        links = tuple(self._link(link) for link in self._topology.links)
        return with_ports_of_switches(replace(self._topology, nodes=nodes, links=links), self._problems)

    def _claim_given(self) -> None:
        namespaces, interfaces, uplinks = Names("network namespace"), Names("interface"), Names("uplink")
        for node in self._topology.nodes.values():
            if node.space:
                namespaces.claim(node.netns or namespace(self._topology.name, node.name), node.path, self._problems)
            if node.device:
                self._devices.claim(node.device, node.path, self._problems)
            if node.switch and node.switch.device:
                self._devices.claim(node.switch.device, node.path, self._problems)
            if node.switch and node.switch.vni:
                self._vnis.claim(str(node.switch.vni), node.path, self._problems)
        bases: dict[str | None, str] = {}
        for link in self._topology.links:
            ports = [self._topology.nodes[end.node].device for end in link.ends if self._topology.nodes[end.node].device]
            base = based(link, self._topology)
            carrying = bases.setdefault(base, link.path) if base else link.path
            for device in ports:
                # Any number of nodes may sit on an uplink, but not where a switch has it.
                uplinks.claim(device or "", carrying, self._problems)
        for end in (end for link in self._topology.links for end in link.ends):
            if end.interface and self._on_host(end):
                self._devices.claim(end.interface, end.path, self._problems)
            elif end.interface:
                interfaces.claim(str(end), end.path, self._problems)
            if end.mac:
                self._macs.claim(end.mac, end.path, self._problems)

    def _on_host(self, end: Endpoint) -> bool:
        kind = self._topology.nodes[end.node].kind
        return kind in SWITCHES or kind == "host"

    def _node(self, node: Node) -> Node:
        lab = self._topology.name
        if node.space:
            return replace(node, space=replace(node.space, netns=node.netns or namespace(lab, node.name)))
        if node.switch and not node.switch.device:
            # A bridge that becomes a logical switch goes while the way into that comes: they need two names.
            kind = "logical" if node.switch.logical else node.kind
            device = self._devices.derive(node.path, devices("wire" if node.hidden else node.name, lab, node.name, kind))
            node = replace(node, switch=replace(node.switch, device=device))
        if node.switch and not node.switch.logical and len(self._topology.carriers.get(node.name, ())) > 1:
            vni = node.switch.vni or int(self._vnis.derive(node.path, vnis(lab, node.name)))
            return replace(node, switch=replace(node.switch, vni=vni, tunnels=tuple(self._tunnels(node))))
        return node

    def _tunnels(self, node: Node) -> Iterator[Tunnel]:
        """Return the ports by which the lab hosts that have a switch are led to: one for all, or one for each."""
        lab, mesh = self._topology.name, self._topology.mesh
        underlay = {machine.name: machine.underlay or "" for machine in self._topology.machines}
        for far in self._topology.carriers[node.name] if mesh in PAIRED else ("",):
            names = devices(f"{'wire' if node.hidden else node.name[:5]}-{_SHORT[mesh]}", lab, node.name, mesh, *filter(None, [far]))
            long = altname(lab, node.name, mesh, *([underlay[far]] if far else []))
            yield Tunnel(self._devices.derive(node.path, names), long, far)

    def _link(self, link: Link) -> Link:
        first, second = link.ends
        return replace(link, ends=(self._end(first, second), self._end(second, first)))

    def _end(self, end: Endpoint, far: Endpoint) -> Endpoint:
        lab = self._topology.name
        nodes = [self._topology.nodes[one.node] for one in (end, far)]
        uplink = nodes[0].device or nodes[1].device
        if uplink and not any(node.space or node.guest for node in nodes):
            return replace(end, interface=uplink)
        if self._topology.nodes[end.node].device:
            theirs = (far.node, far.interface or "")
            device = self._devices.derive(end.path, devices(far.node, lab, *theirs))
            return replace(end, interface=device, altname=altname(lab, *theirs))
        if self._on_host(end):
            if self._on_host(far):
                # Two nodes of the lab host may be joined by several links, in a row that the file decides.
                self._pairs[end.node, far.node] += 1
                parts: tuple[str, ...] = (end.node, far.node, str(self._pairs[end.node, far.node]))
            else:
                parts = (far.node, far.interface or "")
            device = end.interface or self._devices.derive(end.path, devices(parts[0], lab, *parts))
            end = replace(end, interface=device, altname=altname(lab, *parts))
        kind = self._topology.nodes[end.node].kind
        if kind == "medium":
            return end
        if kind == "vm" and end.shaping:
            names = devices(f"{end.node[:4]}-ifb", lab, end.node, end.interface or "", "ifb")
            end = replace(end, ifb=self._devices.derive(end.path, names))
        if kind in SWITCHES or end.mac:
            return end
        prefix = GUEST_MAC if kind == "vm" else LOCAL_MAC
        return replace(end, mac=self._macs.derive(end.path, macs(prefix, lab, end.node, end.interface or "")))
