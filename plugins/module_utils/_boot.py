# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that brings a lab back after a reboot, without the controller: what the topology module did, from what it was told then."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._errors import LabError
from ._lock import lab_lock
from ._open_vswitch import started
from ._plan import Scope, converge
from ._share import share_goals
from ._uplinks import confirmed
from .resources.boot import BootDriver
from .transport.processes import PLAIN


def main(arguments: Sequence[str]) -> None:
    """Bring the lab back whose data are in the file beside this program, or in the one that is named."""
    os.environ.update(PLAIN)  # some inits give none
    data = Path(arguments[0]) if arguments else Path(sys.argv[0]).with_suffix(".json")
    told: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    lab = told["share"]["lab"]
    try:
        sys.stdout.write(f"netvirt: lab '{lab}' is back, {back(lab, told)} things were made.\n")
    except LabError as error:
        raise SystemExit(f"netvirt: lab '{lab}' could not be brought back: {error}") from None


def back(lab: str, told: dict[str, Any]) -> int:
    """Bring a lab back and return how much of it was missing. Raise LabError."""
    if told["share"].get("bridges"):
        started()
    scope = Scope(lab)
    with lab_lock(scope):
        # The files by which it comes back, this program among them, are the controller's to change.
        lab_goals = [goal for goal in share_goals(lab=lab, **told) if goal.driver.kind != BootDriver.kind]
        changes = converge(lab_goals, scope)
        confirmed(scope)
    return len(changes)
