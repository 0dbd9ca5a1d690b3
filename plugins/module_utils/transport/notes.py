# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run notes for later ones: small JSON files that are whole or not there, however a run ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._paths import make_public


def read(path: Path) -> dict[str, Any]:
    """Return what was noted; nothing if there is no note, or one that nobody can read."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Note values, which JSON knows, in the place of what was noted."""
    replace_text(path, json.dumps(values, indent=1, sort_keys=True) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a file that others read: they see the old text or the new one."""
    make_public(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
