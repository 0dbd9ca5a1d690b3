#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_flow
short_description: Manage the OpenFlow flows of Open vSwitch bridges
version_added: "0.3.0"
description:
  - Brings the flows, groups and meters that a lab has in an Open vSwitch bridge to what is given, in one bundle, so that packets meet all
    of the old flows or all of the new ones. If the switch refuses one, all is as before. Meters are no part of it, as OpenFlow has none in
    bundles; new ones come before it, old ones go after it.
  - They are written as for C(ovs-ofctl(8\)), which also brings them to the form in which they are compared; what is the same keeps its
    counters.
  - Flows carry a cookie that is derived from the name of the lab. Those of a controller, or of a user, are left alone.
  - Flows do not outlive C(ovs-vswitchd), nor a change of the bridge's C(fail_mode); run again after that.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  bridge:
    description: The bridge, which exists and accepts C(OpenFlow13), C(OpenFlow14) or C(OpenFlow15).
    type: str
    required: true
  state:
    description:
      - V(present) is for the lab to have exactly the given flows, groups and meters.
      - V(absent) removes all that the lab has in the bridge.
    type: str
    choices: [present, absent]
    default: present
  flows:
    description:
      - The flows, for example V(priority=10,in_port=tap0,ip,actions=output:tap1). Ports are named, or numbered if they have the number
        already. There is no C(cookie).
      - Two flows with the same table, priority and match are an error, and so is a part of a match that the switch would ignore, such as
        C(nw_src) without C(ip).
      - The list replaces what the lab has. Omitted, flows are not managed.
    type: list
    elements: str
  groups:
    description:
      - The groups, for example V(group_id=1,type=select,bucket=output:tap0,bucket=output:tap1).
      - The list replaces what the lab has. Omitted, groups are not managed.
    type: list
    elements: str
  meters:
    description:
      - The meters, for example V(meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=100), with rates in kbit/s and bursts in kbit,
        or with C(pktps) in packets per second and packets.
      - They work on the userspace datapath too, which has no queues.
      - The list replaces what the lab has. Omitted, meters are not managed.
    type: list
    elements: str
  purge:
    description:
      - Whether flows, groups and meters that others have made are removed too.
      - This includes the one flow by which a standalone bridge forwards everything.
    type: bool
    default: false
  database:
    description:
      - The switch's database, as a path of its socket or an address such as V(unix:/run/openvswitch/db.sock).
      - Omitted, it is C(db.sock) in the directory that the environment variable E(OVS_RUNDIR) names, else in C(/run/openvswitch).
    type: str
  adopt:
    description:
      - Replace flows, groups and meters of others that have the same match or number as given ones, but another meaning.
      - Without it the module fails and names the thing, so that nothing foreign is ever changed.
requirements:
  - python3-openvswitch (ovs) >= 2.17
  - ovs-ofctl >= 2.17
seealso:
  - module: netvirt.lab.ovs_bridge
  - module: netvirt.lab.ovs_info
"""

EXAMPLES = r"""
- name: Let two ports talk to each other, and no others
  netvirt.lab.ovs_flow:
    bridge: ovs-br
    flows:
      - in_port=tap0,actions=output:tap1
      - in_port=tap1,actions=output:tap0

- name: Spread what comes in over two ports, at 10 Mbit/s
  netvirt.lab.ovs_flow:
    bridge: ovs-br
    meters: ["meter=1,kbps,burst,bands=type=drop,rate=10000,burst_size=1000"]
    groups: ["group_id=1,type=select,bucket=output:tap1,bucket=weight:3,output:tap2"]
    flows: ["priority=10,in_port=tap0,actions=meter:1,group:1"]

- name: Remove what the lab has in the switch
  netvirt.lab.ovs_flow:
    bridge: ovs-br
    state: absent
"""

RETURN = r"""
bridge:
  description: The bridge's name.
  returned: success
  type: str
  sample: ovs-br
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources._flow_model import table_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.flow import FlowDriver


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bridge": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "flows": {"type": "list", "elements": "str"},
            "groups": {"type": "list", "elements": "str"},
            "meters": {"type": "list", "elements": "str"},
            "purge": {"type": "bool", "default": False},
            "database": {"type": "str"},
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"bridge": module.params["bridge"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    driver = FlowDriver(options["database"])
    if options["state"] == "absent":
        return [Goal(driver, absent=(options["bridge"],))]
    return [Goal(driver, want=(table_from({**options, "name": options["bridge"]}, options["lab"]),))]


if __name__ == "__main__":
    main()
