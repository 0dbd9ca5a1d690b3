# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of what runs in a namespace: commands, services, a firewall, routing daemons."""

from __future__ import annotations

from typing import Any

from .model import Service
from .scalars import BOOLEAN, COMMAND, DEVICE, SETTINGS, TEXT, TEXTS, USER, choice, matching, number
from .scalars_ip import ADDRESS, NETWORK, ROUTE, _address
from .values import Block, Key, ListOf, MapOf, Type


def _contents(value: Any) -> str:
    if isinstance(value, dict):
        raise ValueError("a file is read where the topology file is; give its text here")
    if not isinstance(value, str):
        raise ValueError
    return value


CONTENTS = Type("text, or {file: PATH} with a path as seen from this file", _contents)


def _switchable(value: Any) -> Any:
    return {} if value is True else None if value is False else value


SERVICE = Block(
    "a mapping with the key command, or the command",
    {
        "command": Key(COMMAND, "What is run, without a shell.", "python3 -m http.server 80", required=True),
        "environment": Key(SETTINGS, "Variables for it.", "{LANG: C}", {}),
        "directory": Key(TEXT, "Where it is run, an absolute path.", "/srv/www", None, "/"),
        "user": Key(USER, "Who it runs as.", "nobody", None, "root"),
        "restart": Key(BOOLEAN, "Whether it is started again when it ends.", "false", True),
    },
    make=Service,
    short=lambda value: {"command": value} if isinstance(value, (str, list)) else value,
)
OSPF = Block(
    "a mapping, or true",
    {
        "router_id": Key(ADDRESS, "The router's name in OSPF.", "10.255.0.1", None, "its first loopback or other IPv4 address"),
        "area": Key(TEXT, "The area of its interfaces.", "0.0.0.1", "0.0.0.0"),
        "networks": Key(ListOf("a list of IPv4 networks", NETWORK[4]), "Run it on interfaces in these networks only.", "[10.0.0.0/8]"),
        "interfaces": Key(ListOf("a list of interfaces", DEVICE), "Run it on these interfaces only.", "[eth0]"),
    },
    short=_switchable,
)
_ASN = number(1, 2**32 - 1)
NEIGHBOR = Block(
    "a mapping with the keys address and asn",
    {
        "address": Key(Type("an address such as 10.0.0.2", _address(None)), "The neighbour's address.", "10.0.0.2", required=True),
        "asn": Key(_ASN, "The number of its autonomous system.", "65002", required=True),
    },
)
BGP = Block(
    "a mapping with the key asn",
    {
        "asn": Key(_ASN, "The number of the router's autonomous system.", "65001", required=True),
        "router_id": Key(ADDRESS, "The router's name in BGP.", "10.255.0.1", None, "its first loopback or other IPv4 address"),
        "neighbors": Key(ListOf("a list of neighbours", NEIGHBOR), "Whom it speaks to.", "[{address: 10.0.0.2, asn: 65002}]", ()),
        "networks": Key(
            ListOf("a list of networks", Type("a network such as 10.1.0.0/24", lambda value: _any_network(value))),
            "The networks that it announces.",
            "[10.1.0.0/24]",
            (),
        ),
    },
)


def _any_network(value: Any) -> str:
    return str(NETWORK[6 if isinstance(value, str) and ":" in value else 4].parse(value))


ISIS = Block(
    "a mapping, or true",
    {
        "area": Key(
            matching("an area such as 49.0001", r"[0-9a-fA-F]{2}(\.[0-9a-fA-F]{4}){0,6}", 40), "The area's address.", "49.0002", "49.0001"
        ),
        "level": Key(choice("level-1", "level-1-2", "level-2-only"), "The levels that it takes part in.", "level-1", "level-2-only"),
        "interfaces": Key(ListOf("a list of interfaces", DEVICE), "Run it on these interfaces only.", "[eth0]"),
    },
    short=_switchable,
)
FRR = Block(
    "a mapping",
    {
        "ospf": Key(OSPF, "Run OSPF; `true` takes every default.", "true"),
        "bgp": Key(BGP, "Run BGP.", "{asn: 65001, neighbors: [{address: 10.0.0.2, asn: 65002}]}"),
        "isis": Key(ISIS, "Run IS-IS; `true` takes every default.", "true"),
        "static": Key(ListOf("a list of routes", ROUTE), "Static routes of FRR's own.", '["10.2.0.0/16 via 10.1.0.2"]', ()),
        "config": Key(CONTENTS, "FRR's configuration, added to what the other keys mean.", '"log syslog"'),
    },
)

WORK = {
    "exec": Key(TEXTS, "Commands that are run once in the life of the node, by a shell.", '["touch /tmp/made"]', ()),
    "services": Key(
        MapOf("a mapping of services by name", SERVICE), "Programs that are kept alive.", "{web: python3 -m http.server 80}", {}
    ),
    "firewall": Key(CONTENTS, "The rules of nftables in this namespace.", '"table inet f { }"', None, "not managed"),
    "frr": Key(FRR, "The routing daemons of FRR.", "{ospf: true}", None, "none, unless `router` is `frr`"),
}
