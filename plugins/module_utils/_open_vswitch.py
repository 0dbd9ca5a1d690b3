# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's daemons, which all labs of a machine have in common: one run at a time starts or stops them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._lock import lab_lock
from ._plan import Change, Goal, Scope, converge
from .resources.ovn import OvnDriver, is_last
from .resources.ovs import OvsDriver
from .resources.ovs_service import OvsService, OvsServiceDriver

NO_LAB = "ovs_service"  # a name that no lab can have


def started() -> list[Change[OvsService]]:
    """Have Open vSwitch run. Raise LabError."""
    return _brought(Goal(OvsServiceDriver()), Scope(NO_LAB))


def restored(lab: str, changes: Sequence[Change[Any]], check: bool) -> list[Change[OvsService]]:
    """Take back what was done to Open vSwitch if changes, of a lab that is removed, leave no bridge. Raise LabError."""
    # In check mode its bridges are still there.
    leaving = _bridges(lab, [change.kind for change in changes if change.action == "remove"]) if check else 0
    return _brought(Goal(OvsServiceDriver(leaving=leaving), purge=True), Scope(NO_LAB, check=check))


def _bridges(lab: str, removed: Sequence[str]) -> int:
    """Return how many bridges go with a lab of which things of these kinds are removed: OVN's with the last lab that uses it."""
    return removed.count(OvsDriver.kind) + (OvnDriver.kind in removed and is_last(lab))


def _brought(goal: Goal[OvsService], scope: Scope) -> list[Change[OvsService]]:
    with lab_lock(scope):
        return converge([goal], scope)
