# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes listen on which ports of this network namespace."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

_LISTEN = "0A"  # include/net/tcp_states.h


def everywhere(protocol: str, port: int) -> list[tuple[int, str]]:
    """Return (pid, program) of those that listen on a port ('udp' or 'tcp') of every address, and so leave no room for others."""
    inodes = {inode for name in (protocol, f"{protocol}6") for inode in _wildcards(name, port)}
    return _owners(inodes) if inodes else []


def _wildcards(table: str, port: int) -> Iterator[str]:
    try:
        lines = Path(f"/proc/thread-self/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        fields = line.split()
        address, number = fields[1].split(":")
        if int(number, 16) == port and not address.strip("0") and (table.startswith("udp") or fields[3] == _LISTEN):
            yield fields[9]


def _owners(inodes: Collection[str]) -> list[tuple[int, str]]:
    sockets = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for entry in os.listdir("/proc"):
        try:
            holds = entry.isdigit() and any(os.readlink(f"/proc/{entry}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{entry}/fd"))
            if holds:
                found.append((int(entry), Path(f"/proc/{entry}/comm").read_text(encoding="utf-8", errors="replace").strip()))
        except OSError:
            continue  # it has ended, or this descriptor is closed by now
    return found or [(0, "a process of another container")]
