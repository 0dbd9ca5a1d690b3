# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a topology file includes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible import template
from ansible.errors import AnsibleError
from ansible.inventory.manager import IGNORED
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.plugin_utils.graphs import graph_of
from ansible_collections.netvirt.lab.plugins.plugin_utils.texts import with_texts

PARTS = (".part.netvirt.yml", ".part.netvirt.yaml")
# ansible-core 2.18 trusts all, and knows no such option.
_TRUSTED = {"trusted_as_template": True} if hasattr(template, "trust_as_template") else {}


class LabFiles:
    """Reads files relative to a topology file. ``sources`` are the inventories that Ansible reads."""

    def __init__(self, main: str, loader: Any, plain: Callable[..., Any], sources: Iterable[str]) -> None:
        self.name = os.path.basename(main)
        self._folder = Path(main).absolute().parent
        self._loader = loader
        self._plain = plain
        self._sources = [Path(source).absolute() for source in sources]

    def topology(self, path: str) -> Any:
        """Return the content of a part of a topology, its templates resolved, with the texts of the files that it names."""
        found = self._found(path)
        try:
            return with_texts(self._plain(self._loaded(found, **_TRUSTED)), found.parent)
        except LabErrors as error:
            raise LabErrors(f"{path}: {problem}" for problem in error.problems) from None

    def yaml(self, path: str) -> Any:
        """Return the content of another tool's YAML file."""
        return self._plain(self._loaded(self._found(path)), templates=False)

    def graph(self, path: str) -> dict[str, Any]:
        """Return a graph in plain data."""
        found = self._found(path)
        try:
            text = found.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LabError(f"{path} cannot be read: {error}") from error
        try:
            return graph_of(text, gml=path.lower().endswith(".gml"))
        except LabError as error:
            raise LabError(f"{path}: {error}") from error

    def _loaded(self, path: Path, **options: bool) -> Any:
        try:
            return self._loader.load_from_file(str(path), cache="none", **options)
        except (AnsibleError, UnicodeDecodeError) as error:
            # Where a YAML error is, ansible-core 2.19 says apart from the error itself.
            where = getattr(error, "_formatted_source_context", None) or ""
            raise LabError("\n".join(filter(None, (f"{path} cannot be read: {' '.join(str(error).split())}", where)))) from error

    def _found(self, path: str) -> Path:
        found = Path(os.path.normpath(self._folder / path))
        if not found.is_file():
            raise LabError(f"there is no file {found}")
        if not path.endswith(PARTS) and any(_is_read(found, source) for source in self._sources):
            raise LabError(
                f"Ansible reads {found} as an inventory of its own, because it is in the inventory's folder; put it elsewhere, or in a "
                f"folder whose name begins with a dot; a part of a topology may stay if it is called NAME{PARTS[0]} and has the key plugin"
            )
        return found


def _is_read(path: Path, source: Path) -> bool:
    """Say whether Ansible reads a file because an inventory is a folder that holds it."""
    if not source.is_dir() or source not in path.parents:
        return False
    return not any(IGNORED.search(os.fsencode(name)) for name in path.relative_to(source).parts)
