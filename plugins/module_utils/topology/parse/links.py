# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of a topology file: all their short forms, and which attribute belongs to which end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from ..kinds import SPACES, SWITCHES
from ..layers import RawLink
from ..model import Endpoint, Link, Node
from ..schema import file as schema
from ..values import Problems, shown, suggestion

# Two ends of a link never share one of these, but for the words that say how an address is found.
_ONE_END = frozenset(("mac", "ipv4", "ipv6", "gateway", "device"))
_METHODS = ("dhcp", "auto", "none")
_CARRIED = frozenset((*SPACES, "vm"))  # what may sit on an uplink
# What has no cable of the lab's.
_UNCABLED = {
    "uplink": "an uplink, whose interface is the lab host's own",
    "logical_router": "a logical router, whose links are no devices",
}
_NUMBERED = frozenset((*SPACES, "vm", "logical_router"))


class _End:
    """An end while it is read: what is given for it, by key."""

    def __init__(self, node: Node, path: str, given: dict[str, Any]) -> None:
        self.node = node
        self.path = path
        self.given = given

    def __str__(self) -> str:
        interface = self.given.get("interface")
        return f"{self.node.name}:{interface}" if interface else self.node.name

    def whole(self, problems: Problems) -> Endpoint:
        """Return the canonical form; say what does not go together."""
        given = dict(self.given)
        for key, other in _NEEDS.items():
            if key in given and other not in given:
                problems.append(f"{self.path}: {key} of {self} means nothing without {other}; add {other}")
        if "burst" in given and (late := [key for key in _LATE if key in given]):
            problems.append(f"{self.path}: burst of {self} cannot be had beside {late[0]}; leave out one of the two")
        if "native" in given:
            if "tag" in given or "vlan_mode" in given:
                problems.append(f"{self.path}: native of {self} is a tag and a vlan_mode; leave these out")
            given["tag"] = given.pop("native")
            given["vlan_mode"] = "native-untagged"
        if self.node.kind == "bridge" and given.get("tag") in (given.get("trunks") or ()):
            problems.append(f"{self.path}: VLAN {given['tag']} of {self} is carried with tags and without; leave it out of trunks")
        device = given.pop("device", None)
        if device:
            given["interface"] = device
        shaping = {key: given.pop(key) for key in schema.SHAPING if key in given}
        return Endpoint(self.node.name, self.path, shaping=shaping, **given)


_NEEDS = {"burst": "rate", "jitter": "delay", "reorder": "delay"}
# What the kernel's other discipline does, sch_netem: it has a rate too, but no burst.
_LATE = ("delay", "loss", "duplicate", "corrupt")
_Ends = tuple[_End, _End]


def read_links(raw: Sequence[RawLink], nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> tuple[Link, ...]:
    """Return the links; ``named`` are the nodes of the file, also those that could not be read."""
    links = (_link(item.value, item.path, nodes, named, problems) for item in raw)
    return _numbered([link for link in links if link], nodes)


def _link(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> Link | None:
    if isinstance(raw, (str, list)):
        raw = {"endpoints": raw}
    if not isinstance(raw, dict):
        problems.append(f"{path}: must be {schema.LINK.name}, not {shown(raw)}")
        return None
    before = len(problems)
    own = schema.LINK.read({key: value for key, value in raw.items() if key not in schema.END}, path, problems, beside=schema.END)
    ends = _ends(raw.get("endpoints"), f"{path}.endpoints", nodes, named, problems)
    if ends is None:
        return None
    for key, value in raw.items():
        if key in schema.END and value is not None:
            _spread(key, value, path, ends, problems)
    pair = pair_problem(ends[0].node, ends[1].node)
    if pair:
        problems.append(f"{path}: {pair}")
    problems.extend(_cable_problems(path, ends, raw))
    first, second = (end.whole(problems) for end in ends)
    return Link(path, (first, second), own["mtu"], own["up"], own["mode"]) if own and len(problems) == before else None


def _ends(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> _Ends | None:
    if raw is None:
        return None
    items = raw.split() if isinstance(raw, str) else raw
    if not isinstance(items, list) or len(items) != 2:
        problems.append(
            f"{path}: must be {schema.ENDPOINTS.name}, not {f'{len(items)} of them' if isinstance(items, list) else shown(raw)}"
        )
        return None
    first, second = (_end(item, f"{path}[{number}]", nodes, named, problems) for number, item in enumerate(items))
    return (first, second) if first and second else None


def _end(raw: Any, path: str, nodes: Mapping[str, Node], named: Collection[str], problems: Problems) -> _End | None:
    if isinstance(raw, str):
        name, colon, interface = raw.partition(":")
        raw = {"node": name, "interface": interface} if colon else {"node": name}
    values = schema.ENDPOINT.read(raw, path, problems)
    if values is None:
        return None
    name = values.pop("node")
    if name not in named:
        problems.append(f"{path}: no node '{name}'{suggestion(name, named)}")
    if name not in nodes:
        return None
    kind = nodes[name].kind
    given = {key: value for key, value in values.items() if value is not None}
    misplaced = [key for key in given if key in schema.END and kind not in schema.FITS[key]]
    problems.extend(f"{path}.{key}: is for {_kinds(key)}; node '{name}' is of kind {kind}" for key in misplaced)
    if "device" in given and "interface" in given:
        problems.append(f"{path}.device: the port's device is named '{given['interface']}' already; leave out one of the two")
    return None if misplaced else _End(nodes[name], path, given)


def _spread(key: str, value: Any, path: str, ends: _Ends, problems: Problems) -> None:
    """Give an attribute of the whole link to the end, or the ends, that it is for."""
    fitting = [end for end in ends if end.node.kind in schema.FITS[key]]
    where = f"{path}.{key}"
    # A backend is a mapping itself.
    if isinstance(value, dict) and not (key == "backend" and "type" in value):
        for name, part in value.items():
            named = [end for end in fitting if name in (end.node.name, str(end))]
            if not named:
                choices = " or ".join(f"'{end.node.name}'" for end in fitting) or "none of them"
                problems.append(f"{where}: {shown(name)} is no end of this link that can have it; {choices} can")
            elif part is not None:
                _give(key, part, f"{where}.{name}", named, problems)
    elif not fitting:
        problems.append(f"{where}: is for {_kinds(key)}; this link has no such end")
    elif len(fitting) == 2 and key in _ONE_END and value not in _METHODS:
        problems.append(f"{where}: say which end is meant, as in {{{fitting[0].node.name}: {value if isinstance(value, str) else '...'}}}")
    else:
        _give(key, value, where, fitting, problems)


def _give(key: str, value: Any, path: str, chosen: Sequence[_End], problems: Problems) -> None:
    before = len(problems)
    canonical = schema.END[key].type.read(value, path, problems)
    names = ("device", "interface") if key == "device" else (key,)
    for end in chosen:
        if any(name in end.given for name in names):
            problems.append(f"{path}: is given in {end.path} already")
        elif len(problems) == before:
            end.given[key] = canonical


def _kinds(key: str) -> str:
    return " or ".join(f"a {kind}" if kind != "ovs" else "an ovs" for kind in schema.NODES if kind in schema.FITS[key])


def pair_problem(first: Node, second: Node) -> str:
    """Say why a link cannot join these two; empty if it can."""
    if first is second:
        return f"both ends are at node '{first.name}'; a link joins two nodes"
    kinds = {first.kind, second.kind}
    if "uplink" in kinds and not kinds & {*SWITCHES, *_CARRIED}:
        other = second if first.kind == "uplink" else first
        return f"an uplink is a port of a switch, or carries namespaces and guests; link '{other.name}' with a switch that has it"
    if "logical_router" in kinds and kinds != {"logical_router", "ovs"}:
        router, other = (first, second) if first.router else (second, first)
        return (
            f"'{router.name}' is a logical router, which is linked with switches of kind ovs only; '{other.name}' is of kind {other.kind}"
        )
    if kinds == {"host"}:
        return f"'{first.name}' and '{second.name}' are both the lab host, which needs no link to itself"
    return ""


def _cable_problems(path: str, ends: _Ends, raw: Mapping[str, Any]) -> list[str]:
    """Say what is asked of an interface that is the lab host's own, or that is none."""
    kinds = {end.node.kind for end in ends}
    if raw.get("mode") is not None and not ("uplink" in kinds and kinds & _CARRIED):
        return [f"{path}.mode: is for a link between a namespace or a guest and an uplink; leave it out"]
    if not kinds & _UNCABLED.keys():
        return []
    what = next(why for kind, why in _UNCABLED.items() if kind in kinds)
    asked = {key for key in ("mtu", "up") if raw.get(key) is not None}
    asked.update(key for end in ends for key in end.given if key in schema.SHAPING or key == "device")
    return [f"{path}.{key}: is not for {what}; leave it out" for key in sorted(asked)]


def _numbered(links: Sequence[Link], nodes: Mapping[str, Node]) -> tuple[Link, ...]:
    """Name the interfaces of namespaces and guests that the file leaves unnamed: the first free of eth0, eth1, ..."""
    named: dict[str, set[str]] = defaultdict(set)
    for end in (end for link in links for end in link.ends if end.interface):
        named[end.node].add(end.interface or "")
    for node in nodes.values():
        named[node.name].update(node.own_interfaces)
    free = {name: (f"eth{number}" for number in count()) for name, node in nodes.items() if node.kind in _NUMBERED}

    def complete(end: Endpoint) -> Endpoint:
        if end.interface or end.node not in free:
            return end
        return replace(end, interface=next(name for name in free[end.node] if name not in named[end.node]))

    return tuple(replace(link, ends=(complete(link.ends[0]), complete(link.ends[1]))) for link in links)
