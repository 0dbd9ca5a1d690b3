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
      - V(fdb) is the table of learned MAC addresses, V(flows) all OpenFlow flows, the hidden ones included, V(groups) and V(meters) are
        what flows refer to, V(bonds) is the state of bonds and of their members.
    type: list
    elements: str
    choices: [fdb, flows, groups, meters, bonds]
    default: []
requirements:
  - python3-openvswitch (ovs) >= 2.17
seealso:
  - module: netvirt.lab.ovs_bridge
  - module: netvirt.lab.ovs_flow
"""

EXAMPLES = r"""
- name: List all bridges
  netvirt.lab.ovs_info:

- name: See which MAC addresses the switch of the lab has learned
  netvirt.lab.ovs_info:
    name: ovs-br
    gather: [fdb]
  register: switch

- name: See the flows of the switch that packets have met
  netvirt.lab.ovs_info:
    name: ovs-br
    gather: [flows]
  register: switch

- name: Say so
  ansible.builtin.debug:
    msg: "{{ switch.bridges[0].flows | selectattr('n_packets') }}"

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
    - C(fdb), C(flows), C(groups), C(meters) and C(bonds) are there if O(gather) asks for them. C(age) is in seconds, null for a static
      entry, and so are C(duration) and the timeouts. C(lab) of a flow is the lab whose mark it carries, of O(lab) or else of the
      bridge's; C(hidden) flows are those of Open vSwitch itself, such as for in-band controllers.
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
      flows:
        - table: 0
          priority: 20
          match: {icmp: '', in_port: legacy}
          actions: ['meter:1', 'output:modern']
          cookie: '0x94c817881204fb44'
          lab: adhoc
          hidden: false
          duration: 21.292
          n_packets: 2
          n_bytes: 196
          idle_timeout: 0
          hard_timeout: 0
      groups:
        - {group_id: 1, type: select, buckets: [{actions: ['output:legacy']}, {weight: '3', actions: ['output:modern']}]}
      meters:
        - {meter_id: 1, flags: [kbps, burst], bands: [{type: drop, rate: 1000, burst_size: 1000}]}
      bonds:
        uplinks:
          mode: active-backup
          lacp_status: negotiated
          active: up1
          members: {up1: {enabled: true, active: true}, up2: {enabled: true, active: false}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_gather import GATHERED
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_look import look


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "port": {"type": "str"},
            "lab": {"type": "str"},
            "gather": {"type": "list", "elements": "str", "choices": list(GATHERED), "default": []},
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
