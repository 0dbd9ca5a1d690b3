# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of different lab hosts are measured against each other. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from ..topology.kinds import SPACES


@dataclass(frozen=True)
class Pair:
    """Two nodes on two lab hosts, in one network: the client's connects to the server's address and port. Items are as in a share."""

    client: Mapping[str, Any]
    interface: str
    server: Mapping[str, Any]
    address: str
    port: int


def pairs(shares: Sequence[Mapping[str, Any]], port: int) -> list[Pair]:
    """Return a pair for each two lab hosts that are next to each other in the ring of those that a network is on.

    Of each lab host it is the first node there. All lab hosts find the same pairs; ports are counted up from the given one.
    """
    there: dict[Any, dict[str, tuple[Mapping[str, Any], str, str]]] = defaultdict(dict)
    for share in sorted(shares, key=lambda one: str(one.get("machine"))):
        for node in share["nodes"]:
            if node["kind"] in ("vm", *SPACES) and node["state"] in (None, "running") and node.get("home") == share.get("machine"):
                for interface in node["interfaces"]:
                    for address in interface["addresses"][:1]:
                        own = ip_interface(address)
                        there[interface["network"], own.network].setdefault(share["machine"], (node, interface["name"], str(own.ip)))
    found: list[Pair] = []
    for ends in (list(group.values()) for group in there.values() if len(group) > 1):
        for (client, interface, _own), (server, _name, address) in zip(ends, [*ends[1:], *(ends[:1] if len(ends) > 2 else ())]):
            found.append(Pair(client, interface, server, address, port + len(found)))
    return found
