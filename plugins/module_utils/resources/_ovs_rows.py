# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the rows of the Open vSwitch database (ovs-vswitchd.conf.db(5)) and bridges and ports as values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ._ovs_model import MARK, Bridge, Controller, Mirror, Port, Qos, Queue

Insert = Callable[[str], Any]
# external_ids key of rows of QoS and Queue that are one port's own: which one's, and what
_ROLE = "netvirt-role"

# field of the dataclass -> column of the row
_BRIDGE = {
    "datapath_type": "datapath_type",
    "fail_mode": "fail_mode",
    "protocols": "protocols",
    "stp": "stp_enable",
    "rstp": "rstp_enable",
    "mcast_snooping": "mcast_snooping_enable",
    "external_ids": "external_ids",
    "other_config": "other_config",
}
_PORT = {name: name for name in ("tag", "trunks", "vlan_mode", "protected", "bond_mode", "lacp", "external_ids", "other_config")}
_INTERFACE = {
    **{name: name for name in ("type", "options", "mac", "mtu_request", "ofport_request")},
    "interface_external_ids": "external_ids",
}
_CONTROLLER = ("target", "connection_mode", "inactivity_probe", "max_backoff")
_MIRROR = ("name", "select_all", "select_src_port", "select_dst_port", "select_vlan", "output_port", "output_vlan")

TABLES: Mapping[str, tuple[str, ...]] = {
    "Open_vSwitch": ("bridges", "cur_cfg", "next_cfg", "other_config"),
    "Bridge": ("name", "ports", "controller", "mirrors", *_BRIDGE.values()),
    "Port": ("name", "interfaces", "qos", *_PORT.values()),
    "QoS": ("type", "other_config", "queues", "external_ids"),
    "Queue": ("other_config", "external_ids"),
    "Interface": ("name", "error", "ofport", *_INTERFACE.values()),
    "Controller": _CONTROLLER,
    "Mirror": _MIRROR,
}


def read_bridges(rows: Iterable[Any]) -> dict[str, Bridge]:
    """Return the bridges that rows of table Bridge describe, by name, with all their ports."""
    return {row.name: _bridge(row) for row in rows}


def unused_qos(rows: Callable[[str], Iterable[Any]], lab: str) -> list[Qos]:
    """Return what no port uses any more of a lab's rows of tables QoS and Queue."""
    used = [port.qos[0] for port in rows("Port") if port.qos]
    known = {row.uuid for row in used}.union(queue.uuid for row in used for queue in row.queues.values())
    return [
        Qos(_qos_name(row), lab, row)
        for table in ("QoS", "Queue")
        for row in rows(table)
        if row.external_ids.get(MARK) == lab and row.uuid not in known
    ]


def _qos_name(row: Any) -> str:
    return str(row.external_ids.get(_ROLE) or row.type)


def fault(interface: Any) -> str:
    """Return why the daemon cannot use an interface, '' if it does. A patch port may wait for its peer to come."""
    if interface.type == "patch":
        return ""
    if interface.error:
        return str(interface.error[0])
    return "" if interface.ofport and interface.ofport[0] >= 0 else "ovs-vswitchd does not have it"


def _bridge(row: Any) -> Bridge:
    values = _values(row, _BRIDGE)
    lab = values["external_ids"].pop(MARK, None)
    controllers = (Controller(**_values(one, dict(zip(_CONTROLLER, _CONTROLLER)))) for one in row.controller)
    return Bridge(
        name=row.name,
        lab=lab,
        controllers=tuple(sorted(controllers, key=lambda one: one.target)),
        mirrors=tuple(sorted((_mirror(one) for one in row.mirrors), key=lambda one: one.name)),
        ports=tuple(sorted((_port(port, row.name) for port in row.ports), key=lambda one: one.name)),
        **{**values, "datapath_type": values["datapath_type"] or "system"},
    )


def _port(row: Any, bridge: str) -> Port:
    interfaces = sorted(row.interfaces, key=lambda one: str(one.name))
    single = len(interfaces) == 1 and interfaces[0].name == row.name
    values = _values(row, _PORT)
    return Port(
        name=row.name,
        lab=values["external_ids"].pop(MARK, None),
        bridge=bridge,
        interfaces=() if single else tuple(one.name for one in interfaces),
        **values,
        **_values(interfaces[0], _INTERFACE),
        qos=row.qos[0].type if row.qos else "",
        qos_rate=_whole(row.qos[0].other_config.get("max-rate", "")) if row.qos else "",
        queues=_queues(row.qos[0]) if row.qos else (),
        own_qos=bool(row.qos) and MARK in row.qos[0].external_ids,
        fault="" if row.name == bridge else next((reason for one in interfaces if (reason := fault(one))), ""),
    )


_QUEUE = {"rate": "max-rate", "min_rate": "min-rate", "burst": "burst", "priority": "priority"}


def _queues(qos: Any) -> tuple[Queue, ...]:
    queues = (
        Queue(int(number), **{name: _whole(row.other_config.get(key, "")) for name, key in _QUEUE.items()})
        for number, row in qos.queues.items()
    )
    return tuple(sorted(queues, key=lambda queue: str(queue.number)))


def _whole(text: str) -> Any:
    return int(text) if text.isdigit() else text


def _mirror(row: Any) -> Mirror:
    values = _values(row, dict(zip(_MIRROR, _MIRROR)))
    for name in ("select_src_port", "select_dst_port"):
        values[name] = tuple(sorted(port.name for port in getattr(row, name)))
    values["output_port"] = row.output_port[0].name if row.output_port else ""
    return Mirror(**values)


# Columns that hold any number of values; the other lists of the library are optional single values.
_SETS = frozenset({"trunks", "protocols", "select_vlan", "select_src_port", "select_dst_port"})


def _values(row: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    return {name: _value(column, getattr(row, column)) for name, column in columns.items()}


def _value(column: str, value: Any) -> Any:
    if isinstance(value, list):
        if column in _SETS:
            return tuple(value) if value and not isinstance(value[0], (int, str)) else tuple(sorted(value))
        return value[0] if value else ""
    return dict(value) if isinstance(value, dict) else value


class Writer:
    """One transaction's view of the rows: finds them by name and changes them."""

    def __init__(self, insert: Insert, root: Any, rows: Callable[[str], list[Any]]) -> None:
        self._insert = insert
        self._root = root
        self.bridges = {row.name: row for row in rows("Bridge")}
        self.ports = {row.name: row for row in rows("Port")}
        self._fresh: dict[str, list[Any]] = {}
        self._qos = {(row.type, row.external_ids.get(MARK)): row for row in rows("QoS") if _ROLE not in row.external_ids}

    def add_bridge(self, bridge: Bridge) -> None:
        """Insert a bridge; finish() gives it its ports."""
        row = self._insert("Bridge")
        row.name = bridge.name
        self.bridges[bridge.name] = row
        self._fresh[bridge.name] = []
        self._root.addvalue("bridges", row)
        self.set_bridge(bridge, None)

    def set_bridge(self, bridge: Bridge, before: Bridge | None) -> None:
        """Set what differs from before, None being a new row; mirrors come with set_mirrors, after the ports."""
        row = self.bridges[bridge.name]
        _set(row, _BRIDGE, bridge, before)
        _mark(row, bridge.lab, before.lab if before else None)
        if bridge.controllers is not None and bridge.controllers != (before.controllers if before else ()):
            row.controller = [self._record("Controller", one, _CONTROLLER) for one in bridge.controllers]

    def set_mirrors(self, bridge: Bridge, before: Bridge | None) -> None:
        """Give a bridge its mirrors, if they differ from before."""
        if bridge.mirrors is not None and bridge.mirrors != (before.mirrors if before else ()):
            self.bridges[bridge.name].mirrors = [self._record("Mirror", one, _MIRROR) for one in bridge.mirrors]

    def add_port(self, port: Port) -> None:
        """Insert a port with its interfaces."""
        row = self._insert("Port")
        row.name = port.name
        row.interfaces = [self._interface(name) for name in port.interfaces or (port.name,)]
        self.ports[port.name] = row
        if port.bridge in self._fresh:
            self._fresh[port.bridge].append(row)
        else:
            self.bridges[port.bridge].addvalue("ports", row)
        self.set_port(port, None)

    def set_port(self, port: Port, before: Port | None) -> None:
        """Set what differs from before, None being a new row."""
        row = self.ports[port.name]
        if before and port.interfaces is not None and port.interfaces != before.interfaces:
            kept = {one.name: one for one in row.interfaces}
            row.interfaces = [kept.get(name) or self._interface(name) for name in port.interfaces or (port.name,)]
        _set(row, _PORT, port, before)
        _mark(row, port.lab, before.lab if before else None)
        if not port.interfaces:
            _set(row.interfaces[0], _INTERFACE, port, before)
        wanted, known = ((side.qos or "", side.qos_rate or "", side.queues or ()) if side else ("", "", ()) for side in (port, before))
        if port.qos is not None and wanted != known:
            own = port.qos_rate or port.queues
            row.qos = [self._own_qos(port) if own else self._shared_qos(port.qos, port.lab)] if port.qos else []

    def _own_qos(self, port: Port) -> Any:
        """Return a new row of table QoS with new queues; the one before is dropped as soon as nobody uses it."""
        row = self._insert("QoS")
        row.type = port.qos
        role = {_ROLE: f"{port.qos} of {port.name}", **({MARK: port.lab} if port.lab else {})}
        row.external_ids = role
        row.other_config = {"max-rate": str(port.qos_rate)} if port.qos_rate else {}
        queues = {}
        for queue in port.queues or ():
            one = queues[queue.number] = self._insert("Queue")
            one.external_ids = {**role, _ROLE: f"queue {queue.number} of {port.name}"}
            values = ((key, getattr(queue, name)) for name, key in _QUEUE.items())
            one.other_config = {key: str(value) for key, value in values if value != ""}
        row.queues = queues
        return row

    def _shared_qos(self, kind: str, lab: str | None) -> Any:
        """Return the lab's row of table QoS of a type, which all its ports share."""
        if (kind, lab) not in self._qos:
            row = self._qos[kind, lab] = self._insert("QoS")
            row.type = kind
            _mark(row, lab, None)
        return self._qos[kind, lab]

    def drop_qos(self, qos: Qos) -> None:
        """Remove a row of table QoS or Queue, to which no port refers any more."""
        qos.row.delete()

    def finish(self) -> None:
        """Put the ports into the new bridges, each with the port of its own that makes it a network device."""
        for name, rows in self._fresh.items():
            self.bridges[name].ports = rows

    def _interface(self, name: str) -> Any:
        row = self._insert("Interface")
        row.name = name
        return row

    def _record(self, table: str, thing: Any, columns: Iterable[str]) -> Any:
        row = self._insert(table)
        for column in columns:
            value = getattr(thing, column)
            if column in ("select_src_port", "select_dst_port"):
                value = [self.ports[name] for name in value or ()]
            elif column == "output_port":
                value = self.ports[value] if value else ""
            _assign(row, column, value)
        return row


def _set(row: Any, columns: Mapping[str, str], thing: Any, before: Any) -> None:
    for name, column in columns.items():
        value = getattr(thing, name)
        known = None if before is None else getattr(before, name)
        if value is None or value == known:
            continue
        if isinstance(value, Mapping):
            _set_keys(row, column, value, known or {})
        else:
            _assign(row, column, value)


def _assign(row: Any, column: str, value: Any) -> None:
    if value is None:
        return
    setattr(row, column, list(value) if isinstance(value, tuple) else [] if value == "" and column != "type" else value)


def _set_keys(row: Any, column: str, value: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Change single keys, so that what other programs write into the same map at the same time survives."""
    for key in known.keys() - value.keys():
        row.delkey(column, key)
    for key, entry in value.items():
        if known.get(key) != entry:
            row.setkey(column, key, entry)


def _mark(row: Any, lab: str | None, before: str | None) -> None:
    if lab is not None and lab != before:
        row.setkey("external_ids", MARK, lab)


def faults(ports: Collection[Port], rows: Iterable[Any]) -> list[str]:
    """Return a sentence for each of the ports that the daemon cannot use, from rows of table Port."""
    wanted = {port.name: port for port in ports}
    return [
        f"Open vSwitch cannot use {'the bridge' if port.name == port.bridge else 'port'} '{one.name}'"
        + (f" of bridge '{port.bridge}': " if port.name != port.bridge else ": ")
        + f"{reason}; make the network device, or correct the port's attributes, then run again."
        for row in rows
        if (port := wanted.get(row.name)) is not None
        for one in row.interfaces
        if (reason := fault(one))
    ]
