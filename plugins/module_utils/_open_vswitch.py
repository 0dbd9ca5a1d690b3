# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's daemons, which all labs of a machine have in common: nobody else starts or stops them meanwhile."""

from __future__ import annotations

from ._lock import lab_lock
from ._plan import Change, Goal, Scope, converge
from .resources.ovs_service import OvsService, OvsServiceDriver

NO_LAB = "ovs_service"  # a name that no lab can have


def started() -> list[Change[OvsService]]:
    """Have Open vSwitch run. Raise LabError."""
    return _brought(Goal(OvsServiceDriver()), Scope(NO_LAB))


def restored(check: bool, leaving: int) -> list[Change[OvsService]]:
    """Take back what was done to Open vSwitch if no bridge is left; in check mode some that leave are still there. Raise LabError."""
    return _brought(Goal(OvsServiceDriver(leaving=leaving if check else 0), purge=True), Scope(NO_LAB, check=check))


def _brought(goal: Goal[OvsService], scope: Scope) -> list[Change[OvsService]]:
    with lab_lock(scope):
        return converge([goal], scope)
