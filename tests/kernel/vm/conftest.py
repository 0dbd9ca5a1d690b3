# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of VMs in a simulated lab host, and nothing left of it afterwards."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import Source, notices, restart_needed, vm_goals

COLLECTIONS = Path(__file__).resolve().parents[3] / ".cache"
KEY = "ssh-ed25519 AAAAC3 bench"


def shell(line: str) -> str:
    """Run a line of shell and return what it printed."""
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def traces() -> str:
    """Return what VMs leave behind: processes, files, temporary files."""
    places = "/run/netvirt /var/lib/netvirt -path /var/lib/netvirt/images -prune -o -print"
    files = shell(f"find {places} 2>/dev/null | grep -v -e '^/run/netvirt$' -e '^/var/lib/netvirt$' || :")
    return files + shell("ps -C qemu-system-x86_64 -o args= | grep -v defunct || :")


class Bench:
    """Runs goals on the lab and looks at the plans."""

    def __init__(self, lab: str) -> None:
        self.lab = lab
        self.waiting: dict[str, list[str]] = {}
        self.notices: list[str] = []

    def run(self, *records: dict[str, Any], **how: Any) -> list[Change[Any]]:
        """Converge once; 'check', 'purge', 'source' and 'keys' as keywords."""
        look_up = how.get("source", lambda image: Source(disk=Path(image), cloud_init=False))
        scope = Scope(self.lab, check=how.get("check", False))
        goals = vm_goals(records, self.lab, how.get("keys", ()), how.get("purge", False), look_up)
        with lab_lock(scope):
            changes = converge(goals, scope)
        self.waiting, self.notices = restart_needed(goals), notices(goals)
        return changes

    def told(self, *records: dict[str, Any], **how: Any) -> list[tuple[str, str, frozenset[str]]]:
        """Converge as check mode foretells, and again without a change; return kind, action and what differs of each change."""
        foretold = diff(self.run(*records, check=True, **how))
        done = self.run(*records, **how)
        assert diff(done) == foretold
        assert self.run(*records, **how) == []
        return [(change.kind, change.action, change.differing) for change in done]

    def file(self, name: str, *parts: str) -> Path:
        """Return a file of a VM's run directory."""
        return Path("/run/netvirt", self.lab, "vm", name, *parts)

    def state(self, name: str, *parts: str) -> Path:
        """Return a file of a VM's state directory."""
        return Path("/var/lib/netvirt", self.lab, name, *parts)

    def lured(self, name: str) -> str:
        """Return the files that root has written where QEMU's user could have put links to others in their place."""
        return shell(f"find {self.file(name)} -user root")

    def pid(self, name: str) -> int:
        """Return the pid that QEMU has written."""
        return int(self.file(name, "pid").read_text())


@pytest.fixture(scope="session", autouse=True)
def account() -> None:
    """Have the user that QEMU runs as, as host_prep would."""
    try:
        pwd.getpwnam("netvirt")
    except KeyError:
        shell("useradd --system --user-group --no-create-home --shell /usr/sbin/nologin netvirt")


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a bench, and see that nothing is left when its lab is taken down."""
    before = traces()
    bench = Bench("paddock")
    yield bench
    bench.run(purge=True)
    assert traces() == before


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return an empty image of 64 MiB that anyone may read."""
    image = tmp_path / "base.raw"
    image.touch()
    os.truncate(image, 64 << 20)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    return image


@pytest.fixture
def tap() -> Iterator[Callable[..., str]]:
    """Give a function that makes taps by ip(8)."""
    made: list[str] = []

    def make(name: str, *words: str) -> str:
        shell(f"ip tuntap add {name} mode tap {' '.join(words)}; ip link set {name} up")
        made.append(name)
        return name

    yield make
    for name in made:
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def module_command(module: str, *, check: bool = False, **options: Any) -> list[str]:
    """Return the command that runs a module of the collection."""
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}
    return [sys.executable, "-m", f"ansible_collections.netvirt.lab.plugins.modules.{module}", json.dumps(arguments)]


def module_environment() -> dict[str, str]:
    """Return the environment in which a module finds the collection."""
    return {**os.environ, "PYTHONPATH": str(COLLECTIONS), "PYTHONDONTWRITEBYTECODE": "1"}


def run_module(module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module of the collection as a process of its own."""
    command = module_command(module, check=check, **options)
    done = subprocess.run(command, env=module_environment(), capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def actions(changes: Sequence[Change[Any]]) -> list[tuple[str, str]]:
    """Return kind and action of each change."""
    return [(change.kind, change.action) for change in changes]
