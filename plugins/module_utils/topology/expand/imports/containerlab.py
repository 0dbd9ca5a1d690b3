# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology of containerlab: its nodes that are plain Linux, its bridges, and the links between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...layers import Layer, Made, RawLink
from ...values import Problems, shown
from ...values.scalars import MAPPING
from .names import Names

KINDS = {"linux": "netns", "bridge": "bridge", "ovs-bridge": "ovs"}
_HOST = "host"  # containerlab's own word for the machine in an endpoint
_TOP_KEYS = frozenset(("name", "prefix", "topology"))  # the lab here has a name and marks of its own
_NODE_KEYS = frozenset(("kind", "group", "exec", "labels"))
_END_KEYS = ("mac", "ipv4", "ipv6")


def from_containerlab(data: Any, source: str, prefix: str, problems: Problems) -> Made | None:
    """Return the nodes and links of a topology of containerlab; None if it holds what cannot be imported."""
    before = len(problems)
    data = MAPPING.read(data, source, problems)
    if len(problems) > before:
        return None
    topology = data.get("topology")
    nodes = topology.get("nodes") if isinstance(topology, dict) else None
    if not isinstance(topology, dict) or not isinstance(nodes, dict):
        problems.append(f"{source}: is no topology of containerlab; it has no topology.nodes")
        return None
    reader = _Reader(topology, f"{source}: topology", prefix, problems)
    made = Made(source)
    for name, raw in nodes.items():
        reader.node(str(name), raw, made)
    links = topology.get("links") or []
    if not isinstance(links, list):
        problems.append(f"{source}: topology.links: must be a list, not {shown(links)}")
        links = []
    for number, raw in enumerate(links):
        reader.link(raw, f"{source}: topology.links[{number}]", made)
    reader.finish(made)
    reader.ignored.update(str(key) for key in data if key not in _TOP_KEYS)
    made.notices += _ignored(source, reader.ignored)
    return made if len(problems) == before else None


def _ignored(source: str, keys: Counter[str]) -> Iterator[str]:
    if keys:
        listed = ", ".join(f"{key} ({count} times)" if count > 1 else key for key, count in sorted(keys.items()))
        yield f"{source}: these keys of containerlab have no meaning here and were ignored: {listed}"


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


class _Reader:
    """Reads nodes and links, and remembers what it meets on the way."""

    def __init__(self, topology: Mapping[str, Any], path: str, prefix: str, problems: Problems) -> None:
        self.ignored: Counter[str] = Counter()
        self._topology = topology
        self._path = path
        self._names = Names(prefix)
        self._problems = problems
        self._kinds: dict[str, str | None] = {}
        self._unsupported: dict[str, list[str]] = {}

    def node(self, name: str, raw: Any, made: Made) -> None:
        """Add a node."""
        path = f"{self._path}.nodes.{name}"
        if raw is not None and not isinstance(raw, dict):
            self._problems.append(f"{path}: must be a mapping, not {shown(raw)}")
            return
        sources = self._sources(raw or {})
        kind = next((source["kind"] for source in reversed(sources) if source.get("kind")), None)
        own = KINDS.get(kind) if isinstance(kind, str) else None
        self._kinds[name] = own
        if own is None:
            self._unsupported.setdefault("none given" if kind is None else str(kind), []).append(name)
            return
        values: dict[str, Any] = {"kind": own}
        commands = [command for source in sources for command in _listed(source.get("exec"))]
        if commands and own == "netns":
            values["exec"] = commands
        self.ignored.update({key for source in sources for key in source if key not in _NODE_KEYS})
        made.nodes[self._names.name(name, name)] = Layer(path, values)

    def _sources(self, raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return what is said of a node, the weakest first: defaults, its kind, its group, itself."""
        defaults = self._part("defaults")
        group = self._named("groups", raw.get("group") or defaults.get("group"))
        kind = raw.get("kind") or group.get("kind") or defaults.get("kind")
        sources = (defaults, self._named("kinds", kind), group, raw)
        return [source for source in sources if source]

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self._topology.get(name)
        return part if isinstance(part, dict) else {}

    def _named(self, part: str, name: Any) -> Mapping[str, Any]:
        found = self._part(part).get(name) if isinstance(name, str) else None
        return found if isinstance(found, dict) else {}

    def link(self, raw: Any, path: str, made: Made) -> None:
        """Add a link."""
        if not isinstance(raw, dict):
            self._problems.append(f"{path}: must be a mapping, not {shown(raw)}")
            return
        wanted = raw.get("type", "veth")
        ends = raw.get("endpoints")
        if wanted == "host" and isinstance(raw.get("endpoint"), dict):
            ends = [raw["endpoint"], f"{_HOST}:{raw.get('host-interface', '')}"]
        elif wanted != "veth":
            self._problems.append(f"{path}.type: links of type {shown(wanted)} cannot be imported; veth and host can")
            return
        if not isinstance(ends, list) or len(ends) != 2:
            self._problems.append(f"{path}.endpoints: must be two endpoints as in ['a:eth1', 'b:eth1']")
            return
        both = [self._end(end, number, raw, f"{path}.endpoints[{number}]", made) for number, end in enumerate(ends)]
        known = ("type", "endpoints", "endpoint", "host-interface", "mtu", "labels", "vars", *_END_KEYS)
        self.ignored.update(key for key in raw if key not in known)
        if all(both):
            mtu = {"mtu": raw["mtu"]} if raw.get("mtu") else {}
            made.links.append(RawLink(path, {"endpoints": both, **mtu}))

    def _end(self, raw: Any, number: int, link: Mapping[str, Any], path: str, made: Made) -> dict[str, Any] | None:
        if isinstance(raw, str):
            name, _colon, interface = raw.partition(":")
            values = {key: link[key][number] for key in _END_KEYS if isinstance(link.get(key), list) and len(link[key]) == 2}
        elif isinstance(raw, dict):
            name, interface = str(raw.get("node", "")), str(raw.get("interface", ""))
            values = {key: raw[key] for key in _END_KEYS if raw.get(key)}
        else:
            self._problems.append(f"{path}: must be 'node:interface' or a mapping, not {shown(raw)}")
            return None
        if name == _HOST and name not in self._kinds:
            self._kinds[name] = "host"
            made.nodes[self._names.name(name, name)] = Layer(path, {"kind": "host"})
        if name not in self._kinds:
            self._problems.append(f"{path}: the file has no node '{name}'")
            return None
        end = {"node": self._names.known(name)}
        # A switch's ports are devices of the lab host; their names here would take those of its own interfaces.
        if self._kinds[name] in ("netns", "host"):
            end.update({"interface": interface} if interface else {}, **{key: value for key, value in values.items() if value})
        return end

    def finish(self, made: Made) -> None:
        """Report the kinds that cannot be imported."""
        if self._unsupported:
            listed = ", ".join(f"{kind} ({', '.join(names)})" for kind, names in self._unsupported.items())
            self._problems.append(f"{self._path}.nodes: these kinds cannot be imported: {listed}; those that can: {', '.join(KINDS)}")
        made.notices += self._names.notices(made.source)
