#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_service
short_description: Start and stop Open vSwitch
version_added: "0.1.0"
description:
  - Starts Open vSwitch by the service manager where there is one, and directly where there is none, as in containers and CI.
  - It needs no kernel module. Where the kernel has none, bridges use the userspace datapath, and segmentation and checksums can be
    left to it (O(userspace_tso)).
  - It writes into the database that it started the daemons, or changed their setting, so that O(state=restored) undoes exactly that.
  - A daemon that somebody else runs is never stopped, and never restarted while it has a bridge.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  state:
    description:
      - V(started) has the daemons run.
      - V(restored) takes back what this module did, unless a bridge is left that needs it.
    type: str
    choices: [started, restored]
    default: started
  service:
    description: The name of the service. By default it is one of C(openvswitch-switch), C(openvswitch) and C(ovs-vswitchd) that is there.
    type: str
  userspace_tso:
    description:
      - Whether the userspace datapath may carry packets whose checksum and segmentation are unfinished, which makes TCP between
        nodes several times faster. It takes effect when the daemon starts.
      - V(auto) switches it on if the kernel has no datapath of Open vSwitch and this module starts the daemon, or has started it.
      - V(on) does so too if somebody else's daemon runs, as long as it has no bridge that a restart would disturb.
      - V(keep) leaves it as it is.
    type: str
    choices: [auto, 'on', keep]
    default: auto
seealso:
  - module: netvirt.lab.ovs_bridge
"""

EXAMPLES = r"""
- name: Have Open vSwitch run
  netvirt.lab.ovs_service:

- name: Stop it again, if nobody uses it and it did not run before
  netvirt.lab.ovs_service:
    state: restored
"""

RETURN = r"""
datapath:
  description: The best datapath of this machine, V(system) with the kernel's module and V(netdev) without.
  returned: success
  type: str
  sample: netdev
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import run
from ansible_collections.netvirt.lab.plugins.module_utils._open_vswitch import NO_LAB
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import best_datapath
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsService, OvsServiceDriver


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "restored"], "default": "started"},
            "service": {"type": "str"},
            "userspace_tso": {"type": "str", "choices": ["auto", "on", "keep"], "default": "auto"},
        },
        supports_check_mode=True,
    )
    module.params["lab"] = NO_LAB
    run(module, goals, lambda changes: {"datapath": best_datapath()})


def goals(options: Mapping[str, Any]) -> list[Goal[OvsService]]:
    driver = OvsServiceDriver(options["service"], options["userspace_tso"])
    return [Goal(driver, purge=options["state"] == "restored")]


if __name__ == "__main__":
    main()
