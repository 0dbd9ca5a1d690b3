# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: node_names
short_description: Name nodes one by one
version_added: "0.2.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns the names that names of nodes, ranges of them and groups of the inventory stand for, each once.
  - A name that is neither a node nor a group is returned too, as the node may have been taken out of the topology file.
positional: groups
options:
  _input:
    description: Names, ranges such as V(h[1:4]) and groups, as a list or separated by commas.
    type: raw
    required: true
  groups:
    description: The groups of the inventory, which are in the variable C(groups). Of their members only nodes of the lab count.
    type: dict
    required: true
seealso:
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Bring the web servers and two more nodes to what the topology says of them
  netvirt.lab.topology:
    share: "{{ netvirt_share }}"
    nodes: "{{ 'web,h[1:2]' | netvirt.lab.node_names(groups) }}"
"""

RETURN = r"""
_value:
  description: The names.
  type: list
  elements: str
  sample: [web1, web2, h1, h2]
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.module_utils.topology.ranges import names_of


def node_names(words: str | Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names that words stand for. Raise AnsibleFilterError."""
    listed = [words] if isinstance(words, str) else words
    nodes = set(groups.get("nodes", ()))
    found: list[str] = []
    try:
        for word in (part.strip() for text in listed for part in str(text).split(",")):
            for name in names_of(word) if word else ():
                found += [member for member in groups[name] if member in nodes] if name in groups else [name]
    except (ValueError, TypeError) as error:
        raise AnsibleFilterError(f"These are no nodes: {words}: {error}") from None
    if not found:
        raise AnsibleFilterError(f"No node is named by '{words}'.")
    return list(dict.fromkeys(found))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"node_names": node_names}
