# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind the NICs of guests, where that is no tap of the lab's: QEMU's own backends.

A NIC that the node itself gives is linked with a medium, a hidden node that stands for what is behind the backend: for a network
of its own, or for one that others' backends are in too. In a link between two guests the backends are the wire.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..addressing import Ip
from ..backends import PAIRS, is_plain, listens, medium, mistakes
from ..kinds import SWITCHES
from ..model import Endpoint, Link, Node, Topology
from ..names import NIC, NIC_WORDS, Names, digest
from ..user_network import Forward, forwards, lease
from ..values import Problems

# What is an attribute of the tap that the lab does not make then.
_OF_PORTS = ("tag", "trunks", "vlan_mode", "shaping", "offload")
_FIRST_PORT, _PORTS = 20000, 10000  # below those that the kernel gives to clients


def plugged(topology: Topology, problems: Problems) -> Topology:
    """Return the topology with every backend complete, and a medium for each NIC that no link is for."""
    ports = _Ports(topology, problems)
    links = [_wired(link, topology, ports, problems) for link in topology.links]
    nodes, carriers = dict(topology.nodes), dict(topology.carriers)
    for node in topology.nodes.values():
        for nic in node.guest.interfaces if node.guest else ():
            link = _alone(node, nic, problems)
            far = link.ends[1].node
            nodes.setdefault(far, Node(far, "medium", nic.path, hidden=True))
            if carriers:
                carriers[far] = tuple(dict.fromkeys((*carriers.get(far, ()), carriers[node.name][0])))
            links.append(link)
    _check_nics(replace(topology, links=tuple(links)), problems)
    return replace(topology, nodes=nodes, links=tuple(links), carriers=carriers)


def _alone(node: Node, nic: Endpoint, problems: Problems) -> Link:
    """Return the link of a NIC that the node itself gives."""
    backend: Mapping[str, Any] = nic.backend or {"type": "none"}
    wrong = mistakes(backend)
    problems.extend(f"{nic.path}.backend.{problem}" for problem in wrong)
    if backend["type"] == "user" and not wrong:
        nic = replace(nic, ipv4=nic.ipv4 if nic.ipv4 and nic.ipv4.method != "dhcp" else Ip("user", (lease(backend),)))
    name = (medium(backend) if not wrong else None) or f"{node.name}:{nic.interface} {backend['type']}"
    return Link(nic.path, (replace(nic, backend=backend), Endpoint(name, nic.path)))


def _wired(link: Link, topology: Topology, ports: _Ports, problems: Problems) -> Link:
    """Return a link with the backends of its guests."""
    if not any(end.backend for end in link.ends):
        return link
    first, second = link.ends
    kinds = {topology.nodes[end.node].kind for end in link.ends}
    wrong = sorted({key for end in link.ends for key in _OF_PORTS if getattr(end, key)} | ({"mtu"} if link.mtu else set()))
    own = next(end for end in link.ends if end.backend)
    backend: Mapping[str, Any] = own.backend or {}
    kind = backend["type"]
    if kinds == {"vm"}:
        link = _pair(link, first, second, ports, problems)
    elif is_plain(backend):
        return replace(link, ends=(replace(first, backend=None), replace(second, backend=None)))
    elif kind == "tap" and kinds <= {"vm", *SWITCHES}:
        if backend["device"]:
            problems.append(f"{own.path}: the tap of {own} is named by the link's device; leave out device of backend")
    elif kind != "bridge" or "bridge" not in kinds:
        where = "a link between guests" if kind in PAIRS else "a link with a bridge" if kind == "bridge" else f"nodes.{own.node}.interfaces"
        problems.append(f"{link.path}.backend: '{kind}' cannot be the backend here; it has its place in {where}")
    if wrong or not link.up:
        problems.append(f"{link.path}: {(wrong or ['up'])[0]} is for what the lab makes, and not with the backend '{kind}'; leave it out")
    return link


def _pair(link: Link, first: Endpoint, second: Endpoint, ports: _Ports, problems: Problems) -> Link:
    """Return a link between two guests whose backends find each other."""
    kinds = {end.backend["type"] if end.backend else "tap" for end in link.ends}
    kind = min(kinds)
    if len(kinds) > 1 or kind not in PAIRS:
        problems.append(f"{link.path}.backend: must be the same at both ends, one of {', '.join(PAIRS)}")
        return link
    given = [{key: value for key, value in (end.backend or {}).items() if value is not None} for end in link.ends]
    defaults = [end.backend or {} for end in link.ends]
    names = (ports.lab, *sorted(map(str, link.ends)))
    # Whoever comes first in the file listens, in all of its links: so there is an order to start in.
    order = list(ports.topology.nodes)
    turned = order.index(first.node) > order.index(second.node)
    found = PAIRS[kind](ports.derive(link.path, *names, "1"), ports.derive(link.path, *names, "2"), names)
    unsaid = all(values.get(key) is None for values in given for key in (*found[0], *found[1]))
    derived: tuple[dict[str, Any], ...] = (found[::-1] if turned else found) if unsaid else ({}, {})
    ends = tuple(replace(end, backend={**default, **own}) for end, default, own in zip(link.ends, defaults, derived))
    wrong = [problem for end in ends for problem in mistakes(end.backend or {})]
    problems.extend(f"{link.path}.backend.{problem}" for problem in dict.fromkeys(wrong))
    if not wrong and medium(ends[0].backend or {}) != medium(ends[1].backend or {}):
        problems.append(f"{link.path}.backend: the two ends do not meet; leave out their addresses, and they will")
    return replace(link, ends=(ends[0], ends[1]))


class _Ports:
    """The ports of the lab host that backends listen on: those that the file gives come first."""

    def __init__(self, topology: Topology, problems: Problems) -> None:
        self.topology, self.lab = topology, topology.name
        self._names = Names("port of the lab host")
        taken: dict[str, list[tuple[Forward, str]]] = defaultdict(list)
        for end in _backends(topology):
            there = taken[topology.carriers.get(end.node, ("",))[0]]
            for port, key in _listened(end.backend or {}):
                path = f"{end.path}.backend.{key}"
                # What one backend asks twice, it is told itself.
                others = (where for other, where in there if port.meets(other) and not where.startswith(f"{end.path}."))
                owner = next(others, None)
                if owner:
                    problems.append(f"{path}: port {port.port}/{port.protocol} of the lab host is taken by {owner}")
                there.append((port, path))
                self._names.claim(str(port.port), path, [])

    def derive(self, path: str, *names: str) -> int:
        """Return a port that nothing else of the lab uses."""
        return int(self._names.derive(path, _candidates(names)))


def _candidates(names: tuple[str, ...]) -> Iterator[str]:
    number = 0
    while True:
        yield str(_FIRST_PORT + int.from_bytes(digest(*names, str(number))[:4], "big") % _PORTS)
        number += 1


def _listened(backend: Mapping[str, Any]) -> Iterator[tuple[Forward, str]]:
    """Yield the ports of the lab host that a backend listens on, with their keys."""
    if backend.get("uplink"):
        yield from ((port, f"uplink.{key}") for port, key in _listened(backend["uplink"]))
    if backend["type"] == "user" and not mistakes(backend):
        yield from ((forward, f"hostfwd[{number}]") for number, forward in enumerate(forwards(backend)))
    address = listens(backend) or "unix:"
    if not address.startswith("unix:"):
        host, _colon, port = address.rpartition(":")
        yield Forward("tcp", host, int(port), "", 0), "listen"


def _backends(topology: Topology) -> Iterator[Endpoint]:
    for node in topology.nodes.values():
        yield from (nic for nic in (node.guest.interfaces if node.guest else ()) if nic.backend)
    yield from (end for link in topology.links for end in link.ends if end.backend)


def _check_nics(topology: Topology, problems: Problems) -> None:
    """Check the names of NICs, and that several queues, and the kernel's help, are asked of models that know them."""
    for link in topology.links:
        for end in link.ends:
            guest = topology.nodes[end.node].guest if end.node in topology.nodes else None
            if guest and not NIC.fullmatch(end.interface or ""):
                problems.append(f"{end.path}: '{end.interface}' cannot be a NIC's name: {NIC_WORDS}")
            model = end.model or (guest.model if guest else "")
            backend = end.backend["type"] if end.backend else "tap"
            if end.queues and end.queues > 1 and not model.startswith("virtio-net"):
                problems.append(f"{end.path}.queues: a NIC of model '{model}' has one queue; take virtio-net-pci")
            elif end.queues and end.queues > 1 and (end.backend and backend != "vhost-user"):
                problems.append(f"{end.path}.queues: a NIC with the backend '{backend}' has one queue")
            if end.vhost and not model.startswith("virtio-net"):
                problems.append(f"{end.path}.vhost: is for virtio models, not for '{model}'")
            elif end.vhost and end.backend:
                problems.append(f"{end.path}.vhost: is for taps that the lab makes, not for the backend '{backend}'")
