# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which routers of a share must become neighbours, and what routes come of it; and what their daemons say about it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from itertools import permutations
from typing import Any, Literal

from .resources._frr_text import router_id, taking_part

Protocol = Literal["OSPFv2", "OSPFv3", "IS-IS", "BGP"]
ASK: Mapping[Protocol, tuple[str, str]] = {
    "OSPFv2": ("ospfd", "show ip ospf neighbor json"),
    "OSPFv3": ("ospf6d", "show ipv6 ospf6 neighbor json"),
    "IS-IS": ("isisd", "show isis neighbor json"),
    "BGP": ("bgpd", "show bgp summary json"),
}
UNHEARD = "not heard of"
_YOUNG = 1000  # milliseconds in which a session of BGP brings its first routes
_VERSIONS: Mapping[Protocol, tuple[int, ...]] = {"OSPFv2": (4,), "OSPFv3": (6,), "IS-IS": (4, 6)}


@dataclass(frozen=True)
class Session:
    """A neighbour that a router must have: its name, what the protocol knows it by (router id, or address), and where."""

    protocol: Protocol
    peer: str
    key: str
    interface: str = ""

    def __str__(self) -> str:
        where = f"on {self.interface}" if self.interface else f"at {self.key}"
        return f"{self.protocol} with {self.peer} {where}"


@dataclass(frozen=True)
class Router:
    """A router, and what it must come to know."""

    name: str
    netns: str
    sessions: tuple[Session, ...]
    routes: frozenset[str]


@dataclass(frozen=True)
class _End:
    """An interface by which a router looks for neighbours."""

    router: str
    interface: str
    network: str
    subnets: frozenset[str]


def routers(share: Mapping[str, Any]) -> list[Router]:
    """Return the routers of a share that must find neighbours, be these on other lab hosts.

    What must be is known of those that the share describes: of routers outside, of guests, and of what somebody has written
    himself, nothing is. Routes are known of the protocols that tell each router about every network.
    """
    here = {item["node"]: item for item in share.get("frr") or ()}
    away = {item["node"]: item for item in share.get("routers") or ()}
    items = {**here, **away}
    networks = {node["name"]: {entry["name"]: entry["network"] for entry in node["interfaces"]} for node in share.get("nodes") or ()}
    networks |= {name: item["networks"] for name, item in away.items()}
    sessions: dict[str, list[Session]] = defaultdict(list)
    routes: dict[str, set[str]] = defaultdict(set)
    for protocol in _VERSIONS:
        found = list(_met(items, networks, protocol))
        for near, far in found:
            sessions[near.router].append(Session(protocol, far.router, router_id(items[far.router]), near.interface))
        for group in _groups([(near.router, far.router) for near, far in found]):
            if not any(items[name].get("config") for name in group) and _of_one_level(protocol, [items[name] for name in group]):
                everything = {subnet for name in group for subnet in _announced(items[name], protocol)}
                for name in group:
                    routes[name] |= everything
    for name, item in here.items():
        sessions[name] += _bgp(item, items)
    return [
        Router(name, item["netns"], tuple(sessions[name]), frozenset(routes[name] - _own(item)))
        for name, item in here.items()
        if sessions[name]
    ]


def _ends(item: Mapping[str, Any], networks: Mapping[str, str], protocol: Protocol) -> Iterator[_End]:
    block = item.get("isis" if protocol == "IS-IS" else "ospf")
    for name, passive, _pair in taking_part(item, block, set(_VERSIONS[protocol])) if block is not None else ():
        if not passive and name in networks:
            yield _End(item["node"], name, networks[name], frozenset(_subnets(item, name, _VERSIONS[protocol])))


def _met(items: Mapping[str, Any], networks: Mapping[str, Mapping[str, str]], protocol: Protocol) -> Iterator[tuple[_End, _End]]:
    """Yield the ends that must hear each other, each pair both ways round."""
    there: dict[str, list[_End]] = defaultdict(list)
    for name, item in items.items():
        for end in _ends(item, networks.get(name, {}), protocol):
            there[end.network].append(end)
    for ends in there.values():
        for near, far in permutations(ends, 2):
            # OSPFv3 speaks by link-local addresses, so subnets are no business of its neighbours.
            if near.router != far.router and (protocol == "OSPFv3" or near.subnets & far.subnets):
                yield near, far


def _subnets(item: Mapping[str, Any], name: str, versions: Sequence[int]) -> list[str]:
    found = [ip_interface(address) for entry in item["interfaces"] if entry["name"] == name for address in entry["addresses"]]
    return [str(address.network) for address in found if address.version in versions]


def _announced(item: Mapping[str, Any], protocol: Protocol) -> Iterator[str]:
    versions = _VERSIONS[protocol]
    for name, _passive, _pair in taking_part(item, item["isis" if protocol == "IS-IS" else "ospf"], set(versions)):
        if name == "lo":
            addresses = map(ip_interface, item.get("loopbacks") or ())
            yield from (str(one.network) for one in addresses if one.version in versions and one.network.num_addresses == 1)
        else:
            yield from _subnets(item, name, versions)


def _own(item: Mapping[str, Any]) -> set[str]:
    listed = [address for entry in item.get("interfaces") or () for address in entry["addresses"]]
    return {str(ip_interface(address).network) for address in (*listed, *(item.get("loopbacks") or ()))}


def _of_one_level(protocol: Protocol, group: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether all of a group hear of all: routers of IS-IS's level 1 do not, of what is beyond their area."""
    return protocol != "IS-IS" or len({str(item["isis"].get("level") or 2) for item in group}) == 1


def _groups(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Return the sets of routers that hear of each other, through others too."""
    groups: list[set[str]] = []
    for pair in pairs:
        met = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in met] + [set(pair).union(*met)]
    return groups


def _bgp(item: Mapping[str, Any], items: Mapping[str, Any]) -> list[Session]:
    owners = {
        str(ip_interface(address).ip): name
        for name, other in items.items()
        if other.get("bgp") is not None
        for address in (*(address for entry in other["interfaces"] for address in entry["addresses"]), *(other.get("loopbacks") or ()))
    }
    neighbors = (item.get("bgp") or {}).get("neighbors") or ()
    addresses = [str(ip_address(neighbor["address"])) for neighbor in neighbors]
    return [Session("BGP", owners[address], address) for address in addresses if address in owners]


def problems(sessions: Sequence[Session], said: Mapping[Protocol, Any]) -> dict[Session, str]:
    """Return for each session that is not there the state that it is in, by the router's answers to ASK, None for no answer."""
    wanted = Counter((session.protocol, session.interface) for session in sessions)
    states = {session: _state(session, said[session.protocol], wanted[session.protocol, session.interface]) for session in sessions}
    full = Counter((session.protocol, session.interface) for session, state in states.items() if state == "Full")
    return {session: state for session, state in states.items() if not _there(session, state, full)}


def _there(session: Session, state: str, full: Mapping[tuple[Protocol, str], int]) -> bool:
    # Two of many tell each other nothing once they both have told the designated router and its backup.
    return state in ("Full", "Up", "Established") or (state == "2-Way" and full[session.protocol, session.interface] >= 2)


def _state(session: Session, said: Any, wanted: int) -> str:
    if said is None:
        return f"{ASK[session.protocol][0]} does not answer"
    if session.protocol == "IS-IS":
        return _isis(session, said, wanted)
    return {"OSPFv2": _ospf, "OSPFv3": _ospf6, "BGP": _bgp_peer}[session.protocol](session, said)


def _ospf(session: Session, said: Any) -> str:
    for each in said.get("neighbors", {}).get(session.key, ()):
        if each.get("ifaceName", "").partition(":")[0] == session.interface:
            return str(each.get("nbrState") or each.get("state")).partition("/")[0]
    return UNHEARD


def _ospf6(session: Session, said: Any) -> str:
    for each in said.get("neighbors", ()):
        if each.get("neighborId") == session.key and each.get("interfaceName") == session.interface:
            return {"Twoway": "2-Way"}.get(each["state"], str(each["state"]))
    return UNHEARD


def _isis(session: Session, said: Any, wanted: int) -> str:
    # A router goes by its number, by its name, or by one that it had before: so those who are there are counted.
    circuits = [circuit for area in said.get("areas", ()) for circuit in area.get("circuits", ())]
    found = [circuit for circuit in circuits if circuit.get("interface") == session.interface]
    if len({circuit.get("snpa") for circuit in found if circuit["state"] == "Up"}) >= wanted:
        return "Up"
    return next((str(circuit["state"]) for circuit in found if circuit["state"] != "Up"), UNHEARD)


def _bgp_peer(session: Session, said: Any) -> str:
    for family in said.values():
        peer = family.get("peers", {}).get(session.key)
        if peer:
            young = peer["state"] == "Established" and peer.get("peerUptimeMsec", _YOUNG) < _YOUNG
            return "Established just now" if young else str(peer["state"])
    return UNHEARD
