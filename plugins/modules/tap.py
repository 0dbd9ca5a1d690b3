#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tap
short_description: Manage tap devices
version_added: "0.1.0"
description:
  - Creates, changes and removes persistent tap devices, as C(ip tuntap) does, with their addresses.
  - A tap is a network card whose cable is a program, mostly QEMU. The owner may be that program's unprivileged user.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.interface
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The tap's name, up to 15 characters.
    type: str
    required: true
  state:
    description: Whether the tap exists.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description: The user who may open the tap, by name or number. An empty one means root only.
    type: str
  group:
    description: The group whose members may open the tap, by name or number. An empty one means root only.
    type: str
  multi_queue:
    description: Whether a program may open several queues at once. A changed value replaces the tap.
    type: bool
  vnet_hdr:
    description:
      - Whether packets carry the virtio header, with which checksums and segmentation are left to the other side.
      - The program that opens the tap sets it again, so a running QEMU decides what is read back.
    type: bool
seealso:
  - module: netvirt.lab.link_info
  - module: netvirt.lab.qemu_vm
"""

EXAMPLES = r"""
- name: Create a tap
  netvirt.lab.tap:
    name: tap0

- name: Create a tap for a QEMU that does not run as root, with the lab host's address on it
  netvirt.lab.tap:
    name: tap1
    owner: netvirt
    vnet_hdr: true
    up: true
    mtu: 1500
    addresses: [192.168.101.1/24]

- name: Remove a tap
  netvirt.lab.tap:
    name: tap0
    state: absent
"""

RETURN = r"""
name:
  description: The tap's name.
  returned: success
  type: str
  sample: tap1
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._interface import INTERFACE_OPTIONS, checked, group_id, interface, user_id
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import link_goals


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "multi_queue": {"type": "bool"},
            "vnet_hdr": {"type": "bool"},
            **INTERFACE_OPTIONS,
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"name": module.params["name"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    options = checked(options)
    end = interface(
        options,
        options["lab"],
        kind="tap",
        owner=user_id(options["owner"]),
        group=group_id(options["group"]),
        multi_queue=options["multi_queue"],
        vnet_hdr=options["vnet_hdr"],
    )
    return link_goals([end], options["state"] == "present")


if __name__ == "__main__":
    main()
