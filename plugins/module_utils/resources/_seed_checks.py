# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the documents of a seed, as far as it can be told without cloud-init."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# cloudinit/user_data.py and handlers: how the first line says what the rest is.
_HEADERS = (
    "#cloud-config",
    "#!",
    "## template: jinja",
    "Content-Type:",
    "MIME-Version:",
    "#include",
    "#cloud-boothook",
    "#part-handler",
)
_TYPES: dict[str, tuple[type, ...]] = {
    "bootcmd": (list,),
    "chpasswd": (dict,),
    "disable_root": (bool,),
    "fqdn": (str,),
    "growpart": (dict,),
    "hostname": (str,),
    "manage_etc_hosts": (bool, str),
    "mounts": (list,),
    "network": (dict,),
    "package_update": (bool,),
    "package_upgrade": (bool,),
    "packages": (list,),
    "password": (str,),
    "power_state": (dict,),
    "preserve_hostname": (bool,),
    "resolv_conf": (dict,),
    "runcmd": (list,),
    "ssh_authorized_keys": (list,),
    "ssh_keys": (dict,),
    "ssh_pwauth": (bool, str),
    "system_info": (dict,),
    "timezone": (str,),
    "users": (list, dict, str),
    "write_files": (list,),
}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


def user_data_problems(data: Any) -> list[str]:
    """Say what is wrong with user-data, a structure or text."""
    if isinstance(data, str):
        if data and not data.startswith(_HEADERS):
            return ["user_data: its first line does not say what it is; begin with '#cloud-config', '#!' or another header of cloud-init."]
        return []
    problems = [
        f"user_data.{key}: it must be {_names(_TYPES[key])}, not {_names((type(value),))}."
        for key, value in data.items()
        if key in _TYPES and value is not None and not isinstance(value, _TYPES[key])
    ]
    users = data.get("users")
    for number, user in enumerate(users if isinstance(users, list) else ()):
        if isinstance(user, Mapping) and not user.get("name") and "snapuser" not in user:
            problems.append(f"user_data.users[{number}]: it has no name.")
    files = data.get("write_files")
    for number, file in enumerate(files if isinstance(files, list) else ()):
        if not isinstance(file, Mapping) or not file.get("path"):
            problems.append(f"user_data.write_files[{number}]: it has no path.")
    return problems


def meta_data_problems(data: Any) -> list[str]:
    """Say what is wrong with meta-data, a structure or text."""
    if isinstance(data, str):
        found = re.search(r"""^["{ ]*instance-id["']?\s*:\s*\S""", data, re.MULTILINE)
        return [] if found else ["meta_data: it has no instance-id, without which cloud-init ignores the seed."]
    if not str(data.get("instance-id") or ""):
        return ["meta_data.instance-id: it is empty, and cloud-init ignores such a seed; leave it out to have one made."]
    return []


def network_config_problems(data: Any) -> list[str]:
    """Say what is wrong with a network configuration of version 1 or 2, if it is a structure."""
    if isinstance(data, str) or not data:
        return []
    inner = data.get("network", data)
    version = inner.get("version")
    if version not in (1, 2):
        return [f"network_config.version: it must be 1 or 2, not {version!r}."]
    if version == 1:
        return [] if isinstance(inner.get("config"), list) else ["network_config.config: version 1 has a list of devices there."]
    ethernets = inner.get("ethernets") or {}
    if not isinstance(ethernets, Mapping):
        return ["network_config.ethernets: it must be a mapping of names."]
    return [problem for name, entry in ethernets.items() for problem in _ethernet_problems(name, entry)]


def _ethernet_problems(name: str, entry: Any) -> list[str]:
    path = f"network_config.ethernets.{name}"
    if not isinstance(entry, Mapping):
        return [f"{path}: it must be a mapping."]
    problems = []
    match = entry.get("match") or {}
    mac = match.get("macaddress")
    if mac is not None and not _MAC.fullmatch(str(mac)):
        problems.append(f"{path}.match.macaddress: '{mac}' is no MAC address.")
    if "set-name" in entry and not match:
        problems.append(f"{path}.set-name: it needs a match, best by macaddress.")
    switches = ("dhcp4", "dhcp6")
    problems += [f"{path}.{key}: it must be true or false." for key in switches if entry.get(key, False) not in (True, False, "yes", "no")]
    if not isinstance(entry.get("addresses") or [], list):
        problems.append(f"{path}.addresses: it must be a list.")
    return problems


def _names(types: tuple[type, ...]) -> str:
    words = {list: "a list", dict: "a mapping", str: "text", bool: "true or false"}
    return " or ".join(words.get(kind, f"of type {kind.__name__}") for kind in types)
