# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A share as one word. Ansible looks into every value of a variable, several times per task; a word it only carries."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from .._errors import LabError

_PREFIX = "share:"


def packed(share: Mapping[str, Any]) -> str:
    """Return a share as a word."""
    return _PREFIX + base64.b64encode(zlib.compress(json.dumps(share).encode(), 1)).decode()


def unpacked(option: Any) -> dict[str, Any]:
    """Return the share that a module's option gives as a mapping or packed. Raise LabError."""
    if option is None or isinstance(option, Mapping):
        return dict(option or {})
    try:
        if str(option).startswith("{"):  # as JSON, on a command line
            return dict(json.loads(option))
        if str(option).startswith(_PREFIX):
            return dict(json.loads(zlib.decompress(base64.b64decode(str(option)[len(_PREFIX) :], validate=True))))
    except (binascii.Error, zlib.error, ValueError):
        pass
    raise LabError("The option share is neither a mapping nor the netvirt_packed_share of an inventory plugin; give netvirt_share.")
