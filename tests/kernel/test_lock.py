# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one lab."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._paths import run_dir
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope

PROCESSES = multiprocessing.get_context("fork")


def hold(lab: str, taken: Event, done: Event) -> None:
    with lab_lock(Scope(lab)):
        taken.set()
        done.wait(120)


@contextmanager
def another_run(lab: str) -> Iterator[tuple[int | None, Event]]:
    taken, done = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=hold, args=(lab, taken, done))
    process.start()
    assert taken.wait(60)
    yield process.pid, done
    done.set()
    process.join(60)
    assert process.exitcode == 0


def test_a_second_run_says_who_holds_the_lab() -> None:
    with another_run("busy") as (pid, _done):
        holder = rf"Another run \(pid {pid}\) holds lab 'busy'; wait until it has ended, or end it \('kill {pid}'\), then run again"
        with pytest.raises(LabError, match=holder):
            lab_lock(Scope("busy"), patience=0.2).__enter__()


def test_a_run_that_is_ended_holds_nothing() -> None:
    taken, done = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=hold, args=("busy", taken, done))
    process.start()
    assert taken.wait(60)
    process.terminate()
    with lab_lock(Scope("busy"), patience=60):
        process.join(60)
    assert not run_dir("busy").exists()


def test_a_second_run_waits_for_the_first() -> None:
    with another_run("busy") as (_pid, done):
        started = time.monotonic()
        threading.Timer(0.5, done.set).start()
        with lab_lock(Scope("busy"), patience=60):
            assert time.monotonic() - started > 0.4
    assert not run_dir("busy").exists()


def test_other_labs_and_checks_are_not_held_up() -> None:
    with another_run("busy"), lab_lock(Scope("idle"), patience=0.2), lab_lock(Scope("busy", check=True), patience=0.2):
        pass
    assert not run_dir("idle").exists()


def test_the_lock_leaves_what_is_in_the_labs_directory_and_lets_other_users_in() -> None:
    old = os.umask(0o077)
    try:
        with lab_lock(Scope("kept")):
            (run_dir("kept") / "note").touch()
    finally:
        os.umask(old)
    assert run_dir("kept").stat().st_mode & 0o777 == 0o755
    (run_dir("kept") / "note").unlink()
    with lab_lock(Scope("kept")):
        pass
    assert not run_dir("kept").exists()
