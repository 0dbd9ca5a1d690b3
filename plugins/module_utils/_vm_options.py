# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a VM, as the record that the drivers take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._errors import LabErrors

_NIC: dict[str, Any] = {
    "id": {"type": "str"},
    "model": {"type": "str", "default": "virtio-net-pci"},
    "mac": {"type": "str"},
    "tap": {"type": "str"},
    "netns": {"type": "str", "default": ""},
    "user": {
        "type": "dict",
        "options": {"restrict": {"type": "bool", "default": False}, "hostfwd": {"type": "list", "elements": "str", "default": []}},
    },
    "backend": {"type": "dict"},
    "queues": {"type": "int", "default": 1},
    "vnet_hdr": {"type": "bool"},
    "vhost": {"type": "bool"},
    "up": {"type": "bool"},
}
_USER: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "sudo": {"type": "bool", "default": True},
    "authorized_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "hashed_password": {"type": "str", "no_log": True},
}
_NETWORK: dict[str, Any] = {
    "interface": {"type": "str", "required": True},
    "method": {"type": "str", "choices": ["dhcp", "static", "none"], "default": "dhcp"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "gateway": {"type": "str"},
    "routes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"to": {"type": "str", "required": True}, "via": {"type": "str", "required": True}},
    },
    "dns": {"type": "list", "elements": "str", "default": []},
    "mtu": {"type": "int"},
}

# Documented in the module qemu_vm.
VM_OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["running", "stopped", "paused", "absent"], "default": "running"},
    "image": {"type": "str"},
    "boot": {"type": "str", "choices": ["kernel", "disk"]},
    "disk_size": {"type": "int"},
    "memory": {"type": "int", "default": 512},
    "cpus": {"type": "int", "default": 1},
    "machine": {"type": "str", "default": "q35"},
    "cpu_model": {"type": "str", "default": "max"},
    "accel": {"type": "str", "choices": ["auto", "kvm", "tcg"], "default": "auto"},
    "nics": {"type": "list", "elements": "dict", "default": [], "options": _NIC},
    "seed": {"type": "path"},
    "users": {"type": "list", "elements": "dict", "default": [], "options": _USER},
    "hostname": {"type": "str"},
    "domain": {"type": "str"},
    "network": {"type": "list", "elements": "dict", "default": [], "options": _NETWORK},
    "user_data": {"type": "dict", "default": {}},
    "extra_args": {"type": "list", "elements": "str", "default": []},
    "stop_timeout": {"type": "float", "default": 30.0},
    "on_change": {"type": "str", "choices": ["report", "restart"], "default": "report"},
}


def records(options: Mapping[str, Any], masked: set[str]) -> list[dict[str, Any]]:
    """Return the VM records of a module's options; the secrets of those in vms are added to masked. Raise LabErrors.

    An entry of vms has what it does not say from the module's own options.
    """
    common = {name: options[name] for name in VM_OPTIONS if options[name] is not None}
    if options["vms"] is None:
        return [common]
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    validator = ArgumentSpecValidator({**VM_OPTIONS, "name": {"type": "str", "required": True}})
    for number, entry in enumerate(options["vms"]):
        result = validator.validate({**common, **entry})
        record = result.validated_parameters
        problems += [f"vms[{number}]: {message}" for message in result.error_messages]
        found.append(record)
        if not result.error_messages:
            masked.update(user["hashed_password"] for user in record["users"] if user["hashed_password"])
    if problems:
        raise LabErrors(problems)
    return found
