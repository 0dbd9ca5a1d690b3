# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The segment behind this lab host's uplink0, as a user's office has one: a controller that comes in by SSH, and a DHCP server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from ..playbooks import CHECKOUT, Playbooks

HOST = "203.0.113.2"


def shell(line: str, check: bool = True) -> str:
    return subprocess.run(line, shell=True, check=check, capture_output=True, text=True).stdout


class Controller(Playbooks):
    """Playbooks that are called on another machine, the namespace 'outside', and reach this one by SSH through uplink0."""

    def __init__(self, folder: Path, lab: str) -> None:
        inventory = folder / "inventory"
        shutil.copytree(CHECKOUT / "inventory" / lab, inventory)
        super().__init__(folder, inventory)
        self.environment["ANSIBLE_PIPELINING"] = "true"
        shell(f"ssh-keygen -q -t ed25519 -N '' -f {folder}/key; dropbearkey -t ed25519 -f {folder}/host")
        home = Path("/root/.ssh")  # this lab host's own, and gone with it
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "authorized_keys").write_text((folder / "key.pub").read_text(), encoding="utf-8")
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5"
        host = {
            "ansible_host": HOST,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(folder / "key"),
            "ansible_ssh_common_args": options,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        (inventory / "hosts.yml").write_text(yaml.safe_dump({"lab_hosts": {"hosts": {"far": host}}}), encoding="utf-8")
        self.server = subprocess.Popen(["dropbear", "-F", "-s", "-r", f"{folder}/host", "-p", f"{HOST}:22"], stderr=subprocess.DEVNULL)

    def edit(self, **uplink: Any) -> None:
        """Change keys of the uplink in the topology file."""
        file = self.inventory / "topology.netvirt.yml"
        topology = yaml.safe_load(file.read_text(encoding="utf-8"))
        topology["nodes"]["lan"].update(uplink)
        file.write_text(yaml.safe_dump(topology), encoding="utf-8")

    def command(self, playbook: str, *arguments: str, inventory: str = "") -> list[str]:
        return ["ip", "netns", "exec", "outside", *super().command(playbook, "-e", "uplink=uplink0", *arguments, inventory=inventory)]

    def close(self) -> None:
        self.server.terminate()
        self.server.wait()
        shutil.rmtree("/root/.ssh")


class DhcpServer:
    """The segment's own DHCP server, which knows the lab host by its MAC address too."""

    def __init__(self, folder: Path) -> None:
        self.leases = folder / "leases"
        options = f"-d -p 0 -C /dev/null -i eth0 -F 203.0.113.100,203.0.113.150 -l {self.leases} -x {folder}/pid"
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "outside", "dnsmasq", *options.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def given(self, name: str) -> str:
        """Return the address of a machine that told its name, or has this MAC address."""
        lines = (line.split() for line in self.leases.read_text(encoding="utf-8").splitlines())
        return next((fields[2] for fields in lines if name in (fields[1], fields[3])), "")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
