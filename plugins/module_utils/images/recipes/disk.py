# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that boots by itself, made from a directory without mounting anything: MBR, one ext4 partition, GRUB."""

from __future__ import annotations

import struct
from pathlib import Path

from .programs import run
from .tree import Tree

PACKAGES = ("grub-common", "grub-pc-bin", "libdevmapper1.02.1", "liblzma5", "libpcre2-8-0", "libselinux1", "libudev1")
GRUB = "usr/lib/grub/i386-pc"
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "search", "search_label", "configfile", "normal", "linux", "serial", "terminal")
SECTOR = 512
FIRST_SECTOR = 2048
MIB = 1 << 20
LABEL = "netvirt-root"

EARLY_CONFIGURATION = f"search.fs_label {LABEL} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"

CONFIGURATION = """\
set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
linux /boot/vmlinuz-{release} {command_line}
initrd /boot/initrd.img-{release}
boot
"""


def write(root: Path, tree: Tree, work: Path, target: Path, mebibytes: int) -> None:
    """Write a sparse raw disk of the given size whose file system holds root. The tree has GRUB."""
    with target.open("wb") as disk:
        disk.truncate(mebibytes * MIB)
    options = ["-q", "-F", "-L", LABEL, "-m", "1", "-E", f"offset={FIRST_SECTOR * SECTOR},root_owner=0:0", "-d", str(root)]
    run(["mkfs.ext4", *options, str(target), f"{mebibytes - FIRST_SECTOR * SECTOR // MIB}M"], "write the image's file system")
    core = grub_core(tree, work)
    with target.open("r+b") as disk:
        disk.write(boot_record((tree.root / GRUB / "boot.img").read_bytes(), mebibytes * MIB // SECTOR))
        disk.seek(SECTOR)
        disk.write(core)


def grub_core(tree: Tree, work: Path) -> bytes:
    """Return GRUB's core, which fits between the boot record and the partition and finds its file system by label."""
    early, core = work / "grub-early.cfg", work / "grub-core.img"
    early.write_text(EARLY_CONFIGURATION)
    options = ["-O", "i386-pc", "-d", str(tree.root / GRUB), "-c", str(early), "-p", "/boot/grub", "-o", str(core)]
    tree.run("usr/bin/grub-mkimage", *options, *GRUB_MODULES, purpose="make the image's boot loader")
    return core.read_bytes()


def boot_record(code: bytes, sectors: int) -> bytes:
    """Return a master boot record: GRUB's boot code, and one bootable Linux partition up to the end of the disk."""
    # Status, first CHS, type, last CHS (both "too large for CHS"), first sector, number of sectors.
    partition = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", FIRST_SECTOR, sectors - FIRST_SECTOR)
    return code[:440] + b"nvrt" + bytes(2) + partition + bytes(48) + b"\x55\xaa"
