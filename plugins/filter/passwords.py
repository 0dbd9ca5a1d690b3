# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: passwords
short_description: The hashed passwords in a topology
version_added: "0.1.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns what P(netvirt.lab.share#filter) leaves out of the share of a topology that is given as a variable, because it must not be
    logged.
extends_documentation_fragment:
  - netvirt.lab.filters
seealso:
  - plugin: netvirt.lab.share
    plugin_type: filter
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Start a guest whose user has a password for the console
  netvirt.lab.topology:
    share: "{{ topology | netvirt.lab.share }}"
    passwords: "{{ topology | netvirt.lab.passwords }}"
  vars:
    topology:
      name: small
      nodes:
        guest: {kind: vm, image: debian-12, hashed_password: "$6$..."}
"""

RETURN = r"""
_value:
  description: The hashes by VM and then by user, for the option O(netvirt.lab.topology#module:passwords).
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.netvirt.lab.plugins.filter.share import loaded
from ansible_collections.netvirt.lab.plugins.module_utils.topology.resolve import guest


def passwords(topology: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the hashed passwords of a topology's guests by VM and user."""
    return guest.passwords(loaded(topology))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"passwords": passwords}
