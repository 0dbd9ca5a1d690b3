# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of unpacked Debian packages whose programs run here, with their own libraries, whatever this machine is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..._errors import LabError
from .programs import run

LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
LOADER = "lib64/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Tree:
    """Unpacked packages."""

    root: Path

    def _loader(self, *options: str) -> list[str]:
        search = ":".join(str(self.root / directory) for directory in LIBRARIES)
        return [str(self.root / LOADER), "--inhibit-cache", "--library-path", search, *options]

    def run(self, program: str, *arguments: str, purpose: str) -> str:
        """Run a program of the tree and return its output."""
        return run([*self._loader(), str(self.root / program), *arguments], purpose)

    def libraries(self, program: str) -> dict[str, Path]:
        """Return the shared libraries that a program needs, by name. Raise LabError if the tree lacks one."""
        listing = run(self._loader("--list", str(self.root / program)), f"find the libraries of '{program}'")
        found: dict[str, Path] = {}
        for line in listing.splitlines():
            name, _arrow, place = line.strip().partition(" => ")
            path = Path(place.split(" (")[0])
            if not place or name.startswith("/"):
                continue
            if not path.is_relative_to(self.root):
                raise LabError(f"Cannot build the image: '{program}' needs {name}, which none of the recipe's packages has.")
            found[name] = path
        return found
