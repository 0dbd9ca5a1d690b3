# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only ovs-vswitchd itself can tell of a bridge, as data: learned addresses, flows, groups, meters, the state of bonds."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..topology.flow_text import meter, with_ports
from ..transport import openflow, ovsdb
from . import _flow_text as texts
from ._flow_model import Ports, cookie

_COUNTERS = ("n_packets", "n_bytes")
_HIDDEN = 65536  # an OpenFlow flow has a lower priority
_INTERNAL = 254  # the table of ovs-vswitchd's own


def facts(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None, what: Collection[str]) -> dict[str, Any]:
    """Return what is asked for, by its name in the option gather. Raise LabError."""
    return {name: _GATHERED[name](database, bridge, ports, lab or bridge["lab"]) for name in what}


def parse_fdb(text: str, ports: Mapping[str, str]) -> list[dict[str, Any]]:
    """Parse what 'ovs-appctl fdb/show' prints: a heading, then port number, VLAN, MAC and age ('static' for ever) per line."""
    entries = []
    for line in text.splitlines()[1:]:
        number, vlan, mac, age = line.split()[:4]
        seconds = int(age) if age.isdigit() else None
        entries.append({"port": ports.get(number, number), "vlan": int(vlan), "mac": mac, "age": seconds})
    return entries


def parse_flow(line: str, name: Callable[[str], str | None], lab: str | None) -> dict[str, Any]:
    """Parse a flow as 'ovs-ofctl dump-flows' or 'ovs-appctl bridge/dump-flows' print it."""
    flow = texts.flow(line)
    words = [word for word in with_ports(flow.match, name)[0].split(",") if word]
    match = {field: value for field, _equals, value in (word.partition("=") for word in words)}
    priority = int(match.pop("priority", "32768"))
    return {
        "table": flow.table,
        "priority": priority,
        "match": match,
        "actions": _split(with_ports(f"actions={flow.actions}", name)[0].partition("=")[2]),
        "cookie": f"{flow.cookie:#x}",
        "lab": lab if lab and flow.cookie == cookie(lab) else None,
        "hidden": priority >= _HIDDEN or flow.table == _INTERNAL,
        "duration": float(flow.settings.get("duration", "0s")[:-1]),
        **{counter: int(flow.settings.get(counter, "0")) for counter in _COUNTERS},
        **{timeout: int(flow.settings.get(timeout, "0")) for timeout in ("idle_timeout", "hard_timeout")},
    }


def parse_bond(text: str) -> dict[str, Any]:
    """Parse what 'ovs-appctl bond/show NAME' prints."""
    settings = dict(re.findall(r"^([a-z][\w -]*): (.*)$", text, re.MULTILINE))
    active = re.search(r"^active(?:-backup)? (?:member|slave) mac: \S+?\((.*)\)$", text, re.MULTILINE)
    members = {
        name: {"enabled": state == "enabled", "active": "active member" in about or "active slave" in about}
        for name, state, about in re.findall(r"^(?:member|slave) (\S+): (\w+)\n((?:[ \t]+.*\n?)*)", text, re.MULTILINE)
    }
    return {
        "mode": settings.get("bond_mode", ""),
        "lacp_status": settings.get("lacp_status", "off"),
        "active": active[1] if active and active[1] != "none" else None,
        "members": members,
    }


def _fdb(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None) -> list[dict[str, Any]]:
    # A bond has learned by whichever of its members.
    names = {str(number): name for name, number in ports.numbers.items()}
    bonds = {member: port["name"] for port in bridge["ports"] for member in port.get("interfaces") or ()}
    by_number = {number: bonds.get(name, name) for number, name in names.items()}
    return parse_fdb(ovsdb.control(database, "fdb/show", bridge["name"]), {**by_number, "LOCAL": bridge["name"]})


def _flows(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None) -> list[dict[str, Any]]:
    """Return those that OpenFlow shows, which alone have cookies, and the hidden ones."""
    lines = openflow.dump(database, bridge["name"], _protocol(ports), "flows")
    everything = ovsdb.control(database, "bridge/dump-flows", bridge["name"]).splitlines()
    hidden = [flow for line in everything if (flow := parse_flow(line, ports.name, lab))["hidden"]]
    return [*(parse_flow(line, ports.name, lab) for line in lines), *hidden]


def _groups(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None) -> list[dict[str, Any]]:
    found = []
    for line in openflow.dump(database, bridge["name"], _protocol(ports), "groups"):
        number, definition = texts.group(with_ports(line, ports.name)[0])
        head, *buckets = re.split(r",?bucket=", definition)
        kind = head.partition("type=")[2].partition(",")[0]
        found.append({"group_id": int(number), "type": kind, "buckets": [_bucket(bucket) for bucket in buckets]})
    return found


def _bucket(text: str) -> dict[str, Any]:
    head, _equals, actions = text.partition("actions=")
    values = dict(word.split(":", 1) for word in head.strip(",").split(",") if ":" in word)
    return {**values, "actions": _split(actions)}


def _meters(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None) -> list[dict[str, Any]]:
    found = []
    for line in openflow.dump(database, bridge["name"], _protocol(ports), "meters"):
        number, definition = meter(line)
        flags, _bands, bands = definition.partition(",bands=")
        found.append({"meter_id": int(number), "flags": flags.split(","), "bands": [_band(band) for band in bands.split("type=")[1:]]})
    return found


def _band(text: str) -> dict[str, Any]:
    kind, *values = text.strip(",").split(",")
    return {"type": kind, **{key: int(value) for key, value in (word.split("=") for word in values)}}


def _bonds(database: str | None, bridge: Mapping[str, Any], ports: Ports, lab: str | None) -> dict[str, Any]:
    names = [port["name"] for port in bridge["ports"] if port.get("interfaces")]
    return {name: parse_bond(ovsdb.control(database, "bond/show", name)) for name in names}


def _protocol(ports: Ports) -> str:
    return openflow.version(ports.protocols) or openflow.VERSIONS[0]


def _split(actions: str) -> list[str]:
    """Return actions one by one; commas in parentheses belong to one."""
    found, depth = [""], 0
    for character in actions:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [action for action in found if action]


_GATHERED: dict[str, Callable[[str | None, Mapping[str, Any], Ports, str | None], Any]] = {
    "fdb": _fdb,
    "flows": _flows,
    "groups": _groups,
    "meters": _meters,
    "bonds": _bonds,
}
GATHERED = tuple(_GATHERED)
