# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that runs and is changed: brought about as module topology does it, in this process."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import node_goals, share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsServiceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load


def shell(line: str) -> str:
    """Run a line of shell and return what it printed."""
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Lab:
    """A lab by its name; data is the content of its topology file."""

    name: str

    def share(self, data: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the share as it arrives at the module; None is the lab that is no more."""
        return dict(json.loads(json.dumps(compile_share(load({"name": self.name, **data}))))) if data is not None else {}

    def bring(self, data: Mapping[str, Any] | None, check: bool = False) -> dict[str, Any]:
        """Bring the machine to what the file says and return the diff."""
        return self.bring_share(self.share(data), check)

    def bring_share(self, share: Mapping[str, Any], check: bool = False) -> dict[str, Any]:
        """Bring the machine to a share and return the diff."""
        scope = Scope(self.name, check=check)
        with lab_lock(scope):
            return diff(converge(share_goals(share, self.name, (), None, {}), scope))

    def bring_nodes(self, data: Mapping[str, Any], *nodes: str, check: bool = False) -> dict[str, Any]:
        """Bring these nodes only to what the file says and return the diff."""
        scope = Scope(self.name, check=check)
        with lab_lock(scope):
            return diff(converge(node_goals(self.share(data), nodes, self.name, (), None, {}), scope))

    def changed(self, data: Mapping[str, Any] | None) -> dict[str, Any]:
        """Bring the machine to what the file says, see that this was foretold and is all there is to do, and return the diff."""
        foretold = self.bring(data, check=True)
        done = self.bring(data)
        assert done == foretold
        assert self.bring(data) == diff([])
        return done

    def port(self, data: Mapping[str, Any], node: str, interface: str = "eth0") -> str:
        """Return the name of the other end of a node's interface."""
        links = self.share(data)["links"]
        return str(next(link["peer"][1] for link in links if (link["netns"], link["name"]) == (f"{self.name}.{node}", interface)))


def _trace() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trace", Path(__file__).parents[2] / "tools" / "trace.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def switched() -> Iterator[None]:
    """Have Open vSwitch run, as role host_prep does it."""
    service = OvsServiceDriver()
    converge([Goal(service)], Scope("service"))
    yield
    converge([Goal(service, purge=True)], Scope("service"))


@pytest.fixture(scope="module")
def lab_of(switched: None) -> Iterator[Callable[[str], Lab]]:
    """Give a function that returns a lab by its name; in the end nothing is left of any."""
    trace = _trace()
    before = trace.snapshot()
    labs: list[Lab] = []

    def one(name: str) -> Lab:
        labs.append(Lab(name))
        return labs[-1]

    try:
        yield one
    finally:
        for lab in labs:
            lab.bring(None)
    assert trace.snapshot() == before
