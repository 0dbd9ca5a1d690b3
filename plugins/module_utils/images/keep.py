# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the image store to what is wanted: build, download, take note of files, remove."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _paths
from .._errors import LabError
from .._plan import Change
from . import build, checksums, download, store
from .catalogue import Image
from .store import Manifest

PACKED = (".xz", ".gz")


@dataclass(frozen=True)
class Stored:
    """An image in the store, as far as it can differ from what is wanted."""

    name: str
    digest: str
    lab: str | None = None  # images belong to the lab host, not to a lab

    @property
    def key(self) -> str:
        """Return its name."""
        return self.name


def digest(image: Image) -> str:
    """Return what an image's manifest has as its digest once the image is as wanted."""
    return build.digest(image) if image.kind == "build" else image.source


def plan(want: Sequence[Image], absent: Sequence[str], force: bool) -> list[Change[Stored]]:
    """Return what is to be done: images that lack, differ or, by force, are renewed; images that are to go."""
    changes = []
    for image in want:
        found, goal = store.manifest(image.name), Stored(image.name, digest(image))
        have = None if found is None else Stored(found.name, found.digest)
        if force or have != goal:
            changes.append(Change("image", have, goal, replace=have is not None))
    for name in absent:
        if store.directory(name).exists() or partial_file(name).path.exists():
            found = store.manifest(name)
            changes.append(Change("image", Stored(name, found.digest if found else "incomplete"), None))
    return changes


def converge(want: Sequence[Image], absent: Sequence[str], force: bool, check: bool) -> list[Change[Stored]]:
    """Do what plan says, unless this only checks, and return it. Nothing is locked while there is nothing to do. Raise LabError."""
    changes = plan(want, absent, force)
    if check or not changes:
        return changes
    with store.locked():
        # Another run may have done it while this one waited.
        changes = plan(want, absent, force)
        for change in changes:
            if change.after is None:
                discard(change.key, force)
        make([image for image in want if image.name in {change.key for change in changes if change.after}])
    return changes


def make(images: Sequence[Image]) -> None:
    """Build or fetch images and put them into the store. Needs the lock."""
    if not images:
        return
    with store.workspace() as work:
        for image in images:
            if image.kind == "download":
                store.publish(*fetch(image, work))
            elif image.kind == "file":
                store.publish(*note(image, work))
        recipes = [image for image in images if image.kind == "build"]
        if recipes:
            build.build(recipes, work)


def fetch(image: Image, work: Path) -> tuple[Path, Manifest]:
    """Download an image into a directory below work."""
    out, url = _out(image, work), str(image.url)
    suffix = next((ending for ending in PACKED if url.endswith(ending)), "")
    partial = partial_file(image.name)
    download.fetch(url, checksum(image), partial)
    disk = out / f"disk-{store.version()}.img"
    if suffix:
        download.unpack(partial.path, suffix, disk)
    else:
        partial.path.rename(disk)
    partial.discard()
    return out, _manifest(image, disk=disk.name, disk_format=store.disk_format(disk))


def checksum(image: Image) -> str:
    """Return the checksum of what is to be downloaded: the known one, or the one that the publisher lists. Raise LabError."""
    if image.checksum:
        return image.checksum
    listing = str(image.checksum_url)
    text = download.fetch_text(listing, f"the checksums of image '{image.name}'")
    return checksums.parse(text, str(image.url).rpartition("/")[2], listing)


def partial_file(name: str) -> download.Partial:
    """Return where the download of an image is kept while it is unfinished, from one run to the next."""
    return download.Partial(_paths.IMAGES / f".partial-{name}")


def note(image: Image, work: Path) -> tuple[Path, Manifest]:
    """Take note of a disk image that stays where it is. Raise LabError if it is not there or not what it should be."""
    path = Path(str(image.path))
    form = store.disk_format(path)
    if image.checksum:
        algorithm, _colon, wanted = image.checksum.partition(":")
        found = checksums.of_file(path, algorithm)
        if found != wanted:
            raise LabError(f"The file '{path}' of image '{image.name}' has the {algorithm} {found}, not {wanted} as it should; check both.")
    made = _manifest(image, disk=str(path), disk_format=form)
    return _out(image, work), made


def discard(name: str, force: bool) -> None:
    """Remove an image, unless a VM's disk is based on it and it is not forced. Needs the lock. Raise LabError."""
    users = store.in_use(name)
    if users and not force:
        overlay = next(iter(users.values()))[0]
        raise LabError(f"The image '{name}' is in use: '{overlay}' is based on it; remove that VM first, or set force=true.")
    partial_file(name).discard()
    store.remove(name)


def _out(image: Image, work: Path) -> Path:
    out = work / f"out-{image.name}"
    out.mkdir()
    return out


def _manifest(image: Image, **parts: Any) -> Manifest:
    return Manifest(image.name, digest(image), entry=dataclasses.asdict(image), **parts)


def report(name: str) -> dict[str, Any] | None:
    """Return what a module says of an image in the store, or None if it is not there."""
    found = store.manifest(name)
    if found is None:
        return None
    files, image = found.artifacts(), found.image
    paths = {"disk": files.disk, "kernel": files.kernel, "initrd": files.initrd}
    return {
        "name": name,
        "digest": found.digest,
        "directory": str(store.directory(name)),
        **{part: None if path is None else str(path) for part, path in paths.items()},
        "disk_format": files.disk_format,
        "cmdline": files.cmdline,
        "size": sum(path.stat().st_blocks * 512 for path in paths.values() if path is not None and path.exists()),
        "boot": image.boot,
        "cloud_init": image.cloud_init,
        "user": image.user,
        "python": image.python,
        "memory": image.memory,
    }
