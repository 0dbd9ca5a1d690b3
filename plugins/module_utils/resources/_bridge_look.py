# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux bridges say about themselves: settings, ports with VLANs and spanning-tree state, forwarding tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from ..transport import bridge
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord
from ._link_model import BridgeSettings
from ._network import read_network


def look(netns: str, name: str | None, lab: str | None, gather: Collection[str]) -> list[dict[str, Any]]:
    """Return the bridges of a namespace: the one of a name, or those of a lab, if given."""
    network = read_network((netns,))
    records = network.links[netns]
    with Netlink(netns) as kernel:
        vlans = kernel.vlans()
        table = kernel.forwarding() if "fdb" in gather else []
    names = {record.index: record.name for record in records}
    found = []
    for record in records:
        if record.kind == "bridge" and name in (None, record.name) and lab in (None, network.lab(netns, record)):
            ports = [_port(port, network.lab(netns, port), vlans) for port in records if port.master == record.index]
            shown = {
                "name": record.name,
                "netns": netns,
                "lab": network.lab(netns, record),
                "mac": record.mac,
                "mtu": record.mtu,
                "up": record.up,
                **asdict(BridgeSettings(**bridge.settings(record.data))),
                **bridge.state(record.data),
                "vlans": _vlans(vlans.get(record.index, frozenset())),
                "ports": ports,
            }
            shown["root_port"] = next((port["name"] for port in ports if port["number"] == shown.get("root_port")), "")
            if "fdb" in gather:
                shown["fdb"] = _forwarding(table, record, names)
            found.append(shown)
    return found


def _port(record: LinkRecord, lab: str | None, vlans: dict[int, frozenset[bridge.PortVlan]]) -> dict[str, Any]:
    return {
        "name": record.name,
        "lab": lab,
        "up": record.up,
        **bridge.port_state(record.port),
        "vlans": _vlans(vlans.get(record.index, frozenset())),
    }


def _vlans(vlans: frozenset[bridge.PortVlan]) -> list[dict[str, Any]]:
    return [one._asdict() for one in sorted(vlans)]


def _forwarding(table: Collection[bridge.ForwardingRecord], record: LinkRecord, names: dict[int, str]) -> list[dict[str, Any]]:
    """Return a bridge's table, less the groups that interfaces listen to by themselves."""
    entries = {
        (entry.mac, entry.vlan, entry.port): {
            "mac": entry.mac,
            "port": names.get(entry.port, ""),
            "vlan": entry.vlan,
            "age": entry.age,
            "local": entry.local,
        }
        for entry in table
        if entry.master == record.index
    }
    return [entries[key] for key in sorted(entries)]
