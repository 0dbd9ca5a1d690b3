# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface of the machine as a port of Open vSwitch, from the topology on: up while it is one, then as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

from .conftest import PrivateSwitch, shell

NAME = "moor"


def run(switch: str | None, check: bool = False) -> Any:
    nodes = {"pier": {"kind": "ovs", "device": "pier0"}, "quay": "bridge", "sea": {"kind": "uplink", "device": "nic0"}}
    share = compile_share(load({"name": NAME, "nodes": nodes, "links": [["sea", switch]]})) if switch else {}
    scope = Scope(NAME, check=check)
    with lab_lock(scope):
        return diff(converge(share_goals(share, NAME, (), None, {}), scope))


def flags() -> list[str]:
    found: list[str] = json.loads(shell("ip -j link show nic0"))[0]["flags"]
    return found


@pytest.mark.parametrize("state", ["up", "down"])
def test_up_as_a_port_and_given_back_as_it_was(switch: PrivateSwitch, state: str) -> None:
    shell(f"ip link add nic0 type veth peer name behind0; ip link set nic0 {state}")
    foretold = run("pier", check=True)
    assert "UP" in flags() or state == "down"
    assert run("pier") == foretold
    assert switch.ports("pier0") == {"nic0"}
    assert "UP" in flags()
    assert run("pier") == diff([])
    shell("ip link set nic0 down")  # by hand
    assert run("pier") != diff([])
    assert "UP" in flags()
    # To a switch of the other kind, and back.
    for home in ("quay", "pier"):
        foretold = run(home, check=True)
        assert run(home) == foretold
        assert run(home) == diff([])
        assert "UP" in flags()
    run(None)
    assert run(None) == diff([])
    assert ("UP" in flags()) is (state == "up")
    assert "nic0" not in switch.vsctl("show")
