#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_info
short_description: List Open vSwitch bridges and their ports
version_added: "0.1.0"
description:
  - Lists bridges and ports with all that M(netvirt.lab.ovs_bridge) manages, the labs they belong to, and what Open vSwitch says about
    them (link state, errors, counters, whether controllers are connected).
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.ovs
  - netvirt.lab.attributes.info
options:
  name:
    description: List this bridge only.
    type: str
  port:
    description: List this port only, with its bridge.
    type: str
  lab:
    description: List the bridges and ports of this lab only. A port of the lab is listed with its bridge, whoever owns that.
    type: str
  gather:
    description:
      - What to ask the daemon besides.
      - V(fdb) is the table of learned MAC addresses, V(flows) all OpenFlow flows, the hidden ones included.
    type: list
    elements: str
    choices: [fdb, flows]
    default: []
requirements:
  - python3-openvswitch (ovs) >= 2.17
seealso:
  - module: netvirt.lab.ovs_bridge
"""

EXAMPLES = r"""
- name: List all bridges
  netvirt.lab.ovs_info:

- name: See which MAC addresses the switch of the lab has learned
  netvirt.lab.ovs_info:
    name: ovs-br
    gather: [fdb]
  register: switch

- name: Fail if the switch cannot use one of its ports
  ansible.builtin.assert:
    that: switch.bridges[0].ports | map(attribute='fault') | select | length == 0
"""

RETURN = r"""
running:
  description: Whether C(ovs-vswitchd) runs; its database does, else the module fails.
  returned: success
  type: bool
  sample: true
version:
  description: The version of C(ovs-vswitchd), empty if it does not run.
  returned: success
  type: str
  sample: 3.1.0
datapath_types:
  description: The datapaths that C(ovs-vswitchd) knows. V(system) needs the kernel's module in addition.
  returned: success
  type: list
  elements: str
  sample: [netdev, system]
other_config:
  description: The settings of the whole switch.
  returned: success
  type: dict
  sample: {userspace-tso-enable: 'true'}
bridges:
  description:
    - The bridges by name, with the options of M(netvirt.lab.ovs_bridge). An empty value is one that is not set.
    - C(ports) have C(fault), which says why Open vSwitch cannot use the port and is empty if it can, and the state of their interface;
      a bond has C(members) instead, by name.
    - C(fdb) and C(flows) are there if O(gather) asks for them. C(age) is in seconds, null for a static entry.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ovs-br
      lab: adhoc
      datapath_type: netdev
      datapath_id: 00004214777f3b41
      datapath_version: <built-in>
      fail_mode: ''
      protocols: []
      stp: false
      rstp: false
      mcast_snooping: false
      controllers:
        - target: tcp:192.168.100.5:6653
          connection_mode: out-of-band
          inactivity_probe: ''
          max_backoff: ''
          is_connected: true
          role: other
          status: {sec_since_connect: '5', state: ACTIVE}
      mirrors: []
      external_ids: {}
      other_config: {}
      status: {}
      rstp_status: {}
      ports:
        - name: legacy
          lab: adhoc
          bridge: ovs-br
          interfaces: []
          type: ''
          options: {}
          tag: 10
          trunks: []
          vlan_mode: ''
          protected: false
          bond_mode: ''
          lacp: ''
          mac: ''
          mtu_request: ''
          ofport_request: ''
          external_ids: {}
          other_config: {}
          interface_external_ids: {}
          fault: ''
          status: {}
          rstp_status: {}
          ofport: 1
          error: null
          admin_state: up
          link_state: up
          link_speed: 10000000
          mtu: 1500
          mac_in_use: 3e:d8:7c:02:9b:5c
          ifindex: 7
          statistics: {rx_bytes: 4610, rx_packets: 53, tx_bytes: 1382, tx_packets: 17}
      fdb:
        - {port: legacy, vlan: 10, mac: '52:54:00:12:34:56', age: 12}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_look import look


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "port": {"type": "str"},
            "lab": {"type": "str"},
            "gather": {"type": "list", "elements": "str", "choices": ["fdb", "flows"], "default": []},
            "database": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params
    with reported(module):
        require_root()
        names = [options["name"]] if options["name"] else []
        found = look(options["database"], names, options["port"], options["lab"], options["gather"])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
