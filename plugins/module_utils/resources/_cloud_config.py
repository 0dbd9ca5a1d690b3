# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloud-init's configuration of a guest, as structures and as text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._errors import LabErrors

# crypt(5): $id$salt$hash and friends; what is not that would be a password in plain text.
_HASH = re.compile(r"\$[0-9a-z]+\$.+")
HEADER = "#cloud-config\n"


def user_data(vm: Mapping[str, Any], authorized_keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return the cloud-config of a VM record, the user's own user_data merged over it. Raise LabErrors.

    The keys open every user's door; without users they are for the image's default user.
    """
    users = vm.get("users") or []
    plain = [user["name"] for user in users if user.get("hashed_password") and not _HASH.match(user["hashed_password"])]
    if plain:
        raise LabErrors(
            f"The hashed_password of user '{name}' of VM '{vm['name']}' is no hash; "
            "give one that 'mkpasswd' or the filter password_hash has made."
            for name in plain
        )
    hostname = vm.get("hostname") or vm["name"]
    generated: dict[str, Any] = {"hostname": hostname, "manage_etc_hosts": True}
    if users:
        generated["users"] = [_user(user, authorized_keys) for user in users]
    elif authorized_keys:
        generated["ssh_authorized_keys"] = list(authorized_keys)
    if vm.get("domain"):
        generated["fqdn"] = f"{hostname}.{vm['domain']}"
    if any(user.get("hashed_password") for user in users):
        generated["ssh_pwauth"] = True
    config: dict[str, Any] = merged(generated, vm.get("user_data") or {})
    return config


def _user(user: Mapping[str, Any], authorized_keys: Sequence[str]) -> dict[str, Any]:
    password = user.get("hashed_password")
    config: dict[str, Any] = {"name": user["name"], "shell": "/bin/bash", "lock_passwd": not password}
    keys = list(dict.fromkeys((*(user.get("authorized_keys") or ()), *authorized_keys)))
    if keys:
        config["ssh_authorized_keys"] = keys
    if user.get("sudo"):
        config["sudo"] = "ALL=(ALL) NOPASSWD:ALL"
    if password:
        # Unlike passwd, this is also set for a user that the image has already.
        config["hashed_passwd"] = password
    return config


def network_config(interfaces: Iterable[Mapping[str, Any]], domain: str | None = None) -> dict[str, Any]:
    """Return version 2 of cloud-init's network configuration for the ``network`` of a VM record."""
    return {"version": 2, "ethernets": {entry["interface"]: _ethernet(entry, domain) for entry in interfaces}}


def _ethernet(entry: Mapping[str, Any], domain: str | None) -> dict[str, Any]:
    # By its address: what the guest's kernel calls a NIC depends on its slot, and cloud-init 22.4 with networkd ignores other matches.
    config: dict[str, Any] = {"match": {"macaddress": entry["mac"].lower()}, "set-name": entry["interface"]}
    method = entry.get("method") or "dhcp"
    config["dhcp4"] = method == "dhcp"
    if method == "static" or entry.get("addresses"):
        config["addresses"] = list(entry.get("addresses") or ())
    default = [{"to": "default", "via": entry["gateway"]}] if method == "static" and entry.get("gateway") else []
    routes = [_route(route) for route in (*default, *(entry.get("routes") or ()))]
    if routes:
        config["routes"] = routes
    if entry.get("dns"):
        config["nameservers"] = {"addresses": list(entry["dns"])}
        if domain:
            config["nameservers"]["search"] = [domain]
    if entry.get("mtu"):
        config["mtu"] = entry["mtu"]
    return config


def _route(route: Mapping[str, str]) -> dict[str, str]:
    # cloud-init 22.4's networkd renderer knows no 'default'.
    everywhere = "::/0" if ":" in route["via"] else "0.0.0.0/0"
    return {"to": everywhere if route["to"] == "default" else route["to"], "via": route["via"]}


def meta_data(texts: Sequence[str], hostname: str | None = None) -> dict[str, Any]:
    """Return meta-data whose instance-id changes with the texts: cloud-init applies a seed again when its id is another one."""
    digest = hashlib.sha256(b"\0".join(text.encode() for text in (*texts, hostname or ""))).hexdigest()
    return {"instance-id": f"iid-{digest[:16]}", **({"local-hostname": hostname} if hostname else {})}


def merged(generated: Any, own: Any) -> Any:
    """Return the generated configuration with the user's own over it.

    Mappings are merged key by key, lists are joined (entries with the same name are merged), a null takes the generated
    value away, anything else of the user's replaces it.
    """
    if isinstance(generated, Mapping) and isinstance(own, Mapping):
        both = {**generated, **{key: merged(generated.get(key), value) for key, value in own.items()}}
        return {key: value for key, value in both.items() if value is not None}
    if isinstance(generated, list) and isinstance(own, list):
        return _joined(generated, own)
    return own


def _joined(generated: list[Any], own: list[Any]) -> list[Any]:
    named = {entry["name"]: entry for entry in own if isinstance(entry, Mapping) and "name" in entry}
    names = [entry.get("name") if isinstance(entry, Mapping) else None for entry in generated]
    first = [merged(entry, named[name]) if name in named else entry for name, entry in zip(names, generated)]
    return first + [entry for entry in own if not (isinstance(entry, Mapping) and entry.get("name") in names) and entry not in first]


def text(config: Any, header: str = "") -> str:
    """Return a structure as text: JSON, which is YAML; text is returned as it is."""
    if isinstance(config, str):
        return config
    # Not \\u escapes: YAML reads those of a surrogate pair one by one.
    return f"{header}{json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False)}\n"
