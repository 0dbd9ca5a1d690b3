# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the VLANs that namespaces have of their interfaces fit to these."""

from __future__ import annotations

from .model import Topology
from .values import Problems, suggestion


def check_interfaces(topology: Topology, problems: Problems) -> None:
    """Check the parents, names and numbers of sub-interfaces."""
    for node in topology.nodes.values():
        known = {end.interface or "" for end, _far, _link in topology.ends(node.name)} if node.space and node.space.interfaces else set()
        numbers: dict[tuple[str, int, str], str] = {}
        for sub in node.space.interfaces if node.space else ():
            if sub.parent not in known:
                near = suggestion(sub.parent, known)
                problems.append(f"{sub.path}.parent: '{node.name}' has no interface '{sub.parent}' that is named before{near}")
            if len(sub.name) > 15 or "/" in sub.name or not sub.name.isprintable() or " " in sub.name:
                problems.append(f"{sub.path}: '{sub.name}' cannot be an interface's name, which has at most 15 characters")
            if sub.name in known or sub.name == "lo":
                problems.append(f"{sub.path}: '{node.name}' has an interface '{sub.name}' already")
            other = numbers.setdefault((sub.parent, sub.vlan, sub.protocol), sub.name)
            if other != sub.name:
                problems.append(f"{sub.path}.vlan: '{other}' is VLAN {sub.vlan} of '{sub.parent}' already")
            known.add(sub.name)
