# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab wants of a bridge's flows, groups and meters, and what a bridge has of them, in the normal form of ovs-ofctl."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from ..topology.flow_text import meter, misplaced, with_ports
from ..topology.names import digest
from ..transport import openflow
from . import _flow_text as texts

Texts = Mapping[str, str]
UNMARKED = ("groups", "meters")
KINDS = ("flows", *UNMARKED)


@dataclass(frozen=True)
class FlowTable:
    """The flows of a bridge by table, priority and match, its groups and meters by number; ports are named.

    ``written`` are the texts of the user's, and ``raw`` those of the flows and groups, by what they are known by here.
    """

    name: str
    lab: str | None = None
    flows: Texts | None = None
    groups: Texts | None = None
    meters: Texts | None = None
    purge: bool = field(default=False, metadata={"hidden": True})
    path: str = field(default="", metadata={"hidden": True})
    written: Mapping[str, Sequence[str] | None] = field(default_factory=dict, metadata={"hidden": True})
    raw: Texts = field(default_factory=dict, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the bridge."""
        return self.name

    def at(self, kind: str, number: int) -> str:
        """Return where the user has written a flow, a group or a meter."""
        return f"{self.path}{'.' if self.path else ''}{kind}[{number}]"


@dataclass(frozen=True)
class Ports:
    """The ports of a bridge by name, with their OpenFlow numbers, and the versions that it accepts."""

    numbers: Mapping[str, int]
    protocols: tuple[str, ...] = ()

    def name(self, number: str) -> str | None:
        """Return the name of the port that has a number."""
        return self._names.get(number)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {str(number): name for name, number in self.numbers.items()}

    def number(self, name: str) -> str | None:
        """Return the number of a port by its name, or that number itself."""
        found = self.numbers.get(name)
        return str(found) if found is not None else name if self.name(name) else None


def ports_of(row: Any) -> Ports:
    """Return the ports of a row of table Bridge; its own is no port by name, as OpenFlow calls it LOCAL."""
    interfaces = (one for port in row.ports for one in port.interfaces if one.ofport and one.name != row.name)
    return Ports({one.name: one.ofport[0] for one in interfaces}, tuple(row.protocols))


def table_from(item: Mapping[str, Any], lab: str) -> FlowTable:
    """Return what a share's mapping, or a module's options, ask for: name, flows, groups, meters, purge, path."""
    written = {kind: None if item.get(kind) is None else tuple(str(text).strip() for text in item[kind]) for kind in KINDS}
    name = str(item["name"])
    return FlowTable(name, lab, purge=bool(item.get("purge")), path=item.get("path") or "", written=written)


def cookie(lab: str) -> int:
    """Return the mark of a lab's flows."""
    return int.from_bytes(digest(lab, "flows")[:8], "big") or 1


def used_ports(text: str) -> list[str]:
    """Return the ports that a flow or a group names, but for those that every switch has."""
    return with_ports(text, lambda name: None)[1]


def spelled(tables: Sequence[FlowTable], ports: Mapping[str, Ports], problems: list[str]) -> list[FlowTable]:
    """Return tables in normal form; say what ovs-ofctl cannot read. All flows of all bridges are one question to it."""
    names = _Numbered(ports)
    wanted = [(table, number, text) for table in tables for number, text in enumerate(table.written["flows"] or ())]
    flows: dict[str, dict[str, tuple[str, str]]] = {table.name: {} for table in tables}
    places: dict[tuple[str, str], int] = {}
    for (table, number, text), line in _flows(wanted, names, problems):
        flow = texts.flow(line)
        key, value = (names.back(part) for part in (flow.key, flow.value))
        first = places.setdefault((table.name, key), number)
        if first != number:
            problems.append(
                f"{table.at('flows', number)}: has the same table, priority and match as flows[{first}]; leave out one of the two"
            )
        flows[table.name][key] = (value, text)
    whole = []
    for table in tables:
        groups = _numbered(table, "groups", partial(_group, bridge=table.name, names=names), problems)
        meters = _numbered(table, "meters", meter, problems)
        found = flows[table.name]
        raw = {
            **{key: text for key, (_value, text) in found.items()},
            **{f"group {key}": text for key, (_value, text) in (groups or {}).items()},
        }
        whole.append(
            replace(
                table,
                flows=None if table.written["flows"] is None else {key: value for key, (value, _text) in found.items()},
                groups=None if groups is None else {key: value for key, (value, _text) in groups.items()},
                meters=None if meters is None else {key: value for key, (value, _text) in meters.items()},
                raw=raw,
            )
        )
    return whole


def _flows(wanted: list[Any], names: _Numbered, problems: list[str]) -> list[tuple[Any, str]]:
    """Return each flow with what ovs-ofctl makes of it; it stops at the first that is wrong, and is asked again for the others."""
    left = []
    for one in wanted:
        table, number, text = one
        wrong = misplaced(text)
        if wrong:
            problems.append(f"{table.at('flows', number)}: {wrong}, in '{text}'")
        else:
            left.append((one, names.there(text, table.name)))
    while left:
        done = openflow.spell_flows([text for _one, text in left])
        if done.wrong is None:
            return [(one, line) for (one, _text), line in zip(left, done.lines)]
        (table, number, text), _numbers = left.pop(done.wrong)
        problems.append(f"{table.at('flows', number)}: ovs-ofctl cannot read '{text}': {names.back(done.reason)}")
    return []


def _numbered(
    table: FlowTable, kind: str, read: Callable[[str], tuple[str, str]], problems: list[str]
) -> dict[str, tuple[str, str]] | None:
    """Return groups or meters with the user's texts by their number."""
    written = table.written[kind]
    if written is None:
        return None
    found: dict[str, tuple[str, str]] = {}
    for place, text in enumerate(written):
        try:
            number, value = read(text)
        except ValueError as error:
            problems.append(f"{table.at(kind, place)}: {error}, not '{text}'")
            continue
        if number in found:
            problems.append(f"{table.at(kind, place)}: number {number} is taken by another one; choose another number")
        found[number] = (value, text)
    return found


def _group(text: str, bridge: str, names: _Numbered) -> tuple[str, str]:
    done = openflow.spell_group(names.there(text, bridge))
    if done.wrong is not None:
        raise ValueError(f"must be a group as ovs-ofctl reads it ({names.back(done.reason)})")
    number, value = texts.group(done.lines[0])
    return number, names.back(value)


class _Numbered:
    """Numbers for the names of ports, which ovs-ofctl wants and which ports that are still to be made do not have yet."""

    def __init__(self, ports: Mapping[str, Ports]) -> None:
        self._ports = ports
        self._numbers: dict[str, str] = {}

    def there(self, text: str, bridge: str) -> str:
        """Return a text with numbers for names."""

        def number(name: str) -> str:
            known = self._ports[bridge].name(name) if name.isdigit() and bridge in self._ports else None
            return self._numbers.setdefault(known or name, str(len(self._numbers) + 1))

        # Alone in a list of actions stands a port or an action: only what ports there can be is known.
        named = frozenset(self._ports[bridge].numbers) if bridge in self._ports else frozenset()
        return with_ports(text, number, named)[0]

    def back(self, text: str) -> str:
        """Return a text with the names again."""
        names = {number: name for name, number in self._numbers.items()}
        return with_ports(text, names.get)[0]
