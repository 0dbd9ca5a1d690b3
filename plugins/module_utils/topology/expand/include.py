# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key include: which files a lab is made of, and what the other tools' among them mean. Who reads them is the caller."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..._errors import LabError, LabErrors
from ..layers import Made
from ..schema import file as schema
from ..schema.expand import EXPANDED, INCLUDE
from ..values import Problems, shown, suggestion
from .imports.containerlab import from_containerlab
from .imports.graph import from_graph

_KEYS = ("plugin", *EXPANDED, "nodes", "links")


class Files(Protocol):
    """What reads files; paths are relative to the folder of the topology file. Raises LabError."""

    name: str

    def topology(self, path: str) -> Any:
        """Return the content of a part of a topology."""

    def yaml(self, path: str) -> Any:
        """Return the content of another tool's YAML file."""

    def graph(self, path: str) -> dict[str, Any]:
        """Return a graph in plain data: directed, nodes [(id, attributes)], edges [(id, id, attributes)]."""


@dataclass(frozen=True)
class Part:
    """One file of a lab: what begins the paths of its mistakes, the keys that it has, and what its imports made."""

    prefix: str
    values: Mapping[str, Any]
    imported: list[Made] = field(default_factory=list)


class Collector:
    """Gathers the parts of a lab: the file itself, then those that it includes, each followed by its own."""

    def __init__(self, files: Files | None, problems: Problems) -> None:
        self.parts: list[Part] = []
        self._files = files
        self._problems = problems
        self._by: dict[str, str] = {}

    def add(self, values: Mapping[str, Any], chain: tuple[str, ...] = ()) -> None:
        """Add a file and all that it includes; ``chain`` are the files through which it is reached, it being the last."""
        prefix = f"{chain[-1]}: " if chain else ""
        part = Part(prefix, values)
        self.parts.append(part)
        for number, raw in enumerate(values.get("include") or ()):
            where = f"{prefix}include[{number}]"
            if self._files is None:
                self._problems.append(f"{where}: a topology that is given as a variable cannot include files")
                return
            try:
                self._include(raw, where, part, chain, self._files)
            except LabErrors as error:
                self._problems += error.problems  # each says where it is
            except LabError as error:
                self._problems.append(f"{where}: {error}")

    def _include(self, raw: Any, where: str, part: Part, chain: tuple[str, ...], files: Files) -> None:
        if isinstance(raw, str) and raw:
            self._topology(_joined(chain, raw), where, chain, files)
        elif isinstance(raw, dict) and (raw.get("containerlab") is None) != (raw.get("graphml") is None):
            made = self._imported(raw, where, chain, files)
            if made:
                part.imported.append(made)
        else:
            self._problems.append(f"{where}: must be {INCLUDE.name}, not {shown(raw)}")

    def _topology(self, path: str, where: str, chain: tuple[str, ...], files: Files) -> None:
        here = (files.name, *chain)
        if path in here:
            self._problems.append(f"{where}: the files include each other: {' > '.join((*here[here.index(path) :], path))}")
        elif path in self._by:
            self._problems.append(f"{where}: {path} is included by {self._by[path]} already")
        else:
            self._by[path] = where
            values = self._read(files.topology(path), path)
            if values is not None:
                self.add(values, (*chain, path))

    def _read(self, data: Any, path: str) -> dict[str, Any] | None:
        if not isinstance(data, dict):
            self._problems.append(f"{path}: must be a mapping with some of the keys {', '.join(_KEYS)}, not {shown(data)}")
            return None
        values = {}
        for name, value in data.items():
            if name in _KEYS:
                if value is not None:
                    values[name] = schema.TOP.keys[name].type.read(value, f"{path}: {name}", self._problems)
            elif name in schema.TOP.keys:
                self._problems.append(f"{path}: the key '{name}' belongs into {self._files.name if self._files else 'the lab'} itself")
            else:
                hint = suggestion(name, _KEYS) or f" (known: {', '.join(_KEYS)})"
                self._problems.append(f"{path}: unknown key {shown(name)}{hint}")
        return values

    def _imported(self, raw: Mapping[str, Any], where: str, chain: tuple[str, ...], files: Files) -> Made | None:
        own = {key: value for key, value in raw.items() if key in INCLUDE.keys}
        keys = {key: value for key, value in raw.items() if key not in own}
        before = len(self._problems)
        options = INCLUDE.read(own, where, self._problems)
        tool = "graphml" if raw.get("containerlab") is None else "containerlab"
        if tool == "containerlab":
            self._problems += [f"{where}: unknown key {shown(key)}{suggestion(key, INCLUDE.keys)}" for key in keys]
        if len(self._problems) > before:
            return None
        path = _joined(chain, options[tool])
        if tool == "containerlab":
            return from_containerlab(files.yaml(path), path, options["prefix"], self._problems)
        return from_graph(files.graph(path), path, where, options, keys, self._problems)


def _joined(chain: tuple[str, ...], path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(chain[-1]) if chain else "", path))
