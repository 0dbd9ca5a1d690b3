# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of the machine that a lab borrows: what must not be taken away from their user."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .._marks import owner
from ..transport.rtnetlink import LinkRecord


def occupied(record: LinkRecord, addresses: Collection[str], names: Mapping[int, str], ports: Mapping[str, str]) -> str:
    """Say why an interface cannot become a switch's port, '' if it can.

    names are interfaces by index, ports the bridges of Open vSwitch by the names of their ports.
    """
    if record.index == 1:
        return "The loopback interface 'lo' cannot be a switch's port; choose another."
    name = f"The interface '{record.name}'"
    if record.master:
        master = names.get(record.master, str(record.master))
        where = "Open vSwitch" if master == "ovs-system" else f"'{master}'"
        return f"{name} is a port of {where} already; take it out there first ('ip link set {record.name} nomaster')."
    if record.name in ports:
        bridge = ports[record.name]
        return f"{name} is a port of the bridge '{bridge}' already; take it out first ('ovs-vsctl del-port {bridge} {record.name}')."
    if addresses and owner(record.alias) is None:
        return (
            f"{name} has addresses of its own ({', '.join(sorted(addresses))}): as a switch's port it would no longer answer at them, "
            "which may be how you reach this machine. They are not moved for you: choose another interface, remove them "
            "first, or have them moved to the switch (move_addresses of an uplink)."
        )
    return ""
