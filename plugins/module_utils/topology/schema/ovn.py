# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a lab whose switches are logical ones of OVN (ovn-nb(5))."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from ..values import Block, Key, ListOf, Type
from ..values.ip import NAMED_ROUTE
from ..values.scalars import BOOLEAN, TEXT, choice, number


def _one_to_one(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError
    found = {}
    for outside, inside in value.items():
        try:
            found[str(IPv4Address(str(outside)))] = str(inside)
        except ValueError:
            raise ValueError(f"'{outside}' is not an IPv4 address such as 172.31.0.11") from None
    return found


def _match(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value.strip():
        raise ValueError
    text = value.strip()
    if text.count('"') % 2 or text.count("(") != text.count(")"):
        raise ValueError(f"a quotation mark or a parenthesis has no partner, in '{text}'")
    return text


FABRIC = Key(
    choice("vxlan", "geneve", "gre", "ovn"),
    "What joins the switches of several lab hosts: tunnels of `vxlan`, `geneve` or `gre` each with its like; `ovn` makes those of kind ovs "
    "logical switches of OVN.",
    "ovn",
    "vxlan",
)
ACL = Block(
    "a mapping with the key match",
    {
        "match": Key(
            Type("an expression of OVN such as 'ip4 && tcp.dst == 22' on one line", _match),
            "The packets, as ovn-sb(5) writes them; an endpoint in quotation marks stands for its port.",
            "'outport == \"web\" && tcp.dst == 22'",
            required=True,
        ),
        "action": Key(
            choice("allow", "allow-related", "drop", "reject"),
            "What becomes of them; `allow-related` lets answers pass too.",
            "reject",
            "drop",
        ),
        "direction": Key(
            choice("from-lport", "to-lport"), "Whether it holds for what ports send, or for what they get.", "from-lport", "to-lport"
        ),
        "priority": Key(number(0, 32767), "Which of several that match holds: the highest.", "2000", 1000),
    },
)
ACLS = {
    "acls": Key(
        ListOf("a list of ACLs", ACL),
        "What may pass at the ports of a logical switch (`fabric: ovn`).",
        "[{match: 'icmp4', action: reject}]",
        None,
        "everything",
    )
}
LOGICAL_ROUTER = {
    "routes": Key(
        ListOf("a list of routes", NAMED_ROUTE),
        "Static routes, each `NETWORK via ADDRESS`; nodes' names stand for both.",
        '["default via 172.31.0.254"]',
        (),
    ),
    "outside": Key(
        TEXT, "The switch that leads out, for `snat` and `dnat`.", "wan", None, "the one of its switches that is linked with an uplink"
    ),
    "snat": Key(BOOLEAN, "Let what its other networks send leave by `outside` from the router's own address there.", "true", False),
    "dnat": Key(
        Type("a mapping of addresses to nodes", _one_to_one),
        "Addresses of `outside`, each for one node or address inside, in both directions.",
        "{172.31.0.11: web}",
        {},
    ),
}
