# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's generic kernel out of its package: an image that boots fast, and the modules that a guest can use.

The cloud kernel would be smaller, but has no driver for any emulated NIC.
"""

from __future__ import annotations

import fnmatch
import lzma
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..._errors import LabError
from . import archive
from .programs import run

XZ_MAGIC = b"\xfd7zXZ\0"
ELF_MAGIC = b"\x7fELF"


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel package."""

    release: str
    tree: Path
    vmlinux: Path

    @property
    def bzimage(self) -> Path:
        """Return the compressed kernel, as boot loaders want it."""
        return self.tree / f"boot/vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """Return the directory of all modules of the package."""
        return self.tree / f"lib/modules/{self.release}"


def fetch(packages: archive.Archive, work: Path) -> Kernel:
    """Download and unpack the kernel, and take its ELF image out of the compressed one."""
    archive.unpack(archive.download(packages, [archive.kernel_package(packages)], work / "deb"), work / "tree")
    release = next((work / "tree/lib/modules").iterdir()).name
    kernel = Kernel(release, work / "tree", work / "vmlinux")
    kernel.vmlinux.write_bytes(elf_image(kernel.bzimage.read_bytes()))
    kernel.vmlinux.chmod(0o644)
    return kernel


def elf_image(bzimage: bytes) -> bytes:
    """Return the ELF kernel in a bzImage: QEMU starts it by its PVH note, and no emulated processor has to unpack it."""
    start = bzimage.find(XZ_MAGIC)
    if start < 0:
        raise LabError("Cannot read Debian's kernel image: it is not compressed with xz.")
    image = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(bzimage[start:])
    if not image.startswith(ELF_MAGIC):
        raise LabError("Cannot read Debian's kernel image: there is no ELF image in it.")
    return image


def select(modules: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the modules whose path below 'kernel/' matches one of patterns, and all modules that these need, in load order."""
    files = {_plain(path.stem): path for path in sorted(modules.rglob("*.ko"))}
    wanted = tuple(patterns)
    chosen: dict[str, None] = {}

    def choose(name: str) -> None:
        if name not in chosen:
            for needed in dependencies(files[name].read_bytes()):
                choose(needed)
            chosen[name] = None

    for name, path in files.items():
        below = path.relative_to(modules / "kernel").as_posix()
        if any(fnmatch.fnmatchcase(below, pattern) for pattern in wanted):
            choose(name)
    return [files[name] for name in chosen]


def dependencies(module: bytes) -> list[str]:
    """Return the names of the modules that a module says it needs (its .modinfo section)."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [_plain(name) for name in found.group(1).decode().split(",") if name] if found else []


def install(kernel: Kernel, patterns: Iterable[str], root: Path) -> Path:
    """Copy the chosen modules, with what modprobe needs to find them, below root; return their directory."""
    target = root / "lib/modules" / kernel.release
    for module in select(kernel.modules, patterns):
        copy = target / module.relative_to(kernel.modules)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, copy)
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copyfile(kernel.modules / index, target / index)
    run(["depmod", "--basedir", str(root), kernel.release], f"index the modules of kernel {kernel.release}")
    return target


def _plain(name: str) -> str:
    # The kernel takes '-' and '_' in a module's name for the same, and so mixes them.
    return name.replace("-", "_")
