# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of an Open vSwitch bridge that say what becomes of packets: flows, groups, meters, and ports of several links."""

from __future__ import annotations

from typing import Any

from ..flow_text import meter, misplaced
from ..values import Block, Key, ListOf, MapOf, Type
from ..values.scalars import BOOLEAN, SETTINGS, choice, number
from ..values.units import RATE, SIZE


def _flow(value: Any) -> str:
    if not isinstance(value, str) or "action" not in value or "\n" in value.strip():
        raise ValueError
    wrong = misplaced(value)
    if wrong:
        raise ValueError(f"{wrong}, in '{value}'")
    return value.strip()


def _group(value: Any) -> str:
    if not isinstance(value, str) or not value.strip().startswith("group_id=") or "\n" in value.strip():
        raise ValueError
    return value.strip()


def _meter(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    try:
        meter(value)
    except ValueError as error:
        raise ValueError(f"{error}, in '{value}'") from None
    return value.strip()


FLOW = Type("a flow as ovs-ofctl reads it, such as 'priority=10,in_port=h1,actions=output:h2'", _flow)
GROUP = Type("a group as ovs-ofctl reads it, such as 'group_id=1,type=all,bucket=output:h1'", _group)
METER = Type("a meter as ovs-ofctl reads it, such as 'meter=1,kbps,bands=type=drop,rate=1000'", _meter)

BOND = Block(
    "a mapping",
    {
        "mode": Key(
            choice("active-backup", "balance-slb", "balance-tcp"),
            "How packets are spread: one link works and the others wait; by MAC address and VLAN; by connection, which needs `lacp`.",
            "balance-slb",
            "active-backup",
        ),
        "lacp": Key(
            choice("active", "passive", "off"), "Whether both ends agree by LACP on the links that work.", "active", None, "not managed"
        ),
        "other_config": Key(
            SETTINGS, "Settings of the port's column other_config; an empty value removes one.", "{lacp-time: fast}", None, "not managed"
        ),
    },
)

QUEUE = Block(
    "a mapping",
    {
        "rate": Key(RATE, "How much this queue sends at most.", "2mbit"),
        "min_rate": Key(RATE, "How much it is sure to send.", "1mbit"),
        "burst": Key(SIZE, "How much it may send at once above that.", "16kB"),
        "priority": Key(number(0, 2**31 - 1), "Which queue gets first what is left over: the lowest.", "1"),
    },
)
QOS = Block(
    "a mapping",
    {
        "type": Key(choice("linux-htb", "linux-hfsc"), "The discipline that serves the queues.", "linux-hfsc", "linux-htb"),
        "rate": Key(RATE, "How much all queues together send at most.", "10mbit", None, "the speed of the device"),
        "queues": Key(
            MapOf("a mapping of queues by number", QUEUE),
            "The queues. 0 is for all packets that no flow puts elsewhere, and the only one on the userspace datapath.",
            "{0: {rate: 8mbit}, 1: {rate: 2mbit}}",
            {},
        ),
    },
)

OPENFLOW = {
    "flows": Key(
        ListOf("a list of flows", FLOW),
        "The lab's OpenFlow flows, as ovs-ofctl(8) writes them, with endpoints for ports; an empty list removes them.",
        '["priority=10,in_port=h1,actions=output:h2:eth0"]',
        None,
        "not managed",
    ),
    "groups": Key(
        ListOf("a list of groups", GROUP),
        "The groups that flows name; an empty list removes the lab's.",
        '["group_id=1,type=select,bucket=output:h1,bucket=output:h2"]',
        None,
        "not managed",
    ),
    "meters": Key(
        ListOf("a list of meters", METER),
        "The meters that flows name; an empty list removes the lab's.",
        '["meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=100"]',
        None,
        "not managed",
    ),
    "qos": Key(
        MapOf("a mapping of queueing by endpoint", QOS),
        "How packets wait that go out to an endpoint; flows choose the queue by `set_queue`.",
        "{h1: {rate: 10mbit, queues: {0: {rate: 8mbit}}}}",
        None,
        "not managed",
    ),
    "purge_flows": Key(BOOLEAN, "Remove also flows, groups and meters that others have made.", "true", None, "false"),
    "bonds": Key(
        MapOf("a mapping of bonds by name", BOND),
        "How the links with the same `bond` carry traffic together.",
        "{uplinks: {mode: balance-slb}}",
        None,
        "active-backup",
    ),
}
