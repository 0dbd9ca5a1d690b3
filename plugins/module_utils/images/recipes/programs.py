# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the lab host's programs that a recipe needs, and say which package lacks when one is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..._errors import LabError
from ...transport.processes import command, which

# Program: the package that has it, under the name that Debian, Fedora, openSUSE and Arch share as far as they do.
PACKAGES = {
    "apt-cache": "apt",
    "apt-config": "apt",
    "apt-get": "apt",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


def require() -> None:
    """Raise LabError, naming the packages, unless all programs that recipes use are installed."""
    missing = {program: package for program, package in PACKAGES.items() if which(program) is None}
    if missing:
        raise LabError(
            f"Cannot build an image: {', '.join(sorted(missing))} not found; "
            f"install {', '.join(sorted(set(missing.values())))}, or use an image that is downloaded."
        )


def run(argv: Sequence[str], purpose: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> str:
    """Run a program and return its output; purpose completes "Cannot ..." if it fails.

    The program dies with this process: nothing goes on writing into a build that was killed.
    """
    directory = [] if cwd is None else ["env", f"--chdir={cwd}"]
    program = which(argv[0]) or argv[0]
    return command([which("setpriv") or "setpriv", "--pdeathsig", "KILL", *directory, program, *argv[1:]], purpose, env=env)
