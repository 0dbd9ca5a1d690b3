# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's bridges have besides what every interface has: settings, VLANs of ports, the forwarding table.

Netlink's codes for linux/if_bridge.h and linux/if_link.h; the kernel counts time in hundredths of a second (USER_HZ).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from socket import AF_UNSPEC, htons, ntohs
from typing import Any, NamedTuple

from .attributes import attribute, attributes, each, number, whole
from .rtnetlink import Request, ifinfo, message

AF_BRIDGE = 7
_DELLINK, _SETLINK = 17, 19
_TICKS = 100
VLAN_PROTOCOLS = {"802.1Q": 0x8100, "802.1ad": 0x88A8}
_PROTOCOL_NAMES = {number: name for name, number in VLAN_PROTOCOLS.items()}
# IFLA_BR_*: number and width of a setting; 'time' is in ticks, 'ether' an Ethernet protocol in network order.
_SETTINGS = {
    "forward_delay": (1, "time"),
    "hello_time": (2, "time"),
    "max_age": (3, "time"),
    "ageing_time": (4, "time"),
    "stp": (5, "I"),
    "priority": (6, "H"),
    "vlan_filtering": (7, "B"),
    "vlan_protocol": (8, "ether"),
    "group_fwd_mask": (9, "H"),
    "mcast_snooping": (23, "B"),
}
_SWITCHES = frozenset({"stp", "vlan_filtering", "mcast_snooping"})
# What a bridge says of itself.
_STATE = {"root_id": 10, "bridge_id": 11, "root_port": 12, "root_path_cost": 13, "topology_change": 14}
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
_BRPORT_STATE, _BRPORT_PRIORITY, _BRPORT_COST, _BRPORT_NO, _BRPORT_MULTICAST_ROUTER, _BRPORT_ISOLATED = 1, 2, 3, 18, 25, 33
_ROUTER_ALWAYS = 2  # MDB_RTR_TYPE_PERM
_VLAN_ID, _VLAN_PROTOCOL = 1, 5
# IFLA_AF_SPEC of AF_BRIDGE
_AF_SPEC, _BRIDGE_FLAGS, _BRIDGE_VLAN_INFO = 26, 0, 2
_FLAGS_MASTER, _FLAGS_SELF = 1, 2
_PVID, _UNTAGGED, _RANGE_BEGIN, _RANGE_END = 2, 4, 8, 16
# linux/neighbour.h
_NUD_PERMANENT, _NUD_NOARP = 0x80, 0x40
_NDA_LLADDR, _NDA_CACHEINFO, _NDA_VLAN, _NDA_MASTER = 2, 3, 5, 9


def settings_data(values: Mapping[str, Any]) -> bytes:
    """Pack a bridge's settings (see _SETTINGS; times in seconds); None is left out."""
    return b"".join(_packed(*_SETTINGS[name], value) for name, value in values.items() if value is not None)


def settings(data: bytes) -> dict[str, Any]:
    """Unpack a bridge's settings; the kernel leaves out those that it was built without.

    While its spanning tree changes, the kernel ages by another time and tells that one (br_set_topology_change): it is left out.
    """
    found = attributes(data)
    if whole(found.get(_STATE["topology_change"], b"")):
        found.pop(_SETTINGS["ageing_time"][0], None)
    return {name: _unpacked(name, form, found[kind]) for name, (kind, form) in _SETTINGS.items() if kind in found}


def state(data: bytes) -> dict[str, Any]:
    """Unpack what a bridge found out by the Spanning Tree Protocol."""
    found = attributes(data)
    return {name: _identity(found[kind]) if name.endswith("_id") else whole(found[kind]) for name, kind in _STATE.items() if kind in found}


def port_state(data: bytes) -> dict[str, Any]:
    """Unpack what a bridge says of a port: its number, and its state and cost in the spanning tree."""
    found = attributes(data)
    number = whole(found.get(_BRPORT_STATE, b""))
    return {
        "state": _PORT_STATES[number] if number < len(_PORT_STATES) else str(number),
        "priority": whole(found.get(_BRPORT_PRIORITY, b"")),
        "cost": whole(found.get(_BRPORT_COST, b"")),
        "number": whole(found.get(_BRPORT_NO, b"")),
    }


def mesh_port_data() -> bytes:
    """Pack what makes a port one of several that lead to the same bridge elsewhere.

    It forwards nothing to another such port, and gets all multicast: what was asked for behind one of them is not known behind the others.
    """
    return number(_BRPORT_ISOLATED, 1, "B") + number(_BRPORT_MULTICAST_ROUTER, _ROUTER_ALWAYS, "B")


def is_mesh_port(data: bytes) -> bool:
    """Say whether a port is such a one; a kernel that was built without multicast snooping says nothing of it."""
    found = attributes(data)
    return bool(whole(found.get(_BRPORT_ISOLATED, b""))) and whole(found.get(_BRPORT_MULTICAST_ROUTER, b"\2")) == _ROUTER_ALWAYS


def vlan_data(vlan: int, protocol: str) -> bytes:
    """Pack what a VLAN's sub-interface is made as."""
    return attribute(_VLAN_ID, struct.pack("H", vlan)) + attribute(_VLAN_PROTOCOL, struct.pack("!H", VLAN_PROTOCOLS[protocol]))


def vlan_of(data: bytes) -> tuple[int, str]:
    """Unpack VLAN and protocol of a sub-interface."""
    found = attributes(data)
    return whole(found.get(_VLAN_ID, b"")), _protocol(found.get(_VLAN_PROTOCOL, b""))


class PortVlan(NamedTuple):
    """A VLAN of a port: pvid if untagged frames that come in belong to it, untagged if its frames go out without a tag."""

    vlan: int
    pvid: bool = False
    untagged: bool = False


def wanted_vlans(tag: int, trunks: Collection[int]) -> frozenset[PortVlan]:
    """Return the VLANs of a port with an untagged one (0: none) and tagged ones."""
    return frozenset([*(PortVlan(vlan) for vlan in trunks if vlan != tag), *([PortVlan(tag, True, True)] if tag else [])])


def set_vlans(index: int, name: str, have: Collection[PortVlan], want: Collection[PortVlan], own: bool) -> list[Request]:
    """Ask for a port's VLANs, first what is new and then the end of the others; own is the bridge's own port."""
    kept = {one.vlan for one in want}
    requests = []
    fresh = sorted(set(want) - set(have))
    gone = sorted(one for one in have if one.vlan not in kept)
    for kind, group, verb in ((_SETLINK, fresh, "put '{}' into"), (_DELLINK, gone, "take '{}' out of")):
        if group:
            flags = attribute(_BRIDGE_FLAGS, struct.pack("H", _FLAGS_SELF if own else _FLAGS_MASTER))
            body = ifinfo(AF_BRIDGE, index) + attribute(_AF_SPEC, flags + _ranges(group))
            words = ", ".join(str(one.vlan) for one in group[:8]) + (", ..." if len(group) > 8 else "")
            requests.append(Request(f"{verb.format(name)} the VLANs {words}", (message(kind, 0, body),)))
    return requests


def vlans_record(data: bytes) -> tuple[int, frozenset[PortVlan]]:
    """Decode an interface of a dump of AF_BRIDGE: its index and VLANs."""
    (index,) = struct.unpack_from("i", data, 20)
    found: set[PortVlan] = set()
    first = 0
    for kind, value in each(attributes(data, 32).get(_AF_SPEC, b"")):
        if kind == _BRIDGE_VLAN_INFO:
            flags, vlan = struct.unpack("HH", value)
            if flags & _RANGE_BEGIN:
                first = vlan
                continue
            begin = first if flags & _RANGE_END else vlan
            found.update(PortVlan(one, bool(flags & _PVID), bool(flags & _UNTAGGED)) for one in range(begin, vlan + 1))
    return index, frozenset(found)


@dataclass(frozen=True)
class ForwardingRecord:
    """Where a bridge sends frames for an address: port and master are indexes, age is in seconds, None for what does not age."""

    port: int
    master: int
    mac: str
    vlan: int
    age: float | None
    local: bool


def forwarding_record(data: bytes) -> ForwardingRecord:
    """Decode an entry of a bridge's forwarding table."""
    index, nud = struct.unpack_from("iH", data, 20)
    found = attributes(data, 28)
    times = struct.unpack("4I", found[_NDA_CACHEINFO]) if _NDA_CACHEINFO in found else (0, 0, 0, 0)
    static = bool(nud & (_NUD_PERMANENT | _NUD_NOARP))
    mac, vlan, master = found.get(_NDA_LLADDR, b"").hex(":"), whole(found.get(_NDA_VLAN, b"")), whole(found.get(_NDA_MASTER, b""))
    return ForwardingRecord(index, master, mac, vlan, None if static else times[2] / _TICKS, bool(nud & _NUD_PERMANENT))


def dump_vlans() -> bytes:
    """Return the body that asks for the VLANs of all ports, in ranges (RTEXT_FILTER_BRVLAN_COMPRESSED)."""
    return ifinfo(AF_BRIDGE) + attribute(29, struct.pack("I", 4))


def dump_forwarding() -> bytes:
    """Return the body that asks for the forwarding tables of all bridges (struct ndmsg)."""
    return struct.pack("BxxxiHBB", AF_BRIDGE, AF_UNSPEC, 0, 0, 0)


def _ranges(group: Collection[PortVlan]) -> bytes:
    """Pack VLANs with neighbours of the same flags as ranges; the one with a pvid stands alone, or the kernel refuses it."""
    packed: list[bytes] = []
    ordered = sorted(group)
    start = 0
    for place, one in enumerate(ordered):
        following = ordered[place + 1] if place + 1 < len(ordered) else None
        if following == one._replace(vlan=one.vlan + 1) and not one.pvid:
            continue
        flags = (_PVID if one.pvid else 0) | (_UNTAGGED if one.untagged else 0)
        first = ordered[start]
        if first != one:
            packed.append(attribute(_BRIDGE_VLAN_INFO, struct.pack("HH", flags | _RANGE_BEGIN, first.vlan)))
            flags |= _RANGE_END
        packed.append(attribute(_BRIDGE_VLAN_INFO, struct.pack("HH", flags, one.vlan)))
        start = place + 1
    return b"".join(packed)


def _packed(kind: int, form: str, value: Any) -> bytes:
    if form == "time":
        return attribute(kind, struct.pack("I", round(value * _TICKS)))
    return attribute(kind, struct.pack("H", htons(VLAN_PROTOCOLS[value])) if form == "ether" else struct.pack(form, int(value)))


def _unpacked(name: str, form: str, value: bytes) -> Any:
    if form == "time":
        seconds, rest = divmod(whole(value), _TICKS)
        return seconds + rest / _TICKS if rest else seconds
    if form == "ether":
        return _protocol(value)
    return bool(whole(value)) if name in _SWITCHES else whole(value)


def _protocol(value: bytes) -> str:
    number = ntohs(whole(value))
    return _PROTOCOL_NAMES.get(number, hex(number))


def _identity(value: bytes) -> str:
    """Write a bridge's identity as brctl(8) does: priority and address."""
    return f"{value[:2].hex()}.{value[2:].hex(':')}"
