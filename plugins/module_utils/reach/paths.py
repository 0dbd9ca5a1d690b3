# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies between two nodes: the links of a share as a graph. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..topology.kinds import SPACES, SWITCHES
from ..topology.port_settings import members
from ..topology.tunnels import KINDS as TUNNELS

LAB_HOST = "the lab host"
LOCALHOST = "localhost"  # as a sender


@dataclass(frozen=True)
class End:
    """One end of a link. A guest's has no namespace that could be looked into (None), nor has what is inside of OVN only.

    bridge is the switch's device at a port, or the one that the ports of all logical switches are in; machine is the lab host that it is
    on, '' where there is only one, and inside of OVN.
    """

    node: str
    netns: str | None
    interface: str
    bridge: str = ""
    machine: str = ""

    @property
    def is_port(self) -> bool:
        """Say whether it is a port of a switch, and not the switch's own device."""
        return bool(self.bridge) and self.bridge != self.interface

    def __str__(self) -> str:
        """Return node:interface, as in the file; at a switch the port's device says nothing that its name does not."""
        return self.node if self.bridge or not self.interface else f"{self.node}:{self.interface}"


Step = tuple[End, End]


class Wiring:
    """The nodes of a share and what joins them; others are the shares of the lab's other lab hosts, for paths that lead over them."""

    def __init__(self, share: Mapping[str, Any], others: Sequence[Mapping[str, Any]] = ()) -> None:
        nodes = share.get("nodes") or []
        self.machine = share.get("machine") or ""
        self.lab = share.get("lab") or ""
        self.kinds = {node["name"]: node["kind"] for node in (*nodes, *(share.get("visitors") or ()))}
        self.logical = {node["name"] for node in nodes if is_logical(node)}
        unseen = {node["name"] for node in nodes if node["kind"] == "vm"} | self.logical
        self.spaces = {node["name"]: node.get("netns") or "" for node in nodes if node["name"] not in unseen}
        self._names = {node["netns"]: node["name"] for node in nodes if node["kind"] in SPACES}
        self._host = next((node["name"] for node in nodes if node["kind"] == "host"), self.lab_host)
        self._hosts = {self._host}
        self._switches = {
            node["interfaces"][0]["name"]: node["name"] for node in nodes if node["kind"] in SWITCHES and node["name"] not in self.logical
        }
        ports = ((bridge, port) for bridge in share.get("bridges") or [] for port in bridge.get("ports") or ())
        self.ports = {name: (bridge, port) for bridge, port in ports for name in members(port)}
        self.links = {(link.get("netns") or "", link["name"]): link for link in share.get("links") or []}
        # What the ports of OVN's bridge lead to.
        self._joints: Mapping[str, str] = (share.get("ovn") or {}).get("joints") or {}
        self._steps: dict[str, list[Step]] = {}
        for here, there in self._pairs(share):
            self._steps.setdefault(here.node, []).append((here, there))
            self._steps.setdefault(there.node, []).append((there, here))
        self.owners = {
            address.partition("/")[0]: (node["name"], interface)
            for node in nodes
            for interface in node["interfaces"]
            for address in interface["addresses"]
        }
        self._ends: dict[str, Sequence[Mapping[str, Any]]] = {node["name"]: node["interfaces"] for node in nodes}
        # A logical router is on all lab hosts.
        self._homes = {address: self.machine for address, (name, _interface) in self.owners.items() if name not in self.logical}
        self._far_owners: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for other in others:
            self._join(Wiring(other))

    @property
    def lab_host(self) -> str:
        """Return what the lab host is called in a path."""
        return f"{LAB_HOST} {self.machine}" if self.machine else LAB_HOST

    def owner(self, address: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return the node and the interface that have an address, on whichever lab host."""
        return self.owners.get(address) or self._far_owners.get(address)

    def space(self, sender: str) -> str | None:
        """Return the namespace that checks of a sender are made from, None for a guest."""
        own = "" if sender == LOCALHOST else sender
        return self.spaces.get(sender, None if sender in self.kinds else own)

    def ends(self, node: str) -> Sequence[Mapping[str, Any]]:
        """Return the interfaces of a node of this lab host."""
        return self._ends.get(node, ())

    def path_to(self, source: str, address: str) -> list[Step]:
        """Return the steps from a sender to the node that has an address, [] if nobody has it or nothing joins them."""
        owner = self.owner(address)
        return self.path(self._host if source == LOCALHOST else source, owner[0], owner[1]["name"]) if owner else []

    def home(self, address: str) -> str:
        """Return the lab host of the node that has an address, '' if it is not known."""
        return self._homes.get(address, "")

    def local(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps that can be looked at from this lab host."""
        return [step for step in steps if step[0].machine == self.machine]

    def tunnels(self, steps: Sequence[Step]) -> list[End]:
        """Return the ends of this lab host's tunnels that a path goes by, at switches where it goes on from lab host to lab host."""
        crossed = {
            here[1].node
            for here, there in zip(steps, steps[1:])
            if here[1].machine != there[0].machine and self.machine in (here[1].machine, there[0].machine)
        }
        found = [self._end("", name) for (netns, name), link in self.links.items() if not netns and link.get("kind") in TUNNELS]
        return [end for end in found if end.node in crossed]

    def is_patch(self, end: End) -> bool:
        """Say whether an end is a port of Open vSwitch that is no device of the kernel."""
        return bool(end.bridge) and end.interface in self.ports and self.ports[end.interface][1].get("type") == "patch"

    def _join(self, other: Wiring) -> None:
        self.kinds = {**other.kinds, **self.kinds}
        self.logical |= other.logical
        self._far_owners.update(other.owners)
        self._homes = {**other._homes, **self._homes}
        self._hosts |= other._hosts
        for name, steps in other._steps.items():
            self._steps.setdefault(name, []).extend(steps)

    def _pairs(self, share: Mapping[str, Any]) -> list[Step]:
        found: dict[frozenset[tuple[str, str]], Step] = {}
        for (netns, name), link in self.links.items():
            if link.get("peer"):
                peer = link["peer"][0] or "", link["peer"][1]
                found[frozenset(((netns, name), peer))] = self._end(netns, name), self._end(*peer)
        pairs = list(found.values())
        for machine in share.get("vms") or []:
            nics = [nic for nic in machine.get("nics") or () if nic.get("tap")]
            pairs += [(End(machine["name"], None, nic["id"]), self._end(nic.get("netns") or "", nic["tap"])) for nic in nics]
        for name, (_bridge, port) in self.ports.items():
            peer_name = (port.get("options") or {}).get("peer", "")
            if port.get("type") == "patch" and name < peer_name:
                pairs.append((self._end("", name), self._end("", peer_name)))
        for node in share.get("nodes") or []:
            if node["kind"] in SWITCHES and node["interfaces"][0]["addresses"] and node["name"] not in self.logical:
                device = node["interfaces"][0]["name"]
                pairs.append((End(node["name"], "", device, device), End(self._host, "", "")))
        pairs = [(replace(here, machine=self.machine), replace(there, machine=self.machine)) for here, there in pairs]
        routed = [
            (node["name"], interface)
            for node in share.get("nodes") or []
            if node["kind"] == "logical_router"
            for interface in node["interfaces"]
        ]
        inner = [(End(name, None, one["name"]), End(one["switch"], None, one["device"], one["switch"])) for name, one in routed]
        return pairs + inner

    def _end(self, netns: str, interface: str) -> End:
        if netns:
            return End(self._names.get(netns, netns), netns, interface)
        master = (self.links.get(("", interface)) or {}).get("master")
        bridge = self.ports[interface][0]["name"] if interface in self.ports else master or ""
        node = self._joints.get(interface) or self._switches.get(bridge, bridge or self._host)
        return End(node, "", interface, bridge)

    def steps(self, node: str) -> list[Step]:
        """Return a node's links as seen from it; the lab host's own address on a switch is none."""
        return [step for step in self._steps.get(node, ()) if all(end.interface for end in step) and step[0].interface != step[0].bridge]

    def path(self, source: str, target: str, interface: str = "") -> list[Step]:
        """Return the steps from a node to another, [] if nothing joins them.

        Over switches only if possible, else over the lab host, else over nodes too; and in by the interface, if one is named.
        """
        passing = {name for name, kind in self.kinds.items() if kind in SWITCHES or kind == "logical_router"}
        for entry in dict.fromkeys((interface, "")):
            for through in (passing, passing | self._hosts, self._steps.keys()):
                steps = self._search(source, target, entry, through)
                if steps:
                    return steps
        return []

    def _search(self, source: str, target: str, entry: str, through: Collection[str]) -> list[Step]:
        before: dict[str, Step | None] = {source: None}
        waiting = deque([source])
        while waiting and target not in before:
            name = waiting.popleft()
            for step in self._steps.get(name, ()) if name == source or name in through else ():
                there = step[1]
                if there.node not in before and (there.node != target or entry in ("", there.interface)):
                    before[there.node] = step
                    waiting.append(there.node)
        steps: list[Step] = []
        last = before.get(target)
        while last:
            steps.insert(0, last)
            last = before[last[0].node]
        return steps


def is_logical(node: Mapping[str, Any]) -> bool:
    """Say whether a node of a share is a logical switch or router, which is inside of OVN only."""
    return node["kind"] == "logical_router" or any("behind" in interface for interface in node["interfaces"])


def shown(steps: Sequence[Step]) -> str:
    """Return a path as text: 'ann:eth0 - plaza - bob:eth0'."""
    words: list[str] = []
    for here, there in steps:
        # A router on the way is left by another interface than it is entered by; a switch is one thing.
        words += [word for word in (str(here), str(there)) if word not in words[-1:]]
    return " - ".join(words)
