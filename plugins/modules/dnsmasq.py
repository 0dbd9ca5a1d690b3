#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dnsmasq
short_description: Serve DHCP and DNS on a lab's switches
version_added: "0.1.0"
description:
  - Runs a dnsmasq of its own for a lab, which gives addresses to the lab's nodes, resolves their names, and asks the lab host's own
    resolvers for everything else.
  - It listens on the given switches only, beside whatever else serves DHCP or DNS on the machine, and reads nothing from
    C(/etc/dnsmasq.conf). Its files are in C(/run/netvirt/<lab>/dnsmasq); leases outlive a restart, but not the lab.
  - When packet filters of the machine (firewalld, ufw, iptables) drop requests that come in, they get rules that accept DHCP and DNS
    from the switches. These carry the comment C(netvirt:<lab>) and go with the lab.
  - A process that has died or whose switch was made anew is started again by the next run.
  - One lab has one dnsmasq; running the module again with other options replaces what it serves.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  networks:
    description: The switches that are served. They must exist when the module runs.
    type: list
    elements: dict
    default: []
    suboptions:
      interface:
        description: The switch's interface on the lab host.
        type: str
        required: true
      address:
        description: The address that the lab host has on the switch.
        type: str
        required: true
      subnet:
        description: The network on the switch.
        type: str
        required: true
      range:
        description: The first and the last address to give to whoever asks. Without it only O(networks[].hosts) get one.
        type: list
        elements: str
      lease:
        description: How long an address is given for, in seconds, or with the unit V(m), V(h) or V(d), or V(infinite).
        type: str
        default: 1h
      router:
        description: The default gateway that is handed out. Omitted it is O(networks[].address); empty, none is handed out.
        type: str
      dns:
        description: The name servers that are handed out. Omitted it is O(networks[].address); empty, none is handed out.
        type: list
        elements: str
      options:
        description:
          - Further DHCP options, by their numbers or by the names that C(dnsmasq --help dhcp) lists. A list has its elements joined
            by commas.
        type: dict
        default: {}
      hosts:
        description: Reservations. They may be outside of O(networks[].range).
        type: list
        elements: dict
        default: []
        suboptions:
          mac:
            description: The hardware address of the interface that asks.
            type: str
            required: true
          address:
            description: The address that it gets.
            type: str
            required: true
          name:
            description: The node's name.
            type: str
            required: true
  domain:
    description: The domain of the lab's names. Names in it are never asked for elsewhere.
    type: str
    default: ''
  records:
    description: Names that are known whether the node has a lease or not.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name, without the domain.
        type: str
        required: true
      addresses:
        description: Its addresses.
        type: list
        elements: str
        required: true
  upstream:
    description:
      - Name servers that are asked for all other names.
      - Omitted, these are the lab host's own, as C(/etc/resolv.conf) names them at the time; empty, nobody is asked.
    type: list
    elements: str
  state:
    description: Whether the lab has DHCP and DNS.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - dnsmasq >= 2.80
  - nft, with JSON support
seealso:
  - module: netvirt.lab.forwarding
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Give addresses to whoever is on a switch
  netvirt.lab.dnsmasq:
    networks:
      - interface: ovs-br
        address: 192.168.100.1
        subnet: 192.168.100.0/24
        range: [192.168.100.2, 192.168.100.200]

- name: Know two nodes by name, and give one of them the same address each time
  netvirt.lab.dnsmasq:
    lab: ovs-kvm
    domain: ovs-kvm.internal
    networks:
      - interface: ovs-br
        address: 192.168.100.1
        subnet: 192.168.100.0/24
        range: [192.168.100.2, 192.168.100.200]
        lease: 12h
        options: {ntp-server: 192.168.100.1}
        hosts:
          - {mac: "52:54:00:12:34:56", address: 192.168.100.86, name: legacy}
    records:
      - {name: legacy, addresses: [192.168.100.86]}
      - {name: modern, addresses: [192.168.100.109]}

- name: Stop serving
  netvirt.lab.dnsmasq:
    lab: ovs-kvm
    state: absent
"""

RETURN = r"""
leases:
  description: The leases that are given out by now.
  returned: success
  type: list
  elements: dict
  contains:
    mac:
      description: The hardware address of the interface that has it.
      type: str
    address:
      description: The address.
      type: str
    name:
      description: The node's name, empty if it has none.
      type: str
    expires:
      description: When it ends, in seconds since 1970; V(0) is never.
      type: int
  sample:
    - {mac: "52:54:00:12:34:56", address: 192.168.100.86, name: legacy, expires: 1795280088}
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import (
    Dnsmasq,
    DnsmasqDriver,
    dnsmasq_from,
    leases,
)


def main() -> None:
    words = {"type": "list", "elements": "str"}
    name = {"type": "str", "required": True}
    reservation = {"mac": name, "address": name, "name": name}
    network = {
        **dict.fromkeys(("interface", "address", "subnet"), name),
        "range": words,
        "lease": {"type": "str", "default": "1h"},
        "router": {"type": "str"},
        "dns": words,
        "options": {"type": "dict", "default": {}},
        "hosts": {"type": "list", "elements": "dict", "default": [], "options": reservation},
    }
    module = AnsibleModule(
        argument_spec={
            "networks": {"type": "list", "elements": "dict", "default": [], "options": network},
            "domain": {"type": "str", "default": ""},
            "records": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": name, "addresses": {**words, "required": True}},
            },
            "upstream": words,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"leases": [asdict(lease) for lease in leases(module.params["lab"])]})


def goals(options: Mapping[str, Any]) -> list[Goal[Dnsmasq]]:
    if options["state"] == "absent":
        return [Goal(DnsmasqDriver(), purge=True)]
    networks = [
        {
            **item,
            "router": item["address"] if item["router"] is None else item["router"],
            "dns": [item["address"]] if item["dns"] is None else item["dns"],
        }
        for item in options["networks"]
    ]
    return [Goal(DnsmasqDriver(), want=(dnsmasq_from({**options, "networks": networks}, options["lab"]),))]


if __name__ == "__main__":
    main()
