# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over three lab hosts is killed on one of them: the others go on, the next run converges, a teardown leaves nothing."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ..playbooks import on, trace
from .conftest import MACHINES, Spread

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


def play(spread: Spread, lab: dict[str, Any] | None, *arguments: str) -> tuple[int, str]:
    if lab:
        spread.write(lab)
    playbook = ["netvirt.lab.site", "--tags", "topology"] if lab else ["netvirt.lab.teardown"]
    done = spread.run(*playbook, *arguments)
    return done.returncode, done.stdout + done.stderr


def converges(spread: Spread, lab: dict[str, Any] | None) -> None:
    code, said = play(spread, lab)
    assert code == 0, said
    if lab:
        assert spread.changed("netvirt.lab.site", "--tags", "topology") == 0


def aim(what: str, at: int) -> None:
    on(VICTIM, f"echo {what} {at} >/run/killer/plan; rm -f /run/killer/moments")


@pytest.fixture(scope="module")
def moments(spread: Spread) -> dict[str, int]:
    """Return how many moments each journey has on the victim, whose Python counts them and can kill."""
    killer = (Path(__file__).parent / "killer.py").read_text(encoding="utf-8")
    python = '#!/bin/sh\nPYTHONPATH=/run/killer exec /usr/bin/python3 "$@"\n'
    on(
        VICTIM,
        f"mkdir /run/killer; printf %s {shlex.quote(killer)} >/run/killer/sitecustomize.py; "
        f"printf %s {shlex.quote(python)} >/run/killer/python; chmod 755 /run/killer/python",
    )
    found: dict[str, int] = {}
    spread.environment["ANSIBLE_PIPELINING"] = "false"  # a module that is piped to Python does not say its name
    spread.hosts(**{VICTIM: {"ansible_python_interpreter": "/run/killer/python"}})
    for journey, lab in JOURNEYS.items():
        aim("nobody", 0)
        code, said = play(spread, lab)
        assert code == 0, said
        found[journey] = int(on(VICTIM, "cat /run/killer/moments"))
    assert min(found.values()) > 20, found
    return found


@pytest.mark.parametrize("turns", [("module 0.5", "connection 0.5", "module 0.5"), ("connection 0.3", "module 0.8", "connection 0.7")])
def test_killed_on_one_of_three(spread: Spread, moments: dict[str, int], turns: Sequence[str]) -> None:
    clean = {machine: trace(machine) for machine in MACHINES}
    for (journey, lab), (what, part) in zip(JOURNEYS.items(), map(str.split, turns)):
        aim(what, int(moments[journey] * float(part)))
        code, said = play(spread, lab, "-e", "ansible_ssh_retries=0")  # it would go on by itself
        recap = said.rpartition("PLAY RECAP")[2]
        assert code == (2 if what == "module" else 4), f"{journey}: nobody was killed\n{said}"
        assert all(re.search(rf"{name} .*unreachable=0 +failed=0", recap) for name in MACHINES if name != VICTIM), said
        if lab:
            assert f"{VICTIM} was not reached, or failed" in said
            on("m3", f"test -e /run/netns/orchard.{ALIVE[journey]}")
        else:
            assert "orchard" not in on("m3", "ls /run/netns")
        aim("nobody", 0)
        converges(spread, lab)
    for machine, lines in clean.items():
        assert trace(machine) == lines
