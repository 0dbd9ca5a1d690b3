#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding
short_description: Give a lab's networks a way out
version_added: "0.1.0"
description:
  - Forwards IPv4 packets of a lab's switches and translates the addresses of those that leave by the uplink to the uplink's own,
    by an nftables table C(netvirt-<lab>) that is loaded in one transaction and belongs to the lab alone.
  - Forwarding is switched on for these interfaces only, not for the whole machine. The old values come back when the last lab that
    needs them is removed, unless somebody else has changed them meanwhile.
  - Chains of others that may drop forwarded packets (Docker, firewalld, ufw, iptables and the old iptables) get rules at their head that
    accept what comes from the lab and what answers it. These rules carry the comment C(netvirt:<lab>) and go with the lab. In tables
    that iptables has made they are made by iptables, so that it can still read them. Where Docker keeps its chain C(DOCKER-USER) first,
    they are in that one, which Docker leaves alone.
  - Nothing else in the packet filter is changed, and nothing is ever flushed. Rules that were lost or changed by hand are repaired by
    the next run.
  - One lab has one way out; running the module again with other options replaces it.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  interfaces:
    description: The switches, by their interfaces on the lab host. They must exist when the module runs.
    type: list
    elements: str
    default: []
  subnets:
    description: The networks on these switches, whose addresses are translated.
    type: list
    elements: str
    default: []
  uplink:
    description:
      - The interface by which the lab's packets leave the machine.
      - V(auto) is the interface of the default route.
      - V(none) forwards between the lab's own networks only.
    type: str
    default: auto
  state:
    description: Whether the lab has a way out.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - nft, with JSON support
notes:
  - Requests from outside to the lab are left to the machine's packet filter; answers to the lab's requests pass.
  - A table of firewalld that no other program may change (C(NftablesTableOwner=yes)) is reported as an error if it would drop the
    lab's packets.
seealso:
  - module: netvirt.lab.dnsmasq
  - module: netvirt.lab.topology
"""

EXAMPLES = r"""
- name: Let a network out by the interface of the default route
  netvirt.lab.forwarding:
    interfaces: [ovs-br]
    subnets: [192.168.100.0/24]

- name: Name the uplink, for a lab of its own name
  netvirt.lab.forwarding:
    lab: ovs-kvm
    interfaces: [ovs-br]
    subnets: [192.168.100.0/24]
    uplink: eth0

- name: Take the way out away
  netvirt.lab.forwarding:
    lab: ovs-kvm
    state: absent
"""

RETURN = r"""
uplink:
  description: The interface by which the lab's packets leave, empty if there is none.
  returned: success, when O(state=present)
  type: str
  sample: eth0
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources.forwarding import (
    Forwarding,
    ForwardingDriver,
    forwarding_from,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "subnets": {"type": "list", "elements": "str", "default": []},
            "uplink": {"type": "str", "default": "auto"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **LAB_OPTIONS,
        },
        supports_check_mode=True,
    )
    driver = ForwardingDriver()

    def goals(options: Mapping[str, Any]) -> list[Goal[Forwarding]]:
        if options["state"] == "absent":
            return [Goal(driver, purge=True)]
        return [Goal(driver, want=(forwarding_from(options, options["lab"]),))]

    run(module, goals, lambda changes: {"uplink": driver.uplink} if module.params["state"] == "present" else {})


if __name__ == "__main__":
    main()
