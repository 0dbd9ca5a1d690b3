# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's bridges as the machine's own network configuration. UPDATE_GOLDEN=1 writes the expected files anew."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.netvirt.lab.plugins.filter.host_network_config import host_network_config
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.plugin_utils.host_network import FORMS

CHECKOUT = Path(__file__).resolve().parents[3]
GOLDEN = CHECKOUT / "tests" / "unit" / "golden" / "host_network"


def share(**changes: Any) -> dict[str, Any]:
    nodes = {
        "yard": {"kind": "bridge", "device": "yard0", "ipv4": "10.3.0.1/24", "ipv6": "fd00:3::1/64", "stp": True, "forward_delay": 4},
        "shed": {"kind": "bridge", "device": "shed0", **changes.get("shed", {})},
        "gate": {"kind": "uplink", "device": "eth7", **changes.get("gate", {})},
        "hen": None,
    }
    return compile_share(load({"name": "farm", "nodes": nodes, "links": ["gate shed", "hen yard"]}))


@pytest.mark.parametrize("form", FORMS)
def test_the_files(form: str) -> None:
    text = "".join(f"==> {path}\n{content}" for path, content in host_network_config(share(), form).items())
    golden = GOLDEN / f"{form}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "form", "message"),
    [
        ({}, "wicked", "no form 'wicked'; it has networkd, netplan, ifupdown, networkmanager, ifcfg"),
        ({"shed": {"vlan_filtering": True}}, "networkd", r"bridge 'shed0' has the setting vlan_filtering, which is not written"),
        ({"gate": {"move_addresses": True}}, "ifcfg", r"addresses of the uplink 'eth7' are the machine's own, and move to 'shed0'"),
    ],
)
def test_what_cannot_be_written(changes: dict[str, Any], form: str, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        host_network_config(share(**changes), form)


def test_the_command_of_the_labs_page_shows_the_files(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "labs" / "persist.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if "host_network_config(" in line)
    program, *arguments = shlex.split(line)
    places = {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache")}
    environment = {**os.environ, "HOME": str(tmp_path), **places}
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    said = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "/etc/network/interfaces.d/netvirt-persist" in said.stdout
    assert "address 10.20.0.1/24" in said.stdout
