# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two directories of a lab, which go with whatever is still in them when the lab is removed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._paths import run_dir, state_dir
from .._plan import Change, Goal, Scope


@dataclass(frozen=True)
class Folder:
    """A directory that belongs to a lab by its place."""

    path: str
    lab: str | None = None

    @property
    def key(self) -> str:
        """Return the path."""
        return self.path


class FolderDriver:
    """Remove what a lab has left in its directories. Other drivers make them as they need them."""

    kind = "folder"

    def observe(self, goal: Goal[Folder], scope: Scope) -> Mapping[str, Folder]:
        """Look which of the lab's directories hold something."""
        present = [place for place in (run_dir(scope.lab), state_dir(scope.lab)) if place.is_dir() and any(place.iterdir())]
        return {str(place): Folder(str(place), scope.lab) for place in present}

    def plan(self, have: Mapping[str, Folder], goal: Goal[Folder], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Folder]]:
        """Have them removed if the goal purges."""
        return [Change(self.kind, folder, None) for folder in have.values() if goal.purge]

    def remove(self, changes: Sequence[Change[Folder]], scope: Scope) -> None:
        """Empty the run directory, which is the lock of this run, and remove the other one."""
        for change in changes:
            place = Path(change.key)
            # Other drivers have removed what they know, and the directory with the last of it.
            for entry in place.iterdir() if place.is_dir() else ():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
            if place != run_dir(scope.lab):
                for empty in (place, place.parent):
                    with suppress(OSError):
                        empty.rmdir()

    def apply(self, changes: Sequence[Change[Folder]], scope: Scope) -> None:
        """Do nothing: there is nothing to make."""
