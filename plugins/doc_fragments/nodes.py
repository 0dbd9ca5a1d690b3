# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For modules that log in to nodes.
    DOCUMENTATION = r"""
options:
  private_key:
    description: The private SSH key that opens the guests, as text.
    type: str
"""

    # For those of them that need no more than the share.
    SHARE = r"""
options:
  share:
    description:
      - What the lab host must have, as the inventory plugin P(netvirt.lab.topology#inventory) compiles it into C(netvirt_share), or into
        C(netvirt_packed_share).
    type: raw
    required: true
"""
