# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until switches whose links form loops have found a tree among them: before that a port which is to forward does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ._errors import LabErrors
from .transport import bridge, ovsdb
from .transport.netlink import Netlink

_TICK = 0.25  # seconds between two looks
_TABLES = {"Bridge": ("name", "ports"), "Port": ("name", "status", "rstp_status")}
# A port that forwards, or never will, stays so; one in these states is on its way.
_STP, _RSTP, _ROLES = ("listening", "learning"), ("Learning", "Discarding"), ("Root", "Designated")


def wait_for_trees(share: Mapping[str, Any], timeout: float) -> None:
    """Return when all ports of a lab host's switches that run a spanning tree forward or are blocked. Raise LabErrors that name them."""
    deadline = time.monotonic() + timeout
    plain = {link["name"] for link in share.get("links") or () if (link.get("bridge") or {}).get("stp")}
    if plain:
        _wait(lambda: _of_linux(plain), deadline, timeout)
    switches = {switch["name"] for switch in share.get("bridges") or () if switch.get("stp") or switch.get("rstp")}
    if switches:
        with ovsdb.Database(None, _TABLES) as database:
            _wait(lambda: _of_ovs(database, switches), deadline, timeout)


def _wait(undecided: Callable[[], Iterator[tuple[str, str, str]]], deadline: float, timeout: float) -> None:
    while waiting := list(undecided()):
        if time.monotonic() > deadline:
            raise LabErrors(
                f"The port '{port}' of switch '{switch}' does not forward after {timeout:g} seconds: the spanning tree has it {state}."
                for switch, port, state in waiting
            )
        time.sleep(_TICK)


def _of_linux(switches: Collection[str]) -> Iterator[tuple[str, str, str]]:
    with Netlink() as kernel:
        links = kernel.links()
    names = {link.index: link.name for link in links}
    for link in links:
        state = bridge.port_state(link.port)["state"] if names.get(link.master) in switches else ""
        if state in _STP:
            yield names[link.master], link.name, state


def _of_ovs(database: ovsdb.Database, switches: Collection[str]) -> Iterator[tuple[str, str, str]]:
    database.wait()
    for switch in database.rows("Bridge"):
        for port in switch.ports if switch.name in switches else ():
            state, rapid = port.status.get("stp_state", ""), port.rstp_status
            if state in _STP:
                yield switch.name, port.name, state
            elif rapid.get("rstp_port_state") in _RSTP and rapid.get("rstp_port_role") in _ROLES:
                yield switch.name, port.name, rapid["rstp_port_state"].lower()
