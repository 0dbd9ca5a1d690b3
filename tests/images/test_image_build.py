# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images built for real, from Debian's archive, into a store of the test's own.

These need the network to fetch packages and root to unpack them, and change nothing of the machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _paths
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images import build, catalogue, keep, store
from ansible_collections.netvirt.lab.plugins.module_utils.images.recipes import disk as recipe_disk
from ansible_collections.netvirt.lab.plugins.module_utils.images.recipes import programs
from ansible_collections.netvirt.lab.plugins.module_utils.transport.processes import which

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(any(which(program) is None for program in programs.PACKAGES), reason="needs mmdebstrap and friends"),
]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty store, on the disk: a build does not fit into every /tmp."""
    monkeypatch.setattr(_paths, "STATE", tmp_path)
    monkeypatch.setattr(_paths, "IMAGES", tmp_path / "images")
    yield tmp_path / "images"
    subprocess.run(["rm", "-rf", "--one-file-system", tmp_path / "images"], check=True)


def traces(directory: Path) -> list[str]:
    temporary = [str(path) for path in Path("/tmp").glob("mmdebstrap.*")]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(directory) in line]
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return temporary + mounts + [line for line in listing.splitlines() if str(directory) in line]


def test_tiny(images: Path) -> None:
    tiny = catalogue.find("tiny")
    assert [change.action for change in keep.converge([tiny], (), False, False)] == ["create"]
    found = store.artifacts("tiny")
    assert found.disk is None
    assert found.kernel is not None
    assert found.initrd is not None
    assert found.kernel.read_bytes()[:4] == b"\x7fELF"
    assert found.initrd.read_bytes()[:6] == b"070701"
    assert [path.name for path in images.iterdir()] == ["tiny"]
    assert keep.converge([tiny], (), False, False) == []


def test_a_killed_build_leaves_nothing_that_lasts(images: Path) -> None:
    """Killed while packages are being installed: no mount, no process, and the next run clears the files away."""
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from ansible_collections.netvirt.lab.plugins.module_utils import _paths
_paths.STATE, _paths.IMAGES = Path({str(images.parent)!r}), Path({str(images)!r})
from ansible_collections.netvirt.lab.plugins.module_utils.images import catalogue, keep
keep.converge([catalogue.find("debian-12")], (), False, False)
"""
    killed = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(images.glob(f"{store.WORK_PREFIX}*/work-*/root/var/lib/dpkg/status")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = list(images.iterdir())
    assert [path.name[:6] for path in left] == [store.WORK_PREFIX], "it was killed in the middle"
    deadline = time.monotonic() + 5
    while traces(images) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert traces(images) == []
    assert store.names() == []
    with store.locked(patience=1), store.workspace() as work:
        assert list(images.iterdir()) == [work]


def test_more_packages_and_a_disk_that_has_them(images: Path) -> None:
    """One package has a service, the other a timer: the one starts with the guest, the other never does."""
    mine = catalogue.find("mine", {"mine": {"from": "debian-12", "packages": ["sysstat", "bird2"]}})
    assert [change.action for change in keep.converge([mine], (), False, False)] == ["create"]
    assert keep.converge([mine], (), False, False) == []
    disk, initrd = store.artifacts("mine").disk, store.artifacts("mine").initrd
    assert disk is not None
    assert initrd is not None
    assert run_in(initrd, images / "initrd", "/bin/sh", "-c", "findfs LABEL=none || cat /init").startswith("#!/bin/busybox sh")
    assert disk.stat().st_size >= 2 << 30
    free = int(debugfs(disk, "stats").partition("Free blocks:")[2].split()[0]) * 4096
    assert free > 1 << 30
    assert "Type: regular" in debugfs(disk, "stat /usr/sbin/bird")
    assert 'Fast link dest: "/dev/null"' in debugfs(disk, "stat /etc/systemd/system/sysstat-collect.timer")
    assert "Type: symlink" in debugfs(disk, "stat /etc/systemd/system/multi-user.target.wants/bird.service")


def test_a_package_that_is_not_there_is_named(images: Path) -> None:
    wrong = catalogue.find("wrong", {"wrong": {"from": "debian-12", "packages": ["openvswich-switch"]}})
    with pytest.raises(LabError, match=r"packages of the image 'wrong'.*openvswich-switch"):
        keep.converge([wrong], (), False, False)
    assert list(images.iterdir()) == []


def run_in(initrd: Path, place: Path, *command: str) -> str:
    """Return what a program of an initramfs says, which fails if the initramfs lacks a library of it."""
    place.mkdir()
    with initrd.open("rb") as archived:
        subprocess.run(["cpio", "--quiet", "-idm"], stdin=archived, cwd=place, check=True)
    return subprocess.run(["chroot", place, *command], capture_output=True, text=True, check=True).stdout


def debugfs(disk: Path, request: str) -> str:
    """Ask the file system on the first partition of a disk."""
    command = ["debugfs", "-R", request, f"{disk}?offset={recipe_disk.FIRST_SECTOR * recipe_disk.SECTOR}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_digest_covers_what_the_image_is_made_of() -> None:
    digests = {name: build.digest(catalogue.find(name)) for name in build.RECIPES}
    assert len(set(digests.values())) == 2
    assert {name: build.digest(catalogue.find(name)) for name in build.RECIPES} == digests
