#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: Manage veth pairs
version_added: "0.1.0"
description:
  - Creates, changes and removes pairs of virtual Ethernet interfaces, each end in a network namespace of its own choice,
    as C(ip link add type veth) does, with their addresses.
  - The namespaces must exist. Whatever differs is changed in place; an end with another partner or in another namespace is made anew.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.interface
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The near end's name, up to 15 characters.
    type: str
    required: true
  peer:
    description:
      - The far end. It has the same options as the near one.
      - It can be omitted when O(state=absent).
    type: dict
    suboptions:
      name:
        description: The far end's name, up to 15 characters.
        type: str
        required: true
      netns:
        description: The network namespace that the far end is in. Omitted or empty, it is the lab host's own.
        type: str
        default: ''
      mac:
        description: The far end's hardware address.
        type: str
      mtu:
        description: The largest packet that the far end sends, in bytes.
        type: int
      up:
        description: Whether the far end is up.
        type: bool
      addresses:
        description: All addresses that the far end has, each with its prefix length.
        type: list
        elements: str
      altname:
        description: A longer, alternative name of the far end.
        type: str
      tx_offload:
        description: Whether checksums of packets sent by the far end are left to the interface.
        type: bool
  state:
    description: Whether the pair exists. Removing one end removes both.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: netvirt.lab.link_info
  - module: netvirt.lab.netns
"""

EXAMPLES = r"""
- name: Create a pair of interfaces on the lab host
  netvirt.lab.veth:
    name: veth0
    peer:
      name: veth1

- name: Create the namespace that the next pair leads into
  netvirt.lab.netns:
    name: ns1

- name: Connect a namespace with the lab host
  netvirt.lab.veth:
    name: to-ns1
    up: true
    addresses: [192.168.102.1/24]
    peer:
      name: eth0
      netns: ns1
      up: true
      addresses: [192.168.102.2/24]

- name: Remove a pair
  netvirt.lab.veth:
    name: veth0
    state: absent
"""

RETURN = r"""
name:
  description: The near end's name.
  returned: success
  type: str
  sample: to-ns1
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._interface import INTERFACE_OPTIONS, checked, interface
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import link_goals


def main() -> None:
    end = {"name": {"type": "str", "required": True}, **INTERFACE_OPTIONS}
    module = AnsibleModule(
        argument_spec={
            "peer": {"type": "dict", "options": end},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **end,
            **LAB_OPTIONS,
        },
        required_if=[("state", "present", ["peer"])],
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"name": module.params["name"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    options = checked(options)
    far, lab = options["peer"], options["lab"]
    near = interface(options, lab, kind="veth", peer=(far["netns"], far["name"]) if far else None)
    ends = [near, interface(far, lab, kind="veth", peer=(options["netns"], options["name"]))] if far else [near]
    return link_goals(ends, options["state"] == "present")


if __name__ == "__main__":
    main()
