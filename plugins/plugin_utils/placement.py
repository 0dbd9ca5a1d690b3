# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab hosts of an inventory, and the record of what was placed on them, which lies beside the topology file."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine, machine_from


def machines(hosts: Mapping[str, Mapping[str, Any]]) -> list[Machine]:
    """Return what the variables of lab hosts say of them. Raise LabErrors."""
    problems: list[str] = []
    alone = len(hosts) < 2
    found = [
        machine_from(name, own if alone else {"netvirt_underlay": _address(name, own), **own}, problems) for name, own in hosts.items()
    ]
    if problems:
        raise LabErrors(problems)
    return found


def record_path(topology: str) -> Path:
    """Return where the record of a topology file is: hidden, so that Ansible does not read it as an inventory."""
    path = Path(topology)
    return path.with_name(f".{path.name.partition('.')[0]}.placement.json")


def unfinished(record: Path) -> Path:
    """Return what a run that was killed may have left of a record."""
    return record.with_name(f".new{record.name}")


def read_record(path: Path) -> dict[str, str]:
    """Return the lab host of each node that was placed before. Raise LabError."""
    if not path.is_file():
        return {}
    try:
        return {str(node): str(host) for node, host in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise LabError(f"The record of placement {path} cannot be read ({error}); remove it, and nodes are placed anew.") from error


def record_text(record: Mapping[str, str]) -> str:
    """Return what the file of a record holds."""
    return json.dumps(dict(sorted(record.items())), indent=1) + "\n"


def write_record(path: Path, record: Mapping[str, str], check: bool = False) -> tuple[str, str]:
    """Bring the file of a record to what it shall hold, unless this is a check; return what it held and will hold. May raise OSError."""
    before, after = path.read_text(encoding="utf-8") if path.is_file() else "", record_text(record) if record else ""
    if check or before == after:
        pass
    elif record:
        fresh = unfinished(path)  # a run that is killed leaves the record whole
        fresh.write_text(after, encoding="utf-8")
        fresh.chmod(0o644)  # it is for all who share the folder
        fresh.replace(path)
    else:
        path.unlink()
    return before, after


def _address(name: str, variables: Mapping[str, Any]) -> str | None:
    """Return the address by which Ansible reaches a lab host, None if it does not go by the network or the name is not known."""
    if variables.get("ansible_connection", "ssh") == "local":
        return None
    target = str(variables.get("ansible_host", name))
    try:
        return str(ip_address(target))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(target, None)[0][4][0])
    except OSError:
        return None
