#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Manage the base images of guests
version_added: "0.1.0"
description:
  - Provides base images in the store of a lab host, C(/var/lib/netvirt/images), where all users may read them.
  - The images V(debian-12) and V(tiny) are built on the lab host from Debian packages, with the mirrors and proxies of its own apt where
    those lead to Debian. They are built again when their recipe, that is this collection, has changed.
  - So is an image of your own that is V(debian-12) with more Debian packages, see O(extra); it is built again also when its packages are
    others. Guests of these images send nothing by themselves. Services that packages bring start as in Debian, but no timer does, and none
    of those that look for time servers, updates or neighbours (chrony, unattended-upgrades, avahi-daemon, for example) until they are
    unmasked.
  - Other images are downloaded. A broken transfer goes on where it stopped, now or in the next run, and nothing is used whose checksum is
    wrong. Proxies are taken from the environment (C(http_proxy), C(https_proxy), C(no_proxy)).
  - Several images that lack are built side by side.
  - An image of the store is never written by a guest, and one that a VM's disk is based on stays as long as the disk.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes
options:
  name:
    description:
      - The image, by its name in the catalogue or in O(extra). M(netvirt.lab.image_info) lists the catalogue.
      - Of the catalogue's, V(debian-12) is a full system with cloud-init, and V(tiny) a guest that answers SSH in seconds also where there
        is no KVM, but has neither cloud-init nor Python.
    type: str
  names:
    description: Several images, as O(name).
    type: list
    elements: str
  state:
    description: Whether the lab host has the images.
    type: str
    choices: [present, absent]
    default: present
  url:
    description:
      - Where to download the image called O(name) from, which need not be in the catalogue then. It is a disk with cloud-init in the format
        raw or qcow2; if the URL ends in C(.xz) or C(.gz) it is decompressed.
    type: str
  sha256:
    description: The SHA-256 checksum of what the O(url) gives.
    type: str
  user:
    description: The user that the image at O(url) is made for.
    type: str
  extra:
    description:
      - Images of your own, by name. Each has either C(url) and one of C(sha256), C(sha512) or C(checksum_url), the https address of the
        publisher's list of checksums, or C(path), the absolute path of a file on the lab host, which stays where it is.
      - Optional keys are C(user), C(python) (the path of its interpreter), C(boot) (V(disk) or V(kernel)), C(cloud_init) and C(memory)
        (MiB).
      - Or each has C(from), which is V(debian-12), and C(packages), the names of the Debian packages to add; optional keys are C(boot) and
        C(memory). The rest is as for V(debian-12).
    type: dict
    default: {}
  force:
    description:
      - Builds or downloads the images again, also if nothing has changed, for newer packages or a newer release at the same address.
      - With O(state=absent), removes images that disks of VMs are based on, which are useless then.
    type: bool
    default: false
notes:
  - An image takes up to 0.7 GB, and building it 1.5 GB more for a minute; more packages take more. To build, the lab host must be an
    x86-64 machine.
requirements:
  - apt, dpkg, e2fsprogs, kmod and mmdebstrap, to build
seealso:
  - module: netvirt.lab.image_info
  - module: netvirt.lab.qemu_vm
"""

EXAMPLES = r"""
- name: Provide the image that VMs have by default
  netvirt.lab.image:
    name: debian-12

- name: Provide two images, built side by side
  netvirt.lab.image:
    names: [debian-12, tiny]

- name: Provide an image of one's own
  netvirt.lab.image:
    name: firewall
    url: https://images.example.com/firewall-1.4.qcow2.xz
    sha256: 8c7dd922ad47494fc02c388e12c00eac278d0a5a8f2a0a8ed2e0cc5b9b0d1f1c
    user: admin

- name: Use a disk image that the lab host has already
  netvirt.lab.image:
    name: router
    extra:
      router:
        path: /srv/images/router.qcow2
        user: vyos

- name: Build an image that has more packages
  netvirt.lab.image:
    name: router
    extra:
      router:
        from: debian-12
        packages: [bird2, tcpdump]

- name: Remove an image
  netvirt.lab.image:
    name: ubuntu-24.04
    state: absent
"""

RETURN = r"""
images:
  description:
    - The images of O(name) or O(names) that the store has at the end, in the order of the option.
    - Paths that an image does not have are null. C(size) is what the files take, in bytes.
  returned: success
  type: list
  elements: dict
  sample:
    - boot: kernel
      cloud_init: true
      cmdline: root=LABEL=netvirt-root console=ttyS0 quiet
      digest: sha256:7b69df9bf45c3c8b6ca473d09a9e8f2c254e9952457b13c594bf90342ece9633
      directory: /var/lib/netvirt/images/debian-12
      disk: /var/lib/netvirt/images/debian-12/disk-bbc65120.raw
      disk_format: raw
      initrd: /var/lib/netvirt/images/debian-12/initrd-bbc65120
      kernel: /var/lib/netvirt/images/debian-12/vmlinux-bbc65120
      memory: 512
      name: debian-12
      python: /usr/bin/python3
      size: 523804672
      user: debian
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported, require_root
from ansible_collections.netvirt.lab.plugins.module_utils._plan import diff
from ansible_collections.netvirt.lab.plugins.module_utils.images import catalogue, keep

_OWN = ("url", "sha256", "user")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "names": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **{option: {"type": "str"} for option in _OWN},
            "extra": {"type": "dict", "default": {}},
            "force": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("name", "names"), *((option, "names") for option in _OWN)],
        required_one_of=[("name", "names")],
        required_by={"sha256": ("url",), "user": ("url",)},
        supports_check_mode=True,
    )
    options = module.params
    names = list(dict.fromkeys(options["names"] or [options["name"]])) if options["names"] != [] else []
    with reported(module):
        absent = options["state"] == "absent"
        wanted = [] if absent else [catalogue.find(name, entries(options)) for name in names]
        changes = keep.plan(wanted, names if absent else (), options["force"])
        if changes and not module.check_mode:
            require_root("This module writes to the image store")
            changes = keep.converge(wanted, names if absent else (), options["force"], check=False)
        images = [found for name in names if (found := keep.report(name)) is not None]
    module.exit_json(changed=bool(changes), diff=diff(changes), images=images)


def entries(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's own images, with the one that the options describe by themselves."""
    single = {option: options[option] for option in _OWN if options[option] is not None}
    return {**options["extra"], **({options["name"]: single} if single else {})}


if __name__ == "__main__":
    main()
