# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose packets the lab host's kernel moves, where nobody says, and what is said of a machine that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.resources import _vm_process
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import RUNNING, Nic, Vm
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm import VmDriver

NICS = (
    Nic("new", "virtio-net-pci", "52:54:00:00:00:01", tap="t1"),
    Nic("old", "e1000", "52:54:00:00:00:02", tap="t2"),
    Nic("own", "virtio-net-pci", "52:54:00:00:00:03", backend=("user",)),
    Nic("not", "virtio-net-pci", "52:54:00:00:00:04", tap="t3", vhost=False),
)


def decided(accel: str, nics: tuple[Nic, ...] = NICS) -> tuple[dict[str, bool | None], list[str]]:
    driver = VmDriver()
    vms = [driver._resolved(Vm(name, "yard", RUNNING, accel=accel, nics=nics), "yard") for name in ("hen", "cock")]
    assert vms[0].nics == vms[1].nics
    return {nic.id: nic.vhost for nic in vms[0].nics or ()}, driver.notices


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the place of the kernel's device; it is not there."""
    monkeypatch.setattr(_vm_process, "_VHOST", tmp_path / "vhost-net")
    return tmp_path / "vhost-net"


def test_virtio_on_a_tap_has_it_with_kvm(device: Path) -> None:
    device.touch()
    assert decided("kvm") == ({"new": True, "old": False, "own": None, "not": False}, [])


def test_a_machine_that_lacks_it_is_told_so_once(device: Path) -> None:
    found, notices = decided("kvm")
    assert found == {"new": False, "old": False, "own": None, "not": False}
    assert [notice.partition(":")[0] for notice in notices] == ["There is no /dev/vhost-net here"]


def test_nobody_misses_it_who_has_said_so_or_has_other_cards(device: Path) -> None:
    assert decided("kvm", NICS[1:])[1] == []


@pytest.mark.parametrize("there", [True, False])
def test_an_emulated_guest_does_without(device: Path, there: bool) -> None:
    if there:
        device.touch()
    assert decided("tcg") == ({"new": False, "old": False, "own": None, "not": False}, [])
