# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a share that concerns some nodes only. Pure; the share is all there is to read from.

A link comes with its node, as far as there is something at its other end: another of the chosen nodes, a switch, the lab host, or a
namespace that is on the machine already. A switch that a chosen node needs is made if it is missing, and else not touched. DHCP, DNS and
the way out are one for the whole lab: they come as the file has them, for the switches that are there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from .kinds import SPACES, SWITCHES
from .names import altname, namespace
from .plain import Item
from .port_settings import members, possible
from .tunnels import KINDS

HOST = ""  # the lab host, or a bridge that joins two guests: at the end of a link, but no node that could be missing
# What a namespace has beside its interfaces.
_OF_SPACES = ("sysctls", "firewalls", "commands", "services", "frr")


@dataclass(frozen=True)
class Part:
    """Chosen nodes: their names, namespaces and devices (of switches), and the keys of the interfaces that come with them."""

    lab: str
    names: frozenset[str]
    spaces: frozenset[str]
    devices: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    gone: set[str] = field(default_factory=set)

    def has(self, kind: str, thing: Any) -> bool:
        """Say whether something on the machine that the share does not have is of these nodes, and so to be removed.

        Links are asked for before what sits on them.
        """
        netns, name = getattr(thing, "netns", ""), getattr(thing, "name", "")
        if kind in ("netns", "namespace"):
            return name in self.spaces
        if kind == "link":
            mine = netns in self.spaces or (thing.peer is not None and thing.peer[0] in self.spaces)
            mine = mine or (thing.altname or "").startswith(tuple(f"{altname(self.lab, one)}." for one in self.names))
            mine = mine or thing.altname in {altname(self.lab, one) for one in self.names}
            if mine:
                self.gone.add(thing.key)
            return mine
        if kind == "vm":
            return name in self.names
        if kind in ("ovs_bridge", "ovs_flow"):
            return name in self.devices
        if kind == "uplink":
            return thing.to in self.devices
        if kind == "ovs_port":
            return self.gone.issuperset(thing.interfaces or [name]) or thing.bridge in self.devices
        if kind == "shaping":
            return netns in self.spaces or thing.key in self.keys
        return bool(netns) and netns in self.spaces


def narrowed(share: Item, names: Collection[str], there: Collection[str]) -> tuple[Item, Part]:
    """Return what a share has of the nodes, and what tells what else is theirs.

    A name that no node has is one of a node that is to go. there are the namespaces and the interfaces that the lab host has.
    """
    owners, nodes = _owners(share), {node["name"]: node for node in share["nodes"]}
    part = _part(share, share["lab"], names)
    chosen, spaces = part.names, part.spaces
    devices = {name: node["interfaces"][0]["device"] for name, node in nodes.items() if node["kind"] in SWITCHES}
    ready = {name for name, node in nodes.items() if node["kind"] not in (*SPACES, "vm") or node["netns"] in there} | {
        HOST,
        *chosen,
    }
    around = {*devices, HOST}
    # Of a link between a chosen switch and another node, the port comes if it is there.
    keys = {
        key
        for key, ends in owners.items()
        if ends & chosen and ((ends <= ready and (ends & chosen - around or ends <= chosen | around)) or key in there)
    }
    hidden = {link["master"] for link in share["links"] if link.get("master") and _key(link) in keys} - set(devices.values())
    needed = {device for key in keys for name, device in devices.items() if name in owners[key]} | hidden
    whole = part.devices | {device for device in needed if device not in there}
    # A switch that is made leads to its other halves.
    keys |= {_key(link) for link in share["links"] if link["kind"] in KINDS and _carrier(link, share) in whole}
    present = {*there, *whole, *keys}
    return {
        **share,
        "namespaces": [item for item in share["namespaces"] if item["name"] in spaces],
        "containers": [item for item in share.get("containers") or () if item["name"] in spaces],
        "links": [kept for item in share["links"] for kept in _link(item, keys, needed, whole)],
        "members": [item for item in share["members"] if _key(item) in keys],
        **({"uplinks": [item for item in share["uplinks"] if _key(item) in keys]} if "uplinks" in share else {}),
        "bridges": [
            _bridge(item, keys, whole) for item in share["bridges"] if item["name"] in needed | part.devices or item.get("existing")
        ],
        "flows": [possible(item, keys | {*there}, ()) for item in share.get("flows") or () if item["name"] in needed | whole],
        "shaping": [item for item in share["shaping"] if _key(item) in keys],
        "addresses": [
            item for item in share["addresses"] if _key(item) in keys | whole or (_key(item) not in owners and item["netns"] in spaces)
        ],
        **{name: [item for item in share[name] if item["netns"] in spaces] for name in _OF_SPACES},
        **({"resolvers": [item for item in share["resolvers"] if item["netns"] in spaces]} if "resolvers" in share else {}),
        "dhcp_clients": [item for item in share["dhcp_clients"] if f"{item['netns']}/{item['interface']}" in keys],
        "forwarding": _forwarding(share["forwarding"], present),
        "dnsmasq": _dnsmasq(share["dnsmasq"], present),
        "vms": [item for item in share["vms"] if item["name"] in chosen],
        "nodes": [item for item in share["nodes"] if item["name"] in chosen],
    }, replace(part, keys=frozenset(keys))


def without(share: Item, lab: str, names: Collection[str]) -> tuple[Item, Part]:
    """Return the share of a lab that does not have the nodes, as far as they are concerned, and what tells what is theirs.

    The share may be empty; then they are known by the names that the lab gives by itself.
    """
    return {"lab": lab}, _part(share, lab, names)


def _part(share: Item, lab: str, names: Collection[str]) -> Part:
    nodes = {node["name"]: node for node in share.get("nodes") or ()}
    chosen = [nodes.get(name, {"netns": namespace(lab, name), "kind": None}) for name in names]
    return Part(
        lab,
        frozenset(names),
        frozenset(node["netns"] for node in chosen if node["netns"]),
        frozenset(node["interfaces"][0]["device"] for node in chosen if node["kind"] in SWITCHES),
    )


def _key(item: Mapping[str, Any]) -> str:
    return f"{item['netns']}/{item['name']}" if item.get("netns") else str(item["name"])


def _by_key(items: Sequence[Item]) -> dict[str, Item]:
    return {_key(item): item for item in items}


def _owners(share: Item) -> dict[str, set[str]]:
    """Return the nodes that each interface joins, or belongs to, by its key; bridges' own devices are not among them."""
    spaces: dict[str, str] = {node["netns"]: node["name"] for node in share["nodes"] if node["netns"]}
    switches: dict[str, str] = {node["interfaces"][0]["device"]: node["name"] for node in share["nodes"] if node["kind"] in SWITCHES}
    ports = {
        name: (switches.get(bridge["name"], HOST), port)
        for bridge in share["bridges"]
        for port in bridge["ports"]
        for name in members(port)
    }
    nics = ((vm["name"], nic) for vm in share["vms"] for nic in vm.get("nics") or () if nic["tap"])
    taps = {_key({"name": nic["tap"], "netns": nic.get("netns")}): name for name, nic in nics}
    links = _by_key([item for item in share["links"] if item["kind"] != "bridge"])

    def owner(item: Item) -> str:
        if item.get("netns"):
            return spaces[item["netns"]]
        return ports[item["name"]][0] if item["name"] in ports else switches.get(item.get("master", ""), HOST)

    owners: dict[str, set[str]] = defaultdict(set)
    for key, item in links.items():
        owners[key].add(owner(item))
        if item.get("peer"):
            far = {"netns": item["peer"][0], "name": item["peer"][1]}
            owners[key].add(owner(links.get(_key(far), far)))
        if key in taps:
            owners[key].add(taps[key])
    for name, (switch, port) in ports.items():
        peer = (port.get("options") or {}).get("peer")
        owners[name].update({switch, *((ports[peer][0],) if peer in ports else ())})
    for item in share["members"]:
        owners[_key(item)].add(switches.get(item.get("master", ""), HOST))
    for item in share["shaping"]:
        if item.get("redirect"):
            owners[_key({**item, "name": item["redirect"]})] = owners[_key(item)]
    for key, item in links.items():
        if item.get("parent"):
            owners[key] = owners[_root(item, links)]
    return owners


def _root(item: Item, links: Mapping[str, Item]) -> str:
    """Return the key of the interface that a sub-interface sits on in the end."""
    for _level in links:
        if not item.get("parent"):
            break
        item = links[_key({**item, "name": item["parent"]})]
    return _key(item)


def _carrier(tunnel: Item, share: Item) -> str:
    """Return the device of the switch that a tunnel is a port of."""
    ports = ((port["name"], bridge["name"]) for bridge in share["bridges"] for port in bridge["ports"])
    return tunnel.get("master") or next((bridge for name, bridge in ports if name == tunnel["name"]), "")


def _link(item: Item, keys: Collection[str], needed: Collection[str], whole: Collection[str]) -> list[Item]:
    if item["kind"] != "bridge":
        return [item] if _key(item) in keys else []
    if item["name"] in whole:
        return [item]
    return [{"name": item["name"], "netns": item["netns"], "kind": "bridge"}] if item["name"] in needed else []


def _bridge(item: Item, keys: AbstractSet[str], whole: Collection[str]) -> Item:
    ports = [port for port in item["ports"] if keys >= {*members(port)}]
    if item.get("existing"):
        return {**item, "ports": ports}
    if item["name"] not in whole:
        return {"name": item["name"], "datapath_type": item.get("datapath_type"), "ports": ports}
    return {**possible(item, (), {port["name"] for port in ports}), "ports": ports}


def _forwarding(item: Item | None, present: Collection[str]) -> Item | None:
    """Return the way out of the switches that are there."""
    interfaces = [name for name in item["interfaces"] if name in present] if item else []
    return {**item, "interfaces": interfaces} if item and interfaces else None


def _dnsmasq(item: Item | None, present: Collection[str]) -> Item | None:
    """Return DHCP and DNS on the switches that are there."""
    networks = [network for network in item["networks"] if network["interface"] in present] if item else []
    return {**item, "networks": networks} if item and networks else None
