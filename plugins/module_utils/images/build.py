# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build images from their recipes, several at a time: they share the package lists, the kernel and the tools."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import _paths
from .._errors import LabError, LabErrors
from . import store
from .catalogue import MIB, Image
from .recipes import archive, debian, debian_files, disk, initramfs, kernel, programs, tiny, tiny_files, tree
from .store import Manifest

# The parts of every recipe, by module: another text makes another image.
_SHARED = (archive, disk, initramfs, kernel, tree)
SHARED_BYTES = 500 * MIB  # what the kernel, the tools and the package lists take while images are built


@dataclass(frozen=True)
class Workshop:
    """What the builds of one run share; the futures are running already."""

    directory: Path
    packages: archive.Archive
    linux: concurrent.futures.Future[kernel.Kernel]
    tools: concurrent.futures.Future[tree.Tree]


@dataclass(frozen=True)
class Recipe:
    """How to build an image: what its digest covers, the function that fills a directory and describes it, the bytes that takes."""

    modules: Sequence[object]
    build: Callable[[Workshop, Image, Path], Manifest]
    room: int


def _build_tiny(shop: Workshop, image: Image, out: Path) -> Manifest:
    linux, tools, version = shop.linux.result(), shop.tools.result(), store.version()
    vmlinux, initrd = f"vmlinux-{version}", f"initrd-{version}"
    os.link(linux.vmlinux, out / vmlinux)
    tiny.build(linux, tools, shop.directory / "tiny", out / initrd)
    return Manifest(image.name, digest(image), kernel=vmlinux, initrd=initrd, cmdline=tiny.COMMAND_LINE)


def _build_debian(shop: Workshop, image: Image, out: Path) -> Manifest:
    work, version = shop.directory / f"work-{image.name}", store.version()
    root = work / "root"
    raw, vmlinux, initrd = f"disk-{version}.raw", f"vmlinux-{version}", f"initrd-{version}"
    work.mkdir()
    debian.bootstrap(shop.packages, root, image.name, image.packages)
    linux, tools = shop.linux.result(), shop.tools.result()
    os.link(linux.vmlinux, out / vmlinux)
    debian.finish(root, linux, tools, work, out / initrd, out / raw)
    line = debian.COMMAND_LINE
    return Manifest(image.name, digest(image), disk=raw, disk_format="raw", kernel=vmlinux, initrd=initrd, cmdline=line)


RECIPES: Mapping[str, Recipe] = {
    "debian-12": Recipe((debian, debian_files), _build_debian, 1000 * MIB),
    "tiny": Recipe((tiny, tiny_files), _build_tiny, 100 * MIB),
}


def digest(image: Image) -> str:
    """Return the digest of an image's recipe: the text of the code that builds it, and the packages that are added."""
    recipe = RECIPES[image.recipe]
    text = hashlib.sha256("\n".join((image.recipe, *image.packages)).encode())
    for module in (*_SHARED, *recipe.modules):
        text.update(source(module.__name__))  # type: ignore[attr-defined]
    return f"sha256:{text.hexdigest()}"


def source(module: str) -> bytes:
    """Return the text of a loaded module, also one that Ansible has sent here in a zip file."""
    spec = sys.modules[module].__spec__
    text = spec.loader.get_source(module) if spec and spec.loader else None  # type: ignore[attr-defined]
    if text is None:
        raise LabError(f"Cannot read the text of {module}, which the digest of the image covers; install the collection with its sources.")
    return str(text).encode()


def build(images: Sequence[Image], work: Path) -> list[Manifest]:
    """Build images side by side in work and publish each. Needs the store's lock. Raise LabErrors."""
    programs.require()
    _check_room(images)
    packages = archive.open_archive(work / "apt")
    with concurrent.futures.ThreadPoolExecutor(2 + len(images)) as pool:
        shop = Workshop(work, packages, pool.submit(kernel.fetch, packages, work / "kernel"), pool.submit(_tools, packages, work / "tools"))
        builds = [pool.submit(_one, shop, image) for image in images]
    failures = [str(error) for future in builds if (error := future.exception()) is not None]
    if failures:
        raise LabErrors(failures)
    return [future.result() for future in builds]


def _tools(packages: archive.Archive, directory: Path) -> tree.Tree:
    files = archive.download(packages, sorted({*tiny.PACKAGES, *debian.TOOLS, *disk.PACKAGES}), directory / "packages")
    archive.unpack(files, directory / "tree")
    return tree.Tree(directory / "tree")


def _one(shop: Workshop, image: Image) -> Manifest:
    out = shop.directory / f"out-{image.name}"
    out.mkdir()
    made = RECIPES[image.recipe].build(shop, image, out)
    return store.publish(out, dataclasses.replace(made, entry=dataclasses.asdict(image)))


def _check_room(images: Sequence[Image]) -> None:
    needed = SHARED_BYTES + sum(RECIPES[image.recipe].room for image in images)
    free = shutil.disk_usage(_paths.IMAGES).free
    if free < needed:
        raise LabError(
            f"Cannot build {', '.join(image.name for image in images)}: {_paths.IMAGES} has {free // MIB} MiB free and "
            f"building takes about {needed // MIB} MiB; make room."
        )
