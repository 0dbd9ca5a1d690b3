# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ssh_config
short_description: A configuration for ssh from the variables of hosts
version_added: "0.2.0"
author: netvirt.lab authors (@netvirt)
description:
  - Returns the text of a file by which plain C(ssh -F FILE HOST) reaches hosts as Ansible does, through the lab host where that is needed.
  - The playbook C(site.yml) writes it for the guests of a lab beside the lab's key.
  - A host without C(ansible_host) is left out, as it is nowhere to be reached.
options:
  _input:
    description: The variables of each host.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: netvirt.lab.topology
    plugin_type: inventory
  - plugin: netvirt.lab.lab_key
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Write how to log in to the guests of a lab
  ansible.builtin.copy:
    content: "{{ groups.vms | map('extract', hostvars) | netvirt.lab.ssh_config }}"
    dest: ~/lab.ssh_config
    mode: "0600"
"""

RETURN = r"""
_value:
  description: The text of the file, see C(ssh_config(5\)).
  type: str
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_WORDS = {"ansible_host": "HostName", "ansible_port": "Port", "ansible_user": "User", "ansible_ssh_private_key_file": "IdentityFile"}


def ssh_config(hosts: Iterable[Mapping[str, Any]]) -> str:
    """Return a configuration for ssh that reaches the hosts."""
    blocks = ["\n".join(_block(host)) + "\n" for host in hosts if host.get("ansible_host")]
    return "\n".join(["# Written by netvirt.lab: ssh -F THIS_FILE HOST\n", *blocks])


def _block(host: Mapping[str, Any]) -> Iterator[str]:
    yield f"Host {host['inventory_hostname']}"
    for variable, word in _WORDS.items():
        if host.get(variable):
            yield f"    {word} {_quoted(str(host[variable])) if word == 'IdentityFile' else host[variable]}"
    if host.get("ansible_ssh_private_key_file"):
        yield "    IdentitiesOnly yes"
    words = shlex.split(str(host.get("ansible_ssh_common_args") or ""))
    for flag, setting in zip(words, words[1:]):
        if flag == "-o":
            word, _equals, value = setting.partition("=")
            yield f"    {word} {value}"


def _quoted(path: str) -> str:
    """Return a path as ssh_config(5) wants it: percent signs begin tokens, and blanks end words."""
    return '"' + path.replace("%", "%%") + '"'


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"ssh_config": ssh_config}
