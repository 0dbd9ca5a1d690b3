# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh itself makes of the configuration that is written for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.filter.ssh_config import ssh_config
from ansible_collections.netvirt.lab.plugins.plugin_utils import reach

REMOTE = {"ansible_host": "192.0.2.7", "ansible_port": 2222, "ansible_user": "op", "ansible_ssh_private_key_file": "/home/op/a key"}


def understood(text: str, name: str, folder: Path) -> dict[str, str]:
    """Return how ssh would reach a host."""
    file = folder / "ssh_config"
    file.write_text(text, encoding="utf-8")
    if not shutil.which("ssh"):
        pytest.skip("there is no ssh")
    said = subprocess.run(["ssh", "-G", "-F", str(file), name], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def guest(name: str, host: dict[str, Any], **own: Any) -> dict[str, Any]:
    return {"inventory_hostname": name, **reach.to_guests("mill", host, "/keys/the 5% lab/id"), **own}


def test_ssh_reaches_a_guest_of_this_machine(tmp_path: Path) -> None:
    here = {"ansible_connection": "local"}
    hosts = [
        guest("web", here, ansible_host="10.6.0.5", ansible_user="grace"),
        guest("db", here, ansible_host="10.6.0.6", ansible_user="ada"),
    ]
    found = understood(ssh_config(hosts), "web", tmp_path)
    assert (found["hostname"], found["user"], found["port"]) == ("10.6.0.5", "grace", "22")
    assert (found["identityfile"], found["identitiesonly"]) == ("/keys/the 5%% lab/id", "yes")
    assert (found["stricthostkeychecking"], found["userknownhostsfile"]) == ("false", "/dev/null")
    assert "proxycommand" not in found
    assert understood(ssh_config(hosts), "db", tmp_path)["hostname"] == "10.6.0.6"


def test_ssh_jumps_through_a_remote_lab_host(tmp_path: Path) -> None:
    found = understood(ssh_config([guest("web", REMOTE, ansible_host="10.6.0.5", ansible_user="grace")]), "web", tmp_path)
    assert found["proxycommand"] == "ssh -W %h:%p -p 2222 -l op -i '/home/op/a key' 192.0.2.7"


def test_who_has_no_address_is_left_out() -> None:
    assert "Host" not in ssh_config([guest("cave", REMOTE)]).replace("THIS_FILE HOST", "")
