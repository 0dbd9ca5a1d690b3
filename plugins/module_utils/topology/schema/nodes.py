# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of nodes that have addresses: what all of them have, namespaces, the lab host."""

from __future__ import annotations

from typing import Any

from ..values import Block, Key, ListOf, MapOf, Type
from ..values.ip import EITHER_ADDRESS, GATEWAY, IP, LOOPBACK, NAMED_ROUTE
from ..values.scalars import BOOLEAN, DEVICE, MTU, NAMESPACE, SYSCTLS, TEXT, VLAN, choice, number
from .node_work import WORK


def _router(value: Any) -> Any:
    if value not in (True, False, "frr"):
        raise ValueError
    return value


CARRIER = {"host": Key(TEXT, "The lab host that carries the node.", "m1", None, "placed among the lab hosts")}
_IP = {
    "ipv4": Key(
        IP[4],
        "How the node's first interface gets its address; `auto` holds for all of its interfaces.",
        "192.168.100.7/24",
        None,
        "dhcp on a switch that has it, auto on one with `subnet`, else not managed",
    ),
    "ipv6": Key(IP[6], "The same for IPv6.", "auto", None, "auto on a switch with `ipv6` or `subnet6`, else not managed"),
}
ROUTED = {
    **_IP,
    "gateway": Key(
        GATEWAY, "The node's default routes.", "192.168.100.254", None, "the switch's address, else the first router on the first network"
    ),
    "routes": Key(
        ListOf("a list of routes", NAMED_ROUTE),
        "Static routes, each `NETWORK via ADDRESS`; nodes' names stand for both.",
        '["10.2.0.0/16 via 10.1.0.2"]',
        (),
    ),
}
SUB_INTERFACE = Block(
    "a mapping with the keys parent and vlan",
    {
        "parent": Key(DEVICE, "The interface that carries it.", "eth0", required=True),
        "vlan": Key(VLAN, "The number of the VLAN.", "10", required=True),
        "protocol": Key(choice("802.1Q", "802.1ad"), "The kind of tag.", "802.1ad", "802.1Q"),
        "ipv4": Key(IP[4], "Its address.", "10.10.0.1/24", None, "not managed"),
        "ipv6": Key(IP[6], "Its IPv6 address.", "auto", None, "not managed"),
        "mtu": Key(MTU, "Its largest packet.", "1400", None, "not managed"),
    },
)
SPACE = {
    "netns": Key(NAMESPACE, "The name of the network namespace.", "ns1", None, "LAB.NODE"),
    **ROUTED,
    "router": Key(
        Type("true, false or frr", _router),
        "Whether the node forwards packets, of both families; `frr` runs routing daemons too.",
        "true",
        None,
        "not managed",
    ),
    "loopback": Key(LOOPBACK, "Addresses of the node itself; `auto` takes one of each family from the pool.", "[10.255.0.1/32]"),
    "interfaces": Key(
        MapOf("a mapping of sub-interfaces by name", SUB_INTERFACE), "VLANs of its interfaces.", "{eth0.10: {parent: eth0, vlan: 10}}", {}
    ),
    "sysctls": Key(SYSCTLS, "Kernel settings of the namespace, below `net`.", "{net.ipv4.conf.all.rp_filter: 0}", {}),
    **WORK,
}
HOST = {
    **{key: Key(value.type, value.text, value.example, None, "not managed") for key, value in _IP.items()},
    "router": Key(
        BOOLEAN,
        "Whether the lab host forwards IPv4 packets that come in by its ends of links.",
        "true",
        None,
        "true with `nat`, else false",
    ),
    "nat": Key(BOOLEAN, "Let the traffic of its links' subnets out through the uplink, behind the lab host's address.", "true", False),
}
UPLINK = {
    "device": Key(
        DEVICE,
        "An interface that the lab host has: it is never made or removed, nor changed but for `move_addresses`.",
        "eth1",
        required=True,
    ),
    "move_addresses": Key(
        BOOLEAN,
        "Move its addresses and routes to the switch that it is a port of, with its MAC address, and back at teardown.",
        "true",
        False,
    ),
    "confirm_timeout": Key(
        number(1, 3600, "seconds"),
        "How long after a run such a move waits to be confirmed by a new connection, before the lab host undoes it by itself.",
        "120",
        60,
    ),
    "check": Key(
        ListOf("a list of addresses", EITHER_ADDRESS),
        "Addresses that must answer before and after such a move, besides the gateways that did.",
        "[192.0.2.1]",
        (),
    ),
}
