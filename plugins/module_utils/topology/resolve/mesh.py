# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch cannot have whose tunnels lead to one lab host each: what would send on, or shut, what must only end there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model import Node, Topology
from ..tunnels import PAIRED
from ..values import Problems

_ACTIONS = re.compile(r"\b(?:actions?|bucket)=")
_FLOODING = re.compile(r"(?<![\w.-])(?:flood|all)(?![\w.-])", re.IGNORECASE)


def check_mesh(topology: Topology, problems: Problems) -> None:
    """Check the switches on more than two lab hosts: on two of them each has one tunnel only."""
    if topology.mesh not in PAIRED:
        return
    for node in topology.nodes.values():
        if len(topology.carriers.get(node.name, ())) > 2:
            remedy = f"on several lab hosts with fabric: {topology.mesh}; make that vxlan, or give the switch one host"
            problems += [f"{node.path}.{what} {remedy}" for what in _impossible(node)]


def _impossible(node: Node) -> Iterator[str]:
    settings = node.switch.bridge if node.switch else {}
    yield from (f"{key}: a spanning tree would shut tunnels that are no loop" for key in ("stp", "rstp") if settings.get(key))
    if settings.get("controllers"):
        yield "controllers: what they flood would go round in the tunnels"
    if settings.get("mcast_snooping") and node.kind == "ovs":
        yield "mcast_snooping: a tunnel would only get what was asked for at its other end"
    for key in ("flows", "groups"):
        for number, text in enumerate(settings.get(key) or ()):
            if any(map(_FLOODING.search, _ACTIONS.split(text)[1:])):
                yield f"{key}[{number}]: what it floods would go round in the tunnels (actions=NORMAL does not)"
