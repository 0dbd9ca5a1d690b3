# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical form of a topology: what every short form in the file expands to.

A topology is a graph: nodes, and links that join two endpoints each. None in a field means that the file leaves it out;
the ``resolve`` phase fills in what can be derived, and what is still None after it is not managed.
``path`` says where in the file a thing stands, for messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Kind = Literal["netns", "vm", "ovs", "bridge", "host"]
Method = Literal["dhcp", "static", "none"]

SWITCHES = frozenset(("ovs", "bridge"))


@dataclass(frozen=True)
class Ipv4:
    """How an interface gets its IPv4 addresses; addresses are in CIDR notation, one from DHCP is the reserved one."""

    method: Method
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dhcp:
    """DHCP on a switch. ``range`` is (first, last); empty ``router`` and ``dns`` are not handed out."""

    range: tuple[str, str] | None
    lease: str
    dns: tuple[str, ...] | None
    router: str | None
    options: Mapping[str, str]


@dataclass(frozen=True)
class Switch:
    """What only a switch has. ``bridge`` holds the settings of an Open vSwitch bridge that the file gives, as they are."""

    device: str | None = None
    ipv4: str | None = None
    dhcp: Dhcp | None = None
    nat: bool = False
    bridge: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class User:
    """A login user of a guest."""

    name: str
    sudo: bool
    authorized_keys: tuple[str, ...]
    hashed_password: str | None


@dataclass(frozen=True)
class Guest:
    """What only a VM has; memory in MiB, disk in GiB, stop_timeout in seconds."""

    image: str
    boot: str | None
    disk: int | None
    memory: int | None
    cpus: int
    machine: str
    cpu_model: str
    accel: str
    model: str
    user: str | None
    hashed_password: str | None
    authorized_keys: tuple[str, ...]
    users: tuple[User, ...]
    hostname: str | None
    user_data: Mapping[str, Any]
    extra_args: tuple[str, ...]
    state: str
    stop_timeout: int
    on_change: str


@dataclass(frozen=True)
class Node:
    """A node; ``netns`` is the name of a namespace node's network namespace. ipv4 and gateway are those of its first interface."""

    name: str
    kind: Kind
    path: str
    netns: str | None = None
    ipv4: Ipv4 | None = None
    gateway: str | None = None
    guest: Guest | None = None
    switch: Switch | None = None


@dataclass(frozen=True)
class Endpoint:
    """One end of a link. At a switch ``interface`` is the port's device on the lab host. An empty gateway means: none.

    ``altname`` is the long name of an end that is a device of the lab host; ``network`` is the switch
    whose subnet an interface is in.
    """

    node: str
    path: str
    interface: str | None = None
    mac: str | None = None
    model: str | None = None
    ipv4: Ipv4 | None = None
    gateway: str | None = None
    tag: int | None = None
    trunks: tuple[int, ...] | None = None
    vlan_mode: str | None = None
    altname: str | None = None
    network: str | None = None

    def __str__(self) -> str:
        """Return node:interface, as in the file."""
        return f"{self.node}:{self.interface}" if self.interface else self.node


@dataclass(frozen=True)
class Link:
    """A link between two nodes."""

    path: str
    ends: tuple[Endpoint, Endpoint]
    mtu: int | None = None
    up: bool = True


@dataclass(frozen=True)
class Topology:
    """A lab."""

    name: str
    domain: str
    resolvers: tuple[str, ...] | None
    uplink: str
    images: Mapping[str, Any]
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    expect: tuple[Mapping[str, Any], ...] = ()

    def ends(self, node: str) -> list[tuple[Endpoint, Endpoint, Link]]:
        """Return a node's own ends, each with the far end and the link, in the order of the file."""
        return self._ends.get(node, [])

    @cached_property
    def _ends(self) -> dict[str, list[tuple[Endpoint, Endpoint, Link]]]:
        found: dict[str, list[tuple[Endpoint, Endpoint, Link]]] = {}
        for link in self.links:
            for end, far in (link.ends, link.ends[::-1]):
                found.setdefault(end.node, []).append((end, far, link))
        return found
