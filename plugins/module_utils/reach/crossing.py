# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the largest packets of a network get from lab host to lab host: an underlay may take less than its variables say. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import ip_interface
from typing import Any

from ..transport.shell import Node
from .checks import MOST, Check, Pairs

_Subnet = tuple[str, Any]
_End = tuple[str, int]


def crossing(nodes: Sequence[Node], others: Sequence[Node], pairs: Pairs) -> list[Check]:
    """Return for each network over several lab hosts one check to each other lab host, from a namespace, as guests may have any ping.

    Echoes come back as large as they were, so it is checked both ways. ``ring`` has each lab host reach the next one of the network only.
    """
    first: dict[_Subnet, dict[str, tuple[str, _End]]] = defaultdict(dict)
    for node in sorted((*nodes, *others), key=lambda node: (not node.netns, node.name)) if pairs != "none" else ():
        for subnet, end in _ends(node):
            first[subnet].setdefault(node.home, (node.name, end))
    turn = pairs == "ring" or (pairs == "auto" and sum(len(homes) ** 2 for homes in first.values()) > MOST)
    found: dict[tuple[str, str, str], Check] = {}
    for node in nodes if first else ():
        for subnet, (_address, most) in _ends(node) if node.netns else ():
            homes = sorted(first[subnet])
            place = homes.index(node.home)
            for home in (*homes[place + 1 :], *homes[:place])[: 1 if turn else None]:
                name, (address, least) = first[subnet][home]
                check = Check(node.name, f"{name} mtu", "ping", address, size=min(most, least))
                found.setdefault((subnet[0], node.home, home), check)
    return list(found.values())


def _ends(node: Node) -> Iterator[tuple[_Subnet, _End]]:
    """Yield network and subnet of each address in a network over several lab hosts, with the address and the largest packet."""
    for interface in node.interfaces:
        for text in interface["addresses"] if interface.get("mtu") else ():
            address = ip_interface(text)
            yield (interface["network"], address.network), (str(address.ip), interface["mtu"])
