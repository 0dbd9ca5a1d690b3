# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks a lab gets: what is implied by its networks, and what is expected of it in so many words. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, Literal

from ..topology.values import suggestion
from ..transport.shell import Node

Pairs = Literal["auto", "all", "ring", "none"]

MOST = 40_000  # pairs that 'auto' checks all of; a second or two for each 5,000
GATEWAY = "gateway"  # the column of whoever that is: a switch, a router, the lab host
_Place = tuple[str, Any]


@dataclass(frozen=True)
class Check:
    """What one node should be able to do, or not; column is where the result stands in the table.

    verb: ping (with a size: packets of so many bytes, uncut), tcp, udp, resolve (to answer), fetch, or lease (of a MAC address).
    """

    node: str
    column: str
    verb: Literal["ping", "tcp", "udp", "resolve", "fetch", "lease"]
    target: str
    port: int = 0
    size: int = 0
    answer: str = ""
    reach: bool = True

    @property
    def meaning(self) -> str:
        """Say what is checked."""
        if self.verb in ("tcp", "udp"):
            return f"reach {self.target} port {self.port}/{self.verb}"
        if self.verb == "ping":
            return f"reach {self.target}" + (f" by packets of {self.size} bytes" if self.size else "")
        return {"resolve": f"resolve {self.target} to {self.answer}", "lease": f"show a lease for {self.target}"}.get(
            self.verb, f"{self.verb} {self.target}"
        )


def implied(
    nodes: Sequence[Node], told: Collection[str], outside: str | None, pairs: Pairs = "all", others: Sequence[Node] = ()
) -> list[Check]:
    """Return the checks of any lab: nodes in one network and subnet reach each other, and all get outside.

    Those that are told of the lab's name server know the others' names too.
    others are nodes of other lab hosts: they are reached, but do not send from here.
    ``ring`` has each node reach the next one of its network only, which takes as many checks as there are nodes.
    """
    everybody = sorted((*nodes, *others), key=lambda node: node.name) if others else nodes  # the same ring on all lab hosts
    places = {node.name: _places(node) for node in everybody}
    members: dict[_Place, list[tuple[str, str, str | None]]] = defaultdict(list)
    for node in everybody:
        for place, address, switch in places[node.name]:
            members[place].append((node.name, address, switch))
    if pairs == "auto":
        pairs = "all" if sum(len(group) ** 2 for group in members.values()) <= MOST else "ring"
    turns = {place: {name: number for number, (name, _address, _switch) in enumerate(group)} for place, group in members.items()}
    checks = []
    for node in nodes:
        gateways = {gateway for interface in node.interfaces for gateway in several(interface["gateway"])}
        checks += [Check(node.name, GATEWAY, "ping", gateway) for gateway in sorted(gateways)]
        for place in dict.fromkeys(place for place, _address, _switch in places[node.name]) if pairs != "none" else ():
            group = members[place]
            targets = group if pairs == "all" else [group[(turns[place][node.name] + 1) % len(group)]]
            for name, address, switch in targets:
                if name != node.name:
                    checks.append(Check(node.name, name, "ping", address))
                    # IPv4 is what the reservations are for, and one family of a name is enough.
                    if node.name in told and switch and ":" not in address:
                        checks.append(Check(node.name, name, "resolve", name, answer=address))
        if outside:
            checks.append(Check(node.name, "outside", "fetch", outside))
    return list(dict.fromkeys(checks))


def told_of_names(share: Mapping[str, Any]) -> set[str]:
    """Return the nodes that ask the lab's name server: told by DHCP, if no resolv.conf of their own takes its place, or in their seed."""
    networks = (share.get("dnsmasq") or {}).get("networks") or ()
    servers = {network["address"] for network in networks if "address" in network}
    subnets = [ip_network(network["subnet"]) for network in networks if servers.intersection(network.get("dns") or ())]
    leased = {
        item["name"]
        for item in share.get("nodes") or ()
        for interface in item["interfaces"]
        if interface["method"] == "dhcp"
        for address in interface["addresses"]
        if any(ip_interface(address).ip in subnet for subnet in subnets)
    }
    seeded = {
        vm["name"]
        for vm in share.get("vms") or ()
        for interface in vm.get("network") or ()
        if servers.intersection(interface.get("dns") or ())
    }
    # The server that is asked first.
    own = {item["netns"]: item["dns"][:1] for item in share.get("resolvers") or ()}
    elsewhere = {node["name"] for node in share.get("nodes") or () if servers.isdisjoint(own.get(node.get("netns"), servers))}
    return (leased - elsewhere) | seeded


def several(value: Any) -> Sequence[str]:
    """Return what is one text, several, or None, as a sequence."""
    return [value] if isinstance(value, str) else list(value or ())


def _places(node: Node) -> list[tuple[_Place, str, str | None]]:
    """Return for each address of a node where it is, network and subnet, then the address itself and its switch."""
    return [
        ((interface["network"], ip_interface(address).network), address.partition("/")[0], interface["switch"])
        for interface in node.interfaces
        for address in interface["addresses"]
    ]


def leased(nodes: Iterable[Node], macs: Collection[str]) -> dict[Check, str]:
    """Return for each interface that is addressed by DHCP '' if its MAC is among those of the leases, else what is missing."""
    return {
        Check(node.name, "lease", "lease", interface["mac"]): "" if interface["mac"] in macs else "the DHCP server has given none"
        for node in nodes
        for interface in node.interfaces
        if interface["method"] == "dhcp"
    }


def declared(expect: Sequence[Mapping[str, Any]], nodes: Mapping[str, Node], left_out: Collection[str] = ()) -> list[Check]:
    """Return the checks of expectations, in the form that they have in a share.

    A sender is a node, or else a network namespace of that name, or 'localhost'. A target is a node, 'node:interface', an
    address or a name that the sender resolves. Nodes that are left out (they are not meant to run) neither send nor receive.
    """
    checks = []
    for item in expect:
        for sender in item["from"]:
            for target in item["to"]:
                name = target.partition(":")[0] if not is_address(target) else target
                if sender in left_out or name in left_out or sender == name:
                    continue
                source = nodes.get(sender) or _plain_node(sender)
                found = _addresses(source, target, nodes, item.get("family"))
                checks += [_expected(item, sender, target, address) for address in found]
    return list(dict.fromkeys(checks))


def unknown(expect: Sequence[Mapping[str, Any]], known: Collection[str]) -> list[str]:
    """Return a sentence for each sender that is neither a node nor a network namespace."""
    names = dict.fromkeys(sender for item in expect for sender in item["from"])
    return [
        f"expect: from '{name}': there is no such node, nor a network namespace of that name{suggestion(name, known)}"
        for name in names
        if name not in known
    ]


def _expected(item: Mapping[str, Any], sender: str, target: str, address: str) -> Check:
    protocol, port, size = item.get("protocol") or "icmp", item.get("port") or 0, item.get("mtu") or 0
    verb: Literal["ping", "tcp", "udp"] = "tcp" if protocol == "tcp" else "udp" if protocol == "udp" else "ping"
    column = f"{target} {protocol}/{port}" if port else f"{target} mtu" if size else target
    wanted = item.get("reach")
    return Check(sender, column, verb, address, port=port, size=size, reach=wanted is None or bool(wanted))


def _plain_node(name: str) -> Node:
    local = name == "localhost"
    return Node(name, "host" if local else "netns", "" if local else name, "root", "", (), False)


def _addresses(source: Node, target: str, nodes: Mapping[str, Node], family: int | None) -> Iterator[str]:
    """Yield where to reach a target from a node: for each family that both have, where they meet, or else its first address."""
    if is_address(target):
        yield str(ip_address(target))
        return
    name, _colon, interface = target.partition(":")
    if name not in nodes:
        yield target  # a name, for the sender's own resolver
        return
    theirs = [entry for entry in nodes[name].interfaces if interface in ("", entry["name"])]
    found = False
    for version in (family,) if family else (4, 6):
        here = {place for place, address, _switch in _places(source) if _version(address) == version}
        if source.interfaces and not here and not family:
            continue
        there = [
            ((entry["network"], ip_interface(address).network), address.partition("/")[0])
            for entry in theirs
            for address in entry["addresses"]
            if _version(address) == version
        ]
        met = [address for place, address in there if place in here] or [address for _place, address in there[:1]]
        found = found or bool(met)
        yield from met
    if not found:
        yield ""


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def is_address(text: str) -> bool:
    """Say whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
