# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows, groups and meters as ovs-ofctl(8) writes them: where such a text names ports, and what is wrong with it at a glance. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Container

# Ports that every OpenFlow switch has; here they are no names of anybody's.
RESERVED = frozenset(("all", "any", "controller", "flood", "in_port", "local", "none", "normal", "table", "unset"))
# Actions of a single word, which a port of that name cannot stand for.
_WORDS = RESERVED | {
    "clear_actions",
    "ct_clear",
    "dec_mpls_ttl",
    "dec_nsh_ttl",
    "dec_ttl",
    "decap",
    "drop",
    "exit",
    "pop_queue",
    "pop_vlan",
    "strip_vlan",
}
_NAME = r'"?(?P<name>[^\s,:()"]+(?::[^\s,:()"]+)?)"?'
# Where a port stands by the word before it, and alone in a list of actions.
_NAMED = re.compile(rf"(?P<before>\b(?:in_port=|output:|output\(port=|resubmit[:(]|enqueue[:(]|watch_port[:=])){_NAME}")
_ALONE = re.compile(rf"(?P<before>(?:^|,)\s*){_NAME}(?=\s*(?:,|$))")
_METER_FLAGS = ("kbps", "pktps", "burst", "stats")
_BANDS = ("drop", "dscp_remark")
_ACTIONS = re.compile(r"\b(?:actions?|bucket)=")

# Returns what stands for a port, or None if there is none of that name.
Lookup = Callable[[str], "str | None"]


def with_ports(text: str, lookup: Lookup, ports: Container[str] | None = None) -> tuple[str, list[str]]:
    """Return a flow's or a group's text with its ports by other names, and those that nobody knows.

    In a list of actions a port may stand alone: it is one of ``ports``, or if these are not given one that lookup knows.
    """
    unknown: list[str] = []

    def named(match: re.Match[str]) -> str:
        name = match["name"]
        if name.lower() in RESERVED or "[" in name:  # a register holds the number
            return match[0]
        found = lookup(name)
        # enqueue:PORT:QUEUE
        port, _colon, rest = name.partition(":")
        if found is None and rest and lookup(port) is not None:
            return f"{match['before']}{lookup(port)}:{rest}"
        if found is None:
            unknown.append(name)
        return f"{match['before']}{name if found is None else found}"

    def alone(match: re.Match[str]) -> str:
        name = match["name"]
        known = lookup(name) is not None if ports is None else name in ports
        is_port = name.isdigit() or (known and name.lower() not in _WORDS)
        return f"{match['before']}output:{name}" if is_port else match[0]

    pieces, end = [], 0
    for start in _ACTIONS.finditer(text):
        pieces += [text[end : start.start()], text[start.start() : start.end()]]
        end = start.end()
    pieces.append(text[end:])
    # Every second piece but the first is a list of actions, at whose top level ports may stand alone.
    whole = (_top_level(piece, alone) if number and not number % 2 else piece for number, piece in enumerate(pieces))
    return _NAMED.sub(named, "".join(whole)), unknown


def _top_level(text: str, alone: Callable[[re.Match[str]], str]) -> str:
    """Replace what stands alone outside of all parentheses."""
    hidden: list[str] = []
    flat, depth = "", 0
    for character in text:
        depth -= character == ")" and depth > 0
        if depth:
            hidden[-1] += character
        else:
            flat += character
        if character == "(":
            depth += 1
            if depth == 1:
                hidden.append("")
    parts = re.split(r"(?<=\()", _ALONE.sub(alone, flat))
    return "".join(part + (hidden[number] if number < len(hidden) else "") for number, part in enumerate(parts))


def misplaced(text: str) -> str:
    """Say which word of a flow is the collection's own or not for a flow that stays; empty if there is none."""
    match = text.partition("action")[0]
    if re.search(r"\bcookie=", match):
        return "the cookie is the lab's mark; leave it out"
    if re.match(r"\s*(?:add|delete|delete_strict|modify|modify_strict)\b", text):
        return "it is a flow and no command; leave out the first word"
    return ""


def meter(line: str) -> tuple[str, str]:
    """Return number and definition of a meter, as a user writes it or as 'dump-meters' prints it. Raise ValueError."""
    head, _bands, tail = line.partition("bands=")
    words = re.split(r"[,\s]+", head.strip(", \n"))
    numbers = [word.partition("=")[2] for word in words if word.startswith("meter=")]
    flags = [word for word in words if word and not word.startswith("meter=")]
    if len(numbers) != 1 or not numbers[0].isdigit() or not 1 <= int(numbers[0]) < 2**32:
        raise ValueError("must begin with its number, as in 'meter=1,kbps,bands=type=drop,rate=1000'")
    wrong = [word for word in flags if word not in _METER_FLAGS]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is none of {', '.join(_METER_FLAGS)}")
    if ("kbps" in flags) == ("pktps" in flags):
        raise ValueError("needs the unit of its rates: kbps (kbit/s) or pktps (packets per second)")
    bands = [_band(band, "burst" in flags) for band in re.split(r"[,\s]*\btype=", tail)[1:]]
    if not bands:
        raise ValueError("needs at least one band, as in 'bands=type=drop,rate=1000'")
    return numbers[0], f"{','.join(flag for flag in _METER_FLAGS if flag in flags)},bands={','.join(bands)}"


def _band(text: str, burst: bool) -> str:
    kind, *words = re.split(r"[,\s]+", text.strip(", \n"))
    values = dict(word.split("=", 1) for word in words if "=" in word)
    known = {"rate", *(["burst_size"] if burst else []), *(["prec_level"] if kind == "dscp_remark" else [])}
    if kind not in _BANDS:
        raise ValueError(f"'{kind}' is no kind of band; it must be one of {', '.join(_BANDS)}")
    if values.keys() != known or len(values) != len(words) or not all(value.isdigit() for value in values.values()):
        need = "; burst_size needs the word burst before 'bands', and that needs burst_size"
        raise ValueError(f"a band of type {kind} must have {', '.join(sorted(known))}, each a number, and nothing else{need}")
    return ",".join((f"type={kind}", *(f"{name}={values[name]}" for name in ("rate", "burst_size", "prec_level") if name in values)))
