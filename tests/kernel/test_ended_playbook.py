# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is ended by somebody, in the middle of a module: the module ends too, and the next run goes on from there.

One that is killed outright, or whose terminal is closed, leaves the process of ansible-core that waits for the module, and so
the module: it runs to its end, and who comes meanwhile is told whom to end (see test_lock.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .playbooks import Playbooks, trace

LAB = "brook"
PATIENCE = 60.0


def play(folder: Path, *commands: str, state: str = "present") -> subprocess.Popen[str]:
    """Start a playbook that has a node run commands, at a terminal of its own as far as it can tell."""
    share = {"lab": LAB, "namespaces": [{"name": "brook-a"}], "commands": [{"netns": "brook-a", "name": "a", "commands": commands}]}
    task = {"netvirt.lab.topology": {"share": share} if state == "present" else {"lab": LAB, "state": state}}
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    here = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"localhost": here}}}))
    books = Playbooks(folder, folder / "hosts.yml")
    return subprocess.Popen(
        books.command(str(folder / "play.yml")),
        cwd=folder,
        env=books.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=False).stdout
        time.sleep(0.1)


def running(words: str) -> bool:
    return subprocess.run(["pgrep", "-xf", words], capture_output=True, check=False).returncode == 0


def holders() -> list[str]:
    """Return the modules that run: each is piped to an interpreter."""
    said = subprocess.run(["pgrep", "-xf", "/usr/bin/python3"], capture_output=True, text=True, check=False).stdout
    return said.split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_module_ends_with_its_playbook(tmp_path: Path, number: signal.Signals) -> None:
    before = trace()
    playbook = play(tmp_path, "sleep 4321")
    until(lambda: running("sleep 4321"))
    assert holders()
    # As a terminal does it: everyone in the foreground is told.
    os.killpg(playbook.pid, number)
    until(lambda: playbook.poll() is not None)
    until(lambda: not holders())
    again = play(tmp_path, "true")
    assert "changed=1" in again.communicate(timeout=PATIENCE)[0]
    assert not running("sleep 4321")
    assert "changed=1" in play(tmp_path, state="absent").communicate(timeout=PATIENCE)[0]
    assert trace() == before
