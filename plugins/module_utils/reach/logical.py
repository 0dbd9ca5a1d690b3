# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OVN would do with the packet of a check, as ovn-trace(8) tells it: which packet, and what its answer means. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any, NamedTuple

from ..topology.names import altname
from .checks import Check, several
from .paths import Wiring

_SECTION = re.compile(r'(?:in|e)gress\(dp="([^"]+)"')
_FLOW = re.compile(r"\s*\d+\. (?P<table>\w+)(?: \([^)]*\))?: (?P<match>.*?)(?:, priority \d+.*)?$")
_DROP = re.compile(r"\s*drop;|.*\bimplicit drop\b")
_ECHO = {4: ("icmp4", 8, 0), 6: ("icmp6", 128, 129)}  # with the types of a request and its answer


class Packet(NamedTuple):
    """A packet at a logical switch, as ovn-trace wants it; new says that it begins a connection.

    ``goal`` is the end that it should get to, '' if that is no port of a logical switch.
    """

    switch: str
    flow: str
    new: bool
    goal: str = ""


def packets(check: Check, wiring: Wiring) -> Iterator[Packet]:
    """Yield the packet of a check that starts at a logical switch, and the answer to it if that does."""
    family = 6 if ":" in check.target else 4
    steps = wiring.path_to(check.node, check.target)
    source = next((end for end in wiring.ends(check.node) if steps and end["name"] == steps[0][0].interface), None)
    own = _address(source, family) if source else ""
    owner = wiring.owner(check.target)
    target = owner[1] if owner and owner[0] not in wiring.logical else None
    asked, answered = _contents(check, family)
    if source and own:
        goal = f"{owner[0]}:{target['name']}" if owner and target else ""
        yield from _packet(check.node, source, own, check.target, wiring, asked, True, goal)
        if owner and target:
            yield from _packet(owner[0], target, check.target, own, wiring, answered, False, f"{check.node}:{source['name']}")


def refusal(packet: Packet, said: str, lab: str) -> str:
    """Return why a packet does not pass, '' if it does or cannot be told."""
    where = table = match = ""
    found = ""
    for line in said.splitlines():
        if begun := _SECTION.match(line):
            where = begun[1]
        elif flow := _FLOW.match(line):
            table, match = flow["table"], flow["match"]
        if _DROP.match(line):
            found = _told(where.removeprefix(f"{lab}."), table, match, lab, packet)
    node, _colon, interface = packet.goal.partition(":")
    return "" if packet.goal and f'output to "{altname(lab, node, interface)}"' in said else found


def _packet(
    node: str, end: Mapping[str, Any], own: str, target: str, wiring: Wiring, content: str, new: bool, goal: str
) -> Iterator[Packet]:
    """Yield the packet that a node sends from its own address by an end at a logical switch."""
    hop = _next_hop(end, target, wiring)
    if end["switch"] in wiring.logical and end["mac"] and hop:
        word = f"ip{'6' if ':' in target else '4'}"
        port = altname(wiring.lab, node, end["name"])
        flow = f'inport == "{port}" && eth.src == {end["mac"]} && eth.dst == {hop} && {word}.src == {own} && {word}.dst == {target}'
        yield Packet(altname(wiring.lab, end["switch"]), f"{flow} && ip.ttl == 64 && {content}", new, goal)


def _next_hop(end: Mapping[str, Any], target: str, wiring: Wiring) -> str:
    """Return the MAC address that a packet is sent to: the target's, or its gateway's."""
    local = any(ip_interface(target) in ip_interface(one).network for one in end["addresses"] if (":" in one) == (":" in target))
    gateways = [one for key in ("gateway", "gateway6") for one in several(end[key]) if (":" in one) == (":" in target)]
    owner = wiring.owner(target if local else gateways[0]) if local or gateways else None
    return (owner[1]["mac"] or "") if owner else ""


def _address(end: Mapping[str, Any], family: int) -> str:
    return next((one.partition("/")[0] for one in end["addresses"] if (":" in one) == (family == 6)), "")


def _contents(check: Check, family: int) -> tuple[str, str]:
    """Return what a check's packet has in it, and its answer."""
    if check.verb in ("tcp", "udp"):
        return f"{check.verb}.dst == {check.port}", f"{check.verb}.src == {check.port}"
    word, request, reply = _ECHO[family]
    return f"{word}.type == {request}", f"{word}.type == {reply}"


def _told(where: str, table: str, match: str, lab: str, packet: Packet) -> str:
    what = "it" if packet.new else "the answer"
    if "_acl" in table:
        plain = re.sub(rf'"{re.escape(lab)}\.([^".]+)\.([^".]+)"', r'"\1:\2"', match)
        return f"an ACL of {where} drops {what}: {plain}"
    if table.startswith("lr_in_ip_routing"):
        return f"{where} has no route for {what}"
    return f"OVN drops {what} at {where} ({table}: {match})"
