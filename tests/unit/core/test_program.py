# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This code as one file: it runs by itself, elsewhere, and the same code is the same file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._program import packed, written

GUARD = "resources._uplink_guard"  # which ends at once where there is nothing to watch


@pytest.mark.parametrize("interpreter", ["", sys.executable])
def test_it_runs_by_itself(interpreter: str, tmp_path: Path) -> None:
    program = tmp_path / "program.pyz"
    program.write_bytes(packed(GUARD, interpreter))
    program.chmod(0o755)
    argv = [str(program)] if interpreter else [sys.executable, "-I", str(program)]
    done = subprocess.run([*argv, "no-such-lab"], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    assert written(tmp_path / "deep" / "one.pyz", GUARD).read_bytes() == packed(GUARD)


def test_one_that_was_made_by_a_program_is_the_same(tmp_path: Path) -> None:
    first = written(tmp_path / "first.pyz", GUARD)
    module = "ansible_collections.netvirt.lab.plugins.module_utils._program"
    line = f"import sys; sys.path[:] = [{str(first)!r}, *sys.path]; from {module} import packed; sys.stdout.buffer.write(packed({GUARD!r}))"
    done = subprocess.run([sys.executable, "-I", "-c", line], cwd="/", capture_output=True, check=True)
    assert done.stdout == first.read_bytes()
