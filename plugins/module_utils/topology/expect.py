# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is expected to do: the key ``expect`` of a topology file, and the option of that name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from .ranges import names_of
from .values import Block, Key, ListOf, Problems, Type, shown, suggestion
from .values.scalars import BOOLEAN, number

_SMALLEST = 68  # bytes: RFC 791


def _names(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) and item for item in items):
        raise ValueError
    return tuple(dict.fromkeys(name for item in items for name in (names_of(item) if not _is_address(item) else [item])))


def _family(value: Any) -> int:
    if value not in (4, 6) or isinstance(value, bool):
        raise ValueError
    return int(value)


_FROM = Type("a node's name or several, as in [h1, 'h[3:5]']", _names)
_TO = Type("nodes, interfaces (node:eth0), addresses or names", _names)
_PORTS = ListOf("a port's number or several", number(1, 65535))

EXPECT = Block(
    "a mapping with the keys from and to",
    {
        "from": Key(_FROM, "Who sends. A switch or a node of kind `host` is the lab host itself.", "'h[1:4]'", required=True),
        "to": Key(
            _TO,
            "Who is to be reached: a node at the address where both meet (else its first) in each family that both have, one of its "
            "interfaces, an address, or a name that the sender resolves.",
            "[web, 'h5:eth1', 192.0.2.7]",
            required=True,
        ),
        "icmp": Key(BOOLEAN, "Ask for an echo, which is what is done where neither `tcp`, `udp` nor `mtu` is given.", "true"),
        "tcp": Key(_PORTS, "Connect to a TCP port; only an open port counts as reached.", "[80, 443]", ()),
        "udp": Key(
            _PORTS,
            "Send a datagram to a UDP port. An answer counts as reached, and so does silence where a ping is answered; a refusal does "
            "not. With `reach: false` silence counts as not reached.",
            "53",
            (),
        ),
        "mtu": Key(
            number(_SMALLEST, 65535, "bytes"), "Echo requests of this size, headers included, must get there without fragments.", "1500"
        ),
        "family": Key(Type("4 or 6", _family), "Use this version of IP only.", "6", None, "both"),
        "reach": Key(BOOLEAN, "Whether it is to succeed; `false` means that it must fail.", "false", True),
    },
)
EXPECTATIONS = ListOf("a list of expectations", EXPECT)


def check_expectations(
    expectations: Collection[Any],
    nodes: Collection[str],
    interfaces: Mapping[str, Collection[str]],
    problems: Problems,
) -> None:
    """Report senders and targets that the topology does not have. interfaces are those of each node."""
    for count, item in enumerate(expectations):
        if item is None:
            continue  # reported already
        for name in item["from"]:
            if name not in nodes:
                problems.append(f"expect[{count}].from: no node '{name}'{suggestion(name, nodes)}")
        for target in item["to"]:
            name, colon, interface = target.partition(":")
            if _is_address(target) or (name in nodes and not colon) or ("." in name and not colon):
                continue
            if name not in nodes:
                problems.append(f"expect[{count}].to: no node '{name}'{suggestion(name, nodes)}")
            elif not problems and interface not in interfaces.get(name, ()):  # links with mistakes in them are not known
                problems.append(
                    f"expect[{count}].to: node '{name}' has no interface '{interface}'{suggestion(interface, interfaces.get(name, ()))}"
                )


def compiled(expectations: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return expectations as a share has them: one protocol and one port each, in types that JSON knows."""
    return [
        {
            "from": list(item["from"]),
            "to": list(item["to"]),
            "protocol": protocol,
            "port": port,
            "family": item["family"],
            "reach": item["reach"],
            "mtu": mtu,
        }
        for item in expectations
        for protocol, port, mtu in _ways(item)
    ]


def _ways(item: Mapping[str, Any]) -> Iterator[tuple[str, int | None, int | None]]:
    for protocol in ("tcp", "udp"):
        for port in item[protocol]:
            yield protocol, port, None
    if item["mtu"]:
        yield "icmp", None, item["mtu"]
    if item["icmp"] or (item["icmp"] is None and not (item["tcp"] or item["udp"] or item["mtu"])):
        yield "icmp", None, None


def read(value: Any, problems: Problems) -> list[dict[str, Any]]:
    """Return the compiled form of expectations that are given as an option."""
    if not isinstance(value, list):
        problems.append(f"expect: must be a list of expectations, not {shown(value)}")
        return []
    found = EXPECTATIONS.read(value, "expect", problems)
    return compiled([item for item in found if item is not None])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
