# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles alone, in somebody else's playbook: a network, a way out, DHCP and a guest, each made, repeated and removed."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
TOPOLOGY = {
    "name": "terrace",
    "nodes": {"deck": {"kind": "bridge", "device": "deck", "ipv4": "10.63.0.1/24"}, "chair": {"kind": "netns"}},
    "links": [{"endpoints": ["chair:eth0", "deck"], "ipv4": {"chair": "10.63.0.9/24"}}],
}
NETWORK = {
    "interface": "deck",
    "address": "10.63.0.1",
    "subnet": "10.63.0.0/24",
    "range": ["10.63.0.20", "10.63.0.30"],
    "hosts": [{"mac": "52:54:00:63:00:21", "address": "10.63.0.21", "name": "sunbed"}],
}
GUEST = {"name": "sunbed", "image": "tiny", "memory": 192, "nics": [{"model": "e1000", "mac": "52:54:00:63:00:21", "tap": "sunbed0"}]}
ROLES: list[tuple[str, dict[str, Any]]] = [
    ("network", {"network_topology": TOPOLOGY}),
    ("forwarding", {"forwarding_lab": "exit", "forwarding_interfaces": ["deck"], "forwarding_subnets": ["10.63.0.0/24"]}),
    ("dnsmasq", {"dnsmasq_lab": "desk", "dnsmasq_networks": [NETWORK], "dnsmasq_domain": "terrace.test"}),
    ("vm", {"vm_lab": "pool", "vm_list": [GUEST]}),
]


def play(folder: Path, tasks: list[dict[str, Any]]) -> int:
    """Run tasks and return how many changed something."""
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(playbook)]
    command += ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.rpartition("changed=")[2].split()[0])


def use(name: str, variables: dict[str, Any], tasks_from: str = "main") -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": f"netvirt.lab.{name}", "tasks_from": tasks_from}, "vars": variables}


def trace() -> list[str]:
    return subprocess.run(
        ["/usr/bin/python3", "tests/tools/trace.py"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.guest
def test_each_role_alone(tmp_path: Path) -> None:
    if not list(Path("/var/lib/netvirt/images/tiny").glob("initrd*")):
        pytest.skip("needs the image tiny: 'make test' builds it")
    subprocess.run("id netvirt >/dev/null 2>&1 || useradd --system --user-group netvirt", shell=True, check=True)
    before = trace()
    tap: dict[str, Any] = {"netvirt.lab.tap": {"name": "sunbed0", "owner": "netvirt", "up": True, "lab": "cable"}}
    plug: dict[str, Any] = {"ansible.builtin.command": "ip link set sunbed0 master deck", "changed_when": False}
    for name, variables in ROLES:
        first = [tap, plug] if name == "vm" else []
        assert play(tmp_path, [*first, use(name, variables)]) > 0, name
        assert play(tmp_path, [use(name, variables)]) == 0, name

    inside = ["ip", "netns", "exec", "terrace.chair"]
    assert subprocess.run([*inside, "ping", "-c1", "-w5", "10.63.0.1"], check=False, capture_output=True).returncode == 0
    subprocess.run(["ip", "-n", "terrace.chair", "route", "replace", "default", "via", "10.63.0.1"], check=True)
    fetched = subprocess.run(
        [*inside, "curl", "-sS", "--max-time", "5", "http://198.51.100.10/"], check=True, capture_output=True, text=True
    )
    assert fetched.stdout.strip() == "203.0.113.2"
    reached = f"for i in $(seq 60); do {' '.join(inside)} ping -c1 -W1 10.63.0.21 && exit 0; sleep 0.5; done; exit 1"
    assert subprocess.run(reached, shell=True, check=False, capture_output=True).returncode == 0, "the guest has its reserved address"

    for name, variables in reversed(ROLES):
        assert play(tmp_path, [use(name, variables, "absent")]) > 0, name
        assert play(tmp_path, [use(name, variables, "absent")]) == 0, name
    assert play(tmp_path, [{"netvirt.lab.tap": {"name": "sunbed0", "lab": "cable", "state": "absent"}}]) == 1
    assert list(difflib.unified_diff(before, trace(), lineterm="", n=0)) == []
