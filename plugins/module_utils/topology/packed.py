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


def packed_apart(shares: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], str]:
    """Return the shares of several lab hosts as words, and one more word: the names of all nodes, which those that serve DNS need too.

    So the names are there once, however many lab hosts there are. The share of one that serves no DNS is whole.
    """
    names = next(({"records": share["dnsmasq"]["records"]} for share in shares.values() if share["dnsmasq"]), {})
    less = {
        name: {**share, "dnsmasq": {**share["dnsmasq"], "records": []}} if share["dnsmasq"] else share for name, share in shares.items()
    }
    return {name: packed(share) for name, share in less.items()}, packed(names)


def unpacked(option: Any) -> dict[str, Any]:
    """Return the share that a module's option gives as a mapping or packed. Raise LabError."""
    if option is None or isinstance(option, Mapping):
        return dict(option or {})
    try:
        if str(option).startswith("{"):  # as JSON, on a command line
            return dict(json.loads(option))
        if str(option).startswith(_PREFIX):
            share, *names = map(_read, str(option).split())
            if names and share["dnsmasq"]:
                share["dnsmasq"].update(names[0])
            return share
    except (binascii.Error, zlib.error, ValueError):
        pass
    raise LabError("The option share is neither a mapping nor the netvirt_packed_share of an inventory plugin; give netvirt_share.")


def _read(word: str) -> dict[str, Any]:
    return dict(json.loads(zlib.decompress(base64.b64decode(word[len(_PREFIX) :], validate=True))))
