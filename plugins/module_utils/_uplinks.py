# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine is still reached after its uplinks' addresses have moved."""

from __future__ import annotations

import os

from ._errors import LabErrors
from ._plan import Scope
from .resources import _uplink_guard as guard
from .resources._uplink_note import Note
from .resources.uplink import confirm, echoing, neighbours, unconfirmed, undone
from .transport import belongings

_PATIENCE = 10.0  # seconds
_SSH = b"SSH_CONNECTION="


def confirmed(scope: Scope) -> list[str]:
    """Confirm a lab's moves and return the uplinks; undo those that have cut the machine off. Raise LabErrors."""
    late = undone(scope.lab)
    if late:
        raise LabErrors(
            f"Nobody came in by '{note.to}' within {note.timeout:g} seconds after the addresses of the uplink '{name}' had moved there, so "
            f"'{name}' has them again and is no port of '{note.to}'. Does something (the machine's firewall, the switch at the other end "
            "of the cable) let only this interface through? If the connection only takes long, raise the uplink's confirm_timeout."
            for name, note in late.items()
        )
    pending = unconfirmed(scope.lab)
    if scope.check or not pending:
        return []
    server = ssh_server()
    silent = {name: lost for name, note in pending.items() if (lost := _lost(note, server))}
    if silent:
        guard.undo(scope.lab, silent)
        guard.dismiss(scope.lab)
        raise LabErrors(
            f"{', '.join(lost)} answered before the addresses of the uplink '{name}' moved to '{pending[name].to}', and not since: "
            f"'{name}' has them again and is no port of '{pending[name].to}'. Does something let only this interface through?"
            for name, lost in silent.items()
        )
    confirm(scope.lab, pending)
    return sorted(pending)


def _lost(note: Note, server: str) -> list[str]:
    """Return who answered before and does not any more; nobody if this run itself has come in by the moved addresses."""
    if server in {belongings.told(data).partition("/")[0] for data in note.belongings.addresses}:
        return []
    echoed = echoing((*note.answered, *note.neighbours), _PATIENCE)
    return sorted({*note.answered, *note.neighbours}.difference(echoed, neighbours(note.to, note.neighbours)))


def ssh_server() -> str:
    """Return the address of this machine that the connection came to by which this process was started, '' if there is none."""
    pid = os.getpid()
    while pid > 1:
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ:  # sudo hides it from its child, not from its own
                found = next((part for part in environ.read().split(b"\0") if part.startswith(_SSH)), b"")
            with open(f"/proc/{pid}/stat", "rb") as stat:
                pid = int(stat.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
        if found:
            return found[len(_SSH) :].decode("ascii", "replace").split()[2]
    return ""
