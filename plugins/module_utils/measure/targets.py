# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are measured, and against which address of the lab host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..topology.kinds import SWITCHES
from ..topology.user_network import gateway
from ..transport.shell import Node
from .pairs import Pair


@dataclass(frozen=True)
class Target:
    """An interface of a node; the lab host's address as the node sees it, and the one on which the lab host listens for it.

    If to is another node, it listens there by itself, at the port.
    """

    node: Node
    interface: str
    model: str
    address: str
    server: str
    to: str = ""
    port: int = 0


def between(nodes: Sequence[Node], wanted: Sequence[Pair], nics: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[Target]:
    """Yield what is measured of pairs from nodes that are worked with from here."""
    here = {node.name: node for node in nodes if node.near}
    for pair in wanted:
        if node := here.get(pair.client["name"]):
            nic = nics.get((node.name, pair.interface), {})
            yield Target(node, pair.interface, _model(node, nic), pair.address, pair.address, pair.server["name"], pair.port)


def nics_of(share: Mapping[str, Any], running: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the NICs of a share's VMs by node and interface; whether the kernel moves their packets is seen from the VMs that run."""
    helped = {(vm["name"], nic["id"]) for vm in running for nic in vm.get("nics") or () if nic["vhost"]}
    found = {(vm["name"], nic["id"]): nic for vm in share["vms"] for nic in vm["nics"]}
    return {place: {**nic, "vhost": place in helped} for place, nic in found.items()}


def _model(node: Node, nic: Mapping[str, Any]) -> str:
    model = str(nic.get("model") or ("vm" if node.kind == "vm" else "veth"))  # of a guest elsewhere no more is known
    return f"{model}, vhost" if nic.get("vhost") else model


def targets(nodes: Sequence[Node], nics: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[Target]:
    """Yield every interface with an address that leads to one of the lab host; nics are those of VMs by node and interface."""
    # A switch's address is in no VLAN, so that the interface must be in the switch's own network too.
    switches = [(node, node.interfaces[0]) for node in nodes if node.kind in SWITCHES]
    servers = {(node.name, own["network"]): own.get("behind", node.address) for node, own in switches}
    for node in nodes:
        for interface in node.interfaces:
            nic = nics.get((node.name, interface["name"]), {})
            model, backend = _model(node, nic), nic.get("backend") or {}
            server = servers.get((interface["switch"], interface["network"]))
            if backend.get("type") == "user":
                # QEMU itself connects for the guest, by the lab host's loopback interface; with restrict it does not.
                if not backend.get("restrict"):
                    yield Target(node, interface["name"], f"{model}, user", gateway(backend), "127.0.0.1")
            elif server and interface["addresses"]:
                yield Target(node, interface["name"], model, server, server)
