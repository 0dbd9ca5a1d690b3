# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for limits to control groups of version 2, which not every kernel here lends; version 1 is tested on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import cgroups
from ansible_collections.netvirt.lab.plugins.module_utils.transport.cgroups import Hierarchy


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    unified = Hierarchy(tmp_path, 2)
    monkeypatch.setattr(cgroups, "controllers", lambda: {"": unified, "cpu": unified, "memory": unified})
    (tmp_path / "cgroup.subtree_control").write_text("pids\n")
    return tmp_path


def test_controllers_are_handed_down_and_limits_written(top: Path) -> None:
    [group] = cgroups.prepare("hill", "elf", ["cpu", "memory"])
    assert group == top / "netvirt" / "hill" / "elf"
    for parent in (top, top / "netvirt", top / "netvirt" / "hill"):
        assert (parent / "cgroup.subtree_control").read_text() == "+memory"  # the kernel adds what is written
    assert not (group / "cgroup.subtree_control").exists()
    for name, text in (("cpu.max", "max 100000"), ("memory.max", "max")):
        (group / name).write_text(text)
    assert cgroups.limits("hill", "elf") == (0.0, 0)
    cgroups.limit("hill", "elf", 0.25, 96)
    assert (group / "cpu.max").read_text() == "25000 100000"
    assert (group / "memory.max").read_text() == str(96 << 20)
    assert cgroups.limits("hill", "elf") == (0.25, 96)
    cgroups.limit("hill", "elf", 0, None)
    assert cgroups.limits("hill", "elf") == (0.0, 96)


def test_what_stands_in_the_way_of_limits_is_told(top: Path) -> None:
    (top / "cgroup.procs").write_text("1\n")
    assert cgroups.impossible(["memory"]) == ""  # the machine's own root may have processes
    (top / "cgroup.type").write_text("domain\n")
    assert cgroups.impossible(["memory"]) == f"{top} has processes of its own and does not hand on the controller 'memory'"
    (top / "cgroup.subtree_control").write_text("memory\n")
    assert cgroups.impossible(["memory"]) == ""
    assert "with the controller 'io'" in cgroups.impossible(["io"])
