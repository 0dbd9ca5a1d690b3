# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over three lab hosts is killed on one of them: the others go on, the next run converges, a teardown leaves nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from ..playbooks import on, trace
from .conftest import MACHINES, Spread
from .killing import Victim, converges

VICTIM = "m2"
EACH = 12
LAB: dict[str, Any] = {
    "nodes": {
        "lan": {"kind": "bridge", "ipv4": "10.77.0.1/24", "gateway": "m1", "dhcp": True, "nat": True},
        **{f"{name}[1:{EACH}]": {"host": name, "services": {"tick": "sleep 1000"}} for name in MACHINES},
    },
    "links": [*(f"{name}[1:{EACH}] lan" for name in MACHINES), {"endpoints": ["m11:wan", "m21:wan"], "ipv4": "auto"}],
    "uplink": "uplink0",
}


def changed() -> dict[str, Any]:
    """Return the lab with nodes less and more on each lab host, and other values on what stays."""
    lab = copy.deepcopy(LAB)
    for name in MACHINES:
        del lab["nodes"][f"{name}[1:{EACH}]"]
        lab["nodes"][f"{name}[4:{EACH + 2}]"] = {"host": name, "services": {"tick": "sleep 1001"}}
    lab["links"] = [{"endpoints": [f"{name}[4:{EACH + 2}]", "lan"], "rate": "50mbit"} for name in MACHINES]
    return lab


JOURNEYS = {"up": LAB, "change": changed(), "down": None}
ALIVE = {"up": "m34", "change": f"m3{EACH + 2}"}  # what m3 has after the killed run


@pytest.fixture(scope="module")
def victim(spread: Spread) -> Victim:
    return Victim(spread, VICTIM)


@pytest.fixture(scope="module")
def moments(victim: Victim) -> dict[str, int]:
    """Return how many moments each journey has on the victim."""
    return {journey: victim.moments(lab) for journey, lab in JOURNEYS.items()}


@pytest.mark.parametrize("turns", [("module 0.5", "connection 0.5", "module 0.5"), ("connection 0.3", "module 0.8", "connection 0.7")])
def test_killed_on_one_of_three(spread: Spread, victim: Victim, moments: dict[str, int], turns: Sequence[str]) -> None:
    clean = {machine: trace(machine) for machine in MACHINES}
    for (journey, lab), (what, part) in zip(JOURNEYS.items(), map(str.split, turns)):
        victim.killed(lab, what, int(moments[journey] * float(part)))
        if lab:
            on("m3", f"test -e /run/netns/orchard.{ALIVE[journey]}")
        else:
            assert "orchard" not in on("m3", "ls /run/netns")
        converges(spread, lab)
    for machine, lines in clean.items():
        assert trace(machine) == lines
