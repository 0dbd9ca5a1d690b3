#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: link_info
short_description: List interfaces
version_added: "0.1.0"
description:
  - Lists the interfaces of a network namespace with all that the modules M(netvirt.lab.tap) and M(netvirt.lab.veth) manage,
    and the labs they belong to.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.interface.info
  - netvirt.lab.attributes.info
options:
  name:
    description: List this interface only.
    type: str
  kind:
    description: List interfaces of this kind only, for example V(veth), V(tap) or V(bridge).
    type: str
  lab:
    description: List the interfaces of this lab only.
    type: str
seealso:
  - module: netvirt.lab.tap
  - module: netvirt.lab.veth
"""

EXAMPLES = r"""
- name: List the interfaces of the lab host
  netvirt.lab.link_info:

- name: Look at one interface inside a namespace
  netvirt.lab.link_info:
    netns: ns1
    name: eth0
"""

RETURN = r"""
links:
  description:
    - The interfaces in the kernel's order. Attributes that a kind does not have are null.
    - C(tag) is the untagged VLAN of a bridge's port, 0 for none, and C(trunks) are its tagged ones; C(bridge) are a bridge's settings.
    - C(vni) is the number of a tunnel (of GRE its key), C(local) and C(remote) are its addresses.
    - C(peer) is the namespace and the name of a veth's other end; C(owner) and C(group) are numbers, -1 for nobody.
  returned: success
  type: list
  elements: dict
  sample:
    - name: eth0
      netns: ns1
      kind: veth
      lab: course
      mac: 02:00:5e:10:20:30
      mtu: 1500
      up: true
      altname: ''
      master: ''
      peer: ['', to-ns1]
      owner: null
      group: null
      multi_queue: null
      vnet_hdr: null
      tx_offload: false
      silent: false
      link_local: true
      parent: null
      vlan: null
      protocol: null
      bridge: null
      tag: 0
      trunks: []
      addresses: [192.168.102.2/24]
      routes: [{to: default, via: 192.168.102.1}]
"""

import dataclasses

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver, addressing
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import all_links
from ansible_collections.netvirt.lab.plugins.module_utils.transport import namespaces


def main() -> None:
    module = AnsibleModule(
        argument_spec={"netns": {"type": "str", "default": ""}, "name": {"type": "str"}, "kind": {"type": "str"}, "lab": {"type": "str"}},
        supports_check_mode=True,
    )
    netns, chosen = module.params["netns"], {key: module.params[key] for key in ("name", "kind", "lab") if module.params[key] is not None}
    found = []
    with reported(module):
        require_root()
        if netns and not namespaces.exists(namespaces.checked(netns, "netns")):
            raise LabError(f"There is no network namespace '{netns}' to look into.")
        place = addressing({"name": "lo", "netns": netns}, "")
        addresses = AddressDriver().observe(Goal(AddressDriver(), (place,)), Scope(""))
        for link in all_links(netns):
            if all(getattr(link, key) == value for key, value in chosen.items()):
                layer3 = addresses[link.key]
                shown = {name: value for name, value in dataclasses.asdict(link).items() if name != "index"}
                routes = [dataclasses.asdict(route) for route in layer3.routes or ()]
                found.append({**shown, "addresses": layer3.addresses, "routes": routes})
    module.exit_json(changed=False, links=found)


if __name__ == "__main__":
    main()
