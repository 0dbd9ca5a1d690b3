# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until every machine has carried out what OVN's databases say of a lab, as 'ovn-nbctl --wait=hv sync' does for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ._errors import LabErrors
from ._paths import OVN
from .resources.northbound import DATABASE
from .transport import ovn
from .transport.ovsdb import Copy

_SOUTHBOUND = "OVN_Southbound"
_QUIET = 1.0  # seconds without a word, after which it is looked whether the daemons are still there
_NORTH = {"NB_Global": ["nb_cfg"]}
_SOUTH = {"Chassis": ["name"], "Chassis_Private": ["name", "nb_cfg"], "Port_Binding": ["logical_port", "chassis", "up"]}


def wait_for_fabric(fabric: Mapping[str, Any] | None, machines: Collection[str] | None, timeout: float) -> None:
    """Return when OVN is through on the machines, None being all; only the central one knows. Raise LabErrors that name who is not.

    A lab host whose own daemons have ended is not waited for.
    """
    if not fabric:
        return
    _require_daemons(fabric)
    if not fabric.get("machines"):
        return
    deadline = time.monotonic() + timeout
    chassis = {name: known for name, known in fabric["machines"].items() if not name or machines is None or name in machines}
    ports = {port: name for port, name in fabric["ports"].items() if name in chassis}
    with Copy(ovn.NORTHBOUND, DATABASE, _NORTH) as north, Copy(ovn.SOUTHBOUND, _SOUTHBOUND, _SOUTH) as south:

        def absent() -> list[str]:
            known = {row.name for row in south.rows("Chassis_Private")}
            return [_told(name, one, timeout, "has not joined OVN") for name, one in chassis.items() if one not in known]

        def down() -> list[str]:
            # A port that has moved is up at its former place until the new one takes it.
            bound = {row.logical_port: row.chassis[0].name for row in south.rows("Port_Binding") if row.chassis and row.up == [True]}
            waiting = sorted(port for port, name in ports.items() if bound.get(port) != chassis[name])
            return [f"The port '{port}' of lab host '{ports[port]}' is not up in OVN after {timeout:g} seconds." for port in waiting]

        def late() -> list[str]:
            done = {row.name: row.nb_cfg for row in south.rows("Chassis_Private")}
            behind = {name: one for name, one in chassis.items() if done.get(one, 0) < target}
            return [_told(name, one, timeout, "has not carried out what OVN says") for name, one in behind.items()]

        def unborn() -> list[str]:
            idle = [f"OVN's daemon 'northd' has done nothing after {timeout:g} seconds; look into {OVN}/northd.log."]
            return [] if north.rows("NB_Global") else idle

        def wait(missing: Callable[[], list[str]], copy: Copy) -> None:
            while problems := missing():
                if time.monotonic() > deadline:
                    raise LabErrors(problems)
                if not copy.wait(min(deadline, time.monotonic() + _QUIET)):
                    _require_daemons(fabric)

        wait(unborn, north)
        for missing in (absent, down):
            wait(missing, south)
        target = north.rows("NB_Global")[0].nb_cfg + 1
        north.transact(lambda insert: north.rows("NB_Global")[0].increment("nb_cfg"), "ask OVN whether it is through")
        wait(late, south)


def _require_daemons(fabric: Mapping[str, Any]) -> None:
    alive = ovn.running()
    ended = [name for name in (*(ovn.CENTRAL if fabric.get("central") else ()), ovn.CONTROLLER) if name not in alive]
    if ended:
        raise LabErrors(f"OVN's daemon '{name}' has ended; look into {OVN}/{name}.log, and have site.yml start it again." for name in ended)


def _told(name: str, chassis: str, timeout: float, what: str) -> str:
    where = f"The lab host '{name}'" if name else "This lab host"
    return f"{where} ({chassis}) {what} after {timeout:g} seconds; look there into {OVN}/controller.log."
