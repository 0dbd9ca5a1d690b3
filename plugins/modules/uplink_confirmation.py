#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: uplink_confirmation
short_description: Let it stand that an uplink's addresses have moved to a switch
version_added: "0.3.0"
description:
  - Where a topology says C(move_addresses), the module M(netvirt.lab.topology) moves the addresses of an interface, maybe those by which
    the machine is reached, to a switch. From then on a process on the machine waits for this module; if it does not come in time
    (C(confirm_timeout)), that process undoes the move.
  - That this module runs proves that the machine is reached if it came by SSH to one of the moved addresses, by a connection that is
    newer than the move. So run C(meta, reset_connection) before.
  - By any other way (a local connection, another interface) the gateways, and the addresses of C(check), that answered before the move
    must answer again within 10 seconds; else the move is undone at once.
  - The playbook C(netvirt.lab.site) does all that.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  lab:
    description: The name of the lab.
    type: str
    required: true
seealso:
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Connect to the lab host anew
  ansible.builtin.meta: reset_connection

- name: Let it stand that the uplinks have moved
  netvirt.lab.uplink_confirmation:
    lab: course
"""

RETURN = r"""
confirmed:
  description: The uplinks whose move has been confirmed now.
  returned: success
  type: list
  elements: str
  sample: [eth0]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope
from ansible_collections.netvirt.lab.plugins.module_utils._uplinks import confirmed


def main() -> None:
    module = AnsibleModule(argument_spec={"lab": {"type": "str", "required": True}}, supports_check_mode=True)
    with reported(module):
        require_root()
        scope = Scope(module.params["lab"], check=module.check_mode)
        with lab_lock(scope):
            names = confirmed(scope)
    module.exit_json(changed=bool(names), confirmed=names)


if __name__ == "__main__":
    main()
