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

from .addressing import Ip, Route, Version
from .machines import Machine
from .tunnels import Tunnel

Kind = Literal["netns", "container", "vm", "ovs", "bridge", "host", "uplink", "medium", "logical_router"]


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
    """What only a switch has. ``bridge`` holds the settings of its bridge that the file gives, as they are.

    ipv4 and ipv6 are the lab host's own addresses; subnet and subnet6 ('auto', or a network) are for a switch without.
    ``gateway`` is the lab host that has these addresses, DHCP and NAT; ``tunnels``, of number ``vni``, are for a switch on several
    lab hosts, and ``mtu`` is what a network with such a switch carries. ``mac`` is given where it is not derived from the name alone.
    A ``logical`` one is no bridge of a lab host but one of OVN's, on all of them.
    """

    device: str | None = None
    gateway: str | None = None
    vni: int | None = None
    tunnels: tuple[Tunnel, ...] = ()
    mtu: int | None = None
    mac: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    subnet: str | None = None
    subnet6: str | None = None
    dhcp: Dhcp | None = None
    nat: bool = False
    bridge: Mapping[str, Any] = field(default_factory=dict)
    logical: bool = False

    def own(self, version: Version) -> str | None:
        """Return the lab host's own address of a family."""
        return self.ipv4 if version == 4 else self.ipv6

    def lent(self, version: Version) -> str | None:
        """Return the subnet of a family that the lab host has no address in."""
        return self.subnet if version == 4 else self.subnet6


@dataclass(frozen=True)
class User:
    """A login user of a guest."""

    name: str
    sudo: bool
    authorized_keys: tuple[str, ...]
    hashed_password: str | None


@dataclass(frozen=True)
class Guest:
    """What only a VM has; memory in MiB, disk in GiB, stop_timeout in seconds. ``interfaces`` are those that no link is for."""

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
    interfaces: tuple[Endpoint, ...] = ()


@dataclass(frozen=True)
class SubInterface:
    """A VLAN of another interface of the same node. ``routes`` are the resolved ones."""

    name: str
    path: str
    parent: str
    vlan: int
    protocol: str
    ipv4: Ip | None = None
    ipv6: Ip | None = None
    mtu: int | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class Service:
    """A program that is kept alive in a namespace."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str | None
    user: str | None
    restart: bool
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """What a container has besides a network namespace; cpus and memory (MiB) are '' for no limit, clocks None for the lab host's."""

    hostname: str | None = None
    rootfs: str | None = None
    overlay: bool = True
    mounts: Mapping[str, str] = field(default_factory=dict)
    uid_map: tuple[str, ...] = ()
    gid_map: tuple[str, ...] = ()
    clocks: Mapping[str, int] | None = None
    cpus: float | str | None = None
    memory: int | str | None = None


@dataclass(frozen=True)
class Space:
    """What only a network namespace has. ``frr`` is what the file declares of its routing daemons, None without any.

    ``loopback`` holds addresses, or the one word 'auto' for each family that gets one. ``adopt`` is the file of a namespace that is
    somebody else's.
    """

    netns: str | None = None
    router: bool | None = None
    loopback: tuple[str, ...] | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[SubInterface, ...] = ()
    exec: tuple[str, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    firewall: str | None = None
    resolv_conf: Mapping[str, Any] | None = None
    frr: Mapping[str, Any] | None = None
    adopt: str | None = None
    container: Container | None = None


@dataclass(frozen=True)
class Host:
    """What the lab host does for those at its own ends of links, in IPv4."""

    router: bool
    nat: bool


@dataclass(frozen=True)
class LogicalRouter:
    """What only a router of OVN's has. ``outside`` is the switch that leads out; ``dnat`` says who inside has which address there."""

    outside: str | None
    snat: bool
    dnat: Mapping[str, str]


@dataclass(frozen=True)
class Move:
    """That an uplink's addresses move to its switch; see the keys of kind uplink."""

    timeout: int
    check: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A node. ipv4 and ipv6 are those of its first interface ('auto': of all), ``gateway`` its default routes, () none.

    ``device`` and ``move`` are an uplink's. A hidden node is no host of the inventory: it only carries a link. One of kind medium is no
    device either: it stands for what is behind a backend of QEMU's own. ``host`` is the lab host that the file gives, and
    ``gate`` what it does at its own ends of links, for a node of kind host.
    """

    name: str
    kind: Kind
    path: str
    ipv4: Ip | None = None
    ipv6: Ip | None = None
    gateway: tuple[str, ...] | None = None
    routes: tuple[Route, ...] = ()
    space: Space | None = None
    guest: Guest | None = None
    switch: Switch | None = None
    gate: Host | None = None
    router: LogicalRouter | None = None
    device: str | None = None
    move: Move | None = None
    hidden: bool = False
    host: str | None = None

    @property
    def spans(self) -> bool:
        """Say whether the node may be on several lab hosts: a switch or a medium is where its nodes are, unless the file says where."""
        return (self.switch is not None or self.kind == "medium") and self.host is None

    @property
    def own_interfaces(self) -> list[str]:
        """Return the names of the interfaces that the node itself gives, and no link."""
        subs = [sub.name for sub in self.space.interfaces] if self.space else []
        return subs + [nic.interface or "" for nic in self.guest.interfaces] if self.guest else subs

    @property
    def netns(self) -> str | None:
        """Return the name of a namespace node's network namespace."""
        return self.space.netns if self.space else None

    def forwards(self, version: Version) -> bool:
        """Say whether others may send it what is not for itself."""
        return self.router is not None or bool(self.space and self.space.router) or bool(self.gate and self.gate.router and version == 4)


@dataclass(frozen=True)
class Endpoint:
    """One end of a link. At a switch ``interface`` is the port's device on the lab host.

    ``gateway`` is what the file gives, () for none; ``routes`` are the resolved routes.
    ``bond`` is the port of a switch that carries traffic by this end and others.
    ``altname`` is the long name of an end that is a device of the lab host; ``network`` is the switch
    on whose subnet the lab host and this interface are; ``shaping`` is what holds for what this end sends, ``ifb`` the
    device that does it for a guest. ``backend`` is what QEMU has behind a guest's NIC, None for a tap of the lab's.
    """

    node: str
    path: str
    interface: str | None = None
    mac: str | None = None
    model: str | None = None
    ipv4: Ip | None = None
    ipv6: Ip | None = None
    gateway: tuple[str, ...] | None = None
    offload: bool | None = None
    tag: int | str | None = None
    trunks: tuple[int, ...] | None = None
    vlan_mode: str | None = None
    bond: str | None = None
    shaping: Mapping[str, float] = field(default_factory=dict)
    ifb: str | None = None
    queues: int | None = None
    vhost: bool | None = None
    backend: Mapping[str, Any] | None = None
    altname: str | None = None
    network: str | None = None
    routes: tuple[Route, ...] = ()

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
    mode: str | None = None

    def __str__(self) -> str:
        """Return the names of both ends."""
        return "--".join(map(str, self.ends))


@dataclass(frozen=True)
class Group:
    """A group of nodes, with its variables in the inventory."""

    members: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class Topology:
    """A lab. ``pools`` are the networks that addresses are taken from: lan, p2p and loopback, each with ipv4, prefix, ipv6, prefix6.

    ``notices`` say what was left out of imported files. ``machines`` are the lab hosts, where they are known; if there are several,
    ``carriers`` says for each node which of them it is on. The first is the node's home, where a switch has its address.
    ``doors`` are the logical switches that a lab host has a way into, and which ('' if there is only one).
    """

    name: str
    domain: str
    resolvers: tuple[str, ...] | None
    uplink: str
    images: Mapping[str, Any]
    pools: Mapping[str, Mapping[str, Any]]
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    groups: Mapping[str, Group] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    expect: tuple[Mapping[str, Any], ...] = ()
    persist: bool = False
    fabric: str = "vxlan"
    machines: tuple[Machine, ...] = ()
    carriers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doors: Mapping[str, str] = field(default_factory=dict)

    @property
    def mesh(self) -> str:
        """Return the fabric that joins a switch with itself on other lab hosts, unless it is a logical one."""
        return "vxlan" if self.fabric == "ovn" else self.fabric

    def machine_of(self, link: Link) -> str:
        """Return the one lab host that a link is on, '' if there is only one: that of an end which is on one only."""
        homes = sorted(link.ends, key=lambda end: self.nodes[end.node].spans)
        return self.carriers.get(homes[0].node, ("",))[0]

    def ends(self, node: str) -> list[tuple[Endpoint, Endpoint, Link]]:
        """Return a node's own ends, each with the far end and the link, in the order of the file."""
        return self._ends.get(node, [])

    @cached_property
    def central(self) -> str:
        """Return the lab host that has OVN's databases: the one that says so, or the first; '' if there is only one."""
        if not self.carriers:
            return ""
        return next((one.name for one in self.machines if one.central), self.machines[0].name)

    @cached_property
    def _ends(self) -> dict[str, list[tuple[Endpoint, Endpoint, Link]]]:
        found: dict[str, list[tuple[Endpoint, Endpoint, Link]]] = {}
        for link in self.links:
            for end, far in (link.ends, link.ends[::-1]):
                found.setdefault(end.node, []).append((end, far, link))
        return found


def ip_of(end: Endpoint | SubInterface, version: Version) -> Ip | None:
    """Return how an interface gets its addresses of a family."""
    return end.ipv4 if version == 4 else end.ipv6


def addresses(end: Endpoint | SubInterface) -> list[str]:
    """Return all addresses of an interface."""
    return [address for ip in (end.ipv4, end.ipv6) if ip for address in ip.addresses]
