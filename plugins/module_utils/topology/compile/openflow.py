# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of packets in an Open vSwitch bridge: its flows, and its ports of several links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..model import Endpoint, Node, Switch
from ..names import bond_port
from ..plain import Item, given

FLOW_KEYS = ("flows", "groups", "meters", "purge_flows")
_VLANS = ("tag", "trunks", "vlan_mode")


def flows(node: Node, switch: Switch) -> Iterator[Item]:
    """Return the flows, groups and meters that a bridge has of the lab, if they are managed."""
    settings = given(**{key.partition("_")[0]: switch.bridge.get(key) for key in FLOW_KEYS})
    if settings:
        yield {"name": switch.device, "path": node.path, **settings}


def queued(port: Item, qos: Mapping[str, Mapping[str, Any]]) -> Item:
    """Return a port with its queues, if it has any."""
    own = qos.get(port["name"])
    if own is None:
        return port
    queues = [{"number": int(number), **given(**queue), **_bits(queue)} for number, queue in own["queues"].items()]
    return {**port, "qos": own["type"], **given(qos_rate=own["rate"]), "queues": queues}


def _bits(queue: Mapping[str, Any]) -> Item:
    # Open vSwitch wants bits here, as nowhere else.
    return {"burst": queue["burst"] * 8} if queue["burst"] else {}


def bonded(ports: Sequence[tuple[Endpoint, Item]], bonds: Mapping[str, Any], lab: str) -> list[Item]:
    """Return the ports of a bridge, with one port for all links of a bond; bonds say how, by its name in the file."""
    single: dict[str, Item] = {}
    for end, port in ports:
        if end.bond is None:
            single[port["name"]] = port
            continue
        settings = bonds.get(end.bond) or {"mode": "active-backup"}
        bond = single.setdefault(
            end.bond,
            {
                "name": bond_port(lab, end.node, end.bond),
                "interfaces": [],
                "bond_mode": settings["mode"],
                **given(lacp=settings.get("lacp"), other_config=settings.get("other_config")),
            },
        )
        bond["interfaces"].append(port["name"])
        bond.update({key: port[key] for key in (*_VLANS, "qos") if key in port})
    return list(single.values())
