#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_bridge
short_description: Manage Open vSwitch bridges and their ports
version_added: "0.1.0"
description:
  - Creates, changes and removes an Open vSwitch bridge with all its ports in one transaction of the switch's database.
  - It waits until C(ovs-vswitchd) has carried the change out, and fails with what the daemon says if it cannot use a port.
  - An omitted option is not managed. An empty value (V('') or V([])) removes what is set.
  - Maps (O(other_config), O(external_ids), and those of ports) manage the keys they name and leave others alone; a key with an
    empty value is removed.
  - A port whose network device was removed or made anew under Open vSwitch carries nothing; such a port is added again.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.ovs
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The bridge's name, up to 15 characters. It is also the name of its network device on the lab host.
    type: str
    required: true
  state:
    description:
      - Whether the bridge exists.
      - A removed bridge takes its ports with it. If there are other bridges, a few at a time, because C(ovs-vswitchd) forwards nothing on
        any bridge while it lets ports go (14 ms for each). When the module returns, all of them are gone.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description:
      - The ports. Each is a string or a mapping.
      - A string is the port's name and, as for C(ovs-vsctl add-port), attributes, for example V(tap0 tag=10) or
        V(to-br2 type=patch options:peer=to-br1).
      - A mapping has C(name) and any of the following. C(state) is V(present) or V(absent).
      - C(tag) (VLAN of an access port), C(trunks) (list of VLANs and ranges such as V(20-29)), C(vlan_mode) (V(access), V(trunk),
        V(native-tagged), V(native-untagged) or V(dot1q-tunnel)), C(protected) (protected ports do not talk to each other).
      - C(type) (V(internal), V(patch), V(vxlan), ...) and C(options), a map, with C(remote_ip) and C(key) of a tunnel for example.
      - C(mac), C(mtu_request) in bytes, C(ofport_request).
      - C(external_ids) and C(other_config) of the port, C(interface_external_ids) of its interface, all maps.
      - C(interfaces), a list of at least two network devices, makes the port a bond, with C(bond_mode) (V(active-backup),
        V(balance-slb) or V(balance-tcp)) and C(lacp) (V(active), V(passive) or V(off)).
      - C(qos) is the queueing of what goes out by the port, V(linux-htb), V(linux-hfsc), or V(linux-noop) to leave it to others.
        C(qos_rate) is what all queues send at most (bit/s), C(queues) a list of mappings with C(number), and C(rate) and C(min_rate)
        (bit/s), C(burst) (bit) and C(priority) (the lowest is served first). Flows choose a queue by C(set_queue), but on the userspace
        datapath there is only queue 0, and others are an error. What an item does not name of this is not there.
      - The bridge's own port, listed by the name of the bridge, takes these attributes too.
      - A port that is in another bridge is an error.
    type: list
    elements: raw
    default: []
  purge_ports:
    description:
      - Which ports that are not in O(ports) are removed.
      - V(none) keeps them, V(own) removes those that carry the mark of O(lab), V(all) removes all.
    type: str
    choices: [none, own, all]
    default: none
  datapath_type:
    description:
      - V(system) is the datapath in the kernel, V(netdev) the one in userspace.
      - Omitted, a new bridge gets V(system) if the kernel has it, else V(netdev).
    type: str
    choices: [system, netdev]
  fail_mode:
    description:
      - What the bridge does without a controller. V(standalone) makes it a learning switch, V(secure) makes it wait for flows.
      - V('') removes the setting.
    type: str
    choices: ['', standalone, secure]
  controllers:
    description:
      - The OpenFlow controllers. The list replaces what is there.
      - Each is a target such as V(tcp:192.168.100.5:6653), or a mapping of C(target), C(connection_mode) (V(in-band) or V(out-of-band)),
        C(inactivity_probe) and C(max_backoff), both in milliseconds.
    type: list
    elements: raw
  protocols:
    description: The OpenFlow versions that the bridge accepts, for example V([OpenFlow10, OpenFlow13]).
    type: list
    elements: str
  stp:
    description: Whether the bridge runs the Spanning Tree Protocol (IEEE 802.1D).
    type: bool
    aliases: [stp_enable]
  rstp:
    description:
      - Whether the bridge runs the Rapid Spanning Tree Protocol.
      - It is refused on a bridge with patch ports, on which C(ovs-vswitchd) aborts again and again. Link such bridges by a veth pair.
    type: bool
    aliases: [rstp_enable]
  mcast_snooping:
    description: Whether the bridge learns from IGMP and MLD which ports want which multicast groups.
    type: bool
    aliases: [mcast_snooping_enable]
  mac:
    description:
      - The MAC address of the bridge's own network device (C(other_config:hwaddr)).
      - Without it the bridge takes the lowest address of its ports, which changes with them.
    type: str
  mtu:
    description: The MTU in bytes of the bridge's own network device (C(mtu_request)).
    type: int
  mirrors:
    description: Copies of packets for a monitoring port. The list replaces what is there.
    type: list
    elements: dict
    suboptions:
      name:
        description: The mirror's name.
        type: str
        required: true
      select_all:
        description: Whether every packet is copied.
        type: bool
      select_src_port:
        description: Copy packets that arrive on these ports.
        type: list
        elements: str
      select_dst_port:
        description: Copy packets that leave by these ports.
        type: list
        elements: str
      select_vlan:
        description: Copy packets of these VLANs only, numbers or ranges such as V(20-29).
        type: list
        elements: str
      output_port:
        description: The port that the copies go to. It carries nothing else then.
        type: str
      output_vlan:
        description: The VLAN that the copies go to, if not O(mirrors[].output_port).
        type: int
  other_config:
    description: Further settings of the bridge, such as C(forward-bpdu). They are listed in the manual page ovs-vswitchd.conf.db(5).
    type: dict
  external_ids:
    description: Notes for other programs.
    type: dict
  adopt:
    description:
      - Use a bridge and ports that exist and belong to nobody or to another lab.
      - The bridge stays its owner's and outlives the lab, only the ports carry the lab's mark. With O(state=absent) it is removed.
      - Without it the module fails and names the thing, so that nothing foreign is ever changed.
requirements:
  - python3-openvswitch (ovs) >= 2.17
seealso:
  - module: netvirt.lab.ovs_info
  - module: netvirt.lab.tap
  - module: netvirt.lab.veth
"""

EXAMPLES = r"""
- name: Create a switch
  netvirt.lab.ovs_bridge:
    name: ovs-br

- name: Create a switch with three ports, two of them in VLAN 10, and no other ports of ours
  netvirt.lab.ovs_bridge:
    name: ovs-br
    ports:
      - to-ns1
      - legacy tag=10
      - name: modern
        tag: 10
        external_ids:
          guest: modern
    purge_ports: own

- name: Hand the switch to a controller on the network that it serves
  netvirt.lab.ovs_bridge:
    name: ovs-br
    fail_mode: secure
    protocols: [OpenFlow13]
    controllers:
      - target: tcp:192.168.100.5:6653
        connection_mode: out-of-band

- name: Watch one guest from another
  netvirt.lab.ovs_bridge:
    name: ovs-br
    mirrors:
      - name: watch
        select_src_port: [legacy]
        select_dst_port: [legacy]
        output_port: to-ns1

- name: Make it a learning switch again
  netvirt.lab.ovs_bridge:
    name: ovs-br
    fail_mode: ''
    protocols: []
    controllers: []
    mirrors: []

- name: Remove the switch with its ports
  netvirt.lab.ovs_bridge:
    name: ovs-br
    state: absent
"""

RETURN = r"""
name:
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
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import ATTRIBUTES, bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import OvsDriver

MIRROR = {
    "name": {"type": "str", "required": True},
    "select_all": {"type": "bool"},
    "select_src_port": {"type": "list", "elements": "str"},
    "select_dst_port": {"type": "list", "elements": "str"},
    "select_vlan": {"type": "list", "elements": "str"},
    "output_port": {"type": "str"},
    "output_vlan": {"type": "int"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {"type": "list", "elements": "raw", "default": []},
            "purge_ports": {"type": "str", "choices": ["none", "own", "all"], "default": "none"},
            "datapath_type": {"type": "str", "choices": ["system", "netdev"]},
            "fail_mode": {"type": "str", "choices": ["", "standalone", "secure"]},
            "controllers": {"type": "list", "elements": "raw"},
            "protocols": {"type": "list", "elements": "str"},
            "stp": {"type": "bool", "aliases": ["stp_enable"]},
            "rstp": {"type": "bool", "aliases": ["rstp_enable"]},
            "mcast_snooping": {"type": "bool", "aliases": ["mcast_snooping_enable"]},
            "mac": {"type": "str"},
            "mtu": {"type": "int"},
            "mirrors": {"type": "list", "elements": "dict", "options": MIRROR},
            "other_config": {"type": "dict"},
            "external_ids": {"type": "dict"},
            "database": {"type": "str"},
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"name": module.params["name"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    driver = OvsDriver(options["database"])
    if options["state"] == "absent":
        return [Goal(driver, absent=(options["name"],))]
    item = {name: options[name] for name in ATTRIBUTES if name in options}
    return [Goal(driver, want=(bridge_from({**item, "purge": options["purge_ports"]}, options["lab"]),))]


if __name__ == "__main__":
    main()
