# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_network_config
short_description: Write a lab's Linux bridges as the machine's own network configuration
version_added: "0.3.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns the configuration files by which the program that sets up a machine's network when it starts makes the Linux bridges of
    a lab, with their addresses and those of their ports that are interfaces of the machine.
  - This is for bridges that are to stay without the lab. Namespaces, guests, Open vSwitch, DHCP and NAT are nothing that such a program
    could make; the key C(persist) of a topology brings a whole lab back. Use one of the two, as a lab does not touch a bridge that
    is not its own.
  - It fails for a bridge with other settings than C(stp), C(forward_delay), C(hello_time), C(max_age), C(ageing_time) and C(priority),
    and for an uplink whose addresses move to the bridge.
options:
  _input:
    description: A share, such as C(netvirt_share).
    type: dict
    required: true
  form:
    description:
      - The program that is to read the files.
      - V(ifcfg) is what Fedora and RHEL had before NetworkManager's own files.
    type: str
    required: true
    choices: [networkd, netplan, ifupdown, networkmanager, ifcfg]
seealso:
  - plugin: netvirt.lab.share
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the lab's bridges for systemd-networkd
  ansible.builtin.copy:
    dest: "{{ item.key }}"
    content: "{{ item.value }}"
    mode: "0644"
  loop: "{{ netvirt_share | netvirt.lab.host_network_config('networkd') | dict2items }}"
"""

RETURN = r"""
_value:
  description: The content of each file, by its path. The files of NetworkManager and netplan must have the mode 0600.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.plugin_utils.host_network import FORMS, rendered


def host_network_config(share: Mapping[str, Any], form: str) -> dict[str, str]:
    """Return configuration files by their paths. Raise AnsibleFilterError."""
    if form not in FORMS:
        raise AnsibleFilterError(f"host_network_config has no form '{form}'; it has {', '.join(FORMS)}.")
    try:
        return rendered(share, form)
    except LabErrors as error:
        raise AnsibleFilterError("\n".join(error.problems)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"host_network_config": host_network_config}
