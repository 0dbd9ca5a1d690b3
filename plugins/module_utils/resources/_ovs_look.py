# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Open vSwitch says about itself: state and counters that nobody sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from ..transport import ovsdb
from ._flow_model import ports_of
from ._ovs_gather import facts
from ._ovs_rows import TABLES, read_bridges

# Columns of a port's interface that are returned besides what can be set, under the same name unless another follows.
_INTERFACE = {
    "ofport": "ofport",
    "error": "error",
    "admin_state": "admin_state",
    "link_state": "link_state",
    "link_speed": "link_speed",
    "mtu": "mtu",
    "mac_in_use": "mac_in_use",
    "ifindex": "ifindex",
    "statistics": "statistics",
}
_TABLES: Mapping[str, tuple[str, ...]] = {
    **TABLES,
    "Open_vSwitch": (*TABLES["Open_vSwitch"], "datapath_types"),
    "Bridge": (*TABLES["Bridge"], "datapath_id", "datapath_version", "rstp_status", "status"),
    "Port": (*TABLES["Port"], "status", "rstp_status"),
    "Interface": (*TABLES["Interface"], *(column for column in _INTERFACE if column not in ("ofport", "error"))),
    "Controller": (*TABLES["Controller"], "is_connected", "role", "status"),
}


def look(database: str | None, names: Collection[str], port: str | None, lab: str | None, gather: Collection[str]) -> dict[str, Any]:
    """Return the daemon's state and the bridges: those of names, or all; of a lab, or with a port, if given. Raise LabError."""
    with ovsdb.Database(database, _TABLES) as switch:
        runs = switch.daemon_runs()
        version = ovsdb.control(database, "version").split()[-1] if runs or gather else ""
        rows = {row.name: row for row in switch.rows("Bridge")}
        bridges = [
            _bridge(row, asdict(bridge), port, lab)
            for row in rows.values()
            for bridge in read_bridges([row]).values()
            if not names or bridge.name in names
        ]
        shown = [bridge for bridge in bridges if (bridge["ports"] or port is None) and (lab is None or lab in _labs(bridge))]
        for bridge in shown:
            bridge.update(facts(database, bridge, ports_of(rows[bridge["name"]]), lab, gather))
        return {
            "running": runs,
            "version": version,
            "datapath_types": sorted(switch.root.datapath_types),
            "other_config": dict(switch.root.other_config),
            "bridges": sorted(shown, key=lambda bridge: str(bridge["name"])),
        }


def _bridge(row: Any, bridge: dict[str, Any], port: str | None, lab: str | None) -> dict[str, Any]:
    """Return what can be set of a bridge (its fields), and what it says of itself."""
    controllers = {one.target: one for one in row.controller}
    for controller in bridge["controllers"]:
        found = controllers[controller["target"]]
        controller["is_connected"] = found.is_connected
        controller["role"] = found.role[0] if found.role else ""
        controller["status"] = dict(found.status)
    rows = {one.name: one for one in row.ports}
    for name in ("absent_ports", "purge", "existing"):
        del bridge[name]
    return {
        **bridge,
        "datapath_id": row.datapath_id[0] if row.datapath_id else "",
        "datapath_version": row.datapath_version,
        "status": dict(row.status),
        "rstp_status": dict(row.rstp_status),
        "ports": [
            {**one, **_state(rows[one["name"]])}
            for one in bridge["ports"]
            if port in (None, one["name"]) and (lab in (None, one["lab"], bridge["lab"]))
        ],
    }


def _state(port: Any) -> dict[str, Any]:
    """Return what a port says of itself; of a bond, its interfaces by name."""
    interfaces = {one.name: {key: _plain(getattr(one, column)) for key, column in _INTERFACE.items()} for one in port.interfaces}
    state = interfaces if len(interfaces) > 1 else next(iter(interfaces.values()))
    spanning = {"status": dict(port.status), "rstp_status": dict(port.rstp_status)}
    return {**spanning, "members": state} if len(interfaces) > 1 else {**spanning, **state}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _labs(bridge: Mapping[str, Any]) -> set[str | None]:
    return {bridge["lab"], *(port["lab"] for port in bridge["ports"])}
