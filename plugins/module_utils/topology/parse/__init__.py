# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user wrote to the canonical form: short forms expanded, defaults merged, every mistake reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from ipaddress import IPv6Network
from typing import Any

from ..._errors import LabErrors
from ..expand import expand
from ..expand.include import Files
from ..expect import check_expectations
from ..kinds import SPACES, SWITCHES
from ..layers import Layer
from ..model import Container, Endpoint, Group, Guest, Host, Link, LogicalRouter, Move, Node, Space, SubInterface, Switch, Topology
from ..names import digest
from ..schema import file as schema
from ..values import Problems, shown, suggestion
from .fabric import with_fabric
from .links import read_links

_GUEST = frozenset(part.name for part in fields(Guest))
_SOURCES = frozenset(("nodes", "generate", "include"))
_SWITCH = frozenset(part.name for part in fields(Switch)) - {"bridge", "tunnels", "mtu", "mac", "logical"}
_SPACE = frozenset(part.name for part in fields(Space)) - {"container"}
_CONTAINER = frozenset(part.name for part in fields(Container))
_COMMON = frozenset(("ipv4", "ipv6", "gateway", "routes", "device", "host"))


def parse(data: Any, files: Files | None = None) -> Topology:
    """Return the topology that the file's content describes; ``files`` reads what it includes. Raise LabErrors."""
    problems: Problems = []
    given = schema.TOP.given(data, "", problems) if isinstance(data, dict) else {}
    if not isinstance(data, dict) or "name" not in given:
        schema.TOP.read(data, "", problems)
    if isinstance(data, dict) and all(data.get(key) is None for key in _SOURCES):
        problems.append(f"topology: the key 'nodes' is missing; it must be {schema.TOP.keys['nodes'].type.name}")
    if not given.keys() & _SOURCES:
        raise LabErrors(problems)
    values = {**schema.TOP.defaults(), **given}
    expanded = expand(values, files, problems)
    nodes = _nodes(expanded.nodes, _Layers(_defaults(values["defaults"], problems), problems), problems)
    links = read_links(expanded.links, nodes, expanded.nodes, problems)
    nodes = with_fabric(values["fabric"], nodes, links, problems)
    check_expectations(values["expect"], expanded.nodes, _interfaces(nodes, links), problems)
    if problems:
        raise LabErrors(problems)
    name = values["name"]
    return Topology(
        name=name,
        domain=values["domain"] or f"{name.lower()}.internal",
        resolvers=values["resolvers"],
        uplink=values["uplink"],
        images=values["images"],
        pools=_pools(name, values["pools"] or {}),
        nodes=nodes,
        links=links,
        groups={group: Group(members, expanded.variables[group]) for group, members in expanded.groups.items()},
        notices=tuple(expanded.notices),
        expect=values["expect"],
        persist=values["persist"],
        fabric=values["fabric"],
    )


def _defaults(raw: Mapping[str, Any], problems: Problems) -> dict[str, dict[str, Any]]:
    """Return all values of a node of each kind that says nothing."""
    defaults = {kind: block.defaults() for kind, block in schema.NODES.items()}
    for kind, values in raw.items():
        path = f"defaults.{kind}"
        if kind not in defaults:
            problems.append(f"{path}: no kind '{kind}'{suggestion(kind, schema.NODES) or ' (known: ' + ', '.join(schema.NODES) + ')'}")
        elif not isinstance(values, dict):
            problems.append(f"{path}: must be a mapping, not {shown(values)}")
        else:
            defaults[kind].update(schema.NODES[kind].given(values, path, problems))
    return defaults


class _Layers:
    """Reads what is said of nodes; each layer once for a kind, however many nodes share it."""

    def __init__(self, defaults: Mapping[str, Mapping[str, Any]], problems: Problems) -> None:
        self._defaults = defaults
        self._problems = problems
        self._read: dict[tuple[Layer, str], dict[str, Any] | None] = {}

    def kind(self, layers: Sequence[Layer]) -> Any:
        """Return the kind of a node; None if it has a wrong one."""
        for layer in reversed(layers):
            if layer.values.get("kind") is not None:
                return schema.KIND.type.read(layer.values["kind"], f"{layer.path}.kind", self._problems)
        return schema.KIND.default

    def values(self, name: str, kind: str, layers: Sequence[Layer]) -> dict[str, Any]:
        """Return all values of a node, defaults included."""
        values = dict(self._defaults[kind])
        for layer in layers:
            if (layer, kind) not in self._read:
                self._read[layer, kind] = self._given(name, kind, layer)
            given = self._read[layer, kind]
            # With a mistake in it the node still counts as known, so that its links are not reported too.
            if given is None:
                return dict(self._defaults[kind])
            values.update(given)
        return values

    def _given(self, name: str, kind: str, layer: Layer) -> dict[str, Any] | None:
        before = len(self._problems)
        keys = {key: value for key, value in layer.values.items() if key != "kind"}
        if not layer.path.endswith(f"nodes.{name}"):
            # Said of several nodes, which may be of several kinds.
            known = {key for block in schema.NODES.values() for key in block.keys}
            misplaced = [key for key in keys if key in known and key not in schema.NODES[kind].keys]
            self._problems += [f"{layer.path}.{key}: is not for the node '{name}', which is of kind {kind}" for key in misplaced]
            keys = {key: value for key, value in keys.items() if key not in misplaced}
        given = schema.NODES[kind].given(keys, layer.path, self._problems)
        return given if len(self._problems) == before else None


def _nodes(raw: Mapping[str, Sequence[Layer]], reader: _Layers, problems: Problems) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    folded: dict[str, str] = {}
    for name, layers in raw.items():
        path = next((layer.path for layer in layers if layer.own), layers[0].path)
        twin = folded.setdefault(name.lower(), name)
        if twin != name:
            problems.append(f"{path}: the name differs from '{twin}' by upper and lower case only; names of hosts do not tell these apart")
        kind = reader.kind(layers)
        if kind is not None:
            before = len(problems)
            values = reader.values(name, kind, layers)
            if len(problems) == before:
                schema.NODES[kind].check_missing(values, path, problems)
            _check_space(kind, path, values, problems)
            nodes[name] = _built(name, kind, path, values)
    return nodes


def _built(name: str, kind: Any, path: str, values: Mapping[str, Any]) -> Node:
    if kind in SWITCHES:
        bridge = {key: values[key] for key in schema.BRIDGES[kind] if values.get(key) is not None}
        return Node(name, kind, path, switch=Switch(**{key: values[key] for key in _SWITCH}, bridge=bridge), host=values["host"])
    common = {key: values[key] for key in _COMMON if key in values}
    if kind == "logical_router":
        return Node(name, kind, path, **common, router=LogicalRouter(values["outside"], values["snat"], values["dnat"]))
    if kind == "host":
        router = values["nat"] if values["router"] is None else values["router"]
        return Node(name, kind, path, **common, gate=Host(router, values["nat"]))
    guest = Guest(**{**{key: values[key] for key in _GUEST}, "interfaces": _nics(name, values, path)}) if kind == "vm" else None
    if values.get("adopt") and common["gateway"] is None:
        common["gateway"] = ()  # it has its own way out
    if values.get("move_addresses"):
        common["move"] = Move(values["confirm_timeout"], values["check"])
    return Node(name, kind, path, **common, space=_space(values, path) if kind in SPACES else None, guest=guest)


def _check_space(kind: Any, path: str, values: Mapping[str, Any], problems: Problems) -> None:
    """Say which keys of a namespace or a container cannot be together."""
    resolver = values.get("resolv_conf")
    if resolver is not None and not 0 < len(resolver["dns"]) <= 3:
        problems.append(f"{path}.resolv_conf.dns: must be one to three addresses; programs ask no more than three name servers")
    if values.get("adopt") is not None:
        if not values["adopt"]:
            problems.append(f"{path}.adopt: must be {schema.ADOPT.name}")
        problems += [
            f"{path}.{key}: is not for a namespace that is adopted, as it would change what is not the lab's"
            for key in ("loopback", "firewall")
            if values[key] is not None
        ]
    if kind == "container":
        if values["router"] == "frr":
            problems.append(f"{path}.router: routing daemons run in nodes of kind netns, not in containers; use true")
        if values["gid_map"] and not values["uid_map"]:
            problems.append(f"{path}.gid_map: needs a uid_map")


def _nics(node: str, values: Mapping[str, Any], path: str) -> tuple[Endpoint, ...]:
    given = ((name, f"{path}.interfaces.{name}", nic) for name, nic in values["interfaces"].items() if nic is not None)
    return tuple(Endpoint(node, where, name, **nic) for name, where, nic in given)


def _space(values: Mapping[str, Any], path: str) -> Space:
    interfaces = tuple(
        SubInterface(name, f"{path}.interfaces.{name}", **given) for name, given in values["interfaces"].items() if given is not None
    )
    frr = values["frr"] if values.get("frr") is not None else {} if values["router"] == "frr" else None
    router = None if values["router"] is None and frr is None else values["router"] is not False
    container = Container(**{key: values[key] for key in _CONTAINER}) if "rootfs" in values else None
    own: dict[str, Any] = {"interfaces": interfaces, "router": router, "frr": frr, "container": container}
    return Space(**{**{key: values.get(key) for key in _SPACE}, **own})


def _interfaces(nodes: Mapping[str, Node], links: Iterable[Link]) -> dict[str, set[str]]:
    found = {name: set(node.own_interfaces) for name, node in nodes.items()}
    for end in (end for link in links for end in link.ends):
        found[end.node].add(end.interface or "")
    return found


def _pools(lab: str, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the pools with every default; those of IPv6 are parts of a network of the lab's own (RFC 4193)."""
    own = f"fd{digest(lab).hex()[:2]}:{digest(lab).hex()[2:6]}:{digest(lab).hex()[6:10]}"
    parts = {"lan": f"{own}::/50", "p2p": f"{own}:8000::/64", "loopback": f"{own}:ffff::/64"}
    pools = {}
    for name, block in schema.POOL.items():
        pool = given.get(name) or block.defaults()
        pools[name] = {**pool, "ipv6": pool["ipv6"] or str(IPv6Network(parts[name]))}
    return pools
