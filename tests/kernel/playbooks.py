# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs by their playbooks, as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def trace(machine: str = "") -> list[str]:
    """Return all that a lab could leave on this lab host, or on a member of its cluster, line by line."""
    entry = ["tests/labhost", "run", machine, "--"] if machine else []
    command = [*entry, "/usr/bin/python3", "tests/tools/trace.py"]
    said = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return said.stdout.splitlines()


@contextmanager
def cluster(count: int, *options: str) -> Iterator[list[str]]:
    """Yield the names of so many lab hosts around this one, none without any, while the body runs."""
    if count:
        subprocess.run(["tests/labhost", "cluster", "up", str(count), *options], cwd=CHECKOUT, check=True)
    try:
        yield [f"m{number}" for number in range(1, count + 1)]
    finally:
        if count:
            subprocess.run(["tests/labhost", "cluster", "down"], cwd=CHECKOUT, check=True)


def on(machine: str, script: str) -> str:
    """Return what a shell script says on a member of the cluster."""
    done = subprocess.run(
        ["tests/labhost", "run", machine, "--", "sh", "-euc", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Playbooks:
    """The playbooks with one inventory, called from a folder that is also the user's home."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        self.folder = folder
        self.inventory = inventory
        self.environment = {
            **os.environ,
            "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CACHE_HOME": str(CHECKOUT / ".cache"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
            # That of the checkout, as by make; but results are told as Ansible does by itself.
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORCE_COLOR": "0",
        }

    def command(self, playbook: str, *arguments: str, inventory: str = "") -> list[str]:
        return [str(BIN / "ansible-playbook"), "-i", inventory or str(self.inventory), *arguments, playbook]

    def run(self, playbook: str, *arguments: str, inventory: str = "") -> subprocess.CompletedProcess[str]:
        command = self.command(playbook, *arguments, inventory=inventory)
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)

    def changed(self, playbook: str, *arguments: str, inventory: str = "") -> int:
        """Run a playbook that succeeds and return how many tasks changed something, on all machines together."""
        done = self.run(playbook, *arguments, inventory=inventory)
        assert done.returncode == 0, done.stdout + done.stderr
        return sum(map(int, re.findall(r" changed=(\d+) ", done.stdout.rpartition("PLAY RECAP")[2])))


# For a lab host that is prepared, and a lab of which nobody is waited for.
TOPOLOGY = ("netvirt.lab.site", "--tags", "topology")


class Lab(Playbooks):
    """A lab whose topology file the test writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder / "orchard.netvirt.yml")

    def write(self, lab: dict[str, Any]) -> None:
        self.inventory.write_text(yaml.safe_dump(lab), encoding="utf-8")
