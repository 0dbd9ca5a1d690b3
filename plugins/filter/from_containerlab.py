# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: from_containerlab
short_description: The nodes and links of a topology of containerlab
version_added: "0.2.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns what a topology file that includes such a file by the key C(containerlab) gets, for a topology that is given as a variable.
  - Nodes of the kind C(linux) become namespaces, C(bridge) Linux bridges and C(ovs-bridge) Open vSwitch bridges. Other kinds are an
    error. What belongs to containers is left out with a warning.
extends_documentation_fragment:
  - netvirt.lab.filters.imported
options:
  _input:
    description: The content of the file of containerlab.
    type: dict
    required: true
seealso:
  - plugin: netvirt.lab.from_graphml
    plugin_type: filter
  - plugin: netvirt.lab.share
    plugin_type: filter
  - plugin: netvirt.lab.topology
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Build what a file of containerlab describes
  netvirt.lab.topology:
    share: "{{ {'name': 'edge'} | combine(imported) | netvirt.lab.share }}"
  vars:
    imported: "{{ lookup('file', 'edge.clab.yml') | from_yaml | netvirt.lab.from_containerlab }}"
"""

RETURN = r"""
_value:
  description: The keys C(nodes) and C(links) of a topology.
  type: dict
  sample: {"links": [{"endpoints": [{"interface": "eth1", "node": "probe"}, {"node": "lan"}]}],
           "nodes": {"lan": {"kind": "bridge"}, "probe": {"kind": "netns"}}}
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.imports import containerlab
from ansible_collections.netvirt.lab.plugins.module_utils.topology.expand.imports.graph import fragment


def from_containerlab(data: Any, prefix: str = "") -> dict[str, Any]:
    """Return the nodes and links of a topology of containerlab."""
    problems: list[str] = []
    made = containerlab.from_containerlab(data, "containerlab", prefix, problems)
    if made is None:
        raise AnsibleFilterError("\n".join(("The topology of containerlab cannot be imported:", *problems)))
    for notice in made.notices:
        Display().warning(notice)
    return fragment(made)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"from_containerlab": from_containerlab}
