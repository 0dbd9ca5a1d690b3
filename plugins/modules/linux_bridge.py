#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: linux_bridge
short_description: Manage Linux bridges and their ports
version_added: "0.2.0"
description:
  - Creates, changes and removes bridges of the Linux kernel, as C(ip link add type bridge) does, with their settings, ports, VLANs
    and addresses.
  - Whatever differs is changed in place. An omitted option is not managed.
  - An interface that becomes a port stays its owner's. If it is not the lab's own, it is brought up, and is as it was before when it
    leaves the bridge.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.interface
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: The bridge's name, up to 15 characters.
    type: str
    required: true
  state:
    description: Whether the bridge exists. Its ports outlive it.
    type: str
    choices: [present, absent]
    default: present
  ports:
    description:
      - The ports, interfaces of the same network namespace that exist. Each is a string or a mapping.
      - A string is the interface's name and, if it has any, its VLANs, for example V(eth1 tag=10) or V(eth1 trunks=20,30-39).
      - A mapping has C(name), and C(tag) (the VLAN of frames without a tag), C(trunks) (a list of VLANs and ranges that have one) or both.
        A port with one of them has these VLANs only, a port with neither keeps the ones that it has. V(none) as C(tag) is no VLAN.
      - An interface that has addresses, or that is in another bridge or in Open vSwitch, is an error.
    type: list
    elements: raw
    default: []
  purge_ports:
    description:
      - Which ports that are not in O(ports) are taken out.
      - V(none) keeps them, V(own) takes out those that belong to O(lab) or that it put there, V(all) takes out all.
    type: str
    choices: [none, own, all]
    default: none
  tag:
    description: The VLAN of the bridge's own interface, for what the host itself sends without a tag. 0 is none.
    type: int
  trunks:
    description: The VLANs, numbers or ranges such as V(20-29), that the bridge's own interface has with tags.
    type: list
    elements: str
  stp:
    description: Whether the bridge runs the Spanning Tree Protocol (IEEE 802.1D).
    type: bool
  priority:
    description: The bridge's priority in the spanning tree, 0 to 65535; the lowest becomes the root.
    type: int
  forward_delay:
    description: How many seconds a port listens, and then learns, before it forwards; 2 to 30 with O(stp), from 0 without.
    type: int
  hello_time:
    description: The seconds between two messages of the root, 1 to 10.
    type: int
  max_age:
    description: The seconds after which a root that has gone silent is given up, 6 to 40.
    type: int
  ageing_time:
    description: The seconds for which the bridge remembers where an address is. With 0 it forgets at once and floods everything.
    type: int
  vlan_filtering:
    description: Whether the bridge keeps VLANs apart. It takes a kernel with C(CONFIG_BRIDGE_VLAN_FILTERING).
    type: bool
  vlan_protocol:
    description: The tags that the bridge knows, those of customers (V(802.1Q)) or of providers (V(802.1ad)).
    type: str
    choices: ['802.1Q', '802.1ad']
  mcast_snooping:
    description: Whether the bridge learns from IGMP and MLD which ports want which multicast groups.
    type: bool
  group_fwd_mask:
    description:
      - Which of the groups 01:80:c2:00:00:00 to 0f, that bridges keep to themselves, are forwarded all the same; bit N is the group N.
      - V(16384) forwards LLDP. Bits 0, 1 and 2 (STP, pause frames, LACP) the kernel refuses.
    type: int
seealso:
  - module: netvirt.lab.linux_bridge_info
  - module: netvirt.lab.ovs_bridge
  - module: netvirt.lab.veth
"""

EXAMPLES = r"""
- name: Create a switch
  netvirt.lab.linux_bridge:
    name: br0
    up: true

- name: Create the interfaces that become its ports
  netvirt.lab.veth:
    name: "{{ item }}"
    up: true
    peer:
      name: "far-{{ item }}"
  loop: [left, right]

- name: Create a switch with an address, two ports and no others of ours
  netvirt.lab.linux_bridge:
    name: br0
    up: true
    addresses: [192.168.103.1/24]
    ports: [left, right]
    purge_ports: own

- name: Make it the root of a spanning tree that is quick to change
  netvirt.lab.linux_bridge:
    name: br0
    stp: true
    priority: 4096
    forward_delay: 4
    max_age: 6

- name: Remove the switch; its ports stay
  netvirt.lab.linux_bridge:
    name: br0
    state: absent
"""

RETURN = r"""
name:
  description: The bridge's name.
  returned: success
  type: str
  sample: br0
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._interface import INTERFACE_OPTIONS, checked, interface
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources._link_model import SETTINGS, read_settings, read_vlans
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.member import MemberDriver, borrowed, port_from


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ports": {"type": "list", "elements": "raw", "default": []},
            "purge_ports": {"type": "str", "choices": ["none", "own", "all"], "default": "none"},
            "tag": {"type": "int"},
            "trunks": {"type": "list", "elements": "str"},
            "stp": {"type": "bool"},
            "priority": {"type": "int"},
            "forward_delay": {"type": "int"},
            "hello_time": {"type": "int"},
            "max_age": {"type": "int"},
            "ageing_time": {"type": "int"},
            "vlan_filtering": {"type": "bool"},
            "vlan_protocol": {"type": "str", "choices": ["802.1Q", "802.1ad"]},
            "mcast_snooping": {"type": "bool"},
            "group_fwd_mask": {"type": "int"},
            **INTERFACE_OPTIONS,
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"name": module.params["name"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    options = checked(options)
    name, netns, lab = options["name"], options["netns"], options["lab"]
    if options["state"] == "absent":
        key = f"{netns}/{name}" if netns else name
        return [Goal(LinkDriver(), absent=(key,)), Goal(MemberDriver(), absent=borrowed(lab, netns, name))]
    problems: list[str] = []
    settings = read_settings({key: options[key] for key in SETTINGS}, "", problems)
    vlans = read_vlans(options, "", problems)
    ports = [port_from(port, netns, name, lab, problems) for port in options["ports"]]
    if problems:
        raise LabErrors(problems)
    bridge, addresses = interface(options, lab, kind="bridge", bridge=settings, **vlans)
    members = MemberDriver({bridge.key: options["purge_ports"]})
    return [
        Goal(LinkDriver(), (bridge,)),
        Goal(members, tuple(port for port in ports if port)),
        Goal(AddressDriver(), (addresses,) if addresses.addresses is not None else ()),
    ]


if __name__ == "__main__":
    main()
