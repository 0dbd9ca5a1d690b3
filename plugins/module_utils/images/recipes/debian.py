# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image "debian-12", and those made of it: Debian with systemd, sshd, Python and cloud-init, on a disk with its own boot loader.

The kernel is unpacked beside the packages instead of being installed with them: its installation alone, with two
runs of update-initramfs, would take as long as all the rest.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from . import archive, debian_files, disk, kernel
from .initramfs import Initramfs
from .programs import run
from .tree import LIBRARIES, LOADER, Tree

# What the tree of tools must have for this recipe, besides the boot loader: a busybox and its libraries.
TOOLS = ("busybox", "libc6")
PACKAGES = (
    "apt", "cloud-init", "dbus", "e2fsprogs", "ethtool", "iperf3", "iproute2", "iputils-ping", "kmod", "less",
    "netbase", "nftables", "openssh-server", "python3", "sudo", "systemd-resolved", "systemd-sysv", "tcpdump", "udev", "wget",
)  # fmt: skip
DISK_MODULES = (
    "drivers/virtio/virtio_pci.ko", "drivers/virtio/virtio_mmio.ko", "drivers/block/virtio_blk.ko", "fs/ext4/*", "crypto/crc32c_generic.ko",
)  # fmt: skip
MODULES = (
    *DISK_MODULES,
    *(f"net/{name}/*" for name in (
        "802", "8021q", "9p", "bridge", "core", "ife", "ipv4", "ipv6", "key", "l2tp", "llc", "mpls", "mptcp", "netfilter",
        "netlink", "nsh", "openvswitch", "packet", "psample", "sched", "sctp", "tls", "unix", "xfrm",
    )),
    *(f"drivers/net/{name}" for name in (
        "bonding/*", "dummy.ko", "geneve.ko", "gtp.ko", "ifb.ko", "ipvlan/*", "macsec.ko", "macvlan.ko", "macvtap.ko", "netconsole.ko",
        "nlmon.ko", "ppp/*", "tap.ko", "team/*", "tun.ko", "veth.ko", "virtio_net.ko", "vmxnet3/*", "vrf.ko", "vxlan/*", "wireguard/*",
        "ethernet/8390/ne2k-pci.ko", "ethernet/amd/pcnet32.ko", "ethernet/intel/e1000/*", "ethernet/intel/e1000e/*", "ethernet/intel/igb/*",
        "ethernet/realtek/8139*", "phy/realtek.ko",
    )),
    *(f"drivers/{name}" for name in (
        "acpi/button.ko", "block/loop.ko", "char/hw_random/virtio-rng.ko", "input/evdev.ko", "scsi/sd_mod.ko", "scsi/sr_mod.ko",
        "scsi/virtio_scsi.ko", "vhost/*", "virtio/*",
    )),
    *(f"fs/{name}/*" for name in ("9p", "fat", "isofs", "nls", "overlayfs", "squashfs")),
)  # fmt: skip
COMMAND_LINE = f"root=LABEL={disk.LABEL} console=ttyS0 quiet"
# A disk is sparse: what is free on it costs nothing until it is used.
DISK_MEBIBYTES, FREE_MEBIBYTES, STEP_MEBIBYTES = 2048, 1400, 256


def bootstrap(packages: archive.Archive, root: Path, image: str, more: Sequence[str] = ()) -> None:
    """Install the recipe's packages, and more, into root."""
    lists = f'mkdir -p "$1/var/lib/apt/lists" && cp -a {packages.lists}/. "$1/var/lib/apt/lists/"'
    options = {
        "--mode": "root",
        "--variant": "essential",
        "--format": "directory",
        "--architectures": archive.ARCHITECTURE,
        "--dpkgopt": "force-unsafe-io",
        "--setup-hook": lists,
        "--skip": "update",
        "--include": ",".join((*PACKAGES, *more)),
    }
    transfer = [f"--aptopt={line}" for line in archive.transfer_settings().splitlines()]
    argv = ["mmdebstrap", "--quiet", *(f"{name}={value}" for name, value in options.items()), *transfer]
    # In name spaces of its own, so that a killed build leaves neither a mount nor a process.
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *argv]
    # Killed, it cannot remove its temporary files: they go with the build's.
    place = {"TMPDIR": str(root.parent)}
    run([*isolated, archive.SUITE, str(root), str(packages.sources)], f"install the packages of the image '{image}'", env=place)


def finish(root: Path, linux: kernel.Kernel, tree: Tree, work: Path, initrd: Path, target: Path) -> None:
    """Make a bootable disk, and an initramfs for booting without its boot loader, of the installed packages."""
    clean(root)
    configure(root)
    kernel.install(linux, MODULES, root)
    write_initrd(linux, tree, initrd)
    install_boot_files(root, linux, initrd)
    disk.write(root, tree, work, target, disk_mebibytes(root))


def disk_mebibytes(root: Path) -> int:
    """Return a size for the disk that leaves guests room."""
    content = sum(path.lstat().st_blocks * 512 for path in root.rglob("*")) >> 20
    steps = -(-(content + FREE_MEBIBYTES) // STEP_MEBIBYTES)
    return max(DISK_MEBIBYTES, steps * STEP_MEBIBYTES)


def clean(root: Path) -> None:
    """Remove what belongs to the build and not to the image."""
    for pattern in debian_files.UNWANTED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (root / "etc/machine-id").write_text("")


def configure(root: Path) -> None:
    """Write the image's own files."""
    for name, text in debian_files.FILES.items():
        path = _fresh(root / name)
        path.write_text(text)
        path.chmod(0o644)
    for name, place in debian_files.LINKS.items():
        _fresh(root / name).symlink_to(place)
    for unit in (*debian_files.MASKED_UNITS, *timers(root)):
        _fresh(root / "etc/systemd/system" / unit).symlink_to("/dev/null")


def timers(root: Path) -> list[str]:
    """Return the timers that packages have brought: a guest does nothing by itself, least of all in the network."""
    return sorted({path.name for path in (root / "lib/systemd/system").glob("*.timer")})


def _fresh(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.exists():
        path.unlink()
    return path


def write_initrd(linux: kernel.Kernel, tree: Tree, target: Path) -> None:
    """Write the small initramfs that finds the root file system on a virtio disk."""
    guest = Initramfs()
    for path in ("dev", "proc", "sys", "mnt"):
        guest.directory(path)
    guest.file("init", debian_files.INIT, 0o755)
    guest.copy(tree.root / "bin/busybox", "bin/busybox", 0o755)
    guest.copy(tree.root / LOADER, LOADER, 0o755)
    for name, library in tree.libraries("bin/busybox").items():
        guest.copy(library, f"{LIBRARIES[0]}/{name}", 0o644)
    for name in ("blockdev", "cat", "dd", "findfs", "insmod", "mount", "printf", "readlink", "sh", "sleep", "switch_root", "umount"):
        guest.link(f"bin/{name}", "busybox")
    modules = kernel.select(linux.modules, DISK_MODULES)
    for module in modules:
        guest.copy(module, f"modules/{module.name}", 0o644)
    guest.file("modules/order", "".join(f"{module.name}\n" for module in modules))
    guest.write(target)


def install_boot_files(root: Path, linux: kernel.Kernel, initrd: Path) -> None:
    """Put the kernel, the initramfs and the boot loader's configuration where the boot loader reads them."""
    (root / "boot/grub").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(linux.bzimage, root / f"boot/vmlinuz-{linux.release}")
    shutil.copyfile(initrd, root / f"boot/initrd.img-{linux.release}")
    configuration = disk.CONFIGURATION.format(release=linux.release, command_line=COMMAND_LINE)
    (root / "boot/grub/grub.cfg").write_text(configuration)
