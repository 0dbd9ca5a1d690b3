# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings a lab back when its machine has been started anew: its share, this code as one program, and a service of systemd."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _program
from .._paths import make_public, state_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import processes

UNITS = Path("/etc/systemd/system")
_RUNS = Path("/run/systemd/system")
_UNIT = """\
# Made by netvirt.lab, and gone with the lab.
[Unit]
Description=The lab {lab}
Wants=network-online.target
After=network-online.target openvswitch-switch.service openvswitch.service ovs-vswitchd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={python} {program}
TimeoutStartSec=15min

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class BootFile:
    """A file by its path, or a link ('-> TARGET' for the digest). What is in it is not shown: passwords may be."""

    path: str
    lab: str | None = None
    digest: str | None = None
    mode: str | None = None  # octal, None of a link
    content: bytes = field(default=b"", compare=False, repr=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the path."""
        return self.path


def boot_files(lab: str, told: Mapping[str, Any]) -> tuple[BootFile, ...]:
    """Return the files by which a lab comes back; told are the arguments of share_goals()."""
    from .. import _boot  # here, because it imports this module

    program, data, unit, link = _paths(lab)
    text = _UNIT.format(lab=lab, python=sys.executable, program=program)
    files = [
        _file(program, lab, _program.packed(_boot.__name__.rpartition(".")[2], sys.executable), "0755"),
        _file(data, lab, json.dumps(told, sort_keys=True).encode(), "0600"),
    ]
    if UNITS.is_dir():
        files += [_file(unit, lab, text.encode(), "0644"), BootFile(str(link), lab, f"-> ../{unit.name}")]
    return tuple(files)


def _paths(lab: str) -> tuple[Path, Path, Path, Path]:
    """Return program, data, unit, and the link that makes systemd start it."""
    home, unit = state_dir(lab), f"netvirt-{lab}.service"
    return home / "boot.pyz", home / "boot.json", UNITS / unit, UNITS / "multi-user.target.wants" / unit


def _file(path: Path, lab: str, content: bytes, mode: str) -> BootFile:
    return BootFile(str(path), lab, hashlib.sha256(content).hexdigest(), mode, content)


class BootDriver:
    """Keep the files by which a lab comes back."""

    kind = "boot"

    def observe(self, goal: Goal[BootFile], scope: Scope) -> Mapping[str, BootFile]:
        """Read those that are there."""
        return {str(path): _read(path, scope.lab) for path in _paths(scope.lab) if path.is_symlink() or path.exists()}

    def plan(
        self, have: Mapping[str, BootFile], goal: Goal[BootFile], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[BootFile]]:
        """Compare."""
        return compare(self.kind, have, goal, scope)

    def remove(self, changes: Sequence[Change[BootFile]], scope: Scope) -> None:
        """Remove them."""
        for change in changes:
            path = Path(change.key)
            path.unlink(missing_ok=True)
            with suppress(OSError):
                if path.parent == state_dir(scope.lab):
                    path.parent.rmdir()
        _told(changes)

    def apply(self, changes: Sequence[Change[BootFile]], scope: Scope) -> None:
        """Write them, each whole or not at all; the link comes last."""
        for change in changes:
            target, path = change.target, Path(change.key)
            make_public(path.parent)
            fresh = path.with_name(f".{path.name}.new")
            fresh.unlink(missing_ok=True)
            if target.mode is None:
                fresh.symlink_to(str(target.digest)[3:])
            else:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, int(target.mode, 8))
                with os.fdopen(descriptor, "wb") as file:
                    file.write(target.content)
                fresh.chmod(int(target.mode, 8))
            fresh.replace(path)
        _told(changes)


def _read(path: Path, lab: str) -> BootFile:
    if path.is_symlink():
        return BootFile(str(path), lab, f"-> {os.readlink(path)}")
    return BootFile(str(path), lab, hashlib.sha256(path.read_bytes()).hexdigest(), f"{path.stat().st_mode & 0o7777:04o}")


def _told(changes: Sequence[Change[BootFile]]) -> None:
    """Have systemd, if it runs, look at its units again."""
    if _RUNS.is_dir() and any(change.key.startswith(f"{UNITS}/") for change in changes):
        processes.command(["systemctl", "daemon-reload"], "tell systemd of the lab's service")
