# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module capture, as what its driver wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._ends import Interface, interfaces
from ._errors import LabErrors
from .resources._capture_model import Capture
from .resources.capture import known
from .topology.values.scalars import matching, number

NAME = matching("a name of up to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit", r"[A-Za-z0-9][A-Za-z0-9_.-]*", 64)
_TYPES = {"snaplen": number(14, 262144, "bytes"), "files": number(2, 1000), "size": number(1, 100_000, "MB")}
_DEFAULTS = {"filter": "", "direction": "inout", "ring": None}  # what the reader of a tap's cable does not do otherwise


def captures(options: Mapping[str, Any], share: Mapping[str, Any], lab: str) -> list[Capture]:
    """Return the captures that options mean: to be started as given, else by name only. Raise LabErrors."""
    problems: list[str] = []
    name, links, ring = options["name"], options["links"], options["ring"]
    running = options["state"] == "running"
    if name is not None:
        NAME.read(name, "name", problems)
        if len(links) > 1:
            problems.append(f"name: cannot be that of {len(links)} captures; name one link, or leave out the name")
    if running:
        for key, value in {"snaplen": options["snaplen"], **(ring or {})}.items():
            _TYPES[key].read(value, f"ring.{key}" if key != "snaplen" else key, problems)
        if not links:
            problems.append("links: is missing; say where to capture")
        if options["via"] == "tap":
            given = [key for key, value in _DEFAULTS.items() if options[key] != value]
            problems.extend(f"{key}: cannot be had where via is tap; leave it out" for key in given)
    try:
        ends = interfaces(share, links)
    except LabErrors as error:
        problems.extend(error.problems)
    if problems:
        raise LabErrors(problems)
    if not running:
        names = [name] if name else [end.label for end in ends] if links else known(lab)
        return [Capture(one, lab, state="stopped") for one in names]
    return [_running(end, name or end.label, options, lab) for end in ends]


def _running(end: Interface, name: str, options: Mapping[str, Any], lab: str) -> Capture:
    same = {key: options[key] for key in ("via", "filter", "direction", "snaplen")}
    ring = (options["ring"]["files"], options["ring"]["size"]) if options["ring"] else ()
    return Capture(name, lab, netns=end.netns, interface=end.name, ring=ring, **same)
