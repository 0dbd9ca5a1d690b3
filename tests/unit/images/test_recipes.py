# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of recipes that need no packages: archives, boot records, modules, mirrors; and that guest scripts are shell."""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images.recipes import (
    archive,
    debian,
    debian_files,
    disk,
    kernel,
    tiny_files,
    tree,
)
from ansible_collections.netvirt.lab.plugins.module_utils.images.recipes.initramfs import Initramfs
from ansible_collections.netvirt.lab.plugins.module_utils.transport.processes import Completed


def test_an_initramfs_is_what_cpio_reads(tmp_path: Path) -> None:
    guest = Initramfs()
    guest.file("init", "#!/bin/sh\n", 0o755)
    guest.file("etc/deep/secret", b"odd length!", 0o600)
    guest.directory("root/.ssh", 0o700)
    guest.link("bin/sh", "busybox")
    guest.write(tmp_path / "initrd")
    (tmp_path / "out").mkdir()
    with (tmp_path / "initrd").open("rb") as archived:
        subprocess.run(["cpio", "--quiet", "-idm"], stdin=archived, cwd=tmp_path / "out", check=True)
    out = tmp_path / "out"
    assert (out / "init").read_text() == "#!/bin/sh\n"
    assert (out / "etc/deep/secret").read_bytes() == b"odd length!"
    assert (out / "bin/sh").readlink() == Path("busybox")
    modes = {name: (out / name).lstat().st_mode & 0o777 for name in ("init", "etc", "etc/deep/secret", "root/.ssh")}
    assert modes == {"init": 0o755, "etc": 0o755, "etc/deep/secret": 0o600, "root/.ssh": 0o700}


def test_the_same_files_make_the_same_initramfs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        guest = Initramfs()
        guest.file("etc/hosts", "127.0.0.1 localhost\n")
        guest.write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def module(directory: Path, path: str, depends: str = "") -> None:
    file = directory / "kernel" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x7fELF..\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0..")


def test_modules_come_with_what_they_need_first(tmp_path: Path) -> None:
    module(tmp_path, "drivers/net/virtio_net.ko", "net_failover,virtio-ring")
    module(tmp_path, "drivers/net/net_failover.ko", "failover")
    module(tmp_path, "net/core/failover.ko")
    module(tmp_path, "drivers/virtio/virtio_ring.ko", "")
    module(tmp_path, "drivers/net/ethernet/8390/ne2k-pci.ko", "8390")
    module(tmp_path, "drivers/net/ethernet/8390/8390.ko")
    module(tmp_path, "sound/snd.ko")
    chosen = [path.stem for path in kernel.select(tmp_path, ("drivers/net/virtio_net.ko", "*/ne2k-pci.ko"))]
    assert set(chosen) == {"8390", "ne2k-pci", "virtio_net", "net_failover", "failover", "virtio_ring"}
    order = {"ne2k-pci": "8390", "net_failover": "failover", "virtio_net": "virtio_ring"}
    for needing, needed in order.items():
        assert chosen.index(needed) < chosen.index(needing)


def test_the_elf_kernel_is_taken_out_of_the_compressed_one() -> None:
    elf = b"\x7fELF" + bytes(1000)
    assert kernel.elf_image(b"MZ setup code" + lzma.compress(elf, format=lzma.FORMAT_XZ) + b"size") == elf
    with pytest.raises(LabError, match="not compressed with xz"):
        kernel.elf_image(b"MZ setup code \x02!L\x18")
    with pytest.raises(LabError, match="no ELF image"):
        kernel.elf_image(b"MZ" + lzma.compress(b"text", format=lzma.FORMAT_XZ))


def test_a_boot_record_is_what_sfdisk_reads(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    with path.open("wb") as output:
        output.write(disk.boot_record(b"\x90" * 512, 8 << 11))
        output.truncate(8 << 20)
    listing = subprocess.run(["sfdisk", "--dump", path], capture_output=True, text=True, check=True).stdout
    assert "start=        2048, size=       14336, type=83, bootable" in listing
    assert path.read_bytes()[:440] == b"\x90" * 440


def test_no_timer_of_any_package_runs_in_a_guest(tmp_path: Path) -> None:
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    for name in ("man-db.timer", "man-db.service", "apt-daily.timer"):
        (units / name).touch()
    debian.configure(tmp_path)
    masked = {path.name for path in (tmp_path / "etc/systemd/system").iterdir() if path.is_symlink()}
    assert masked == {*debian_files.MASKED_UNITS, "man-db.timer", "apt-daily.timer"}


def test_a_disk_has_room_for_what_guests_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert debian.disk_mebibytes(tmp_path) == 2048
    monkeypatch.setattr(debian, "FREE_MEBIBYTES", 2040)
    assert debian.disk_mebibytes(tmp_path) == 2048
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/large").write_bytes(b"x" * (10 << 20))
    assert debian.disk_mebibytes(tmp_path) == 2304


@pytest.mark.parametrize(
    ("targets", "mirrors"),
    [
        ("", (archive.MIRROR, archive.SECURITY_MIRROR)),
        ("Ubuntu|Ubuntu|http://archive.ubuntu.com/ubuntu/\n", (archive.MIRROR, archive.SECURITY_MIRROR)),
        (
            "Debian|Debian|http://near.test/debian/\nDebian|Debian|http://far.test/debian/\nDebian|Debian-Security|http://near.test/security\n",
            ("http://near.test/debian", "http://near.test/security"),
        ),
        (
            "|Else|https://else.test/apt/\nDebian|Debian|http://near.test/debian/\n",
            ("http://near.test/debian", archive.SECURITY_MIRROR),
        ),
    ],
)
def test_the_lab_hosts_own_mirrors_are_used_where_they_are_debians(
    targets: str, mirrors: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "attempt", lambda argv: Completed(0, targets, ""))
    assert archive.host_mirrors() == mirrors


def test_source_lines(tmp_path: Path) -> None:
    (tmp_path / "keyring.gpg").touch()
    assert archive.source_lines(("http://m.test/d", "http://m.test/s"), tmp_path / "keyring.gpg") == [
        f"deb [arch=amd64 signed-by={tmp_path}/keyring.gpg] http://m.test/d bookworm main",
        f"deb [arch=amd64 signed-by={tmp_path}/keyring.gpg] http://m.test/s bookworm-security main",
    ]
    assert "signed-by" not in archive.source_lines(("a", "b"), tmp_path / "none")[0]


def test_a_library_that_no_package_has_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path
    listing = f"\tlinux-vdso.so.1 (0x1)\n\tlibgood.so.1 => {root}/lib/libgood.so.1 (0x2)\n\t/lib64/ld-linux.so.2 => {root}/ld (0x3)\n"
    monkeypatch.setattr(tree, "run", lambda argv, purpose: listing)
    assert tree.Tree(root).libraries("bin/x") == {"libgood.so.1": root / "lib/libgood.so.1"}
    monkeypatch.setattr(tree, "run", lambda argv, purpose: listing + "\tlibbad.so.2 => not found\n")
    with pytest.raises(LabError, match=r"'bin/x' needs libbad\.so\.2, which none of the recipe's packages has"):
        tree.Tree(root).libraries("bin/x")


@pytest.mark.parametrize("script", [*tiny_files.SCRIPTS.values(), debian_files.INIT])
def test_guest_scripts_are_shell(script: str) -> None:
    assert script.startswith("#!/bin/")
    done = subprocess.run(["busybox", "sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
