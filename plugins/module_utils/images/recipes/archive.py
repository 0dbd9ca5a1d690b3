# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages for images: a private apt in the work directory, over the lab host's own mirrors and proxies.

The machine's own package lists, cache and hooks are neither used nor changed, so that any release of any
distribution with apt can build an image of Debian 12.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..._errors import LabError
from ...transport.processes import attempt
from .programs import run

SUITE = "bookworm"
ARCHITECTURE = "amd64"
MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Archive:
    """A private apt that knows the packages of one Debian release."""

    directory: Path

    @property
    def lists(self) -> Path:
        """Return the directory of the downloaded package lists."""
        return self.directory / "state/lists"

    @property
    def sources(self) -> Path:
        """Return the file that names the mirrors, in the format of sources.list."""
        return self.directory / "sources.list"

    @property
    def environment(self) -> dict[str, str]:
        """Return what makes an apt command use this archive."""
        return {"APT_CONFIG": str(self.directory / "apt.conf")}


def open_archive(directory: Path) -> Archive:
    """Set up a private apt in directory and fetch the package lists. Raise LabError."""
    archive = Archive(directory)
    for part in ("state/lists/partial", "cache/archives/partial"):
        (directory / part).mkdir(parents=True)
    (directory / "status").touch()
    archive.sources.write_text("\n".join(source_lines(host_mirrors())) + "\n")
    (directory / "apt.conf").write_text(apt_configuration(directory) + transfer_settings())
    run(["apt-get", "--quiet=2", "update"], "read the Debian package lists", env=archive.environment)
    return archive


def host_mirrors() -> tuple[str, str]:
    """Return the addresses of the Debian archive and of its security updates that this machine's own apt uses."""
    form = "--format=$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    found = {"Debian": MIRROR, "Debian-Security": SECURITY_MIRROR}
    for line in reversed(attempt(["apt-get", "indextargets", form, "Created-By: Packages"]).stdout.splitlines()):
        origin, label, address = line.split("|", 2)
        if origin == "Debian" and label in found:
            found[label] = address.rstrip("/")
    return found["Debian"], found["Debian-Security"]


def source_lines(mirrors: tuple[str, str], keyring: Path = KEYRING) -> list[str]:
    """Return the lines of a sources.list(5) for the release and its security updates."""
    options = f"[arch={ARCHITECTURE} signed-by={keyring}]" if keyring.exists() else f"[arch={ARCHITECTURE}]"
    archive, security = mirrors
    return [f"deb {options} {archive} {SUITE} main", f"deb {options} {security} {SUITE}-security main"]


def apt_configuration(directory: Path) -> str:
    """Return an apt.conf(5) that keeps all of apt's state in directory."""
    return f"""\
Dir::State "{directory}/state";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
Dir::Etc::SourceList "{directory}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "{ARCHITECTURE}";
APT::Architectures "{ARCHITECTURE}";
APT::Sandbox::User "root";
"""


def transfer_settings() -> str:
    """Return the lab host's own settings for transfers (proxies, certificates), but not its hooks."""
    return attempt(["apt-config", "dump", "--no-empty", "--format", '%F "%v";%n', "Acquire"]).stdout


def download(archive: Archive, packages: Sequence[str], into: Path) -> list[Path]:
    """Download packages, without what they depend on, and return the files."""
    into.mkdir(parents=True, exist_ok=True)
    # apt-get download writes to the working directory and knows no option for it.
    argv = ["apt-get", "--quiet=2", "download", *packages]
    run(argv, f"download the packages {', '.join(packages)}", env=archive.environment, cwd=str(into))
    return sorted(into.glob("*.deb"))


def unpack(packages: Iterable[Path], into: Path) -> None:
    """Unpack the files of packages into one tree, without configuring anything."""
    into.mkdir(parents=True, exist_ok=True)

    def one(package: Path) -> None:
        run(["dpkg-deb", "--extract", str(package), str(into)], f"unpack '{package.name}'")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(one, packages))


def kernel_package(archive: Archive) -> str:
    """Return the name of the package that the release's generic kernel is in at present."""
    argv = ["apt-cache", "depends", "--important", f"linux-image-{ARCHITECTURE}"]
    found = run(argv, "find Debian's kernel", env=archive.environment)
    names = [line.split()[-1] for line in found.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise LabError(f"Cannot find Debian's kernel: apt-cache names no package that 'linux-image-{ARCHITECTURE}' depends on.")
    return names[0]
