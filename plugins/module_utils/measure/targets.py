# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are measured, and against which address of the lab host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..topology.model import SWITCHES
from ..transport.shell import Node


@dataclass(frozen=True)
class Target:
    """An interface of a node, and the lab host's address on its switch."""

    node: Node
    interface: str
    model: str
    server: str


def targets(nodes: Sequence[Node], models: Mapping[tuple[str, str], str]) -> Iterator[Target]:
    """Yield every interface that has an address and whose switch has one; models are the NICs of VMs by node and interface."""
    # A switch's address is in no VLAN, so that the interface must be in the switch's own network too.
    servers = {(node.name, node.interfaces[0]["network"]): node.address for node in nodes if node.kind in SWITCHES}
    for node in nodes:
        for interface in node.interfaces:
            server = servers.get((interface["switch"], interface["network"]))
            if server and interface["addresses"]:
                yield Target(node, interface["name"], models.get((node.name, interface["name"]), "veth"), server)
