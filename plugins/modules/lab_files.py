#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_files
short_description: Write or remove what the controller keeps of a lab
version_added: "0.5.0"
description:
  - With O(state=present) writes the record of the lab host that each node is on, as the playbook C(netvirt.lab.site) does first of all.
  - With O(state=absent) removes the lab's key pair and C(ssh_config) from the machine that runs Ansible, and the record. It is for when
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
  state:
    description: Whether the record is written, or all that is kept of the lab removed.
    type: str
    choices: [present, absent]
    default: absent
    version_added: "0.6.0"
  placement:
    description:
      - What the record shall hold, C(netvirt_placement) of the inventory. A record of nothing is no file.
      - Required with O(state=present).
    type: json
    version_added: "0.6.0"
  placement_file:
    description:
      - Where the record is, C(netvirt_placement_file) of the inventory.
      - Required with O(state=present).
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

- name: Record which lab host each node is on
  netvirt.lab.lab_files:
    lab: ovs-kvm
    state: present
    placement: "{{ netvirt_placement }}"
    placement_file: "{{ netvirt_placement_file }}"
  run_once: true
"""

RETURN = r"""
removed:
  description: The files and directories that were there and are removed with O(state=absent).
  returned: success
  type: list
  elements: str
  sample: [/home/student/.local/share/netvirt/ovs-kvm]
"""
