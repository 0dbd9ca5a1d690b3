# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Run tasks inside a network namespace of the connected host
version_added: "0.1.0"
author: netvirt.lab authors (@netvirt)
description:
  - Runs every command of a task by C(ip netns exec) in a network namespace of the host that the connection leads to, whatever connection
    plugin that is; for a container of a lab, in all of its namespaces. Pipelining, copying, fetching and asynchronous tasks work as
    without it.
  - A namespace that does not exist is unreachable, over SSH and on the machine that Ansible runs on; nothing ever runs outside of it.
  - A user other than root needs C(sudo) without a password on the host, as entering a namespace is root's privilege.
options:
  netns:
    description: The name of the network namespace, as in C(ip netns list).
    type: str
    required: true
    vars:
      - name: ansible_netns
  enter:
    description: The path of the script that enters all namespaces of a container, where C(ip netns exec) would enter one only.
    type: str
    default: ''
    vars:
      - name: ansible_netns_enter
  become_user:
    description: The user to be inside the namespace. One other than V(root) needs pipelining, as Ansible's files are root's.
    type: str
    default: root
    keyword:
      - name: become_user
    vars:
      - name: ansible_netns_user
  become_exe:
    description: What a login user other than root becomes root by.
    type: str
    default: sudo -n
    vars:
      - name: ansible_netns_exe
  connection:
    description: How the lab host is reached. On the machine that Ansible runs on, the plugin itself sees whether the namespace is there.
    type: str
    default: ssh
    vars:
      - name: ansible_connection
    version_added: "0.6.0"
  become_flags:
    description: Is not used.
    type: str
    default: ''
  become_pass:
    description: Is not used.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Show the addresses of a namespace that no lab manages
  ansible.builtin.command: ip address
  become: true
  become_method: netvirt.lab.netns
  vars:
    ansible_netns: ns1
  changed_when: false
"""

import os
import shlex
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.become import BecomeBase


class BecomeModule(BecomeBase):
    """Enter a network namespace."""

    name = "netvirt.lab.netns"

    def get_option(self, option: str, hostvars: Any = None, playcontext: Any = None) -> Any:
        """Return the value of an option, but never say who the user is."""
        # Where it is the login user, Ansible takes the way into the namespace for needless and runs the task outside
        # (ansible/plugins/action/__init__.py, _low_level_execute_command).
        return "" if option == "become_user" else super().get_option(option, hostvars=hostvars, playcontext=playcontext)

    def build_become_command(self, cmd: str, shell: Any) -> str:
        """Return cmd inside the namespace, as a line for sh(1)."""
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        script = self.get_option("enter")
        # Over SSH a namespace that is not there looks like a connection that failed; here it would look like a module that did.
        netns = self.get_option("netns")
        if self.get_option("connection").rpartition(".")[2] == "local" and not os.path.exists(f"/run/netns/{netns}"):
            raise AnsibleConnectionFailure(f"There is no network namespace '{netns}' on this machine.")
        enter = ["sh", script] if script else ["ip", "netns", "exec", netns]
        user = super().get_option("become_user")
        if user != "root":
            enter += ["runuser", "-u", user, "--"]
        # Only the host knows who logged in: root may have no sudo, and needs none.
        privilege = f'$([ "$(id -u)" = 0 ] || echo {shlex.quote(self.get_option("become_exe"))})'
        return f"{privilege} {shlex.join(enter)} {self._build_success_command(cmd, shell)}"
