# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a lab cannot become ready without lab hosts that were not reached or take no part, and how it is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .reach.grouped import listed
from .transport.shell import Node

LOST = "was not reached, or failed"
LEFT_OUT = "takes no part in this run"  # it may be there all the same, so what it gives is waited for, if not as long as all else


def left_out(share: Mapping[str, Any], machines: Collection[str] | None, lost: Collection[str]) -> list[str]:
    """Return the lab hosts that something here needs and that are neither among the machines, None being all, nor lost."""
    givers = {each.get("server") for item in share["nodes"] for each in item["interfaces"]}
    needed = {*givers, *(item.get("access") for item in share["nodes"]), (share.get("ovn") or {}).get("databases")}
    return sorted(name for name in needed if name and machines is not None and name not in (*machines, *lost))


def spared(nodes: Sequence[Node], lost: Collection[str]) -> list[Node]:
    """Return nodes without the interfaces whose addresses nobody gives now, so that they are not waited for, or logged in to."""
    return [_spared(node, lost) for node in nodes]


def _spared(node: Node, lost: Collection[str]) -> Node:
    less = replace(node, interfaces=tuple(each for each in node.interfaces if each.get("server") not in lost))
    mute = node.kind == "vm" and node.address in node.addresses and node.address not in less.addresses
    return replace(less, address="") if mute else less


def remaining(share: Mapping[str, Any], lost: Collection[str]) -> dict[str, Any]:
    """Return a share without what it has of lost lab hosts: guests of theirs that are reached from here, and routers."""
    kept = {key: [item for item in share.get(key) or () if item["home"] not in lost] for key in ("visitors", "routers")}
    return {**share, **kept}


def missed(
    nodes: Sequence[Node], share: Mapping[str, Any], lost: Sequence[str], lacks: Callable[[Node], bool], why: str = LOST
) -> Iterator[str]:
    """Yield for each lost lab host what was not waited for; lacks says that a node has not got its addresses by itself."""
    here, databases = share.get("machine"), (share.get("ovn") or {}).get("databases")
    for machine in lost:
        served = [node for node in nodes if any(each.get("server") == machine for each in node.interfaces)]
        leases = [node.name for node in served if (lacks(node) if node.netns else node.kind == "vm" and node.here and node.near)]
        guests = [item["name"] for item in share["nodes"] if item["kind"] == "vm" and item.get("access") == machine != here]
        routers = [item["node"] for item in share.get("routers") or () if item["home"] == machine]
        deeds = [f"the addresses of {listed(leases)} come from it"] if leases else []
        deeds += [f"{listed(guests)} can only be logged in to from there"] if guests else []
        deeds += [f"{listed(routers)} would be neighbours of routers here"] if routers else []
        deeds += ["OVN's databases are on it, so logical switches stay as they were"] if databases == machine else []
        if deeds:
            yield f"The lab host '{machine}' {why}, so this is not waited for: {'; '.join(deeds)}."
