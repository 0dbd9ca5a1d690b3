# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What images there are: what each is, where it comes from and how it is used. No I/O."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import LabError

MIB = 1 << 20
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+\Z")  # Debian Policy, 5.6.1
SUMS = {"sha256": re.compile(r"[0-9a-f]{64}\Z"), "sha512": re.compile(r"[0-9a-f]{128}\Z")}


@dataclass(frozen=True)
class Image:
    """One image: built here from a recipe, downloaded from a URL, or a file that the lab host has already."""

    name: str
    kind: Literal["build", "download", "file"]
    boot: Literal["kernel", "disk"] = "disk"
    cloud_init: bool = True
    user: str = "root"
    python: str | None = "/usr/bin/python3"
    url: str | None = None
    path: str | None = None
    sha256: str | None = None
    sha512: str | None = None
    checksum_url: str | None = None
    memory: int = 512  # MiB, what a guest of it needs at least
    size: int = 0  # bytes, about what it takes in the image store
    base: str | None = None  # the image of the catalogue whose recipe this one follows, with more packages
    packages: tuple[str, ...] = ()

    @property
    def recipe(self) -> str:
        """Return the name of the recipe that builds it."""
        return self.base or self.name

    @property
    def checksum(self) -> str | None:
        """Return the checksum that the image's file must have, as "algorithm:digits", if it is known beforehand."""
        if self.sha512:
            return f"sha512:{self.sha512}"
        return f"sha256:{self.sha256}" if self.sha256 else None

    @property
    def source(self) -> str:
        """Return a digest of where an image that is not built comes from: another source means another image."""
        text = "\n".join((self.kind, self.checksum or self.url or "", self.path or "", self.checksum_url or ""))
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


_ENTRIES = (
    Image("debian-12", "build", boot="kernel", user="debian", size=600 * MIB),
    Image("tiny", "build", boot="kernel", cloud_init=False, python=None, memory=192, size=90 * MIB),
    # Publishers keep dated releases for some months only: where the address moves, so does the sum, and it is read from them.
    Image(
        "debian-12-cloud",
        "download",
        user="debian",
        url="https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2",
        checksum_url="https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS",
        size=340 * MIB,
    ),
    Image(
        "debian-13-cloud",
        "download",
        user="debian",
        url="https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2",
        checksum_url="https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS",
        size=340 * MIB,
    ),
    Image(
        "ubuntu-22.04",
        "download",
        user="ubuntu",
        url="https://cloud-images.ubuntu.com/releases/jammy/release/ubuntu-22.04-server-cloudimg-amd64.img",
        checksum_url="https://cloud-images.ubuntu.com/releases/jammy/release/SHA256SUMS",
        memory=1024,
        size=680 * MIB,
    ),
    Image(
        "ubuntu-24.04",
        "download",
        user="ubuntu",
        url="https://cloud-images.ubuntu.com/releases/noble/release/ubuntu-24.04-server-cloudimg-amd64.img",
        checksum_url="https://cloud-images.ubuntu.com/releases/noble/release/SHA256SUMS",
        memory=1024,
        size=620 * MIB,
    ),
    Image(
        "fedora-43",
        "download",
        user="fedora",
        url=(
            "https://download.fedoraproject.org/pub/fedora/linux/releases/43/Cloud/x86_64/images/"
            "Fedora-Cloud-Base-Generic-43-1.6.x86_64.qcow2"
        ),
        sha256="846574c8a97cd2d8dc1f231062d73107cc85cbbbda56335e264a46e3a6c8ab2f",
        memory=1024,
        size=600 * MIB,
    ),
    Image(
        "rocky-9",
        "download",
        user="rocky",
        url="https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud.latest.x86_64.qcow2",
        checksum_url="https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud.latest.x86_64.qcow2.CHECKSUM",
        memory=1024,
        size=640 * MIB,
    ),
    Image(
        "alpine-3.23",
        "download",
        user="alpine",
        url="https://dl-cdn.alpinelinux.org/alpine/v3.23/releases/cloud/nocloud_alpine-3.23.4-x86_64-bios-cloudinit-r0.qcow2",
        checksum_url="https://dl-cdn.alpinelinux.org/alpine/v3.23/releases/cloud/nocloud_alpine-3.23.4-x86_64-bios-cloudinit-r0.qcow2.sha512",
        size=200 * MIB,
    ),
)
CATALOGUE: Mapping[str, Image] = {entry.name: entry for entry in _ENTRIES}
BASES = ("debian-12",)  # those whose recipe takes more packages


def find(name: str, extra: Mapping[str, Any] | None = None) -> Image:
    """Return the image of that name; extra are the user's own entries, which go first. Raise LabError.

    An entry of the user's is a mapping with url or path and, optionally, sha256, sha512, checksum_url, user, python,
    boot, cloud_init and memory; or one with from and packages and, optionally, boot and memory; or just the absolute
    path of a disk image. An absolute path is also a name by itself.
    """
    own = extra or {}
    if name in own:
        return own_image(name, own[name])
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name.startswith("/"):
        return Image(name, "file", path=name)
    known = sorted({*CATALOGUE, *own})
    near = difflib.get_close_matches(name, known, 3, 0.5)
    hint = f"did you mean {' or '.join(repr(other) for other in near)}?" if near else f"there are {', '.join(known)}."
    raise LabError(f"There is no image '{name}' in the catalogue; {hint}")


def own_image(name: str, entry: Any) -> Image:
    """Return the image that a user's entry describes. Raise LabError."""
    if isinstance(entry, str):
        entry = {"path": entry}
    if not NAME.match(name):
        raise LabError(f"The image name '{name}' is not usable; take letters, digits and '._+-', beginning with a letter or a digit.")
    if not isinstance(entry, Mapping):
        raise LabError(
            f"The image '{name}' is described by {entry!r}; it takes a mapping with 'url', 'path' or 'from', or the path of a file."
        )
    given = {key: value for key, value in entry.items() if value is not None}
    unknown = sorted(set(given) - _OWN_KEYS)
    if unknown:
        raise LabError(f"The image '{name}' has no key '{unknown[0]}'; the keys are {', '.join(sorted(_OWN_KEYS))}.")
    if len(_SOURCES.intersection(given)) != 1:
        raise LabError(f"The image '{name}' needs one of 'url', 'path' and 'from'.")
    return _derived(name, given) if "from" in given else _fetched(name, given)


def _derived(name: str, given: Mapping[str, Any]) -> Image:
    """Return an image that is built as another one, with more packages. Raise LabError."""
    foreign = sorted(set(given) - _DERIVED_KEYS)
    if foreign:
        raise LabError(f"The image '{name}' is built from '{given['from']}', so that it cannot have the key '{foreign[0]}'; leave it out.")
    if given["from"] not in BASES:
        raise LabError(f"The image '{name}' cannot be built from '{given['from']}'; only {' and '.join(map(repr, BASES))} takes packages.")
    packages = given.get("packages") or ()
    if isinstance(packages, str) or not all(isinstance(package, str) and PACKAGE.match(package) for package in packages):
        raise LabError(f"The packages of image '{name}' are {packages!r}; they must be a list of names of Debian packages.")
    settings = {key: given[key] for key in ("boot", "memory") if key in given}
    base = CATALOGUE[given["from"]]
    return dataclasses.replace(base, name=name, base=base.name, packages=tuple(sorted(set(packages))), **settings)


def _fetched(name: str, given: dict[str, Any]) -> Image:
    if "packages" in given:
        raise LabError(f"The image '{name}' has packages but no 'from'; only an image that is built takes packages.")
    for algorithm, form in SUMS.items():
        if algorithm in given:
            given[algorithm] = str(given[algorithm]).strip().lower()
            if not form.match(given[algorithm]):
                raise LabError(f"The {algorithm} of image '{name}' is not a sum of that kind: '{given[algorithm]}'.")
    image = Image(name, "download" if "url" in given else "file", **given)
    _check_source(image)
    return image


def _check_source(image: Image) -> None:
    if image.path is not None and not image.path.startswith("/"):
        raise LabError(f"The path of image '{image.name}' is not absolute: '{image.path}'.")
    if image.url is None:
        return
    if not re.match(r"https?://", image.url):
        raise LabError(f"The URL of image '{image.name}' is neither http nor https: '{image.url}'; for a file here, give 'path'.")
    if not (image.sha256 or image.sha512 or image.checksum_url):
        raise LabError(
            f"The image '{image.name}' has a URL but no 'sha256', 'sha512' or 'checksum_url'; one is needed to check what arrives."
        )
    if image.checksum_url and not image.checksum_url.startswith("https://"):
        raise LabError(f"The checksum_url of image '{image.name}' is not https, so that it proves nothing: '{image.checksum_url}'.")


_SOURCES = {"url", "path", "from"}
_DERIVED_KEYS = {"from", "packages", "boot", "memory"}
_OWN_KEYS = {*_SOURCES, *_DERIVED_KEYS, "sha256", "sha512", "checksum_url", "user", "python", "cloud_init"}
