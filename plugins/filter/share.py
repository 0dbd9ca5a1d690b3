# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: share
short_description: Compile a topology
version_added: "0.1.0"
author: netvirt.lab authors (@netvirt)
description:
  - Compiles a topology that is given as a variable into what its lab host must have, as the inventory plugin
    P(netvirt.lab.topology#inventory) does with a topology file.
  - The hashed passwords of guests' users are left out, as a share is shown in logs; P(netvirt.lab.passwords#filter) returns them.
extends_documentation_fragment:
  - netvirt.lab.filters
seealso:
  - plugin: netvirt.lab.topology
    plugin_type: inventory
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Connect a namespace with a Linux bridge
  netvirt.lab.topology:
    share: "{{ topology | netvirt.lab.share }}"
  vars:
    topology:
      name: small
      nodes:
        sw: {kind: bridge, ipv4: 10.0.0.1/24}
        left: {kind: netns}
      links:
        - endpoints: [left, sw]
          ipv4: {left: 10.0.0.2/24}
"""

RETURN = r"""
_value:
  description: The share, for the option O(netvirt.lab.topology#module:share) of the module M(netvirt.lab.topology).
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.model import Topology


def share(topology: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the lab host of a topology must have."""
    return compile_share(loaded(topology))


def loaded(topology: Mapping[str, Any]) -> Topology:
    """Return a topology that is given as a variable. Raise AnsibleFilterError."""
    try:
        return load(topology)
    except LabErrors as error:
        raise AnsibleFilterError("\n".join(("The topology has mistakes:", *error.problems))) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"share": share}
