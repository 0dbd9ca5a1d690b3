# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers ask of a lab host, looked at before anything is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .._errors import LabErrors
from ..transport import cgroups, furniture, processes
from ._space_model import Space

_MAP = re.compile(r"\d{1,10} \d{1,10} \d{1,10}")
# What the options of overlayfs cannot say (Documentation/filesystems/overlayfs.rst).
_SPECIAL = re.compile(r"[:,\\]")


def check_spaces(wanted: Sequence[Space], checking: bool) -> None:
    """Raise LabErrors for what cannot be had, or makes no sense; what an earlier task only checked may be missing."""
    problems = [problem for space in wanted for problem in _senseless(space)]
    if not checking:
        problems += [problem for space in wanted for problem in _missing(space)]
        if wanted and not processes.which("nsenter"):
            problems.append("The program nsenter is not installed; install the package util-linux.")
    if problems:
        raise LabErrors(problems)


def _senseless(space: Space) -> Iterator[str]:
    what = f"The namespaces of '{space.name}'"
    if not space.kinds:
        yield f"{what} are of no kind; name at least one."
    needs: dict[str, list[tuple[str, Any]]] = {
        "uts": [("hostname", space.hostname)],
        "mnt": [("mounts", space.mounts), ("rootfs", space.rootfs)],
        "pid": [("rootfs, which has a view of processes of its own", space.rootfs)],
        "user": [("uid_map", space.uid_map)],
        "time": [("boottime", space.boottime), ("monotonic", space.monotonic)],
    }
    for kind, options in needs.items():
        for option, value in options:
            if value and kind not in space.kinds:
                yield f"{what} need the kind '{kind}' for {option}."
    if "user" in space.kinds and not space.uid_map:
        yield f"{what} need a uid_map for the kind 'user', such as '0 100000 65536'."
    for line in (*space.uid_map, *space.gid_map):
        if not _MAP.fullmatch(line):
            yield f"{what} have a map '{line}'; it must be three numbers as in '0 100000 65536': first inside, first outside, how many."
    for path in (path for pair in space.mounts.items() for path in pair):
        if not path.startswith("/") and path != furniture.TMPFS:
            yield f"{what} have a mount '{path}'; it must be an absolute path."
    if (space.cpus or 0) < 0 or (space.memory or 0) < 0:
        yield f"{what} have a limit below 0; cpus is a number of CPUs, memory one of MiB, and 0 is no limit."


def _missing(space: Space) -> Iterator[str]:
    what = f"The namespaces of '{space.name}'"
    for kind in space.kinds:
        if not os.path.exists(f"/proc/self/ns/{kind}"):
            yield f"{what} cannot be made: this kernel has none of the kind '{kind}'."
    if space.rootfs:
        lack = furniture.lacks(space.rootfs)
        if lack:
            yield f"{what} cannot have the tree '{space.rootfs}': {lack}."
        if space.overlay and _SPECIAL.search(space.rootfs):
            yield f"{what} cannot have an overlay of '{space.rootfs}': its path has a ':', ',' or backslash; rename the directory."
    for target, source in space.mounts.items():
        if source != furniture.TMPFS and not os.path.exists(source):
            yield f"{what} cannot mount '{source}' on '{target}': the lab host has no such path."
        if not (space.rootfs and space.overlay) and not os.path.exists(space.rootfs + target):
            yield f"{what} cannot mount something on '{target}': there is no such path inside; make it first."
    lack = cgroups.impossible(space.limited)
    if lack:
        yield f"{what} cannot have limits: {lack}; leave out cpus and memory, or mount control groups."
