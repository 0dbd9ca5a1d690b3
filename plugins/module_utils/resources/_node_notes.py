# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab has done inside its namespaces and nothing there shows: a note each, worthless once the namespace is another one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .._paths import run_dir
from ..transport import namespaces, notes
from ..transport.namespaces import identity, inside

R = TypeVar("R")


@dataclass(frozen=True)
class NodeNotes:
    """The notes of one kind, one per namespace, in a directory of the lab's."""

    kind: str

    def visit(
        self,
        lab: str,
        wanted: Collection[str],
        look: Callable[[str, Mapping[str, Any]], R | None],
        gone: Callable[[str, Mapping[str, Any]], R],
    ) -> dict[str, R]:
        """Return what look finds in each namespace that is wanted or noted; it runs inside, with the name and the note ({}: none).

        For a note on a namespace that is no more and that nobody wants, gone is asked.
        """
        noted = {path.stem: path for path in self._directory(lab).glob("*.json")}
        have: dict[str, R] = {}
        for netns in sorted({*wanted, *noted}):
            if namespaces.exists(netns):
                with inside(netns):
                    found = look(netns, self.read(lab, netns))
                if found is not None:
                    have[netns] = found
                    continue
            if netns not in wanted:
                have[netns] = gone(netns, notes.read(noted[netns]))
        return have

    def read(self, lab: str, netns: str) -> Mapping[str, Any]:
        """Return the note on the namespace that the calling thread is in, {} if there is none."""
        note = notes.read(self._path(lab, netns))
        return note if note.get("identity") == identity() else {}

    def write(self, lab: str, netns: str, **values: Any) -> None:
        """Note values on the namespace that the calling thread is in."""
        notes.write(self._path(lab, netns), {"identity": identity(), **values})

    def drop(self, lab: str, netns: str) -> None:
        """Forget a namespace."""
        path = self._path(lab, netns)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def _directory(self, lab: str) -> Path:
        return run_dir(lab) / self.kind

    def _path(self, lab: str, netns: str) -> Path:
        return self._directory(lab) / f"{netns}.json"
