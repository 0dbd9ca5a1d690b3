# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image store of a lab host: a directory per image, with a manifest that says what is in it.

A directory appears under its final name complete or not at all; everything on the way there is a hidden directory that
the next run, which holds the lock then, takes away.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .. import _paths
from .._errors import LabError
from .._lock import held
from ..transport import processes
from .catalogue import Image, find

MANIFEST = "manifest.json"
WORK_PREFIX = ".work-"
PATIENCE = 900.0  # seconds; another run may be building or downloading


@dataclass(frozen=True)
class Artifacts:
    """What a guest is started from. A disk is a base: overlays are made of it, and it is never written."""

    disk: Path | None
    disk_format: Literal["raw", "qcow2"] | None
    kernel: Path | None
    initrd: Path | None
    cmdline: str


@dataclass(frozen=True)
class Manifest:
    """What an image in the store consists of. Names are relative to its directory; an image that is a file of the user's has its path."""

    name: str
    digest: str
    entry: Mapping[str, Any] = field(default_factory=dict)  # of the catalogue, or of the user, as the image was made
    disk: str | None = None
    disk_format: Literal["raw", "qcow2"] | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)  # bytes, by file name

    @property
    def image(self) -> Image:
        """Return the entry, as far as this version knows what another one has written."""
        known = {each.name for each in dataclasses.fields(Image)}
        entry: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in self.entry.items() if key in known
        }
        return Image(**entry)

    def artifacts(self) -> Artifacts:
        """Return the paths of the image's files."""
        home = directory(self.name)
        disk, kernel, initrd = (home / name if name else None for name in (self.disk, self.kernel, self.initrd))
        return Artifacts(disk, self.disk_format, kernel, initrd, self.cmdline)

    def whole(self) -> bool:
        """Say whether all files are there in their full size."""
        home = directory(self.name)
        try:
            return all((home / name).stat().st_size == size for name, size in self.sizes.items())
        except OSError:
            return False


def directory(name: str) -> Path:
    """Return where the image of that name is, or would be."""
    return _paths.IMAGES / name


def manifest(name: str) -> Manifest | None:
    """Return the manifest of an image, or None if the store does not have it, or not whole."""
    try:
        found = Manifest(**json.loads((directory(name) / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.name == name and found.whole() else None


def names() -> list[str]:
    """Return the names of the images in the store."""
    try:
        return sorted(entry.name for entry in _paths.IMAGES.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def image(name: str) -> Image:
    """Return what is known of an image: as it was made if the store has it, else as the catalogue says. Raise LabError."""
    found = None if name.startswith("/") else manifest(name)
    return found.image if found else find(name)


def artifacts(name: str) -> Artifacts:
    """Return what to start a guest of an image from: one of the store, or the absolute path of a disk. Raise LabError."""
    if name.startswith("/"):
        return Artifacts(Path(name), disk_format(Path(name)), None, None, "")
    found = manifest(name)
    if found is None:
        raise LabError(f"The image '{name}' is not on this lab host; fetch it with the module netvirt.lab.image (name: {name}).")
    return found.artifacts()


def disk_format(disk: Path) -> Literal["raw", "qcow2"]:
    """Tell a qcow2 disk image from a raw one by its first bytes. Raise LabError if it cannot be read."""
    try:
        with disk.open("rb") as content:
            return "qcow2" if content.read(4) == b"QFI\xfb" else "raw"
    except OSError as error:
        raise LabError(f"Cannot read the disk image '{disk}': {error.strerror}.") from error


@contextmanager
def locked(patience: float = PATIENCE) -> Iterator[None]:
    """Hold the store while the body runs: one build or download at a time. Nothing is left of an empty one. Raise LabError."""
    with held(_paths.IMAGES, patience, f"the images in {_paths.IMAGES}"):
        yield


@contextmanager
def workspace() -> Iterator[Path]:
    """Make a directory next to the images to work in, and remove it afterwards, and those of runs that were killed. Needs the lock."""
    for left in _paths.IMAGES.glob(f"{WORK_PREFIX}*"):
        processes.end(process.pid for process in processes.find([left]))
        shutil.rmtree(left)
    work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=_paths.IMAGES))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def version() -> str:
    """Return a part for the names of an image's files that no other version has: an overlay must not wake up on another base."""
    return secrets.token_hex(4)


def publish(content: Path, made: Manifest) -> Manifest:
    """Give the files in content, and their manifest, their final place in one step, instead of what was there. Needs the lock.

    Old versions that the overlay of a VM is based on stay with the new one until no overlay needs them.
    """
    sizes = {}
    for path in sorted(content.iterdir()):
        path.chmod(0o644)
        sizes[path.name] = path.stat().st_size
    complete = dataclasses.replace(made, sizes=sizes)
    text = json.dumps(dataclasses.asdict(complete), indent=2, sort_keys=True)
    (content / MANIFEST).write_text(text + "\n", encoding="utf-8")
    (content / MANIFEST).chmod(0o644)
    content.chmod(0o755)
    target = directory(made.name)
    if target.exists():
        for base in in_use(made.name):
            for path in _siblings(base):
                os.link(path, content / path.name)
        target.rename(content.parent / f"old-{made.name}")
    content.rename(target)
    return complete


def _siblings(base: Path) -> list[Path]:
    """Return the files of the version of an image that a base disk, disk-VERSION.FORMAT, is of."""
    return sorted(base.parent.glob(f"*-{base.stem.rpartition('-')[2]}*"))


def artifacts_on(base: Path) -> Artifacts:
    """Return what to start a guest from whose overlay is based on base, which may be of an older version of its image.

    The modules on a disk are those of the kernel that it was built with, and of no other. Raise LabError.
    """
    current = artifacts(base.parent.name if base.parent.parent == _paths.IMAGES else str(base))
    if current.disk == base or not base.exists():
        return current
    parts = {path.name.partition("-")[0]: path for path in _siblings(base)}
    return Artifacts(base, disk_format(base), parts.get("vmlinux"), parts.get("initrd"), current.cmdline)


def remove(name: str) -> None:
    """Remove an image from the store. Needs the lock."""
    with workspace() as work:
        if directory(name).exists():
            directory(name).rename(work / "gone")


def in_use(name: str) -> dict[Path, list[str]]:
    """Return the disks of an image that overlays of VMs are based on, with the overlays' paths."""
    users: dict[Path, list[str]] = {}
    for overlay in sorted(_paths.STATE.glob("*/*/*.qcow2")):
        base = backing_file(overlay)
        if base is not None and base.parent == directory(name) and base.exists():
            users.setdefault(base, []).append(str(overlay))
    return users


def backing_file(overlay: Path) -> Path | None:
    """Return the absolute path of the base that a qcow2 overlay names (QEMU's docs/interop/qcow2.txt)."""
    try:
        with overlay.open("rb") as content:
            magic, _version, offset, length = struct.unpack(">4sIQI", content.read(20))
            content.seek(offset)
            base = content.read(length).decode() if magic == b"QFI\xfb" and offset else ""
    except (OSError, ValueError, struct.error):
        return None
    return Path(base) if base.startswith("/") else None
