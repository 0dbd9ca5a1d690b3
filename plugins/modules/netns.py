#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Manage network namespaces
version_added: "0.1.0"
description:
  - Creates and removes named network namespaces, as C(ip netns) knows them.
  - A new namespace has its loopback interface up, and that interface's alias carries the lab's mark.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The namespace's name, up to 100 letters, digits, C(-), C(_) or C(.), beginning with a letter or digit.
    type: str
    required: true
  state:
    description:
      - Whether the namespace exists.
      - A removed namespace takes its virtual interfaces along; processes inside keep it alive, without its name, until they end.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: netvirt.lab.netns_info
  - module: netvirt.lab.veth
"""

EXAMPLES = r"""
- name: Create a namespace
  netvirt.lab.netns:
    name: ns1

- name: Remove it
  netvirt.lab.netns:
    name: ns1
    state: absent

- name: Take over a namespace that was made by hand
  netvirt.lab.netns:
    name: blue
    lab: course
    adopt: true
"""

RETURN = r"""
path:
  description: The file that holds the namespace open.
  returned: success
  type: str
  sample: /run/netns/ns1
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import NETNS, checked


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"path": str(NETNS / module.params["name"])})


def goals(options: Mapping[str, Any]) -> list[Goal[Namespace]]:
    name = checked(options["name"], "name")
    if options["state"] == "absent":
        return [Goal(NamespaceDriver(), absent=(name,))]
    return [Goal(NamespaceDriver(), want=(Namespace(name, options["lab"]),))]


if __name__ == "__main__":
    main()
