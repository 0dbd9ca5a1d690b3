#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: linux_bridge_info
short_description: Look into Linux bridges
version_added: "0.2.0"
description:
  - Returns the bridges of a network namespace with their settings, the state of the spanning tree, their ports with VLANs,
    and where they have learned that addresses are.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.interface.info
  - netvirt.lab.attributes.info
options:
  name:
    description: Look at this bridge only.
    type: str
  lab:
    description: Look at the bridges of this lab only.
    type: str
  gather:
    description: What is returned besides. V(fdb) is the forwarding table, which may be long.
    type: list
    elements: str
    choices: [fdb]
    default: []
seealso:
  - module: netvirt.lab.linux_bridge
"""

EXAMPLES = r"""
- name: Look at all bridges of the lab host
  netvirt.lab.linux_bridge_info:

- name: See where a bridge sends what
  netvirt.lab.linux_bridge_info:
    name: br0
    gather: [fdb]
"""

RETURN = r"""
bridges:
  description:
    - The bridges in the kernel's order. Times are in seconds; settings that the kernel was built without are null.
    - C(root_port) is the port that leads to the root of the spanning tree, empty on the root itself.
    - C(state) of a port is V(disabled), V(listening), V(learning), V(forwarding) or V(blocking).
    - Frames of a VLAN leave a port without a tag if it is C(untagged) there, and those that come in without one belong to the C(pvid).
    - In C(fdb), C(age) is the seconds since the address was last seen, null if it does not age; C(local) ones are the bridge's own.
  returned: success
  type: list
  elements: dict
  sample:
    - name: br0
      netns: ''
      lab: course
      mac: 02:00:5e:10:20:30
      mtu: 1500
      up: true
      stp: true
      ageing_time: 300
      forward_delay: 4
      hello_time: 2
      max_age: 6
      priority: 4096
      vlan_filtering: false
      vlan_protocol: null
      mcast_snooping: true
      group_fwd_mask: 0
      root_id: 1000.02:00:5e:10:20:30
      bridge_id: 1000.02:00:5e:10:20:30
      root_port: ''
      root_path_cost: 0
      topology_change: 0
      vlans: []
      ports:
        - name: left
          lab: course
          up: true
          state: forwarding
          priority: 32
          cost: 2
          number: 1
          vlans: []
      fdb:
        - mac: 02:00:5e:10:20:41
          port: left
          vlan: 0
          age: 3.2
          local: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources._bridge_look import look
from ansible_collections.netvirt.lab.plugins.module_utils.transport import namespaces


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "netns": {"type": "str", "default": ""},
            "name": {"type": "str"},
            "lab": {"type": "str"},
            "gather": {"type": "list", "elements": "str", "choices": ["fdb"], "default": []},
        },
        supports_check_mode=True,
    )
    netns = module.params["netns"]
    with reported(module):
        require_root()
        if netns and not namespaces.exists(namespaces.checked(netns, "netns")):
            raise LabError(f"There is no network namespace '{netns}' to look into.")
        bridges = look(netns, module.params["name"], module.params["lab"], module.params["gather"])
    module.exit_json(changed=False, bridges=bridges)


if __name__ == "__main__":
    main()
