# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on three lab hosts, which the tests of a module share."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..playbooks import Lab, cluster, on, trace

MACHINES = ("m1", "m2", "m3")


class Spread(Lab):
    """A lab whose topology file and lab hosts the test writes."""

    def __init__(self, home: Path, name: str = "orchard") -> None:
        super().__init__(home)
        self.name = name
        self.inventory = home / name
        self.inventory.mkdir()

    def hosts(self, *names: str, **variables: dict[str, Any]) -> None:
        """Write the lab hosts, all unless some are named, with more variables for some."""
        hosts = {
            name: {"ansible_host": f"192.0.2.{number}", "netvirt_underlay": f"198.18.0.{number}", **variables.get(name, {})}
            for number, name in enumerate(MACHINES, 1)
            if name in (names or MACHINES)
        }
        common = {"ansible_user": "root", "ansible_ssh_retries": 3, "ansible_python_interpreter": "/usr/bin/python3"}
        (self.inventory / "hosts.yml").write_text(json.dumps({"lab_hosts": {"hosts": hosts, "vars": common}}), encoding="utf-8")

    def write(self, lab: dict[str, Any]) -> None:
        """Write the topology."""
        text = yaml.safe_dump({"plugin": "netvirt.lab.topology", "name": self.name, **lab})
        (self.inventory / "topology.netvirt.yml").write_text(text, encoding="utf-8")

    def kept(self) -> list[str]:
        """Return what the controller keeps of the lab."""
        found = (*self.folder.glob("data/netvirt/*"), *self.inventory.glob(".*.placement.json"))
        return [str(path.relative_to(self.folder)) for path in found]


@contextmanager
def lost(machine: str) -> Iterator[None]:
    """Cut a lab host off from all others while the body runs, and until it is found again."""
    on(machine, "ip link set mgmt0 down; ip link set under0 down")
    try:
        yield
    finally:
        on(machine, "ip link set under0 up; ip link set mgmt0 up")
        number, (other, *_rest) = machine[1:], (each for each in MACHINES if each != machine)
        on(other, f"until ping -c 1 -W 1 192.0.2.{number} && ping -c 1 -W 1 198.18.0.{number}; do :; done")


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Spread]:
    """Give three lab hosts without a lab; when its tests are done, nothing is left on them.

    A module that says SWITCHED has Open vSwitch on them, which their underlay leads through.
    """
    with cluster(len(MACHINES)) as members:
        for number, machine in enumerate(members, 1) if getattr(request.module, "SWITCHED", False) else ():
            on(machine, f"tests/tools/ovs_underlay {number} 1600")
        before = {machine: trace(machine) for machine in ("", *members)}
        lab = Spread(tmp_path_factory.mktemp("home"))
        lab.hosts()
        yield lab
        lab.hosts()
        lab.changed("netvirt.lab.teardown")
        for machine, lines in before.items():
            assert list(difflib.unified_diff(lines, trace(machine), machine, machine, lineterm="", n=0)) == []
