# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image "tiny": Debian's kernel and an initramfs that is the whole guest. It answers SSH in seconds, even emulated."""

from __future__ import annotations

from pathlib import Path

from . import kernel, tiny_files
from .initramfs import Initramfs
from .tree import LIBRARIES, LOADER, Tree

# What the programs need besides libc is found by the dynamic loader; a library that is missing here fails the build.
PACKAGES = (
    "bash", "busybox", "dropbear-bin", "ethtool", "iperf3", "iproute2",
    "libbpf1", "libbsd0", "libc6", "libcap2", "libcrypt1", "libelf1", "libgmp10", "libiperf0", "libmd0", "libmnl0",
    "libsctp1", "libssl3", "libtinfo6", "libtomcrypt1", "libtommath1", "zlib1g",
)  # fmt: skip
# The dynamic busybox: a static program of the GNU libc cannot look up names.
PROGRAMS = (
    "bin/busybox",
    "bin/bash",
    "bin/ip",
    "sbin/bridge",
    "sbin/ethtool",
    "usr/bin/iperf3",
    "usr/bin/dropbearkey",
    "usr/sbin/dropbear",
)
MODULES = (
    "drivers/virtio/virtio_pci.ko", "drivers/virtio/virtio_mmio.ko", "drivers/net/virtio_net.ko", "drivers/net/ethernet/intel/e1000/*",
    "drivers/net/ethernet/intel/e1000e/*", "drivers/net/ethernet/intel/igb/*", "drivers/net/ethernet/realtek/8139*",
    "drivers/net/ethernet/amd/pcnet32.ko", "drivers/net/ethernet/8390/ne2k-pci.ko", "drivers/net/vmxnet3/*",
    "drivers/acpi/button.ko", "drivers/input/evdev.ko", "net/packet/af_packet.ko", "net/8021q/*", "drivers/net/phy/realtek.ko",
)  # fmt: skip
COMMAND_LINE = "console=ttyS0 quiet"


def build(linux: kernel.Kernel, tree: Tree, work: Path, target: Path) -> None:
    """Write the initramfs of the guest to target; tree holds the unpacked packages."""
    guest = Initramfs()
    add_system(guest)
    add_programs(guest, tree)
    link_busybox(guest, tree)
    add_modules(guest, kernel.install(linux, MODULES, work), work)
    guest.write(target)


def add_system(guest: Initramfs) -> None:
    """Add the guest's own scripts and the empty places that they use."""
    for path in ("dev", "proc", "sys", "run", "tmp", "root/.ssh", "etc/dropbear", "var/log"):
        guest.directory(path, 0o700 if path.startswith("root") else 0o755)
    guest.link("var/run", "../run")
    guest.link("sbin", "bin")
    guest.link("usr/bin", "../bin")
    guest.link("usr/sbin", "../bin")
    for path, script in tiny_files.SCRIPTS.items():
        guest.file(path, script, 0o755)
    for path, text in tiny_files.TEXTS.items():
        guest.file(path, text)


def add_programs(guest: Initramfs, tree: Tree) -> None:
    """Add busybox, the programs that it lacks or has only a small form of, and their libraries."""
    guest.copy(tree.root / LOADER, LOADER, 0o755)
    for program in PROGRAMS:
        guest.copy(tree.root / program, f"bin/{Path(program).name}", 0o755)
        for name, library in tree.libraries(program).items():
            guest.copy(library, f"{LIBRARIES[0]}/{name}", 0o644)


def link_busybox(guest: Initramfs, tree: Tree) -> None:
    """Add all names of busybox that no program of its own has."""
    for name in tree.run("bin/busybox", "--list", purpose="list the commands of busybox").split():
        if f"bin/{name}" not in guest:
            guest.link(f"bin/{name}", "busybox")


def add_modules(guest: Initramfs, modules: Path, root: Path) -> None:
    """Add the kernel's modules, where modprobe looks for them."""
    for path in sorted(modules.rglob("*")):
        if path.is_file() and not path.name.endswith(".bin"):
            guest.copy(path, path.relative_to(root).as_posix(), 0o644)
