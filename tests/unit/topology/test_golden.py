# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies in, shares out. UPDATE_GOLDEN=1 writes the expected shares anew; look at the difference before you keep it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

CHECKOUT = Path(__file__).resolve().parents[3]
GOLDEN = CHECKOUT / "tests" / "unit" / "golden" / "topology"
LABS = {"ovs-kvm": CHECKOUT / "inventory" / "ovs_kvm" / "topology.netvirt.yml", **{path.stem: path for path in GOLDEN.glob("*.yml")}}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(LABS))
def test_a_topology_compiles_to_its_share(name: str) -> None:
    share = compile_share(load(read(LABS[name])))
    expected = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(json.dumps(share, indent=2) + "\n", encoding="utf-8")
    assert share == json.loads(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(LABS))
def test_a_share_survives_json(name: str) -> None:
    share = compile_share(load(read(LABS[name])))
    assert json.loads(json.dumps(share)) == share
