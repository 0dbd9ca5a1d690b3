# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that a topology file keeps in files of their own, beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors

# The keys whose value may be {file: PATH} instead of a text, and those of mappings of such values.
_KEYS = frozenset(("firewall", "config", "script", "downscript"))
_MAPPINGS = frozenset(("files",))
# What is the user's own, whatever its keys are called.
_OWN = frozenset(("user_data", "vars"))


def with_texts(data: Any, folder: Path) -> Any:
    """Return what a topology file holds with the texts of the files that it names; their paths are as seen from folder. Raise LabErrors."""
    problems: list[str] = []
    whole = _read(data, "", folder, problems, "")
    if problems:
        raise LabErrors(problems)
    return whole


def _read(value: Any, path: str, folder: Path, problems: list[str], name: str) -> Any:
    if isinstance(value, list):
        return [_read(part, f"{path}[{number}]", folder, problems, "") for number, part in enumerate(value)]
    if not isinstance(value, dict) or name in _OWN:
        return value
    whole = {}
    for key, part in value.items():
        where = f"{path}.{key}" if path else str(key)
        if (key in _KEYS or name in _MAPPINGS) and isinstance(part, dict) and part.keys() == {"file"} and isinstance(part["file"], str):
            whole[key] = _text(folder / Path(part["file"]).expanduser(), where, problems)
        else:
            whole[key] = _read(part, where, folder, problems, str(key))
    return whole


def _text(file: Path, where: str, problems: list[str]) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        problems.append(f"{where}: cannot read '{file}': {error.strerror if isinstance(error, OSError) else error}")
        return ""
