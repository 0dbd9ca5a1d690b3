#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what a machine lacks to be a lab host
version_added: "0.1.0"
description:
  - Looks for programs and Python libraries, for the user that guests run as, for Open vSwitch, and for the distribution, in one
    quick task, so that nothing else need run on a machine that lacks nothing.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes.info
options:
  programs:
    description: Programs to look for. An entry may name several, separated by V(|), of which one is enough.
    type: list
    elements: str
    default: []
  libraries:
    description: Python libraries to look for, in the interpreter that runs this module.
    type: list
    elements: str
    default: []
  user:
    description: A user to look for.
    type: str
    default: netvirt
  features:
    description:
      - What the kernel can do, to be tried in a namespace that nobody sees. Asking has the kernel load the module, if it has one.
      - V(vlan) are 802.1Q and 802.1ad sub-interfaces, V(vlan_filtering) are VLANs of a Linux bridge's ports.
      - V(netem) delays and loses packets, V(tbf) limits a rate. V(ifb) and V(redirect) together shape what guests send.
      - V(openvswitch) is the kernel's datapath for Open vSwitch; without it there is the one in its daemon.
      - V(vhost_net) moves the packets of guests, V(kvm) runs them. Only a guest can tell whether KVM works, so that takes up to 3
        seconds; without QEMU, and the user that it runs as, the answer is no.
      - Asking for any of them needs root.
    type: list
    elements: str
    choices: [vlan, vlan_filtering, ifb, netem, tbf, redirect, openvswitch, vhost_net, kvm]
    default: []
    version_added: "0.2.0"
"""

EXAMPLES = r"""
- name: See whether this machine can carry namespaces and guests
  netvirt.lab.host_info:
    programs: [qemu-system-x86_64, dhclient|udhcpc|dhcpcd]
    libraries: [pycdlib]

- name: See whether links can be slow and lossy here, and carry VLANs
  netvirt.lab.host_info:
    features: [netem, vlan, vlan_filtering]
  become: true
  register: host

- name: Name what this kernel lacks
  ansible.builtin.debug:
    msg: "{{ host.features | dict2items | rejectattr('value') | map(attribute='key') | join(', ') }}"
"""

RETURN = r"""
missing:
  description: The programs and libraries that are not there.
  returned: success
  type: list
  elements: str
  sample: [dhclient|udhcpc|dhcpcd]
user_exists:
  description: Whether the user exists.
  returned: success
  type: bool
  sample: true
openvswitch_ready:
  description: Whether Open vSwitch runs as the module M(netvirt.lab.ovs_service) would have it run with its default options.
  returned: success
  type: bool
  sample: true
openvswitch_datapath:
  description:
    - The best datapath that Open vSwitch has on this machine, V(system), the kernel's, or V(netdev), the one in its daemon. Asking
      loads the kernel's module.
  returned: success
  type: str
  sample: system
vhost_net:
  description: Whether the kernel can move the packets of guests (C(/dev/vhost-net)).
  returned: success
  type: bool
  sample: true
features:
  description: Of each of O(features), whether this machine has it.
  returned: success
  type: dict
  sample: {netem: true, vlan: true, vlan_filtering: false}
families:
  description: The distribution and those that it resembles, the closest first, from C(/etc/os-release).
  returned: success
  type: list
  elements: str
  sample: [ubuntu, debian]
"""

import importlib.util
import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import best_datapath
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsServiceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features
from ansible_collections.netvirt.lab.plugins.module_utils.transport.processes import which


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "programs": {"type": "list", "elements": "str", "default": []},
            "libraries": {"type": "list", "elements": "str", "default": []},
            "user": {"type": "str", "default": "netvirt"},
            "features": {"type": "list", "elements": "str", "choices": list(features.PROBES), "default": []},
        },
        supports_check_mode=True,
    )
    options = module.params
    missing = [entry for entry in options["programs"] if which(*entry.split("|")) is None]
    missing += [library for library in options["libraries"] if importlib.util.find_spec(library) is None]
    users = {entry.pw_name for entry in pwd.getpwall()}
    with reported(module):
        if options["features"]:
            require_root("Asking the kernel what it can do takes a namespace")
        found = features.present(options["features"])
    module.exit_json(
        changed=False,
        missing=missing,
        user_exists=options["user"] in users,
        openvswitch_ready=openvswitch_ready(),
        openvswitch_datapath=best_datapath(),
        vhost_net=features.PROBES["vhost_net"](),
        features=found,
        families=families(),
    )


def openvswitch_ready() -> bool:
    try:
        return not converge([Goal(OvsServiceDriver())], Scope("", check=True))
    except LabError:  # no library to ask with, or no answer
        return False


def families() -> list[str]:
    with open("/etc/os-release", encoding="utf-8") as release:
        values = dict(line.rstrip().split("=", 1) for line in release if "=" in line)
    return [word for key in ("ID", "ID_LIKE") for word in values.get(key, "").strip("\"'").split()]


if __name__ == "__main__":
    main()
