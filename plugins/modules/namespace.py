#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: namespace
short_description: Manage namespaces of all kinds
version_added: "0.1.0"
description:
  - Creates and removes namespaces of any of the eight kinds under one name, as namespaces(7) describes them. Bind mounts in a directory
    of the lab keep them, so no process is needed; only a pid namespace has one, its process 1, which does nothing but reap orphans.
  - The network namespace is one that C(ip netns) knows by the same name.
  - O(hostname), O(cpus) and O(memory) are changed in place. Every other change makes all namespaces of the name anew, which ends the
    processes in its pid namespace. So does the end of process 1, which the next run repairs.
  - A container with files of its own is nothing else than all of these.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  name:
    description: Their name, up to 100 letters, digits, C(-), C(_) or C(.), beginning with a letter or digit.
    type: str
    required: true
  state:
    description:
      - Whether they exist.
      - Processes in namespaces that are removed keep these alive until they end, but for those in a pid namespace, which are killed.
    type: str
    choices: [present, absent]
    default: present
  kinds:
    description: The kinds. They are required with O(state=present).
    type: list
    elements: str
    choices: [uts, mnt, pid, net, user, ipc, cgroup, time]
  hostname:
    description: The host name in the V(uts) namespace. Without it a new one has the lab host's, and one that is there keeps what it has.
    type: str
  mounts:
    description: What is mounted in the V(mnt) namespace only, V(tmpfs) or a path of the host, by absolute paths, which must exist.
    type: dict
  rootfs:
    description:
      - A directory that is the tree of files in the V(mnt) namespace. It needs the kind V(pid) too.
      - Without it the tree is the host's.
    type: path
  overlay:
    description:
      - Whether O(rootfs) is left as it is, and what is written is kept in memory until the namespaces are removed.
      - A tree without an overlay is shared by all who use it.
    type: bool
    default: true
  uid_map:
    description:
      - The users of the V(user) namespace, for which it is required. Each line has the first number inside, the first one outside, and
        how many there are, as in V(0 100000 65536).
    type: list
    elements: str
  gid_map:
    description: The groups of the V(user) namespace. The default are the numbers of O(uid_map).
    type: list
    elements: str
  boottime:
    description: How many seconds longer the machine seems to be up in the V(time) namespace.
    type: int
    default: 0
  monotonic:
    description: By how many seconds the monotonic clock is later in the V(time) namespace.
    type: int
    default: 0
  cpus:
    description:
      - How many CPUs' time the processes may use that enter by RV(enter), such as V(0.5). V(0) is no limit; without it none is set or
        removed.
      - It is a limit of a control group of either version. Where none is to be had the module fails before it changes anything.
    type: float
  memory:
    description: How many MiB of memory these processes may use. V(0) is no limit; without it none is set or removed.
    type: int
seealso:
  - module: netvirt.lab.netns
"""

EXAMPLES = r"""
- name: Have a host name that is nobody else's
  netvirt.lab.namespace:
    name: blue
    kinds: [uts]
    hostname: blue.example

- name: Have processes of its own, a network, and a place for files that nobody else sees
  netvirt.lab.namespace:
    name: cell
    kinds: [mnt, pid, net]
    mounts: {/mnt: tmpfs}

- name: Have a root who is nobody outside, on a machine that seems to be up for a day longer
  netvirt.lab.namespace:
    name: cell
    kinds: [uts, mnt, pid, net, user, ipc, cgroup, time]
    uid_map: [0 100000 65536]
    boottime: 86400

- name: Remove them
  netvirt.lab.namespace:
    name: cell
    state: absent
"""

RETURN = r"""
enter:
  description: The script that runs a command, or a shell, in all of the namespaces, and under their limits. Give it to C(sh).
  returned: success
  type: str
  sample: /run/netvirt/adhoc/spaces/cell/enter
paths:
  description: The files that hold the namespaces, by kind, as C(nsenter) takes them.
  returned: O(state=present)
  type: dict
  sample: {mnt: /run/netvirt/adhoc/spaces/cell/mnt, net: /run/netns/cell, pid: /run/netvirt/adhoc/spaces/cell/pid}
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._paths import enter_script, space_dir
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources._space_model import space_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.space import SpaceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import NETNS, checked


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "kinds": {"type": "list", "elements": "str", "choices": ["uts", "mnt", "pid", "net", "user", "ipc", "cgroup", "time"]},
            "hostname": {"type": "str"},
            "mounts": {"type": "dict"},
            "rootfs": {"type": "path"},
            "overlay": {"type": "bool", "default": True},
            "uid_map": {"type": "list", "elements": "str"},
            "gid_map": {"type": "list", "elements": "str"},
            "boottime": {"type": "int", "default": 0},
            "monotonic": {"type": "int", "default": 0},
            "cpus": {"type": "float"},
            "memory": {"type": "int"},
            **LAB_OPTIONS,
        },
        required_if=[("state", "present", ["kinds"])],
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: result(module.params))


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    name, lab = checked(options["name"], "name"), options["lab"]
    if options["state"] == "absent":
        return [Goal(SpaceDriver(), absent=(name,))]
    network = (Namespace(name, lab, held=True),) if "net" in options["kinds"] else ()
    return [Goal(SpaceDriver(), want=(space_from(options, lab),)), Goal(NamespaceDriver(), want=network)]


def result(options: Mapping[str, Any]) -> dict[str, Any]:
    name, lab = options["name"], options["lab"]
    held = space_dir(lab, name)
    paths = {kind: str(NETNS / name if kind == "net" else held / kind) for kind in options["kinds"] or ()}
    return {"enter": str(enter_script(lab, name)), **({"paths": paths} if options["state"] == "present" else {})}


if __name__ == "__main__":
    main()
