#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Bring a lab host to its share of a topology
version_added: "0.1.0"
description:
  - Brings everything that a lab has on one machine to the state that the topology file asks for, in one task. Namespaces, interfaces,
    switches, addresses, forwarding and NAT, DHCP and DNS, disks, seeds and VMs are compared with what is there, and what differs is
    changed, on the running lab.
  - What the lab has on the machine and the topology no longer has is removed. Nothing else is touched.
  - All problems are found before the first change and reported together.
  - A lab that is too large for the kernel's neighbour table (C(net.ipv4.neigh.default.gc_thresh3)) gets a warning; the setting,
    which is the whole machine's, is left as it is.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  share:
    description:
      - What the lab host must have, as the inventory plugin compiles it into C(netvirt_share),
        or into C(netvirt_packed_share).
      - It is required when O(state=present).
    type: raw
  lab:
    description: The name of the lab. It is required when O(state=absent); otherwise the share has it.
    type: str
  state:
    description:
      - V(present) brings the machine to the share.
      - V(absent) removes everything that carries the lab's mark, whatever the topology file says by now. Base images stay.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description:
      - The names of the nodes that this run is for, instead of all. Nothing of the others is changed or removed.
      - A link comes with its node if there is something at its other end, which may be a namespace that is there already. A switch that a
        node needs is made if it is missing, and else left as it is. DHCP, DNS and NAT are services of the whole lab and are brought to what
        O(share) has of them for the switches that are there.
      - A name that no node in O(share) has is one of a node that is to be removed.
      - With O(state=absent) these nodes are removed; O(share) tells their namespaces and devices where the topology gives these names.
    type: list
    elements: str
    version_added: "0.2.0"
  passwords:
    description:
      - The hashed passwords of guests' users, by VM and then by user, as the inventory plugin has them in C(netvirt_passwords). They are
        kept out of O(share), which is shown in logs.
    type: dict
    default: {}
  authorized_keys:
    description: Public SSH keys that open every guest, beside those that the topology gives to its users.
    type: list
    elements: str
    default: []
  uplink:
    description:
      - The interface by which the traffic of switches with NAT leaves the machine, instead of the one with the default route.
      - V(none) keeps all traffic in the lab.
    type: str
  restore_ovs:
    description:
      - With O(state=absent), whether to take back as well, at the end, what the module M(netvirt.lab.ovs_service) did to Open vSwitch,
        unless a bridge is left that needs it.
    type: bool
    default: false
    version_added: "0.5.0"
  adopt:
    description:
      - Take over things that exist and belong to nobody or to another lab.
      - Without it the module fails and names the thing, so that nothing foreign is ever changed.
    type: bool
    default: false
requirements:
  - ovs (python3-openvswitch), for switches of kind V(ovs)
  - pycdlib, for guests with cloud-init
seealso:
  - plugin: netvirt.lab.topology
    plugin_type: inventory
  - module: netvirt.lab.ready
  - module: netvirt.lab.ovs_service
"""

EXAMPLES = r"""
- name: Bring this machine to its share of the lab
  netvirt.lab.topology:
    share: "{{ netvirt_share }}"
    passwords: "{{ netvirt_passwords }}"
    authorized_keys:
      - "{{ lookup('netvirt.lab.lab_key', netvirt_lab) }}"

- name: Keep the lab's traffic in
  netvirt.lab.topology:
    share: "{{ netvirt_share }}"
    uplink: none

- name: Bring two nodes only to what the topology says of them
  netvirt.lab.topology:
    share: "{{ netvirt_share }}"
    nodes: [left, right]

- name: Remove a node and its links, for as long as nobody brings up the whole lab
  netvirt.lab.topology:
    lab: ovs-kvm
    state: absent
    nodes: [ns1]

- name: Remove everything of a lab
  netvirt.lab.topology:
    lab: ovs-kvm
    state: absent
"""

RETURN = r"""
restart_needed:
  description: For each VM with O(share) attributes that cannot change while it runs and C(on_change) V(report), what waits for its restart.
  returned: success
  type: dict
  sample: {legacy: [memory]}
changes:
  description: How many things were created, updated, replaced and removed.
  returned: success
  type: dict
  sample: {create: 14, update: 0, replace: 0, remove: 0}
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, reported, run
from ansible_collections.netvirt.lab.plugins.module_utils._open_vswitch import restored
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal
from ansible_collections.netvirt.lab.plugins.module_utils._share import crowd_notices, node_goals, share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import notices, restart_needed
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import unpacked
from ansible_collections.netvirt.lab.plugins.module_utils.transport import sysctl


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "share": {"type": "raw"},
            "lab": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "nodes": {"type": "list", "elements": "str"},
            "passwords": {"type": "dict", "no_log": True, "default": {}},
            "authorized_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "uplink": {"type": "str"},
            "restore_ovs": {"type": "bool", "default": False},
            "adopt": LAB_OPTIONS["adopt"],
        },
        required_if=[("state", "present", ["share"]), ("state", "absent", ["lab"])],
        supports_check_mode=True,
    )
    present = module.params["state"] == "present"
    nodes = module.params["nodes"]
    with reported(module):
        if present and module.params["restore_ovs"]:
            raise LabError("restore_ovs is for state=absent: a lab that is present may need Open vSwitch.")
        share = unpacked(module.params["share"]) if present or nodes is not None else {}
    module.params["lab"] = share["lab"] if present else module.params["lab"]
    planned: list[Goal[Any]] = []

    def goals(options: Mapping[str, Any]) -> Sequence[Goal[Any]]:
        told = options["lab"], options["authorized_keys"], options["uplink"], options["passwords"]
        planned.extend(share_goals(share, *told) if nodes is None else node_goals(share, nodes, *told, present=present))
        return planned

    def result(changes: Sequence[Change[Any]]) -> Mapping[str, Any]:
        waiting = restart_needed(planned)
        crowd = crowd_notices(share, sysctl.read("net/ipv4/neigh/default/gc_thresh3"))
        for notice in (*crowd, *notices(planned)):
            module.warn(notice)
        for vm, fields in waiting.items():
            module.warn(f"VM '{vm}' must be restarted for its new {', '.join(fields)}; set on_change: restart to have it done.")
        unknown = set(nodes or ()).difference(node["name"] for node in share.get("nodes") or ()) if present else set()
        for name in sorted(unknown):
            module.warn(f"The topology has no node '{name}': what the lab still had of it is removed.")
        counted = Counter(change.action for change in changes)
        return {"restart_needed": waiting, "changes": {name: counted[name] for name in ("create", "update", "replace", "remove")}}

    def afterwards(changes: Sequence[Change[Any]]) -> Sequence[Change[Any]]:
        return restored(module.params["lab"], changes, module.check_mode) if module.params["restore_ovs"] else ()

    run(module, goals, result, afterwards)


if __name__ == "__main__":
    main()
