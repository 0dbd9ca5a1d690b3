# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe of KVM makes of what QEMU does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import kvm
from ansible_collections.netvirt.lab.plugins.module_utils.transport.processes import Completed
from ansible_collections.netvirt.lab.plugins.module_utils.transport.qemu import Account

WHO = Account(4321, 4322, (108,))


class Machine:
    """A machine whose QEMU ends as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
        self.done, self.runs = Completed(67, "", ""), 0
        self.device, self.boot_id, self.program = place / "kvm", place / "boot_id", place / "qemu"
        for path in (self.device, self.program):
            path.touch()
        self.boot_id.write_text("first\n")
        monkeypatch.setattr(kvm, "_DEVICE", self.device)
        monkeypatch.setattr(kvm, "_BOOT_ID", self.boot_id)
        monkeypatch.setattr(kvm, "attempt", self.attempt)

    def attempt(self, argv: list[str], timeout: float, pass_fds: list[int], user: Any) -> Completed:
        assert (timeout, user) == (3.0, (4321, 4322, (108,)))
        sector = os.pread(pass_fds[0], 1000, 0)
        assert (len(sector), sector[-2:]) == (512, b"\x55\xaa")
        assert argv[:3] == [str(self.program), "-accel", "kvm"]
        self.runs += 1
        return self.done

    def ask(self, cache: Path | None = None) -> kvm.Answer:
        return kvm.probe(str(self.program), WHO, cache)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("done", "answer"),
    [
        (Completed(67, "", ""), kvm.Answer(True)),
        (Completed(124, "", ""), kvm.Answer(False, "a test guest hung for 3 seconds")),
        (Completed(-6, "", "qemu: error: failed to set MSR 0x10a\nqemu: assertion"), kvm.Answer(False, "error: failed to set MSR 0x10a")),
        (Completed(1, "", "Could not access KVM kernel module: Permission denied\n"), kvm.Answer(False, "Permission denied")),
        (Completed(0, "", ""), kvm.Answer(False, "a test guest ended QEMU with code 0")),
    ],
)
def test_answers(machine: Machine, done: Completed, answer: kvm.Answer) -> None:
    machine.done = done
    assert machine.ask() == answer


def test_no_device_no_run(machine: Machine) -> None:
    machine.device.unlink()
    assert machine.ask() == kvm.Answer(False, "there is no /dev/kvm")
    assert machine.runs == 0


def test_the_answer_lasts_until_a_boot_or_another_qemu(machine: Machine, tmp_path: Path) -> None:
    cache = tmp_path / "answer.json"
    machine.done = Completed(124, "", "")
    answers = [machine.ask(cache) for _time in range(2)]
    assert machine.runs == 1
    assert answers[0] == answers[1] == kvm.Answer(False, "a test guest hung for 3 seconds")
    machine.boot_id.write_text("second\n")
    machine.ask(cache)
    assert machine.runs == 2
    os.utime(machine.program, (1, 1))
    machine.ask(cache)
    assert machine.runs == 3
    cache.write_text("no json")
    machine.ask(cache)
    assert machine.runs == 4
