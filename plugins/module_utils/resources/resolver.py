# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes have in place of the machine's /etc/resolv.conf: a file in /etc/netns, which 'ip netns exec' shows as theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import LabError
from .._paths import make_public
from .._plan import Change, Goal, Scope, compare
from ._dhcp_text import is_ours as by_dhcp

_ETC = Path("/etc/netns")
_MARK = "# By the topology file of lab "


@dataclass(frozen=True)
class Resolver:
    """The resolv.conf of a namespace: its lines less the mark."""

    netns: str
    lab: str | None = None
    lines: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the namespace."""
        return self.netns

    @property
    def place(self) -> str:
        """Return its file."""
        return str(_file(self.netns))


def resolver_from(item: Mapping[str, Any], lab: str) -> Resolver:
    """Return what a share's mapping asks for."""
    search = [f"search {' '.join(item['search'])}"] if item.get("search") else []
    return Resolver(item["netns"], lab, (*search, *(f"nameserver {server}" for server in item.get("dns") or ())))


class ResolverDriver:
    """Write resolv.conf files of namespaces. One of a DHCP client of the lab gives way; it comes back when the key is taken out."""

    kind = "resolver"

    def observe(self, goal: Goal[Resolver], scope: Scope) -> Mapping[str, Resolver]:
        """Read the lab's files, and what is in the place of wanted ones."""
        places = {path.parent.name for path in _ETC.glob("*/resolv.conf")} if goal.purge else set()
        wanted = {want.netns for want in goal.want}
        found = {netns: _read(netns, netns in wanted) for netns in places.union(goal.absent, wanted)}
        return {netns: resolver for netns, resolver in found.items() if resolver}

    def plan(
        self, have: Mapping[str, Resolver], goal: Goal[Resolver], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Resolver]]:
        """Compare; the files are not in the namespaces, and stay when these are made anew."""
        return compare(self.kind, have, goal, scope)

    def remove(self, changes: Sequence[Change[Resolver]], scope: Scope) -> None:
        """Remove files, and the directories that are empty then."""
        for change in changes:
            file = _file(change.key)
            file.unlink(missing_ok=True)
            for directory in (file.parent, _ETC):
                with suppress(OSError):
                    directory.rmdir()

    def apply(self, changes: Sequence[Change[Resolver]], scope: Scope) -> None:
        """Write files; one that is there keeps its inode, which programs of the node have mounted."""
        for change in changes:
            _write(_file(change.key), "\n".join((f"{_MARK}{scope.lab}", *change.target.lines, "")).encode())


def _file(netns: str) -> Path:
    return _ETC / netns / "resolv.conf"


def _read(netns: str, wanted: bool) -> Resolver | None:
    """Return the file of a namespace; nothing for an empty one and one of a DHCP client, which may be written over.

    What cannot be read is no lab's, and in the way only where a file is wanted. Raise LabError.
    """
    try:
        text = _file(netns).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        if not wanted:
            return None
        raise LabError(f"Cannot read {_file(netns)}: {error.strerror}; move it out of the way.") from error
    if not text or by_dhcp(text):
        return None
    first, *lines = text.splitlines()
    owner = first[len(_MARK) :] if first.startswith(_MARK) else None
    return Resolver(netns, owner, tuple(lines))


def _write(file: Path, data: bytes) -> None:
    make_public(file.parent)
    # Not by way of another file beside it: 'ip netns exec' mounts whatever is there.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
