# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab host of the inner lab. To log in takes an emulated machine two seconds, so one login serves all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

HOSTS = Path(__file__).parents[1] / "inventory/hosts.yml"
DATA = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")


@pytest.fixture(scope="session")
def variables() -> Any:
    """Give what the inventory says of the machine."""
    return yaml.safe_load(HOSTS.read_text(encoding="utf-8"))["lab_hosts"]["hosts"]["machine"]


@pytest.fixture(scope="session")
def machine(variables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Give the machine."""
    return testinfra.get_host(
        f"ssh://{variables['ansible_user']}@{variables['ansible_host']}",
        ssh_identity_file=str(DATA / "netvirt/kernel-lab/id_ed25519"),
        ssh_extra_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        controlpath=str(tmp_path_factory.mktemp("login") / "socket"),
        sudo=True,
    )
