# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For filters that take a topology.
    DOCUMENTATION = r"""
options:
  _input:
    description: The topology, with the keys of a topology file.
    type: dict
    required: true
"""

    # For filters that make one of something else.
    IMPORTED = r"""
options:
  prefix:
    description: What the names of all nodes begin with.
    type: str
    default: ""
"""
