# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What queues need: a datapath that sorts packets into them, and a kernel that serves them."""

from __future__ import annotations

from collections.abc import Sequence

from ..transport import features
from ._ovs_model import Bridge


def useless_queues(bridge: Bridge) -> list[str]:
    """Say which queues would stay empty: the userspace datapath hands a packet to the kernel without the number of its queue."""
    if bridge.datapath_type != "netdev":
        return []
    return [
        f"Port '{port.name}' of bridge '{bridge.name}' cannot use queue {queue.number}: Open vSwitch's userspace datapath sends everything "
        "through queue 0. Limit flows by meters, or let the bridge have the kernel's datapath (datapath_type: system, which needs the "
        "kernel module openvswitch)."
        for port in bridge.ports
        for queue in port.queues or ()
        if queue.number
    ]


def lacking_queueing(bridges: Sequence[Bridge]) -> list[str]:
    """Say which queueing disciplines the kernel lacks; Open vSwitch itself only logs it."""
    users = {
        port.qos.partition("-")[2]: port.name for bridge in bridges for port in bridge.ports if port.qos in ("linux-htb", "linux-hfsc")
    }
    return [features.lacking(kind, f"the queueing of port '{name}'") for kind, name in users.items() if not features.has_qdisc(kind)]
