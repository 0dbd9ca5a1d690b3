#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_files
short_description: Remove what the controller keeps of a lab
version_added: "0.5.0"
description:
  - Removes the lab's key pair and C(ssh_config) from the machine that runs Ansible, and the record of where its nodes were. It is for when
    nothing of the lab is left on any lab host, as at the end of the playbook C(netvirt.lab.teardown).
  - It always acts on the machine that runs Ansible, as the user who runs it, whatever host the task is for; run it once.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  lab:
    description: The name of the lab.
    type: str
    required: true
  placement_file:
    description: The record of where the nodes of a lab on several lab hosts were, C(netvirt_placement_file) of the inventory.
    type: path
seealso:
  - plugin: netvirt.lab.lab_key
    plugin_type: lookup
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Remove the lab's key from this machine
  netvirt.lab.lab_files:
    lab: ovs-kvm
  run_once: true
"""

RETURN = r"""
removed:
  description: The files and directories that were there.
  returned: success
  type: list
  elements: str
  sample: [/home/student/.local/share/netvirt/ovs-kvm]
"""
