#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: qemu_vm
short_description: Manage QEMU virtual machines
version_added: "0.1.0"
description:
  - Starts, stops, pauses, changes and removes virtual machines, one or many at a time, without libvirt. A VM is a QEMU process and two
    directories.
  - QEMU runs as the unprivileged user C(netvirt) in its sandbox. It uses KVM if a test guest has shown that KVM works, else it emulates
    (TCG) and the module says so.
  - A VM whose process has died is started again. What a running VM is, is read from its process, so a change is noticed whoever made it.
    That a NIC's link is down is the one thing that QEMU does not tell; what this module has set is remembered until the VM stops.
  - Below C(/run/netvirt/LAB/vm/NAME) are the sockets of QMP and of the serial console, below C(/var/lib/netvirt/LAB/NAME) the disk, the
    seed, and what the guest and QEMU have said since the start.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description:
      - The name of the VM within its lab. Letters, digits, V(-), V(_) and V(.) are allowed.
      - Either this or O(vms) is required.
    type: str
  vms:
    description:
      - Several VMs, which are started and stopped together.
      - Each is a mapping of this module's options from O(name) on. What an entry does not say is as the module's own option says.
    type: list
    elements: dict
  purge:
    description: Whether all other VMs of the lab are removed.
    type: bool
    default: false
  state:
    description:
      - V(running) and V(paused) have a process.
      - V(stopped) asks the guest to power down, and ends QEMU after O(stop_timeout). The disk is kept.
      - V(absent) ends the VM at once and removes its disk, seed and logs.
    type: str
    choices: [running, stopped, paused, absent]
    default: running
  image:
    description:
      - What the VM starts from, a name of the image catalogue or the absolute path of a raw or qcow2 image on the lab host.
      - The guest writes to an overlay of its own, never to the image. A changed or rebuilt image means a new, empty overlay.
      - Without an image the VM has no disk and boots from the network.
    type: str
  boot:
    description: Whether QEMU loads the image's kernel directly, or the guest boots from its disk. The default is the image's own.
    type: str
    choices: [kernel, disk]
  disk_size:
    description:
      - The size of the disk in GiB, at least that of the image. The default is the image's size.
      - A disk grows also under a running guest. It never shrinks.
    type: int
  memory:
    description: The guest's memory in MiB.
    type: int
    default: 512
  cpus:
    description: How many virtual processors the guest has.
    type: int
    default: 1
  machine:
    description: QEMU's machine type.
    type: str
    default: q35
  cpu_model:
    description: QEMU's processor model. V(max) is all that the host, or the emulator, can do.
    type: str
    default: max
  accel:
    description:
      - How the guest's processor is made. V(auto) takes KVM where it works, else TCG.
      - V(kvm) fails where KVM does not work.
    type: str
    choices: [auto, kvm, tcg]
    default: auto
  nics:
    description:
      - The guest's network interfaces, in the order in which it sees them.
      - Each has one of O(nics[].tap), O(nics[].backend) and O(nics[].user).
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The interface's name, also in a guest that has cloud-init or the image V(tiny). The default is V(eth0), V(eth1)...
        type: str
      model:
        description: The NIC model that is emulated, as C(qemu-system-x86_64 -device help) lists them.
        type: str
        default: virtio-net-pci
      mac:
        description: The MAC address. The default is derived from the names of lab, VM and interface.
        type: str
      tap:
        description: The tap that is the other end. It must exist.
        type: str
      netns:
        description: The network namespace that the tap is in. The default is the lab host's own.
        type: str
        default: ""
        version_added: "0.2.0"
      backend:
        description:
          - What is behind the interface instead of a tap of the lab's, in the words of QEMU's option C(-netdev). A mapping with
            C(type), which is one of V(none), V(user), V(tap), V(bridge), V(socket), V(mcast), V(udp), V(stream), V(dgram),
            V(hubport), V(l2tpv3), V(vhost-user) and V(vde), and the keys of that type. They are those of C(backend) in a topology
            file, where C(docs/TOPOLOGY.md) describes each.
          - With V(none) there is nothing behind it.
          - With V(tap) QEMU makes the tap and runs C(script) and C(downscript), which are paths on the lab host or texts; with
            V(bridge) its helper makes it, which C(/etc/qemu/bridge.conf) must allow. QEMU runs as root then, and not in the whole of
            its sandbox.
          - C(hostfwd) of V(user), and C(uplink) of V(hubport), are changed under the running guest. Anything else takes a restart.
          - With C(connect) of V(socket) and V(stream) another VM must wait there already; those of one task are started in that
            order. QEMU does not connect again, so a VM whose connection is lost waits for a restart.
        type: dict
        version_added: "0.2.0"
      user:
        description: Let QEMU itself be the network, with NAT and DHCP, instead of a tap. Short for O(nics[].backend) of the type V(user).
        type: dict
        suboptions:
          restrict:
            description: Whether the guest is kept from reaching anything through it.
            type: bool
            default: false
          hostfwd:
            description: Ports of the lab host that lead into the guest, for example V(tcp:127.0.0.1:2222-:22).
            type: list
            elements: str
            default: []
      queues:
        description: How many queues the interface has. More than one needs a tap with C(multi_queue) and a virtio model.
        type: int
        default: 1
      vnet_hdr:
        description:
          - Whether checksums and segmentation may be left to the lab host. The default for a new VM is V(true).
          - On an Open vSwitch bridge with the userspace datapath this must be V(false) for guests to reach each other by TCP.
        type: bool
      vhost:
        description: Whether the lab host's kernel moves the packets. The default is V(true) with KVM and where C(/dev/vhost-net) exists.
        type: bool
      up:
        description: Whether the cable is plugged in, from the guest's point of view.
        type: bool
  seed:
    description:
      - The path of a NoCloud image, made for example by M(netvirt.lab.cloud_seed).
      - Without it, an image with cloud-init gets one that is made from the options below.
    type: path
  users:
    description:
      - The users of the guest.
      - Without any, the image's default user takes the O(authorized_keys).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The user's name.
        type: str
        required: true
      sudo:
        description: Whether the user may do everything by C(sudo), without a password.
        type: bool
        default: true
      authorized_keys:
        description: The SSH public keys that open this user's door, besides O(authorized_keys).
        type: list
        elements: str
        default: []
      hashed_password:
        description:
          - A password as a hash, as C(mkpasswd) or the filter P(ansible.builtin.password_hash#filter) makes it.
          - Without it the user has no password. If any user has one, sshd accepts passwords.
        type: str
  authorized_keys:
    description: SSH public keys for every user.
    type: list
    elements: str
    default: []
  hostname:
    description: The guest's host name. The default is the VM's name.
    type: str
  domain:
    description: The domain that follows the host name.
    type: str
  network:
    description: The addressing of the guest's interfaces. One that is not listed asks by DHCP.
    type: list
    elements: dict
    default: []
    suboptions:
      interface:
        description: The O(nics[].id) of the interface.
        type: str
        required: true
      method:
        description: How the interface gets its address.
        type: str
        choices: [dhcp, static, none]
        default: dhcp
      addresses:
        description: The addresses with prefix length, of both families. With O(network[].method=dhcp) they are in addition to the lease.
        type: list
        elements: str
        default: []
      gateway:
        description: The default router.
        type: str
      routes:
        description: Further routes.
        version_added: "0.2.0"
        type: list
        elements: dict
        default: []
        suboptions:
          to:
            description: The network, or V(default).
            type: str
            required: true
          via:
            description: The address of the next router.
            type: str
            required: true
      dns:
        description: The name servers.
        type: list
        elements: str
        default: []
      mtu:
        description: The MTU in bytes.
        type: int
  user_data:
    description:
      - Your own cloud-config, merged over the one that is made from the options above. Mappings are merged key by key, lists are joined
        (entries with the same C(name) are merged), a null takes the generated value away, anything else replaces it.
      - Values under names such as C(passwd) or C(token) are masked in diffs. The task's own output is not; use C(no_log) if it matters.
    type: dict
    default: {}
  extra_args:
    description: Further arguments for QEMU.
    type: list
    elements: str
    default: []
  stop_timeout:
    description: How many seconds a guest has to power down before QEMU is ended.
    type: float
    default: 30.0
  on_change:
    description:
      - What happens if a running VM differs from the options in something that takes a restart.
      - V(report) leaves it running, warns, and lists it in RV(restart_needed). This does not count as a change.
      - V(restart) powers the guest down and starts the VM as it is wanted.
      - States, link states and a larger disk are changed under the running guest in either case.
      - With V(report), NICs that are added are plugged into the running guest and those that are left out are unplugged, if O(machine)
        is V(q35) and has a free port. A guest is told of its addresses only when it starts, so V(restart) starts it anew instead.
    type: str
    choices: [report, restart]
    default: report
requirements:
  - qemu-system-x86_64 and qemu-img >= 6.0
  - pycdlib, for a seed
notes:
  - A changed seed is applied by the guest when it boots again. For cloud-init it is then a new machine, with new SSH host keys.
  - The disk is not synchronised to the platter while the guest runs, since a lab's disks are easily made again. A crash of the lab host
    itself can damage it.
seealso:
  - module: netvirt.lab.qemu_vm_info
  - module: netvirt.lab.cloud_seed
  - module: netvirt.lab.tap
"""

EXAMPLES = r"""
- name: Start a VM on a tap
  netvirt.lab.qemu_vm:
    name: legacy
    image: tiny
    memory: 192
    nics:
      - model: e1000
        tap: tap0

- name: Start two VMs from one image and let the lab's key in
  netvirt.lab.qemu_vm:
    image: debian-12
    authorized_keys:
      - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    vms:
      - name: web
        nics:
          - tap: tap1
        network:
          - interface: eth0
            method: static
            addresses: [192.168.100.10/24]
            gateway: 192.168.100.1
            dns: [192.168.100.1]
      - name: db
        disk_size: 8
        memory: 1024
        nics:
          - tap: tap2

- name: Unplug a cable
  netvirt.lab.qemu_vm:
    name: legacy
    image: tiny
    memory: 192
    nics:
      - model: e1000
        tap: tap0
        up: false

- name: Start two VMs that are wired with each other, one of them with a way out and a port that leads to its SSH
  netvirt.lab.qemu_vm:
    image: tiny
    memory: 192
    vms:
      - name: first
        nics:
          - backend: {type: user, hostfwd: ["tcp:127.0.0.1:2222-:22"]}
          - backend: {type: socket, listen: "127.0.0.1:24001"}
      - name: second
        nics:
          - backend: {type: socket, connect: "127.0.0.1:24001"}
          - model: pcnet
            backend: {type: none}

- name: Remove a VM with its disk
  netvirt.lab.qemu_vm:
    name: legacy
    state: absent

- name: Remove all VMs of a lab
  netvirt.lab.qemu_vm:
    lab: course
    vms: []
    purge: true
"""

RETURN = r"""
vms:
  description: The VMs as they are now. See M(netvirt.lab.qemu_vm_info) for what each has.
  returned: success
  type: list
  elements: dict
  sample:
    - name: legacy
      lab: adhoc
      state: running
      pid: 4711
      accel: tcg
      qmp_socket: /run/netvirt/adhoc/vm/legacy/qmp.sock
      console_socket: /run/netvirt/adhoc/vm/legacy/console.sock
restart_needed:
  description: What of running VMs differs and waits for a restart, by VM.
  returned: success
  type: dict
  sample:
    legacy: [memory]
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal
from ansible_collections.netvirt.lab.plugins.module_utils._vm_options import VM_OPTIONS, records
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_report import reports
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import notices, restart_needed, vm_goals


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vms": {"type": "list", "elements": "dict"},
            "purge": {"type": "bool", "default": False},
            "authorized_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            **VM_OPTIONS,
            **LAB_OPTIONS,
        },
        mutually_exclusive=[("name", "vms")],
        required_one_of=[("name", "vms")],
        supports_check_mode=True,
    )
    made: list[Goal[Any]] = []

    def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
        made.extend(vm_goals(records(options, module.no_log_values), options["lab"], options["authorized_keys"], options["purge"]))
        return made

    def result(changes: Sequence[Change[Any]]) -> dict[str, Any]:
        waiting = restart_needed(made)
        for name, fields in waiting.items():
            module.warn(f"VM '{name}' runs with another {', '.join(fields)} than wanted until it is restarted; on_change=restart does it.")
        for notice in notices(made):
            module.warn(notice)
        given = module.params["vms"]
        names = [module.params["name"]] if given is None else [entry["name"] for entry in given]
        return {"vms": reports(module.params["lab"], names), "restart_needed": waiting}

    run(module, goals, result)


if __name__ == "__main__":
    main()
