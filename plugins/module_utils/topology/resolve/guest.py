# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM needs: its image, its NICs, and what its guest is told about users and network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._errors import LabError
from ...images.catalogue import Image, find, own_image
from ..model import Endpoint, Guest, Link, Node, Topology, User, addresses
from ..plain import given, plain
from ..user_network import Forward, forwards
from ..values import Problems
from .routes import DEFAULT
from .wires import opposite

_SSH = 22


def image_of(guest: Guest, topology: Topology) -> Image:
    """Return what is known of a guest's image. Raise LabError."""
    return find(guest.image, topology.images)


def user_of(guest: Guest, topology: Topology) -> str:
    """Return the user that Ansible logs in as."""
    return guest.user or image_of(guest, topology).user


def check_guests(topology: Topology, problems: Problems) -> None:
    """Check the file's own images, and what guests ask of theirs."""
    broken = set()
    for name, entry in topology.images.items():
        try:
            own_image(name, entry)
        except LabError as error:
            broken.add(name)
            problems.append(f"images.{name}: {error}")
    for node in topology.nodes.values():
        if node.guest and node.guest.image not in broken:
            problems.extend(f"{node.path}.{problem}" for problem in _image_problems(node.guest, topology))


def _image_problems(guest: Guest, topology: Topology) -> list[str]:
    try:
        image = image_of(guest, topology)
    except LabError as error:
        return [f"image: {error}"]
    found = []
    if guest.memory is not None and guest.memory < image.memory:
        found.append(f"memory: {guest.memory} MiB are too few for image '{guest.image}', which needs {image.memory}")
    if not image.cloud_init:
        given = [key for key in ("user", "hashed_password", "users", "user_data") if getattr(guest, key)]
        found.extend(f"{key}: image '{guest.image}' has no cloud-init that could do this; leave it out" for key in given)
    return found


def machine(node: Node, guest: Guest, topology: Topology) -> dict[str, Any]:
    """Return what module qemu_vm and the seed of one VM are made of."""
    # A guest without cloud-init names its interfaces by their places on the bus.
    ends = sorted(topology.ends(node.name), key=_number)
    same = ("image", "boot", "cpus", "machine", "cpu_model", "accel", "state", "stop_timeout", "on_change")
    nics = [
        {
            "id": end.interface,
            "model": end.model or guest.model,
            "mac": end.mac,
            "tap": None if end.backend else far.interface,
            "netns": topology.nodes[far.node].netns or "",
            "vnet_hdr": end.offload,
            **given(queues=end.queues, vhost=end.vhost, backend=_backend(end, far, topology)),
        }
        for end, far, _link in ends
    ]
    network = [_network(end, link, topology) for end, _far, link in ends]
    return {
        "name": node.name,
        **{key: getattr(guest, key) for key in same},
        "memory": guest.memory or image_of(guest, topology).memory,
        "disk_size": guest.disk,
        "nics": nics,
        "users": [
            {"name": user.name, "sudo": user.sudo, "authorized_keys": list(user.authorized_keys), "hashed_password": None}
            for user in _users(guest, topology)
        ],
        "hostname": guest.hostname or node.name,
        "domain": topology.domain,
        "network": network,
        "user_data": dict(guest.user_data),
        "extra_args": list(guest.extra_args),
    }


def _number(ends: tuple[Endpoint, Endpoint, Link]) -> int:
    name = ends[0].interface or ""
    return int(name[3:]) if name.startswith("eth") and name[3:].isdigit() else 1 << 16


def _backend(end: Endpoint, far: Endpoint, topology: Topology) -> dict[str, Any] | None:
    """Return what QEMU has behind a NIC; at a switch it is told the names of port and switch."""
    switch = topology.nodes[far.node].switch
    if end.backend is None:
        return None
    names = {"device": far.interface, "bridge": switch.device} if switch else {}
    return given(**{key: names.get(key, value) for key, value in end.backend.items()})


def forwarded(node: Node, topology: Topology) -> Forward | None:
    """Return the port of the lab host that carries a guest which leads to its SSH."""
    ways = (way for end, _far, _link in topology.ends(node.name) if end.backend for way in forwards(end.backend))
    return next((way for way in ways if (way.protocol, way.guest_port) == ("tcp", _SSH)), None)


def login(node: Node, topology: Topology) -> tuple[str, int] | None:
    """Return address and port by which the lab host gets to a guest's SSH: a port that leads there, or its first near address."""
    if way := forwarded(node, topology):
        return way.host or "127.0.0.1", way.port
    near = (end for end, _machine in near_ends(node, topology))
    address = next((address.partition("/")[0] for end in near for address in addresses(end)), None)
    return (address, _SSH) if address else None


def near_ends(node: Node, topology: Topology) -> Iterator[tuple[Endpoint, str]]:
    """Yield a node's ends that a lab host has an address at, or routes to, each with that lab host ('' if there is only one)."""
    for end, far, _link in topology.ends(node.name):
        gate = end.network or opposite(end, far, topology).node
        switch = topology.nodes[gate].switch
        if switch and switch.logical:
            if gate in topology.doors and any(":" not in address for address in addresses(end)):
                yield end, topology.doors[gate]
        elif end.network or topology.nodes[gate].kind == "host":
            yield end, topology.carriers.get(gate, ("",))[0]


def _network(end: Endpoint, link: Link, topology: Topology) -> dict[str, Any]:
    """Return how a guest's interface is set up from inside. gateway is IPv4's; IPv6's is a route like others."""
    leased = bool(end.ipv4 and end.ipv4.method in ("dhcp", "user"))
    # What the DHCP server tells is not said twice.
    told = [route for route in end.routes if not (leased and route.to == DEFAULT and ":" not in route.via)]
    gateway = next((route.via for route in told if route.to == DEFAULT and ":" not in route.via), None)
    found = [address for ip in (end.ipv4, end.ipv6) if ip and ip.method not in ("dhcp", "user") for address in ip.addresses]
    return {
        "interface": end.interface,
        "mac": end.mac,
        "method": "dhcp" if leased else "static" if found else "none",
        "addresses": found,
        "gateway": gateway,
        "routes": [plain(route) for route in told if route.via != gateway or route.to != DEFAULT],
        "dns": list(_name_servers(end, topology)),
        **({"mtu": link.mtu} if link.mtu else {}),
    }


def _name_servers(end: Endpoint, topology: Topology) -> tuple[str, ...]:
    switch = topology.nodes[end.network].switch if end.network else None
    return (switch.dhcp.dns or ()) if switch and switch.dhcp else ()


def passwords(topology: Topology) -> dict[str, dict[str, str]]:
    """Return the hashed passwords of each VM's users by name. They are no part of the share, which is shown in logs."""
    found = {
        node.name: {user.name: user.hashed_password for user in _users(node.guest, topology) if user.hashed_password}
        for node in topology.nodes.values()
        if node.guest
    }
    return {vm: given for vm, given in found.items() if given}


def _users(guest: Guest, topology: Topology) -> list[User]:
    """Return the users, the one that Ansible logs in as first; who is listed again is still one user."""
    found: dict[str, User] = {}
    first = User(user_of(guest, topology), True, guest.authorized_keys, guest.hashed_password)
    for user in (first, *guest.users):
        known = found.setdefault(user.name, user)
        found[user.name] = User(
            user.name,
            known.sudo or user.sudo,
            tuple(dict.fromkeys((*known.authorized_keys, *user.authorized_keys))),
            known.hashed_password or user.hashed_password,
        )
    return list(found.values())
