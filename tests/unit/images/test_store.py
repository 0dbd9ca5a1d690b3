# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image store: what is whole, what is published in one step, what stays because it is needed."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images import store
from ansible_collections.netvirt.lab.plugins.module_utils.images.store import Manifest


def put(name: str, digest: str, version: str = "1", content: bytes = b"base") -> Manifest:
    """Publish an image with a disk, a kernel and an initrd."""
    with store.locked(), store.workspace() as work:
        out = work / f"out-{name}"
        out.mkdir(mode=0o700)
        files = (f"disk-{version}.raw", f"vmlinux-{version}", f"initrd-{version}")
        for file, data in zip(files, (content, b"kernel" + content, b"initrd")):
            (out / file).write_bytes(data)
            (out / file).chmod(0o600)
        disk, kernel, initrd = files
        entry = {"name": name, "kind": "build", "user": "someone"}
        return store.publish(out, Manifest(name, digest, entry, disk, "raw", kernel, initrd, "console=ttyS0"))


def overlay(path: Path, base: str) -> None:
    """Write the head of a qcow2 file that names a base."""
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack(">4sIQI", b"QFI\xfb", 3, 104, len(base)).ljust(104, b"\0") + base.encode())


def test_what_is_published_is_there_for_all_to_read(images: Path) -> None:
    old = os.umask(0o077)
    try:
        put("web", "sha256:1")
    finally:
        os.umask(old)
    found = store.artifacts("web")
    assert (found.disk, found.kernel, found.initrd) == (images / "web/disk-1.raw", images / "web/vmlinux-1", images / "web/initrd-1")
    assert (found.disk_format, found.cmdline) == ("raw", "console=ttyS0")
    assert store.image("web").user == "someone"
    assert store.names() == ["web"]
    assert {path.name for path in images.iterdir()} == {"web"}, "nothing is left of the work"
    for path in (images, images.parent, images / "web"):
        assert path.stat().st_mode & 0o777 == 0o755
    for path in (images / "web").iterdir():
        assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "spoil",
    [
        lambda home: (home / "disk-1.raw").unlink(),
        lambda home: (home / "vmlinux-1").write_bytes(b"short"),
        lambda home: (home / "manifest.json").write_text("{"),
        lambda home: (home / "manifest.json").write_text('{"name": "db", "unknown": 1}'),
        lambda home: (home / "manifest.json").unlink(),
        lambda home: home.rename(home.parent / "other"),
    ],
)
def test_an_image_that_is_not_whole_is_not_there(images: Path, spoil: object) -> None:
    put("db", "sha256:1")
    spoil(images / "db")  # type: ignore[operator]
    assert store.manifest("db") is None
    assert store.manifest("other") is None
    with pytest.raises(LabError, match=r"'db' is not on this lab host; fetch it with the module netvirt\.lab\.image"):
        store.artifacts("db")


def test_an_absolute_path_is_a_disk(tmp_path: Path, images: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"QFI\xfb...")
    (tmp_path / "b.img").write_bytes(b"MBR")
    assert store.artifacts(str(tmp_path / "a.img")).disk_format == "qcow2"
    assert store.artifacts(str(tmp_path / "b.img")).disk_format == "raw"
    with pytest.raises(LabError, match=r"c\.img': No such file"):
        store.artifacts(str(tmp_path / "c.img"))


def test_another_version_replaces_the_files_but_not_a_base_that_is_needed(images: Path) -> None:
    put("lan", "sha256:1", "1", b"first")
    overlay(images.parent / "course/vm1/disk.qcow2", str(images / "lan/disk-1.raw"))
    overlay(images.parent / "course/vm2/disk.qcow2", str(images / "wan/disk-1.raw"))
    put("lan", "sha256:2", "2", b"second")
    assert (images / "lan/disk-1.raw").read_bytes() == b"first"
    assert store.artifacts("lan").disk == images / "lan/disk-2.raw"
    assert store.in_use("lan") == {images / "lan/disk-1.raw": [str(images.parent / "course/vm1/disk.qcow2")]}
    old, new = store.artifacts_on(images / "lan/disk-1.raw"), store.artifacts_on(images / "lan/disk-2.raw")
    assert (old.kernel, old.initrd, old.disk_format) == (images / "lan/vmlinux-1", images / "lan/initrd-1", "raw")
    assert new == store.artifacts("lan")
    assert (images / "lan/vmlinux-1").read_bytes() == b"kernelfirst", "with the kernel that its modules are of"
    (images.parent / "course/vm1/disk.qcow2").unlink()
    put("lan", "sha256:3", "3", b"third")
    assert sorted(path.name for path in (images / "lan").iterdir()) == ["disk-3.raw", "initrd-3", "manifest.json", "vmlinux-3"]


def test_names_of_disks_are_never_used_again() -> None:
    assert len({store.version() for _time in range(100)}) == 100


def test_backing_file_of_what_qemu_makes(tmp_path: Path) -> None:
    base, top = tmp_path / "base.raw", tmp_path / "top.qcow2"
    base.write_bytes(bytes(1 << 20))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top], check=True)
    assert store.backing_file(top) == base
    assert store.backing_file(base) is None
    assert store.backing_file(tmp_path / "none") is None


def test_what_a_killed_run_left_is_removed_with_its_processes(images: Path) -> None:
    left = images / f"{store.WORK_PREFIX}dead"
    (left / "rootfs").mkdir(parents=True)
    program = "import time; print('up', flush=True); time.sleep(60)"
    writer = subprocess.Popen([sys.executable, "-c", program, str(left / "rootfs")], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"up\n"
    try:
        with store.locked(), store.workspace() as work:
            assert not left.exists()
            assert writer.wait(5) != 0
            assert list(images.iterdir()) == [work]
        assert not images.exists()
    finally:
        writer.kill()


def test_one_run_at_a_time(images: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with store.locked():
            order.append("second")

    with store.locked():
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.2)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]


def test_patience_ends(images: Path) -> None:
    images.mkdir(parents=True)
    holder = os.open(images, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with (
            pytest.raises(
                LabError, match=rf"Another run \(pid {os.getpid()}\) holds the images in {images}; wait until it has ended, or end it"
            ),
            store.locked(patience=0.1),
        ):
            pass
    finally:
        os.close(holder)
