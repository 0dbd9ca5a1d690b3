# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab host has to know of the others: the guests that are reached from it, and the routers that those on it may meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plain import Item

# What decides who becomes whose neighbour, and by which routes the others are known.
_MEETING = ("node", "router_id", "loopbacks", "interfaces", "ospf", "isis")


def acquaint(shares: Mapping[str, Item]) -> None:
    """Add to each share what is needed of the others."""
    for name, share in shares.items():
        for node in share["nodes"]:
            if node["access"] != name == node["home"]:
                shares[node["access"]].setdefault("visitors", []).append(node)
    routers = [_router(item, share) for share in shares.values() for item in share["frr"]]
    for name, share in shares.items():
        others = [router for router in routers if router["home"] != name]
        if share["frr"] and others:
            share["routers"] = others


def _router(item: Mapping[str, Any], share: Item) -> Item:
    """Return what others must know of a router: of BGP, and of lines that somebody has written, only that they are there."""
    (node,) = (one for one in share["nodes"] if one["name"] == item["node"])
    return {
        **{key: item[key] for key in _MEETING if key in item},
        **{key: {} for key in ("bgp",) if item.get(key) is not None},
        "config": bool(item.get("config")),
        "home": share["machine"],
        "networks": {interface["name"]: interface["network"] for interface in node["interfaces"]},
    }
