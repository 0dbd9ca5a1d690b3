# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simple types of a topology file: names, numbers, mappings."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Any

from ..._paths import IMAGES
from . import ListOf, Type, shown, suggestion


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def number(minimum: int, maximum: int, unit: str = "") -> Type:
    """Return the type of whole numbers between two bounds."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ValueError
        return value

    return Type(f"a whole number from {minimum} to {maximum}{f' ({unit})' if unit else ''}", parse)


def choice(*words: str) -> Type:
    """Return the type of one of some words."""
    name = f"one of {', '.join(words)}"

    def parse(value: Any) -> str:
        word = str(value) if isinstance(value, int) else value  # 2 is as good as "2"
        if word not in words:
            raise ValueError(f"must be {name}, not {shown(value)}{suggestion(value, words)}")
        return str(word)

    return Type(name, parse)


def matching(name: str, pattern: str, longest: int) -> Type:
    """Return the type of texts that a regular expression matches as a whole."""
    expression = re.compile(pattern)

    def parse(value: Any) -> str:
        if isinstance(value, str) and len(value) > longest:
            raise ValueError(f"'{value}' has {len(value)} characters; at most {longest} are possible")
        if not isinstance(value, str) or not expression.fullmatch(value):
            raise ValueError
        return value

    return Type(name, parse)


def _lab(value: Any) -> str:
    if value == IMAGES.name:
        raise ValueError(f"no lab can be called '{value}': lab hosts keep the base images under this name; choose another")
    return str(_LAB.parse(value))


def _any_mac(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML 1.1 reads digits with colons as a number to the base of 60.
        raise ValueError("write the MAC address in quotes; without them YAML reads it as a number")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", value):
        raise ValueError
    return value.lower().replace("-", ":")


def _mac(value: Any) -> str:
    mac = _any_mac(value)
    if int(mac[:2], 16) & 1:
        raise ValueError(f"'{value}' is a group address; the first byte of an interface's MAC address is even")
    return mac


def _lease(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"infinite|[0-9]{1,9}[mhdw]?", text):
        raise ValueError
    if text.isdigit() and int(text) < 120:
        raise ValueError(f"{text} seconds are too short; a lease lasts at least 120 seconds")
    return text


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError
    return _plain(value)


def _plain(value: Any) -> Any:
    """Return value in the types of JSON; raise ValueError for what has no place there."""
    if isinstance(value, dict):
        return {_key(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(f"{shown(value)} is neither text nor number, list nor mapping; put it in quotes")


def nodes_by_name(value: Any) -> dict[str, Any]:
    """Read the nodes: a mapping by name, or a list of names."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        twice = sorted(name for name, count in Counter(value).items() if count > 1)
        if twice:
            raise ValueError(f"'{twice[0]}' is listed twice")
        value = dict.fromkeys(value)
    mapping: dict[str, Any] = _mapping(value)
    return mapping


def list_of_links(value: Any) -> list[Any]:
    """Read the links as a list; what each one is comes later."""
    if not isinstance(value, list):
        raise ValueError
    return value


def _key(name: Any) -> str:
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise ValueError(f"the key {shown(name)} must be text; put it in quotes")
    return str(name)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError
    return {_key(name): _scalar(part) for name, part in value.items()}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise ValueError
    return str(value)


def either(word: str, other: Type) -> Type:
    """Return a type that knows one word besides the values of another type; the word means the empty value."""

    def parse(value: Any) -> Any:
        return "" if value in (word, "", []) else other.parse(value)

    return Type(f"'{word}' or {other.name}", parse)


def _sysctls(value: Any) -> dict[str, str]:
    found = _texts(value)
    for name in found:
        if not re.fullmatch(r"net(\.[A-Za-z0-9_/-]+)+", name):
            raise ValueError(f"'{name}' is no setting of a network namespace; these begin with 'net.', as in net.ipv4.ip_forward")
    return found


def _words(value: Any) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else [_scalar(part) for part in value] if isinstance(value, list) else []
    except ValueError:
        words = []
    if not words or not words[0]:
        raise ValueError
    return tuple(words)


def _contents(value: Any) -> str:
    if isinstance(value, dict):
        raise ValueError("a file is read where the topology file is; give its text here")
    if not isinstance(value, str):
        raise ValueError
    return value


def _forwarded(value: Any) -> int:
    mask = int(_MASK.parse(value))
    if mask & 7:
        # net/bridge/br_private.h: BR_GROUPFWD_RESTRICTED
        raise ValueError(f"{value} has one of the bits 0 to 2: the kernel never forwards STP, pause frames and LACP")
    return mask


TEXT = Type("text", _text)
BOOLEAN = Type("true or false", _boolean)
MAC = Type('a MAC address such as "52:54:00:12:34:56"', _mac)
ANY_MAC = Type(MAC.name, _any_mac)
LEASE = Type("a time such as 45m, 12h, 7d, 'infinite' or a number of seconds", _lease)
MAPPING = Type("a mapping", _mapping)
SETTINGS = Type("a mapping of texts", _texts)
MTU = number(68, 65535, "bytes")
VLAN = number(1, 4094)
_MASK = number(0, 65535)
GROUPS = Type(_MASK.name, _forwarded)
# The Open vSwitch's own empty value, so that a tag can be taken away again.
TAG = either("none", VLAN)
DEVICE = matching(
    "an interface's name: 1 to 15 letters, digits, '-', '_' or '.', beginning with a letter or digit", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 15
)
NAMESPACE = matching(
    "a namespace's name: letters, digits, '-', '_' or '.', beginning with a letter or digit", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 100
)
NODE = matching(
    "a name: letters, digits or '-', beginning and ending with a letter or digit", r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 48
)
_LAB = matching(NODE.name, r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 24)
LAB = Type(_LAB.name, _lab)
USER = matching("a user's name: lower-case letters, digits, '-' or '_', beginning with a letter", r"[a-z_][a-z0-9_-]*", 32)
DOMAIN = matching(
    "a domain such as lab.internal", r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*", 100
)
TEXTS = ListOf("a list of texts", TEXT)
VLANS = ListOf("a list of VLAN numbers", VLAN)
SYSCTLS = Type("a mapping of kernel settings below net", _sysctls)
COMMAND = Type("a command line, or a list of its words", _words)
CONTENTS = Type("text, or {file: PATH} with a path as seen from this file", _contents)
