# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs in GraphML and GML as plain data, by networkx."""

from __future__ import annotations

import sys
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError


def graph_of(text: str, gml: bool = False) -> dict[str, Any]:
    """Return a graph: directed, nodes [(id, attributes)], edges [(id, id, attributes)]. Raise LabError."""
    try:
        import networkx  # takes a fifth of a second, so only where there is a graph
    except ImportError as error:
        raise LabError(
            f"Ansible's Python, {sys.executable}, has no library 'networkx', which reads graphs; "
            "install the package python3-networkx (pip: networkx) on the machine that Ansible runs on."
        ) from error
    try:
        graph = networkx.parse_gml(text, label="id") if gml else networkx.parse_graphml(text)
    except Exception as error:  # networkx raises whatever its parsers do
        raise LabError(f"{'GML' if gml else 'GraphML'} that networkx cannot read: {error}") from error
    return {
        "directed": graph.is_directed(),
        "nodes": [(str(node), dict(attributes)) for node, attributes in graph.nodes(data=True)],
        "edges": [(str(first), str(second), dict(attributes)) for first, second, attributes in graph.edges(data=True)],
    }
