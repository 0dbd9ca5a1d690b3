# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_key
short_description: The SSH key pair of a lab
version_added: "0.1.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns the public key by which Ansible logs in to the guests of a lab. The pair is made on first use and kept on the machine that
    Ansible runs on, in C($XDG_DATA_HOME/netvirt/LAB) or C(~/.local/share/netvirt/LAB).
options:
  _terms:
    description: The names of labs.
    type: list
    elements: str
    required: true
  part:
    description:
      - What to return of the pair.
      - V(public) and V(private) are the keys themselves, V(path) is the path of the private one.
    type: str
    choices: [public, private, path]
    default: public
  create:
    description:
      - Whether to make the pair if there is none.
      - Where there is none and none is made, as is right in check mode, the result is empty; but V(path) is always known.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show the public key of a lab
  ansible.builtin.debug:
    msg: "{{ lookup('netvirt.lab.lab_key', 'ovs-kvm') }}"

- name: Log in to a guest of a lab
  ansible.builtin.command: ssh -i {{ lookup('netvirt.lab.lab_key', 'ovs-kvm', part='path') }} debian@192.168.100.86 true
  changed_when: false

- name: Look at the key without making one
  ansible.builtin.debug:
    msg: "{{ lookup('netvirt.lab.lab_key', 'ovs-kvm', create=not ansible_check_mode) }}"
"""

RETURN = r"""
_raw:
  description: For each lab what O(part) says; nothing for a lab without keys.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.plugin_utils.keys import private_key, public_text


class LookupModule(LookupBase):
    """The SSH key pair of a lab."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return a part of the key pair of each lab."""
        self.set_options(var_options=variables, direct=kwargs)
        part, create = self.get_option("part"), self.get_option("create")
        found = []
        try:
            for lab in terms:
                public = public_text(lab, create)
                if part == "path":
                    found.append(str(private_key(lab)))
                elif public is not None:
                    found.append(public if part == "public" else private_key(lab).read_text(encoding="ascii"))
        except (LabError, OSError) as error:
            raise AnsibleLookupError(str(error)) from error
        return found
