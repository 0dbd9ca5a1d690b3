# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch says of its own ports, whose names on the lab host only this phase knows: mirrors, flows, bonds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..flow_text import with_ports
from ..model import Endpoint, Link, Node, Topology
from ..names import bond_port
from ..port_settings import mirrored
from ..values import Problems, suggestion

_VERSIONS = frozenset(("OpenFlow13", "OpenFlow14", "OpenFlow15"))
_LAST_QUEUE = 61439  # lib/netdev-linux.c
_VLANS = ("tag", "trunks", "vlan_mode")


def check_bonds(topology: Topology, problems: Problems) -> None:
    """Check that the links of a bond are several and alike, and that there is a bond for each that a switch describes."""
    for node in topology.nodes.values():
        if not node.switch or node.kind != "ovs":
            continue
        described = node.switch.bridge.get("bonds") or {}
        members: dict[str, list[Any]] = {name: [] for name in described}
        for end, _far, _link in topology.ends(node.name):
            if end.bond:
                members.setdefault(end.bond, []).append(end)
        for name, ends in members.items():
            path = f"{node.path}.bonds.{name}" if name in described else f"{ends[0].path}.bond"
            if len(ends) < 2:
                problems.append(f"{path}: a bond needs at least two links of '{node.name}' with 'bond: {name}', not {len(ends)}")
            homes = _machines(topology, [link for end, _far, link in topology.ends(node.name) if end in ends]) if node.spans else ""
            if homes:
                problems.append(f"{path}: its links are on several lab hosts ({homes}), and a bond is on one; give the far ends one host")
            for key in _VLANS:
                if len({getattr(end, key) for end in ends}) > 1:
                    problems.append(f"{path}: the links differ in {key}, which is the bond's; give all of them the same")
            if (described.get(name) or {}).get("mode") == "balance-tcp" and described[name]["lacp"] in (None, "off"):
                problems.append(f"{path}.mode: balance-tcp needs lacp; add 'lacp: active' at one end, and active or passive at the other")


def _machines(topology: Topology, links: Iterable[Link]) -> str:
    """Return the names of the lab hosts that links are on if these are several, else ''."""
    found = sorted({topology.machine_of(link) for link in links})
    return ", ".join(found) if len(found) > 1 else ""


def with_ports_of_switches(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with devices for the endpoints that switches name."""
    nodes = dict(topology.nodes)
    for node in topology.nodes.values():
        if node.switch and node.kind == "ovs":
            settings = _Ports(node, topology, problems).named(node.switch.bridge)
            nodes[node.name] = replace(node, switch=replace(node.switch, bridge=settings))
    return replace(topology, nodes=nodes)


def _beyond(far: Endpoint, node: Node, topology: Topology) -> Endpoint:
    """Return the far end of a link that the file knows, behind the hidden bridge that joins it with another lab host."""
    if not topology.nodes[far.node].switch or not topology.nodes[far.node].hidden:
        return far
    return next(end for _own, end, _link in topology.ends(far.node) if end.node != node.name)


class _Ports:
    """The ports of a switch by what a file may call them: the far end, or its node."""

    def __init__(self, node: Node, topology: Topology, problems: Problems) -> None:
        self._path = node.path
        self._problems = problems
        # What a flow names is an interface, what a mirror names is a port, which a bond is as a whole.
        self._interfaces: dict[str, str] = {}
        self._ports: dict[str, str] = {}
        self._shaped = set()
        self._links: dict[str, Link] = {}
        self._topology = topology
        for end, near, link in topology.ends(node.name):
            far = _beyond(near, node, topology)
            for name in (far.node, str(far)):
                self._interfaces[name] = end.interface or ""
                self._links[name] = link
                self._shaped.update([name] if end.shaping or near.ifb else [])
                self._ports[name] = bond_port(topology.name, node.name, end.bond) if end.bond else end.interface or ""

    def named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return a bridge's settings with devices in them."""
        found = dict(settings)
        if settings.get("mirrors"):
            found["mirrors"] = tuple(self._mirror(mirror, f"{self._path}.mirrors[{n}]") for n, mirror in enumerate(settings["mirrors"]))
        for kind in ("flows", "groups"):
            if settings.get(kind):
                found[kind] = tuple(self._flow(text, f"{self._path}.{kind}[{n}]") for n, text in enumerate(settings[kind]))
        if settings.get("qos"):
            found["qos"] = {self._port(name, f"{self._path}.qos"): self._queueing(name, qos) for name, qos in settings["qos"].items()}
        protocols: Sequence[str] = settings.get("protocols") or ()
        told = any(settings.get(kind) for kind in ("flows", "groups", "meters"))
        if told and protocols and not _VERSIONS.intersection(protocols):
            self._problems.append(f"{self._path}.protocols: flows of the file need one of {', '.join(sorted(_VERSIONS))}; add it")
        return found

    def _mirror(self, mirror: Mapping[str, Any], path: str) -> dict[str, Any]:
        found = dict(mirror)
        self._require_near(mirrored(mirror), path)
        for key in ("select_src_port", "select_dst_port"):
            if mirror[key]:
                found[key] = [self._port(name, f"{path}.{key}") for name in mirror[key]]
        if mirror["output_port"]:
            found["output_port"] = self._port(mirror["output_port"], f"{path}.output_port")
        return found

    def _port(self, name: str, path: str) -> Any:
        if name not in self._ports:
            self._unknown(name, path)
        return self._ports.get(name)

    def _queueing(self, name: str, qos: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"{self._path}.qos.{name}"
        if name in self._shaped:
            self._problems.append(f"{path}: the link shapes what this port sends already; leave out one of the two")
        wrong = [number for number in qos["queues"] if not number.isdigit() or int(number) > _LAST_QUEUE]
        self._problems.extend(f"{path}.queues.{number}: a queue has a number from 0 to {_LAST_QUEUE}" for number in wrong)
        return qos

    def _flow(self, text: str, path: str) -> str:
        named: list[str] = []

        def lookup(name: str) -> str | None:
            named.append(name)
            return self._interfaces.get(name)

        whole, unknown = with_ports(text, lookup)
        self._require_near(named, path)
        for name in unknown:
            self._unknown(name, path)
        return whole

    def _require_near(self, names: Iterable[str], path: str) -> None:
        """Report what names endpoints on several lab hosts: a packet from another one comes in by the tunnel."""
        homes = _machines(self._topology, (self._links[name] for name in names if name in self._links))
        if homes:
            self._problems.append(f"{path}: names endpoints on several lab hosts ({homes}); give the switch, or these nodes, one host")

    def _unknown(self, name: str, path: str) -> None:
        self._problems.append(f"{path}: no endpoint '{name}' at this switch{suggestion(name, self._interfaces)}")
