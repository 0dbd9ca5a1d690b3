# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of several kinds under one name, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._paths import space_dir
from ..transport import spaces


@dataclass(frozen=True)
class Space:
    """Namespaces of one name; clocks are offsets in seconds, cpus a number of CPUs, memory in MiB, and 0 there is no limit.

    mounts are sources ('tmpfs' or a path of the lab host) by place; maps are lines of uid_map (user_namespaces(7)). kinds without
    those that are no more; a pid namespace without its process 1 is none.
    """

    name: str
    lab: str | None = None
    kinds: tuple[str, ...] = ()
    hostname: str | None = None
    rootfs: str = ""
    overlay: bool = True
    mounts: Mapping[str, str] = field(default_factory=dict)
    uid_map: tuple[str, ...] = ()
    gid_map: tuple[str, ...] = ()
    boottime: int = 0
    monotonic: int = 0
    cpus: float | None = None
    memory: int | None = None
    init: int | None = field(default=None, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the name, unique on the machine as far as there is a network namespace."""
        return self.name

    @property
    def home(self) -> Path:
        """Return the directory that holds them."""
        return space_dir(self.lab or "", self.name)

    @property
    def limited(self) -> list[str]:
        """Return the controllers that its limits need."""
        return [name for name, value in (("cpu", self.cpus), ("memory", self.memory)) if value]


def space_from(item: Mapping[str, Any], lab: str) -> Space:
    """Return what a share's, or a module's, mapping asks for."""
    uid_map = tuple(item.get("uid_map") or ())
    return Space(
        name=item["name"],
        lab=lab,
        kinds=tuple(kind for kind in spaces.KINDS if kind in item["kinds"]),
        hostname=item.get("hostname"),
        rootfs=item.get("rootfs") or "",
        overlay=item.get("overlay") is not False,
        mounts=dict(item.get("mounts") or {}),
        uid_map=uid_map,
        gid_map=tuple(item.get("gid_map") or uid_map),
        boottime=item.get("boottime") or 0,
        monotonic=item.get("monotonic") or 0,
        cpus=None if item.get("cpus") is None else round(item["cpus"], 2),  # what a control group says again
        memory=item.get("memory"),
    )
