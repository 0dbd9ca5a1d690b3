# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fabric means for the nodes of a file: with OVN, switches of kind ovs are logical ones, which cannot do all that a bridge can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..acl_text import with_ports
from ..dhcp_options import unknown_options
from ..model import Link, Node
from ..values import Problems, suggestion
from ..values.ip import is_ipv4

_OF_PORTS = ("tag", "trunks", "vlan_mode", "bond")


def with_fabric(fabric: str, nodes: Mapping[str, Node], links: Sequence[Link], problems: Problems) -> dict[str, Node]:
    """Return the nodes, with logical switches if the fabric is OVN; say what does not go together."""
    if fabric != "ovn":
        for node in nodes.values():
            if node.kind == "logical_router":
                problems.append(
                    f"{node.path}.kind: a logical_router needs OVN; add 'fabric: ovn' to the file, or make it a netns with router"
                )
            if node.switch and "acls" in node.switch.bridge:
                problems.append(f"{node.path}.acls: need OVN; add 'fabric: ovn' to the file")
        return dict(nodes)
    fars: dict[str, dict[str, str]] = {}
    for link in links:
        _check_link(link, nodes, problems)
        for end, far in (link.ends, link.ends[::-1]):
            fars.setdefault(end.node, {}).update({far.node: far.node, str(far): far.node})
    for node in nodes.values():
        if node.kind == "ovs":
            _check_switch(node, fars.get(node.name, {}), nodes, problems)
        elif node.router:
            _check_router(node, fars, nodes, problems)
    return {
        name: replace(node, switch=replace(node.switch, logical=True)) if node.switch and node.kind == "ovs" else node
        for name, node in nodes.items()
    }


def _check_switch(node: Node, near: Mapping[str, str], nodes: Mapping[str, Node], problems: Problems) -> None:
    switch = node.switch
    if switch is None:
        return
    beyond = [key for key in switch.bridge if key != "acls"] + (["vni"] if switch.vni else [])
    what = f"cannot be had of a logical switch (fabric: ovn); leave it out, or make '{node.name}' one of kind bridge"
    problems += [f"{node.path}.{key}: {what}" for key in beyond]
    if node.host:
        problems.append(f"{node.path}.host: a logical switch is wherever its nodes are; use gateway for the lab host that is its way out")
    problems += [f"{node.path}.dhcp.options.{problem}" for problem in (unknown_options(switch.dhcp.options) if switch.dhcp else ())]
    routers = [name for name in dict.fromkeys(near.values()) if nodes[name].router]
    if switch.nat and routers:
        problems.append(f"{node.path}.nat: its way out is the logical router '{routers[0]}'; use snat there")
    for number, acl in enumerate(switch.bridge.get("acls") or ()):
        match = f"{node.path}.acls[{number}].match"
        for name in with_ports(acl["match"], near.get)[1]:
            problems.append(f"{match}: no endpoint '{name}' at this switch{suggestion(name, near)}")
        problems += [f"{match}: {problem}" for problem in _useless_ports(acl["match"], near, nodes)]


def _useless_ports(match: str, near: Mapping[str, str], nodes: Mapping[str, Node]) -> list[str]:
    """Say which names of an ACL's match stand for no port, or for several."""
    found = []
    for name in dict.fromkeys(one for one in with_ports(match, lambda _name: None)[1] if one in near):
        far = nodes[near[name]]
        ends = [end for end, there in near.items() if there == name and end != name]
        if far.router or far.device:
            what = "a logical router" if far.router else "an uplink"
            found.append(
                f"'{name}' is {what}, at which ACLs do not hold; name addresses, such as ip4.dst == 192.0.2.0/24, or a node's endpoint"
            )
        elif len(ends) > 1:
            found.append(f"'{name}' has several links with this switch; name one of {', '.join(ends)}")
    return found


def _check_router(node: Node, fars: Mapping[str, Mapping[str, str]], nodes: Mapping[str, Node], problems: Problems) -> None:
    router = node.router
    if router is None:
        return
    switches = [name for name in dict.fromkeys(fars.get(node.name, {}).values()) if nodes[name].kind == "ovs"]
    if router.outside and router.outside not in switches:
        hint = suggestion(router.outside, switches) or f" (linked: {', '.join(switches) or 'none'})"
        problems.append(f"{node.path}.outside: '{node.name}' is not linked with a switch '{router.outside}'{hint}")
    leading = any(nodes[far].device for name in switches for far in fars[name].values())
    if (router.snat or router.dnat) and not router.outside and not leading:
        what = "nothing says which switch leads out; link one of the router's switches with an uplink, or name it as outside"
        problems.append(f"{node.path}.{'snat' if router.snat else 'dnat'}: {what}")
    for address, inside in router.dnat.items():
        if inside not in nodes and not is_ipv4(inside):
            problems.append(f"{node.path}.dnat.{address}: no node '{inside}'{suggestion(inside, nodes)}")


def _check_link(link: Link, nodes: Mapping[str, Node], problems: Problems) -> None:
    first, second = (nodes[end.node] for end in link.ends)
    if first.kind == second.kind == "ovs":
        problems.append(f"{link.path}: two logical switches (fabric: ovn) are not linked with each other, but both with a logical_router")
    for end, far in (link.ends, link.ends[::-1]):
        if nodes[end.node].kind != "ovs":
            continue
        for key in (key for key in _OF_PORTS if getattr(end, key) is not None):
            problems.append(f"{end.path}: {key} cannot be had at the logical switch '{end.node}' (fabric: ovn); leave it out")
        if nodes[far.node].move:
            what = f"'{end.node}' is a logical switch, which has no address on the lab host; leave it out"
            problems.append(f"{nodes[far.node].path}.move_addresses: {what}")
