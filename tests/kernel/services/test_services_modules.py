# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles and the modules forwarding and dnsmasq, as a play of somebody else uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible
import pytest

from .conftest import UPLINK, Host, shell

COLLECTIONS = Path(__file__).resolve().parents[3] / ".cache"
SITE_PACKAGES = str(Path(ansible.__file__).parents[1])
NETWORK = {"interface": "sw1", "address": "10.71.0.1", "subnet": "10.71.0.0/24", "range": ["10.71.0.10", "10.71.0.19"]}
VARIABLES: dict[str, Any] = {
    "forwarding_lab": "maple",
    "forwarding_interfaces": ["sw1"],
    "forwarding_subnets": ["10.71.0.0/24"],
    "dnsmasq_lab": "maple",
    "dnsmasq_networks": [NETWORK],
    "dnsmasq_domain": "grove.test",
    "dnsmasq_records": [{"name": "birch", "addresses": ["10.71.0.12"]}],
}


def play(tmp_path: Path, tasks_from: str, *options: str) -> dict[str, int]:
    """Run both roles on this machine and return what changed how often."""
    roles = [
        {"ansible.builtin.import_role": {"name": f"netvirt.lab.{role}", "tasks_from": tasks_from}} for role in ("forwarding", "dnsmasq")
    ]
    book = tmp_path / "book.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "vars": VARIABLES, "tasks": roles}]))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", *options, str(book)],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        },
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap = done.stdout.rpartition("localhost")[2].partition(":")[2]
    return {key: int(number) for key, number in (word.split("=") for word in recap.split())}


def test_roles(host: Host, tmp_path: Path) -> None:
    host.switch("sw1", "10.71.0.1/24")
    host.node("birch", "sw1", "10.71.0.12/24", "10.71.0.1")
    before = host.state()
    assert play(tmp_path, "main", "--check")["changed"] == 2
    assert host.state() == before
    assert play(tmp_path, "main", "--diff")["changed"] == 2
    assert host.seen_as("birch") == UPLINK
    assert "dnsmasq" in shell("ss -lunp sport = 53")
    assert play(tmp_path, "main")["changed"] == 0
    assert play(tmp_path, "absent")["changed"] == 2
    assert play(tmp_path, "absent")["changed"] == 0
    assert host.state() == before


@pytest.mark.parametrize(
    ("module", "options", "error"),
    [
        ("forwarding", {"interfaces": ["sw1"], "subnets": ["10.71.0.1/24"]}, "has host bits set; write an IPv4 network"),
        ("dnsmasq", {"networks": [{**NETWORK, "range": ["10.71.0.10"]}]}, "a range is its first and its last address"),
    ],
)
def test_errors_are_one_sentence(host: Host, tmp_path: Path, module: str, options: dict[str, Any], error: str) -> None:
    arguments = tmp_path / "args.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"lab": "maple", **options}}))
    name = f"ansible_collections.netvirt.lab.plugins.modules.{module}"
    environment = {**os.environ, "PYTHONPATH": f"{COLLECTIONS}:{SITE_PACKAGES}"}
    done = subprocess.run([sys.executable, "-m", name, str(arguments)], env=environment, check=False, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    assert answer["failed"] is True
    assert error in answer["msg"]
    assert "Traceback" not in done.stdout + done.stderr
