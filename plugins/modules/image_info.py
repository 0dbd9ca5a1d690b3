#!/usr/bin/python
# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: List the base images of guests
version_added: "0.1.0"
description:
  - Lists the images in the store of a lab host, and the names in the catalogue. It needs no privileges.
author: netvirt.lab authors (@netvirt)
extends_documentation_fragment:
  - netvirt.lab.attributes.info
options:
  name:
    description: List this image only.
    type: str
seealso:
  - module: netvirt.lab.image
"""

EXAMPLES = r"""
- name: List the images
  netvirt.lab.image_info:

- name: Look one up
  netvirt.lab.image_info:
    name: tiny
  register: tiny
"""

RETURN = r"""
images:
  description:
    - The images in the store, sorted by name.
    - Paths that an image does not have are null. C(size) is what the files take, in bytes. C(used_by) lists the disks of VMs that are based
      on the image.
  returned: success
  type: list
  elements: dict
  sample:
    - boot: kernel
      cloud_init: false
      cmdline: console=ttyS0 quiet
      digest: sha256:490aeeaba6682acccc3025fa13e4a5e443151f647b1d373926343dde81efe2a5
      directory: /var/lib/netvirt/images/tiny
      disk: null
      disk_format: null
      initrd: /var/lib/netvirt/images/tiny/initrd-5e1d9f03
      kernel: /var/lib/netvirt/images/tiny/vmlinux-5e1d9f03
      memory: 192
      name: tiny
      python: null
      size: 85225472
      used_by: []
      user: root
catalogue:
  description: The names of all images that M(netvirt.lab.image) knows by itself.
  returned: success
  type: list
  elements: str
  sample: [alpine-3.23, debian-12, debian-12-cloud, debian-13-cloud, fedora-43, rocky-9, tiny, ubuntu-22.04, ubuntu-24.04]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.netvirt.lab.plugins.module_utils._module import reported
from ansible_collections.netvirt.lab.plugins.module_utils.images import keep, store
from ansible_collections.netvirt.lab.plugins.module_utils.images.catalogue import CATALOGUE


def main() -> None:
    module = AnsibleModule(argument_spec={"name": {"type": "str"}}, supports_check_mode=True)
    name = module.params["name"]
    with reported(module):
        names = [each for each in store.names() if name in (None, each)]
        found = [report for each in names if (report := keep.report(each)) is not None]
        images = [{**report, "used_by": [disk for disks in store.in_use(report["name"]).values() for disk in disks]} for report in found]
    module.exit_json(changed=False, images=images, catalogue=sorted(CATALOGUE))


if __name__ == "__main__":
    main()
