# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs a command inside all namespaces of a container, for services, commands, become and people: a shell script. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

_SCRIPT = """#!/bin/sh
# Runs a command, or a shell, inside all namespaces of @NAME@. Written by netvirt.lab.
[ $# -gt 0 ] || set -- sh
@BEFORE@exec nsenter @OPTIONS@ -- sh -c 'cd "$0" 2>/dev/null || cd /; exec "$@"' "$PWD" "$@"
"""
# The files of /etc/netns are for ip-netns(8), which does not come here: a DHCP client may have written one since.
_RESOLVER = """for file in /etc/netns/@NAME@/resolv.conf /etc/resolv.conf; do
    [ ! -e "$file" ] || { cmp -s "$file" @RESOLVER@ || cat "$file" >@RESOLVER@; break; }
done
"""


def enter_text(name: str, home: Path, kinds: Sequence[str], netns: Path, groups: Sequence[Path], resolver: Path | None) -> str:
    """Return the script; groups are control groups to join, resolver is a file to keep like the node's resolv.conf."""
    before = "".join(f"echo $$ >{quote(str(group / 'cgroup.procs'))} || exit\n" for group in groups)
    if resolver:
        before += _RESOLVER.replace("@NAME@", name).replace("@RESOLVER@", quote(str(resolver)))
    words = {"mnt": "mount"}
    options = [f"--{words.get(kind, kind)}={quote(str(netns if kind == 'net' else home / kind))}" for kind in kinds]
    text = _SCRIPT.replace("@BEFORE@", before).replace("@OPTIONS@", " ".join(options))
    return text.replace("@NAME@", name)
