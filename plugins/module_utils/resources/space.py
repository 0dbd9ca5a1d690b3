# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of several kinds under one name: a container, or any part of one. Their mark is where they are held.

They are made together and go together: what is made anew is the whole of them, the network namespace included.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .._marks import mark
from .._paths import make_public, run_dir, space_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import cgroups, furniture, namespaces, notes, processes, space_maker, spaces
from ..transport.netlink import Netlink
from ..transport.rtnetlink import link_attributes, mark_link, set_link
from ._enter_text import enter_text
from ._space_checks import check_spaces
from ._space_model import Space

_NOTE, _SHARED, _KEPT = "note.json", "shared", ".keep"
# What was said when they were made and cannot be read from them; all of it is as it was, as long as they are there.
_NOTED = ("rootfs", "overlay", "mounts", "uid_map", "gid_map", "boottime", "monotonic")


class SpaceDriver:
    """Make, keep and remove namespaces of all kinds."""

    kind = "namespace"

    def observe(self, goal: Goal[Space], scope: Scope) -> Mapping[str, Space]:
        """Read what is held in the lab's directory; without one nothing is looked for."""
        check_spaces(goal.want, scope.check)
        top = space_dir(scope.lab, "-").parent
        if not top.is_dir():
            return {}
        inits = spaces.inits(top)
        return {home.name: _found(home, scope.lab, inits.get(home)) for home in sorted(top.iterdir())}

    def plan(self, have: Mapping[str, Space], goal: Goal[Space], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Space]]:
        """Compare; only names and limits can be changed."""
        return compare(self.kind, have, goal, scope, replace_on=("kinds", *_NOTED))

    def remove(self, changes: Sequence[Change[Space]], scope: Scope) -> None:
        """End all processes inside, and let go of the namespaces."""
        gone = [change.before for change in changes if change.before is not None]
        inits = [space.init for space in gone if space.init]
        processes.end(inits, unasked=inits)
        for space in gone:
            if (space.home / "net").exists():
                namespaces.remove(space.name)  # or what a run that was killed has left of it
            services = _services(space)
            (services / _KEPT).unlink(missing_ok=True)
            cgroups.remove(scope.lab, space.name)
            # What the rest is known by goes last.
            spaces.release(space.home)
            shutil.rmtree(space.home)
            for directory in (services, services.parent, space.home.parent):
                with suppress(OSError):
                    directory.rmdir()

    def apply(self, changes: Sequence[Change[Space]], scope: Scope) -> None:
        """Make namespaces, or change what can be changed of them."""
        for change in changes:
            space = change.target
            if change.action == "update":
                _update(change)
            else:
                _make(space)


def _make(space: Space) -> None:
    home = space.home
    make_public(home)
    groups = cgroups.prepare(space.lab or "", space.name, space.limited)
    shared: list[Path] = []
    if {"mnt", "net"} <= set(space.kinds):
        shared = [home / _SHARED, _services(space)]
        for directory in shared:
            make_public(directory)
        (shared[1] / _KEPT).touch()  # it stays when all services are gone: the container sees this directory and no later one
        (shared[0] / "tmp").mkdir()
        (shared[0] / "tmp").chmod(0o1777)
        (home / _SHARED / furniture.RESOLVER).touch()
    cgroups.limit(space.lab or "", space.name, space.cpus, space.memory)
    if "net" in space.kinds:
        namespaces.prepare()
        (home / "net").touch()  # its own mount is where ip-netns(8) looks

    def bound(first: int) -> None:
        if "net" in space.kinds:
            namespaces.bind(space.name, f"/proc/{first}/ns/net")
        notes.write(home / _NOTE, {**{name: getattr(space, name) for name in _NOTED}, "net": _cookie(space)})
        _write_enter(space, groups, shared)

    layout = furniture.Layout(
        **{key: value for key, value in asdict(space).items() if key in _NOTED},
        kinds=space.kinds,
        hostname=space.hostname or "",
        shared=shared,
    )
    space_maker.make(home, layout, lambda pid: cgroups.join(groups, pid), lambda: _settle(space.lab or ""), bound)


def _update(change: Change[Space]) -> None:
    space = change.target
    if "hostname" in change.differing and space.hostname is not None:
        spaces.set_hostname(space.home, space.hostname)
    if change.differing & {"cpus", "memory"}:
        groups = cgroups.prepare(space.lab or "", space.name, space.limited)
        cgroups.limit(space.lab or "", space.name, space.cpus, space.memory)
        for pid in spaces.members(space.home):
            with suppress(ProcessLookupError):
                cgroups.join(groups, pid)
        _write_enter(space, groups, [space.home / _SHARED] if (space.home / _SHARED).is_dir() else [])


def _write_enter(space: Space, groups: Sequence[Path], shared: Sequence[Path]) -> None:
    resolver = shared[0] / furniture.RESOLVER if shared else None
    text = enter_text(space.name, space.home, space.kinds, namespaces.NETNS / space.name, groups, resolver)
    notes.replace_text(space.home / "enter", text)
    (space.home / "enter").chmod(0o755)


def _services(space: Space) -> Path:
    return run_dir(space.lab or "") / "services" / space.name


def _settle(lab: str) -> None:
    with Netlink() as inside:
        inside.send([mark_link("lo", mark(lab)), set_link(link_attributes("lo", up=True))])


def _cookie(space: Space) -> str:
    if "net" not in space.kinds or not namespaces.exists(space.name):
        return ""
    with namespaces.inside(space.name):
        return namespaces.identity()


def _found(home: Path, lab: str, init: int | None) -> Space:
    """Return what a directory holds; what was not noted was not finished, and so is nothing."""
    noted, kinds = notes.read(home / _NOTE), spaces.kinds_in(home)
    bare = Space(home.name, lab, init=init)
    if not noted:
        return bare
    if (home / "net").exists() and noted["net"] == _cookie(replace(bare, kinds=("net",))):
        kinds.append("net")
    if init is None and "pid" in kinds:
        kinds.remove("pid")
    cpus, memory = cgroups.limits(lab, home.name)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in noted.items() if name in _NOTED}
    hostname = spaces.hostname(home) if "uts" in kinds else os.uname().nodename
    held = tuple(kind for kind in spaces.KINDS if kind in kinds)
    return replace(bare, kinds=held, hostname=hostname, cpus=cpus, memory=memory, **values)
