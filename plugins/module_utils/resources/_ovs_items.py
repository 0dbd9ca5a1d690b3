# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user wrote (module options, a share of a topology) to wanted bridges and ports. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._errors import LabErrors
from ._ovs_model import MARK, Bridge, Controller, Mirror, Port, Queue

Converter = Callable[[Any], Any]

VLAN_MODES = ("access", "native-tagged", "native-untagged", "trunk", "dot1q-tunnel")
BOND_MODES = ("active-backup", "balance-slb", "balance-tcp")
LACP = ("active", "passive", "off")
FAIL_MODES = ("standalone", "secure")
DATAPATH_TYPES = ("system", "netdev")
CONNECTION_MODES = ("in-band", "out-of-band")
PROTOCOLS = tuple(f"OpenFlow1{minor}" for minor in range(6))
QOS = ("linux-noop", "linux-htb", "linux-hfsc")
PURGE = ("none", "own", "all")

# if(4): IFNAMSIZ is 16 with the final zero; a slash would be a path below /sys and /proc.
_DEVICE = re.compile(r"(?!\.{1,2}$)[^\s/:]{1,15}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def bridge_from(item: Mapping[str, Any], lab: str) -> Bridge:
    """Return the wanted bridge that an item means. Raise LabErrors with all that is wrong with it."""
    given = {key: value for key, value in item.items() if value is not None}
    name = str(given.get("name", ""))
    problems: list[str] = []
    ports: list[Port] = []
    absent: list[str] = []
    listed = given.pop("ports", ())
    if isinstance(listed, (str, Mapping)):
        problems.append(f"bridge '{name}', ports: '{listed}' is not a list.")
        listed = ()
    for port in listed:
        try:
            parsed, present = port_from(port, name, lab)
        except LabErrors as error:
            problems.extend(error.problems)
        else:
            ports.extend([parsed] if present else [])
            absent.extend([] if present else [parsed.name])
    given.pop("altname", None)  # the network device's, and set with the links
    mac, mtu = given.pop("mac", None), given.pop("mtu", None)
    fields = _converted(given, _BRIDGE, f"bridge '{name}'", problems)
    if mac is not None:
        fields["other_config"] = {**(fields.get("other_config") or {}), "hwaddr": _tried(_mac, mac, f"bridge '{name}', mac", problems)}
    if mtu is not None:
        _set_local(ports, Port(name, lab, name), _tried(_number(68, 65535), mtu, f"bridge '{name}', mtu", problems))
    problems.extend(_twice(f"bridge '{name}', port", [port.name for port in ports] + absent))
    if problems:
        raise LabErrors(problems)
    bridge = Bridge(lab=lab, ports=tuple(ports), absent_ports=tuple(absent), **fields)
    problems = _wrong_bridge(bridge)
    if problems:
        raise LabErrors(problems)
    return bridge


def port_from(item: Mapping[str, Any] | str, bridge: str, lab: str) -> tuple[Port, bool]:
    """Return the port that an item means and whether it is wanted present. A string is 'NAME [tag=10] [options:peer=x]'."""
    given = {key: value for key, value in (_words(item) if isinstance(item, str) else item).items() if value is not None}
    where = f"bridge '{bridge}', port '{given.get('name', '')}'"
    problems: list[str] = []
    state = _tried(_choice("present", "absent"), given.pop("state", "present"), f"{where}, state", problems)
    fields = _converted(given, _PORT, where, problems)
    if problems:
        raise LabErrors(problems)
    if "qos" in fields:  # all of a port's queueing is one thing: what is not named is not there
        fields = {"qos_rate": "", "queues": (), **fields}
    port = Port(lab=lab, bridge=bridge, **fields)
    if port.interfaces is not None and any(value is not None for value in (port.type, port.options, port.mac, port.ofport_request)):
        problems.append(f"{where}: type, options, mac and ofport_request belong to one interface; a bond has several.")
    if port.interfaces is not None and len(port.interfaces) < 2:
        problems.append(f"{where}: a bond needs at least two interfaces.")
    if (port.queues or port.qos_rate) and port.qos not in ("linux-htb", "linux-hfsc"):
        problems.append(f"{where}: queues and qos_rate need 'qos: linux-htb', or linux-hfsc.")
    problems.extend(_twice(f"{where}, queue", [str(queue.number) for queue in port.queues or ()]))
    if port.type == "patch" and "peer" not in (port.options or {}):
        problems.append(f"{where}: a patch port needs options:peer, the name of the port at its other end.")
    if problems:
        raise LabErrors(problems)
    return port, state == "present"


def _words(text: str) -> dict[str, Any]:
    """Parse the words of ovs-vsctl's add-port: a name, then column=value or column:key=value."""
    name, *words = text.split() or [""]
    item: dict[str, Any] = {"name": name}
    for word in words:
        column, _equals, value = word.partition("=")
        column, colon, key = column.partition(":")
        if colon:
            item.setdefault(column, {})[key] = value
        else:
            item[column] = value.split(",") if column in ("trunks", "interfaces") and value else value
    return item


def _set_local(ports: list[Port], local: Port, mtu: Any) -> None:
    """Give the bridge's own port an MTU, the user's own attributes for it included."""
    for number, port in enumerate(ports):
        if port.name == local.name:
            ports[number] = replace(port, mtu_request=mtu)
            return
    ports.append(replace(local, mtu_request=mtu))


def _wrong_bridge(bridge: Bridge) -> list[str]:
    where = f"bridge '{bridge.name}'"
    problems = [f"{where}: stp and rstp exclude each other."] if bridge.stp and bridge.rstp else []
    problems.extend(
        f"{where}, mirror '{mirror.name}': give either output_port or output_vlan."
        for mirror in bridge.mirrors or ()
        if bool(mirror.output_port) == (mirror.output_vlan not in (None, ""))
    )
    problems.extend(_twice(f"{where}, controller", [controller.target for controller in bridge.controllers or ()]))
    problems.extend(_twice(f"{where}, mirror", [mirror.name for mirror in bridge.mirrors or ()]))
    if bridge.existing and replace(bridge, ports=(), absent_ports=(), purge="none") != Bridge(bridge.name, bridge.lab, existing=True):
        problems.append(f"{where}: an existing bridge of somebody else takes ports only, no attributes.")
    return problems


def _twice(what: str, names: Sequence[str]) -> list[str]:
    return [f"{what} '{name}': it is listed more than once." for name in dict.fromkeys(names) if names.count(name) > 1]


def _converted(
    item: Mapping[str, Any], table: Mapping[str, Converter], where: str, problems: list[str], first: str = "name"
) -> dict[str, Any]:
    """Return an item's values in canonical form; append what is wrong to problems. Only ``first`` must be there."""
    fields: dict[str, Any] = {}
    if first not in item:
        problems.append(f"{where}: it has no {first}.")
    for key in item:
        if key not in table:
            near = difflib.get_close_matches(key, table, 1)
            problems.append(f"{where}: there is no attribute '{key}'" + (f" (did you mean '{near[0]}'?)." if near else "."))
        else:
            fields[key] = _tried(table[key], item[key], f"{where}, {key}", problems)
    return fields


def _tried(convert: Converter, value: Any, where: str, problems: list[str]) -> Any:
    try:
        return convert(value)
    except LabErrors as error:
        problems.extend(f"{where}: {problem}" for problem in error.problems)
    except (TypeError, ValueError) as error:
        problems.append(f"{where}: {error}.")
    return None


def _device(value: Any) -> str:
    if not _DEVICE.fullmatch(str(value)):
        raise ValueError(f"'{value}' is not the name of an interface (1 to 15 characters, no space, '/' or ':')")
    return str(value)


def _choice(*choices: str) -> Converter:
    def convert(value: Any) -> str:
        if str(value) not in choices:
            raise ValueError(f"'{value}' is none of {', '.join(choice or repr('') for choice in choices)}")
        return str(value)

    return convert


def _number(lowest: int, highest: int) -> Converter:
    def convert(value: Any) -> int | str:
        if value == "":
            return ""
        number = int(str(value)) if str(value).isdigit() else -1
        if not lowest <= number <= highest:
            raise ValueError(f"'{value}' is not a number from {lowest} to {highest}")
        return number

    return convert


def _required(convert: Converter) -> Converter:
    def required(value: Any) -> Any:
        if value == "":
            raise ValueError("it is empty")
        return convert(value)

    return required


def _mac(value: Any) -> str:
    if value != "" and not _MAC.fullmatch(str(value).lower()):
        raise ValueError(f"'{value}' is not a MAC address such as 52:54:00:12:34:56")
    return str(value).lower()


def _truth(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(f"'{value}' is neither true nor false")
    return words[str(value).lower()]


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"'{value}' is not a mapping")
    if MARK in value:
        raise ValueError(f"'{MARK}' is the collection's own mark; choose the option lab instead")
    return {str(key): str(entry).lower() if isinstance(entry, bool) else str(entry) for key, entry in value.items()}


def _listed(convert: Converter) -> Converter:
    def listed(value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, Mapping)) and value != "":
            raise ValueError(f"'{value}' is not a list")
        return tuple(sorted({convert(entry) for entry in value}))

    return listed


def _vlans(value: Any) -> tuple[int, ...]:
    """Return VLANs from numbers and ranges such as '10-19'."""
    numbers: set[int] = set()
    for entry in [value] if isinstance(value, (int, str)) and value != "" else value:
        first, _dash, last = str(entry).partition("-")
        numbers.update(range(_vlan(first), _vlan(last or first) + 1))
    return tuple(sorted(numbers))


def _vlan(value: Any) -> int:
    if not str(value).isdigit() or int(value) > 4095:
        raise ValueError(f"'{value}' is not a VLAN (0 to 4095)")
    return int(value)


def _records(kind: Callable[..., Any], table: Mapping[str, Converter], first: str) -> Converter:
    """Return a converter of a list of mappings; a string stands for a mapping with only its first attribute."""

    def convert(value: Any) -> tuple[Any, ...]:
        problems: list[str] = []
        records = []
        for entry in value:
            item = {first: entry} if isinstance(entry, str) else entry
            given = {key: part for key, part in item.items() if part is not None}
            fields = _converted(given, table, f"{first} '{given.get(first, '')}'", problems, first)
            records.extend([] if problems else [kind(**fields)])
        if problems:
            raise LabErrors(problems)
        return tuple(sorted(records, key=lambda record: str(getattr(record, first))))

    return convert


def _optional(convert: Converter) -> Converter:
    return lambda value: "" if value == "" else convert(value)


_QUEUE: Mapping[str, Converter] = {
    "number": _required(_number(0, 61439)),
    **{name: _number(1, 10**13) for name in ("rate", "min_rate", "burst")},
    "priority": _number(0, 2**32 - 1),
}
_PORT: Mapping[str, Converter] = {
    "name": _device,
    "interfaces": _listed(_device),
    "type": lambda value: "" if value == "system" else str(value),
    "options": _strings,
    "tag": _optional(_vlan),
    "trunks": _vlans,
    "vlan_mode": _choice("", *VLAN_MODES),
    "protected": _truth,
    "bond_mode": _choice("", *BOND_MODES),
    "lacp": _choice("", *LACP),
    "mac": _mac,
    "mtu_request": _number(68, 65535),
    "ofport_request": _number(1, 65279),
    "external_ids": _strings,
    "other_config": _strings,
    "interface_external_ids": _strings,
    "qos": _choice("", *QOS),
    "qos_rate": _number(1, 10**13),
    "queues": _records(Queue, _QUEUE, "number"),
}
_CONTROLLER: Mapping[str, Converter] = {
    "target": str,
    "connection_mode": _choice("", *CONNECTION_MODES),
    "inactivity_probe": _number(0, 2**31),
    "max_backoff": _number(1000, 2**31),
}
_MIRROR: Mapping[str, Converter] = {
    "name": str,
    "select_all": _truth,
    "select_src_port": _listed(_device),
    "select_dst_port": _listed(_device),
    "select_vlan": _vlans,
    "output_port": _optional(_device),
    "output_vlan": _optional(_vlan),
}
_BRIDGE: Mapping[str, Converter] = {
    "name": _device,
    "datapath_type": _choice(*DATAPATH_TYPES),
    "fail_mode": _choice("", *FAIL_MODES),
    "controllers": _records(Controller, _CONTROLLER, "target"),
    "protocols": _listed(_choice(*PROTOCOLS)),
    "stp": _truth,
    "rstp": _truth,
    "mcast_snooping": _truth,
    "external_ids": _strings,
    "other_config": _strings,
    "mirrors": _records(Mirror, _MIRROR, "name"),
    "purge": _choice(*PURGE),
    "existing": _truth,
}
# What an item for bridge_from may have.
ATTRIBUTES = (*_BRIDGE, "ports", "mac", "mtu")
