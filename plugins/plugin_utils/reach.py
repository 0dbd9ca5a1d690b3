# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches the nodes of a lab: connection variables, from what is known of the lab host. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils.topology.model import Node, Topology
from ansible_collections.netvirt.lab.plugins.module_utils.topology.resolve.guest import image_of, login, user_of

Variables = dict[str, Any]

# Guests come and go under the same addresses: host keys tell nothing, and a connection to a guest that is gone must end soon.
_PASSING = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR "
    "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
)


def connection(host: Mapping[str, Any]) -> Variables:
    """Return those of a host's variables that say how it is reached, without those by which one becomes root there."""
    return {key: value for key, value in host.items() if key.startswith("ansible_") and not key.startswith("ansible_become")}


def through_host(name: str, host: Mapping[str, Any]) -> Variables:
    """Return how to reach what lives on the lab host itself."""
    return {**host, "ansible_host": host.get("ansible_host", name)}


def in_namespace(name: str, host: Mapping[str, Any]) -> Variables:
    """Return how to reach the namespaces of a lab host; each one's ``ansible_netns`` says which."""
    return {**through_host(name, host), "ansible_become": True, "ansible_become_method": "netvirt.lab.netns", "ansible_pipelining": True}


def space(described: Mapping[str, Any]) -> Variables:
    """Return what is a namespace's own; a container has files of its own, among which it sees those that Ansible sends to this place."""
    variables: Variables = {"ansible_netns": described["netns"]}
    if "enter" in described:
        variables.update(ansible_netns_enter=described["enter"], ansible_remote_tmp=f"{described['enter'].rpartition('/')[0]}/shared/tmp")
    return variables


def to_guests(name: str, host: Mapping[str, Any], key: str) -> Variables:
    """Return how to reach the guests of a lab host, all alike."""
    arguments = _PASSING
    if host.get("ansible_connection", "ssh") != "local":
        arguments += " -o " + shlex.quote(f"ProxyCommand={jump(name, host)}")
    return {
        "ansible_connection": "ssh",
        "ansible_ssh_common_args": arguments,
        "ansible_ssh_private_key_file": key,
        "ansible_pipelining": True,
    }


def jump(name: str, host: Mapping[str, Any]) -> str:
    """Return the command that gives ssh a way to a guest through its lab host."""
    argv = ["ssh", "-W", "%h:%p"]
    for option, variable in (("-p", "ansible_port"), ("-l", "ansible_user"), ("-i", "ansible_ssh_private_key_file")):
        if host.get(variable):
            argv += [option, str(host[variable])]
    extra = " ".join(str(host[variable]) for variable in ("ansible_ssh_common_args", "ansible_ssh_extra_args") if host.get(variable))
    # What is in them for ssh to fill in, such as %h in a ProxyCommand, is for the lab host and not for the guest (ssh_config(5), TOKENS).
    extra = extra.replace("%", "%%")
    return " ".join([shlex.join(argv), *([extra] if extra else []), shlex.quote(str(host.get("ansible_host", name)))])


def guest(node: Node, topology: Topology) -> Variables:
    """Return what is a guest's own: how its SSH is reached from the lab host, its user, its interpreter."""
    if node.guest is None:
        return {}
    variables: Variables = {"ansible_user": user_of(node.guest, topology)}
    way = login(node, topology)
    if way:
        variables["ansible_host"] = way[0]
        if way[1] != 22:
            variables["ansible_port"] = way[1]
    python = image_of(node.guest, topology).python
    if python:
        variables["ansible_python_interpreter"] = python
    return variables
