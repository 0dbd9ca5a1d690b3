# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # For modules that talk to Open vSwitch.
    DOCUMENTATION = r"""
options:
  database:
    description:
      - The switch's database, as a path of its socket or an address such as V(unix:/run/openvswitch/db.sock).
      - Omitted, it is C(db.sock) in the directory that the environment variable E(OVS_RUNDIR) names, else in C(/run/openvswitch).
    type: str
"""
