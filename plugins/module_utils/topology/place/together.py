# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes must be on one lab host, because no tunnel can be between them.

An uplink carries namespaces and guests where it is, and what QEMU's own backends are joined by is of one machine.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..backends import is_plain
from ..model import Link, Topology
from ..resolve.wires import based
from ..values import Problems


def together(topology: Topology) -> dict[str, tuple[str, ...]]:
    """Return for each node all that must be where it is, itself among them; only of nodes that have such others."""
    groups: dict[str, tuple[str, ...]] = {}
    for link in topology.links:
        if _ties(link, topology):
            names = [end.node for end in link.ends]
            group = tuple(dict.fromkeys(one for name in names for one in groups.get(name, (name,))))
            groups.update(dict.fromkeys(group, group))
    return groups


def spread(groups: Mapping[str, tuple[str, ...]], homes: Mapping[str, str]) -> dict[str, str]:
    """Return the homes of nodes with those of all that must be there too."""
    found: dict[str, str] = {}
    for name, home in homes.items():
        found.update({one: home for one in groups.get(name, (name,)) if one not in found})
    return found


def check_together(topology: Topology, groups: Mapping[str, tuple[str, ...]], pinned: Mapping[str, str], problems: Problems) -> None:
    """Check that the file does not give places apart from each other to nodes that must be together."""
    for group in dict.fromkeys(groups.values()):
        first, *others = [name for name in group if name in pinned] or [""]
        problems += [
            f"{topology.nodes[name].path}.host: '{name}' must be where '{first}' is, on '{pinned[first]}', as the links between them "
            f"cannot leave a lab host, and not on '{pinned[name]}'"
            for name in others
            if pinned[name] != pinned[first]
        ]


def _ties(link: Link, topology: Topology) -> bool:
    if any(topology.nodes[end.node].spans for end in link.ends):
        return False
    return based(link, topology) is not None or any(end.backend and not is_plain(end.backend) for end in link.ends)
