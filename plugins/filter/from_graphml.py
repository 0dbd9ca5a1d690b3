# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: from_graphml
short_description: The nodes and links of a graph
version_added: "0.2.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns what a topology file that includes such a file by the key C(graphml) gets, for a topology that is given as a variable.
  - Nodes are called by their labels, made into valid names. Edges whose speed is plainly given have it as their C(rate).
requirements:
  - networkx on the machine that Ansible runs on
positional: node
extends_documentation_fragment:
  - netvirt.lab.filters.imported
options:
  _input:
    description: A graph in the format GraphML or GML.
    type: str
    required: true
  node:
    description: Keys of every node.
    type: dict
    default: {}
  link:
    description: Keys of every link.
    type: dict
    default: {}
seealso:
  - plugin: netvirt.lab.from_containerlab
    plugin_type: filter
  - plugin: netvirt.lab.share
    plugin_type: filter
  - plugin: netvirt.lab.topology
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Build what a graph describes
  netvirt.lab.topology:
    share: "{{ {'name': 'backbone'} | combine(imported) | netvirt.lab.share }}"
  vars:
    imported: "{{ lookup('file', 'backbone.graphml') | netvirt.lab.from_graphml(node={'kind': 'bridge'}) }}"
"""

RETURN = r"""
_value:
  description: The keys C(nodes) and C(links) of a topology.
  type: dict
  sample: {"links": [{"endpoints": ["Oslo", "Bergen"]}], "nodes": {"Bergen": {"kind": "bridge"}, "Oslo": {"kind": "bridge"}}}
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.imports.graph import fragment, from_graph
from ansible_collections.netvirt.lab.plugins.plugin_utils.graphs import graph_of


def from_graphml(
    text: str, node: Mapping[str, Any] | None = None, link: Mapping[str, Any] | None = None, prefix: str = ""
) -> dict[str, Any]:
    """Return the nodes and links of a graph."""
    problems: list[str] = []
    try:
        graph = graph_of(text, gml=not text.lstrip().startswith("<"))
    except LabError as error:
        raise AnsibleFilterError(str(error)) from None
    made = from_graph(graph, "graph", "graph", {"prefix": prefix, "link": dict(link or {})}, dict(node or {}), problems)
    if made is None:
        raise AnsibleFilterError("\n".join(problems))
    for notice in made.notices:
        Display().warning(notice)
    return fragment(made)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"from_graphml": from_graphml}
