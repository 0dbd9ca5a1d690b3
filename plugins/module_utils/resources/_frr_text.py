# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a node's FRR daemons, in FRR's own words (https://docs.frrouting.org). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Any

_AREA = "0.0.0.0"  # the backbone
_ISIS = "netvirt"  # the name of the one IS-IS instance of a router
_LEVELS = {1: "level-1", 2: "level-2-only", "1": "level-1", "2": "level-2-only"}
# What lines of somebody's own configuration need another daemon than zebra.
_BY_LINE = {
    r"router ospf\b(?!6)": "ospfd",
    r"router ospf6\b": "ospf6d",
    r"router bgp\b": "bgpd",
    r"router isis\b": "isisd",
    r"router rip\b": "ripd",
    r"router ripng\b": "ripngd",
    r"router eigrp\b": "eigrpd",
    r"router babel\b": "babeld",
    r"router openfabric\b": "fabricd",
    r"router pim6?\b|ip pim\b": "pimd",
    r"bfd\b": "bfdd",
    r"mpls ldp\b": "ldpd",
    r"pbr-map\b": "pbrd",
    r"(?:ip|ipv6) (?:route|mroute)\b": "staticd",
}


def configurations(item: Mapping[str, Any]) -> dict[str, str]:
    """Return what each daemon that a router needs is told, in the order in which they are started; zebra is always one of them."""
    parts: dict[str, Iterable[str]] = {"zebra": ()}
    if item.get("static"):
        parts["staticd"] = _static(item["static"])
    families = {ip_interface(address).version for interface in _interfaces(item) for address in interface["addresses"]}
    if item.get("ospf") is not None:
        for version, daemon in ((4, "ospfd"), (6, "ospf6d")):
            if version in families:
                parts[daemon] = _ospf(item, version)
    if item.get("bgp") is not None:
        parts["bgpd"] = _bgp(item)
    if item.get("isis") is not None:
        parts["isisd"] = _isis(item)
    for pattern, daemon in _BY_LINE.items():
        if re.search(rf"^\s*(?:{pattern})", item.get("config") or "", re.MULTILINE):
            parts.setdefault(daemon, ())
    head = ("frr defaults traditional", f"hostname {item['node']}")
    return {daemon: "\n".join((*head, *lines, "")) for daemon, lines in parts.items()}


def router_id(item: Mapping[str, Any]) -> str:
    """Return the router's id: as given, or its first IPv4 address, or, in a world of IPv6 alone, a number by its name."""
    addresses = [ip_interface(address) for interface in _interfaces(item) for address in interface["addresses"]]
    named = IPv4Address(0x0A000000 | int.from_bytes(sha256(item["node"].encode()).digest()[:3], "big"))
    return item.get("router_id") or str(next((address.ip for address in addresses if address.version == 4), named))


def _interfaces(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the router's interfaces, the loopback interface first."""
    loopbacks = list(item.get("loopbacks") or ())
    listed = [interface for interface in item.get("interfaces") or () if interface["name"] != "lo"]
    return [{"name": "lo", "addresses": loopbacks}, *listed] if loopbacks else listed


def taking_part(item: Mapping[str, Any], block: Mapping[str, Any], versions: set[int]) -> list[tuple[str, bool, bool]]:
    """Return the name of each interface that a protocol runs on, and whether it is passive, and of a network of just two."""
    chosen = block.get("interfaces")
    passive = set(block.get("passive") or ())
    found = []
    for interface in _interfaces(item):
        name = interface["name"]
        addresses = [address for address in map(ip_interface, interface["addresses"]) if address.version in versions]
        if addresses and (name == "lo" or chosen in (None, "all") or name in chosen):
            pair = all(address.network.max_prefixlen - address.network.prefixlen in (1, 2) for address in addresses)
            found.append((name, name == "lo" or name in passive, pair))
    return found


def _ospf(item: Mapping[str, Any], version: int) -> list[str]:
    block = item["ospf"]
    word, process = ("ip ospf", "router ospf") if version == 4 else ("ipv6 ospf6", "router ospf6")
    lines = []
    for name, passive, pair in taking_part(item, block, {version}):
        lines += [f"interface {name}", f" {word} area {block.get('area') or _AREA}"]
        # Two routers need no designated one, whose election takes 40 seconds.
        lines += [f" {word} network point-to-point"] if pair and name != "lo" else []
        lines += [f" {word} passive"] if passive else []
        settings = (
            ("cost", (block.get("cost") or {}).get(name)),
            ("hello-interval", block.get("hello")),
            ("dead-interval", block.get("dead")),
            ("retransmit-interval", block.get("hello")),
        )
        lines += [f" {word} {key} {value}" for key, value in settings if value is not None and not (passive and key != "cost")]
        lines.append("exit")
    identity = f" {'ospf' if version == 4 else 'ospf6'} router-id {router_id(item)}"
    shared = [f" redistribute {source}" for source in block.get("redistribute") or () if source != "ospf"]
    # Who wants to hear of neighbours sooner than usual does not want to wait five seconds for what they say either.
    quick = [" timers throttle lsa all 1200"] if block.get("hello") and version == 4 else []
    return [*lines, process, identity, *quick, *shared, "exit"]


def _isis(item: Mapping[str, Any]) -> list[str]:
    block = item["isis"]
    lines = []
    versions = {interface["name"]: {ip_interface(address).version for address in interface["addresses"]} for interface in _interfaces(item)}
    for name, passive, pair in taking_part(item, block, {4, 6}):
        lines.append(f"interface {name}")
        lines += [f" {word} router isis {_ISIS}" for version, word in ((4, "ip"), (6, "ipv6")) if version in versions[name]]
        lines += [" isis network point-to-point"] if pair and name != "lo" else []
        lines += [" isis passive"] if passive else []
        metric = (block.get("cost") or {}).get(name)
        lines += [f" isis metric {metric}"] if metric is not None else []
        lines.append("exit")
    level = _LEVELS.get(block.get("level") or 2, "level-1-2")
    entity = block.get("net") or network_entity(router_id(item))
    # A router waits half a minute before it tells news about itself again, that it has a neighbour for one: unless told so first.
    return [f"router isis {_ISIS}", " lsp-gen-interval 1", f" is-type {level}", f" net {entity}", "exit", *lines]


def network_entity(router_id: str) -> str:
    """Return the IS-IS address that is usual for a router: its id in groups of four digits, in area 49.0001."""
    digits = "".join(f"{int(part):03d}" for part in router_id.split("."))
    return f"49.0001.{digits[:4]}.{digits[4:8]}.{digits[8:]}.00"


def _bgp(item: Mapping[str, Any]) -> list[str]:
    block = item["bgp"]
    own = [ip_interface(address) for interface in _interfaces(item) for address in interface["addresses"]]
    neighbors = list(block.get("neighbors") or ())
    # As most other routers have it: no policy means everything, and a network is announced because it is said so.
    lines = [
        f"router bgp {block['asn']}",
        f" bgp router-id {router_id(item)}",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
        " no bgp network import-check",
    ]
    for neighbor in neighbors:
        peer = f" neighbor {neighbor['address']}"
        lines += [f"{peer} remote-as {neighbor['asn']}", f"{peer} timers connect 5"]
        if not any(ip_address(neighbor["address"]) in address.network for address in own):
            # One that is some hops away is spoken to from the loopback interface, as it speaks to that.
            lines += [f"{peer} update-source lo"] if item.get("loopbacks") else []
            lines += [f"{peer} ebgp-multihop"] if str(neighbor["asn"]) != str(block["asn"]) else []
    for version in (4, 6):
        lines += _family(block, [neighbor for neighbor in neighbors if ip_address(neighbor["address"]).version == version], version)
    return [*lines, "exit"]


def _family(block: Mapping[str, Any], neighbors: Sequence[Mapping[str, Any]], version: int) -> list[str]:
    networks = [network for network in block.get("networks") or () if ip_network(network, strict=False).version == version]
    if not (neighbors or networks):
        return []
    lines = [f" address-family ipv{version} unicast"]
    lines += [f"  network {ip_network(network, strict=False)}" for network in networks]
    # Each family has its own word for the other's routing protocol.
    words = {"ospf": "ospf" if version == 4 else "ospf6"}
    lines += [f"  redistribute {words.get(source, source)}" for source in block.get("redistribute") or () if source != "bgp"]
    for neighbor in neighbors:
        lines.append(f"  neighbor {neighbor['address']} activate")
        lines += [f"  neighbor {neighbor['address']} next-hop-self"] if str(neighbor["asn"]) == str(block["asn"]) else []
    return [*lines, " exit-address-family"]


def _static(routes: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for route in routes:
        to = route["to"]
        if to == "default":
            to = "0.0.0.0/0" if ip_address(route["via"]).version == 4 else "::/0"
        lines.append(f"{'ip' if ip_network(to, strict=False).version == 4 else 'ipv6'} route {to} {route['via']}")
    return lines
