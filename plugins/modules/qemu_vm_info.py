#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: qemu_vm_info
short_description: Tell about QEMU virtual machines
version_added: "0.1.0"
description:
  - Lists the virtual machines of a lab, or of all labs, with their states, processes, network interfaces and the end of their consoles.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes.info
options:
  lab:
    description: The lab whose VMs are listed. The default is all labs of the machine.
    type: str
  name:
    description:
      - The VMs that are listed. The default is all.
      - One that does not exist has the state V(absent). Names need O(lab).
    type: list
    elements: str
  console_lines:
    description: How many of the last lines on each console are returned.
    type: int
    default: 0
seealso:
  - module: netvirt.lab.qemu_vm
"""

EXAMPLES = r"""
- name: List all VMs of the machine
  netvirt.lab.qemu_vm_info:
  register: machine

- name: Look at the end of a guest's console
  netvirt.lab.qemu_vm_info:
    lab: ovs-kvm
    name: [legacy]
    console_lines: 20
  register: legacy
"""

RETURN = r"""
vms:
  description: The VMs, sorted by lab and name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The VM's name.
      type: str
      returned: always
      sample: legacy
    lab:
      description: The lab that it belongs to.
      type: str
      returned: always
      sample: ovs-kvm
    state:
      description:
        - V(running), V(paused), V(stopped), V(absent), or V(unresponsive) if QEMU does not answer.
        - Other values are QEMU's own run states, such as V(guest-panicked) or V(io-error).
      type: str
      returned: always
      sample: running
    disk:
      description: The path of its disk, if it has one.
      type: str
      returned: if the VM exists
      sample: /var/lib/netvirt/ovs-kvm/legacy/disk.qcow2
    seed:
      description: The path of its seed, if it has one.
      type: str
      returned: if the VM exists
      sample: /var/lib/netvirt/ovs-kvm/legacy/seed.iso
    console_log:
      description: The path of what the guest has said on its console since the VM was started.
      type: str
      returned: if the VM exists
      sample: /var/lib/netvirt/ovs-kvm/legacy/console.log
    qemu_log:
      description: The path of what QEMU has said since the VM was started.
      type: str
      returned: if the VM exists
      sample: /var/lib/netvirt/ovs-kvm/legacy/qemu.log
    pid:
      description: The process.
      type: int
      returned: if the VM runs
      sample: 4711
    uptime:
      description: For how many seconds the process has run.
      type: float
      returned: if the VM runs
      sample: 75.31
    memory:
      description: The guest's memory in MiB.
      type: int
      returned: if the VM runs
      sample: 512
    resident_memory:
      description: How much of the lab host's memory the process uses, in MiB.
      type: int
      returned: if the VM runs
      sample: 285
    cpus:
      description: The number of virtual processors.
      type: int
      returned: if the VM runs
      sample: 1
    machine:
      description: QEMU's machine type.
      type: str
      returned: if the VM runs
      sample: q35
    cpu_model:
      description: QEMU's processor model.
      type: str
      returned: if the VM runs
      sample: max
    accel:
      description: V(kvm) or V(tcg).
      type: str
      returned: if the VM runs
      sample: tcg
    qmp_socket:
      description: The socket of QEMU's machine protocol. It serves one client at a time, so do not hold it for long.
      type: str
      returned: if the VM runs
      sample: /run/netvirt/ovs-kvm/vm/legacy/qmp.sock
    console_socket:
      description: The socket of the serial console, for example for C(socat -,raw,echo=0 UNIX-CONNECT:...).
      type: str
      returned: if the VM runs
      sample: /run/netvirt/ovs-kvm/vm/legacy/console.sock
    nics:
      description:
        - The network interfaces. C(tap) is empty if the device was removed under the VM, C(up) says whether this collection has left the
          link plugged in.
        - C(backend) are the words of QEMU's option C(-netdev) for what is behind the interface instead, C(uplink) those for its
          hub's way out.
          The word V(lost) at the end says that the other end of a connection has gone.
      type: list
      elements: dict
      returned: if the VM runs
      sample:
        - {id: eth0, model: e1000, mac: "52:54:00:12:34:56", tap: legacy-1b2c3d, netns: "", backend: null, uplink: null, queues: 1,
           vnet_hdr: true, vhost: false, up: true}
    stale:
      description: What the VM still uses though it was replaced since, of V(disk) and V(seed).
      type: list
      elements: str
      returned: if the VM runs
      sample: []
    console:
      description: The last lines on the console.
      type: list
      elements: str
      returned: if O(console_lines) is given
      sample: ["legacy login:"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_report import labs, reports


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lab": {"type": "str"},
            "name": {"type": "list", "elements": "str"},
            "console_lines": {"type": "int", "default": 0},
        },
        required_by={"name": "lab"},
        supports_check_mode=True,
    )
    with reported(module):
        require_root()
        chosen = [module.params["lab"]] if module.params["lab"] else labs()
        vms = [report for lab in chosen for report in reports(lab, module.params["name"], module.params["console_lines"])]
        module.exit_json(changed=False, vms=vms)


if __name__ == "__main__":
    main()
