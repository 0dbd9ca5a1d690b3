#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netns_info
short_description: List network namespaces
version_added: "0.1.0"
description:
  - Lists the named network namespaces of a machine, the labs they belong to, and the processes inside.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes.info
options:
  name:
    description: List this namespace only.
    type: str
  lab:
    description: List the namespaces of this lab only.
    type: str
seealso:
  - module: netvirt.lab.netns
"""

EXAMPLES = r"""
- name: List all namespaces
  netvirt.lab.netns_info:

- name: List those of a lab
  netvirt.lab.netns_info:
    lab: course
"""

RETURN = r"""
namespaces:
  description: The namespaces, sorted by name. Nobody's lab is null; C(pids) are the processes inside, as C(ip netns pids) lists them.
  returned: success
  type: list
  elements: dict
  sample: [{name: ns1, path: /run/netns/ns1, lab: course, pids: [4711]}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import lab_of
from ansible_collections.netvirt.lab.plugins.module_utils.transport import namespaces


def main() -> None:
    module = AnsibleModule(argument_spec={"name": {"type": "str"}, "lab": {"type": "str"}}, supports_check_mode=True)
    name, lab = module.params["name"], module.params["lab"]
    with reported(module):
        require_root()
        present = [each for each in namespaces.names() if name in (None, each) and namespaces.exists(each)]
        labs = {each: lab_of(each) for each in present}
        shown = [each for each in present if lab in (None, labs[each])]
        pids = namespaces.pids(shown)
    found = [{"name": each, "path": str(namespaces.NETNS / each), "lab": labs[each], "pids": pids[each]} for each in shown]
    module.exit_json(changed=False, namespaces=found)


if __name__ == "__main__":
    main()
