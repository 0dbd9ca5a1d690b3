# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of what runs in a namespace: commands, services, a firewall, routing daemons."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from ..model import Service
from ..values import Block, Key, ListOf, MapOf, Type, shown
from ..values.ip import ADDRESS, ADDRESS6, EITHER_ADDRESS, NETWORK, ROUTE, is_name
from ..values.scalars import BOOLEAN, COMMAND, CONTENTS, DEVICE, DOMAIN, NODE, SETTINGS, TEXT, TEXTS, USER, choice, matching, number


def _below(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError
    for name, text in value.items():
        parts = str(name).split("/")
        if not isinstance(name, str) or not all(parts) or not {".", ".."}.isdisjoint(parts):
            raise ValueError(f"{shown(name)} is no file's name below the service's directory, such as app.conf or conf.d/app.conf")
        if not isinstance(text, str):
            raise ValueError(f"the file {shown(name)} must be text or {{file: PATH}}, not {shown(text)}")
    return dict(value)


FILES = Type("a mapping of texts, or {file: PATH}, by file names", _below)


def _switchable(value: Any) -> Any:
    return {} if value is True else None if value is False else value


def _network(value: Any) -> str:
    return str(NETWORK[6 if isinstance(value, str) and ":" in value else 4].parse(value))


def _area(value: Any) -> str:
    return str(IPv4Address(value)) if isinstance(value, int) and not isinstance(value, bool) else str(ADDRESS.parse(value))


AREA = Type("an area's number, such as 1 or 0.0.0.1", _area)


def _peer(value: Any) -> str:
    if isinstance(value, str) and is_name(value):
        return str(NODE.parse(value))
    return str((ADDRESS6 if isinstance(value, str) and ":" in value else ADDRESS).parse(value))


SERVICE = Block(
    "a mapping with the key command, or the command",
    {
        "command": Key(COMMAND, "What is run, without a shell.", "python3 -m http.server 80", required=True),
        "environment": Key(SETTINGS, "Variables for it.", "{LANG: C}", {}),
        "directory": Key(TEXT, "Where it is run, an absolute path.", "/srv/www", None, "the directory of its `files`, / without any"),
        "user": Key(USER, "Who it runs as.", "nobody", None, "root"),
        "files": Key(FILES, "Files by name, with their texts, in a directory of the service's own.", '{app.conf: "port = 80"}', {}),
        "restart": Key(BOOLEAN, "Whether it is started again when it ends.", "false", True),
    },
    make=Service,
    short=lambda value: {"command": value} if isinstance(value, (str, list)) else value,
)
_INTERFACES = Key(ListOf("a list of interfaces", DEVICE), "Run it on these interfaces only.", "[eth0]", None, "all that have addresses")
_PASSIVE = Key(ListOf("a list of interfaces", DEVICE), "Announce these interfaces, but look for no neighbours there.", "[eth1]")
_COST = Key(MapOf("a mapping of numbers by interface", number(1, 2**24 - 2)), "What it costs to send by an interface.", "{eth0: 100}")
_REDISTRIBUTE = Key(
    ListOf("a list of sources", choice("kernel", "connected", "static", "ospf", "bgp", "isis")),
    "Announce the routes of these sources too.",
    "[connected]",
)
OSPF = Block(
    "a mapping, or true",
    {
        "area": Key(AREA, "The area of its interfaces.", "0.0.0.1", None, "0.0.0.0"),
        "interfaces": _INTERFACES,
        "passive": _PASSIVE,
        "cost": _COST,
        "hello": Key(number(1, 65535, "seconds"), "The time between two greetings.", "1", None, "10"),
        "dead": Key(number(1, 65535, "seconds"), "After which silence a neighbour counts as gone.", "4", None, "40"),
        "redistribute": _REDISTRIBUTE,
    },
    short=_switchable,
)
_ASN = number(1, 2**32 - 1)
NEIGHBOR = Block(
    "a node's name, or a mapping with the key address",
    {
        "address": Key(
            Type("the name of a node, or an address such as 10.0.0.2", _peer), "The neighbour, by name or address.", "r2", required=True
        ),
        "asn": Key(_ASN, "The number of its autonomous system.", "65002", None, "that of the node's own `bgp`"),
    },
    short=lambda value: {"address": value} if isinstance(value, str) else value,
)
BGP = Block(
    "a mapping with the key asn",
    {
        "asn": Key(_ASN, "The number of the router's autonomous system.", "65001", required=True),
        "neighbors": Key(ListOf("a list of neighbours", NEIGHBOR), "Whom it speaks to.", "[r2, {address: 10.0.0.2, asn: 65002}]", ()),
        "networks": Key(
            ListOf("a list of networks", Type("a network such as 10.1.0.0/24", _network)),
            "The networks that it announces.",
            "[10.1.0.0/24]",
            (),
        ),
        "redistribute": _REDISTRIBUTE,
    },
)
ISIS = Block(
    "a mapping, or true",
    {
        "net": Key(
            matching("an address such as 49.0001.0102.5500.0001.00", r"[0-9a-fA-F]{2}(\.[0-9a-fA-F]{4}){3,9}\.00", 60),
            "The router's address in IS-IS.",
            "49.0001.0102.5500.0001.00",
            None,
            "in area 49.0001, from its router_id",
        ),
        "level": Key(choice("1", "2", "1-2"), "The levels that it takes part in.", '"1-2"', None, "2"),
        "interfaces": _INTERFACES,
        "passive": _PASSIVE,
        "cost": _COST,
    },
    short=_switchable,
)
FRR = Block(
    "a mapping",
    {
        "router_id": Key(ADDRESS, "The router's name among routers.", "10.255.0.1", None, "its first loopback or other IPv4 address"),
        "ospf": Key(OSPF, "Run OSPF, for both families; `true` takes every default.", "true"),
        "bgp": Key(BGP, "Run BGP.", "{asn: 65001, neighbors: [r2]}"),
        "isis": Key(ISIS, "Run IS-IS; `true` takes every default.", "true"),
        "static": Key(ListOf("a list of routes", ROUTE), "Static routes of FRR's own.", '["10.2.0.0/16 via 10.1.0.2"]', ()),
        "config": Key(CONTENTS, "FRR's configuration, added to what the other keys mean.", '"log syslog"'),
    },
)

RESOLV_CONF = Block(
    "a list of addresses, or a mapping with the keys dns and search",
    {
        "dns": Key(ListOf("a list of addresses", EITHER_ADDRESS), "The name servers, three at most.", "[10.1.0.1]", ()),
        "search": Key(ListOf("a list of domains", DOMAIN), "Where to look for short names.", "[lab.internal]", ()),
    },
    short=lambda value: {"dns": value} if isinstance(value, (str, list)) else value,
)

WORK = {
    "exec": Key(TEXTS, "Commands that are run once in the life of the node, by a shell.", '["touch /tmp/made"]', ()),
    "services": Key(
        MapOf("a mapping of services by name", SERVICE), "Programs that are kept alive.", "{web: python3 -m http.server 80}", {}
    ),
    "firewall": Key(CONTENTS, "The rules of nftables in this namespace.", '"table inet f { }"', None, "not managed"),
    "resolv_conf": Key(
        RESOLV_CONF, "The node's own resolv.conf; a list is of name servers.", "[10.1.0.1]", None, "what DHCP gives, else the lab host's"
    ),
    "frr": Key(FRR, "The routing daemons of FRR.", "{ospf: true}", None, "none, unless `router` is `frr`"),
}
