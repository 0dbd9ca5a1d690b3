#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_seed
short_description: Manage cloud-init seeds
version_added: "0.1.0"
description:
  - Writes an ISO 9660 image with the volume label C(cidata), from which cloud-init's NoCloud data source takes a guest's configuration.
  - An existing seed is compared by what it holds, not by its bytes, and is written whole or not at all.
  - The documents are checked by C(cloud-init schema) where cloud-init is installed on the lab host, and by the module's own checks.
  - The image carries the mark of its O(lab). An image or file without it is not touched unless O(adopt) is set.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.lab
  - netvirt.lab.attributes
options:
  path:
    description: The path of the image on the lab host. Its directory must exist.
    type: path
    required: true
  state:
    description: Whether the image exists.
    type: str
    choices: [present, absent]
    default: present
  user_data:
    description:
      - The user-data, either a mapping, which is written as cloud-config, or text with a header such as C(#cloud-config) or C(#!).
      - The default is an empty cloud-config.
      - Values under names such as C(passwd) or C(token), and password hashes, are masked in diffs. Text that has such a name is masked
        whole. The task's own arguments are not masked; use C(no_log) if it matters.
    type: raw
  user_data_file:
    description: A file on the lab host with the user-data.
    type: path
  meta_data:
    description:
      - The meta-data, either a mapping or text.
      - A mapping without C(instance-id) gets one that is derived from the other documents. Cloud-init applies a seed again when its
        C(instance-id) is another one, so a changed seed is applied at the next boot and an unchanged one is not.
    type: raw
  meta_data_file:
    description: A file on the lab host with the meta-data.
    type: path
  network_config:
    description:
      - The network configuration, version 1 or 2, either a mapping or text. Omitted, cloud-init asks by DHCP on the first interface.
      - Match interfaces by C(macaddress); what a guest calls them depends on its hardware.
    type: raw
  network_config_file:
    description: A file on the lab host with the network configuration.
    type: path
  hostname:
    description: The guest's host name, written to the meta-data as C(local-hostname) unless that has one.
    type: str
  owner:
    description: The user who owns the image, by name or number.
    type: str
  group:
    description:
      - The group of the image, by name or number.
      - A new image belongs to the group C(netvirt), which QEMU runs as, where that exists.
    type: str
  mode:
    description:
      - The permissions of the image, as an octal number in quotes. A new image has V(0640), since it may hold password hashes.
    type: str
requirements:
  - pycdlib
seealso:
  - module: netvirt.lab.qemu_vm
"""

EXAMPLES = r"""
- name: Make a seed
  netvirt.lab.cloud_seed:
    path: /var/tmp/web.iso
    hostname: web
    user_data:
      ssh_authorized_keys:
        - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"

- name: Make a seed with a static address
  netvirt.lab.cloud_seed:
    path: /var/tmp/db.iso
    hostname: db
    user_data:
      manage_etc_hosts: true
      packages: [postgresql]
    network_config:
      version: 2
      ethernets:
        lan:
          match:
            macaddress: "52:54:00:00:00:0a"
          addresses: [192.168.100.10/24]
          routes:
            - to: 0.0.0.0/0
              via: 192.168.100.1
          nameservers:
            addresses: [192.168.100.1]

- name: Remove a seed
  netvirt.lab.cloud_seed:
    path: /var/tmp/web.iso
    state: absent
"""

RETURN = r"""
path:
  description: The path of the image.
  returned: success
  type: str
  sample: /var/tmp/web.iso
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._interface import group_id, user_id
from ansible_collections.netvirt.lab.plugins.module_utils._module import LAB_OPTIONS, run
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal
from ansible_collections.netvirt.lab.plugins.module_utils.resources._seed_documents import documents
from ansible_collections.netvirt.lab.plugins.module_utils.resources.seed import SeedDriver, seed

_DOCUMENTS = ("user_data", "meta_data", "network_config")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **{name: {"type": "raw"} for name in _DOCUMENTS},
            **{f"{name}_file": {"type": "path"} for name in _DOCUMENTS},
            "hostname": {"type": "str"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str"},
            **LAB_OPTIONS,
        },
        mutually_exclusive=[(name, f"{name}_file") for name in _DOCUMENTS],
        supports_check_mode=True,
    )
    run(module, goals, lambda changes: {"path": module.params["path"]})


def goals(options: Mapping[str, Any]) -> list[Goal[Any]]:
    path = os.path.abspath(options["path"])
    if options["state"] == "absent":
        return [Goal(SeedDriver(), absent=(path,))]
    owner, group = user_id(options["owner"]), group_id(options["group"])
    return [Goal(SeedDriver(), want=(seed(path, options["lab"], documents(options), owner, group, options["mode"]),))]


if __name__ == "__main__":
    main()
