# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``ansible_collections.netvirt.lab`` this checkout, and keep what changes a network inside simulated lab hosts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
COLLECTIONS = CHECKOUT / ".cache"

link = COLLECTIONS / "ansible_collections" / "netvirt" / "lab"
if not link.is_symlink():
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../../..")
sys.path.insert(0, str(COLLECTIONS))


def on_own_network() -> bool:
    """Say whether this process runs in a simulated lab host (tests/labhost), or at least in a network that leads nowhere."""
    simulated = Path("/proc/1/cmdline").read_bytes().startswith(b"labhost:")
    return simulated or not any(line.split()[1] == "00000000" for line in Path("/proc/net/route").read_text().splitlines())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests below tests/kernel where they could change the machine's own network."""
    if os.geteuid() != 0 or not on_own_network():
        for item in items:
            if "kernel" in item.path.relative_to(CHECKOUT / "tests").parts:
                item.add_marker(pytest.mark.skip(reason="run it by: tests/labhost once -- .venv/bin/pytest tests/kernel"))
