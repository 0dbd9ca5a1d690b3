# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to tell a bridge so that it has the flows, groups and meters that are wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..topology.flow_text import with_ports
from ._flow_model import FlowTable, Ports, Texts


@dataclass(frozen=True)
class Orders:
    """A bundle, and the meters, which are no part of any: flows may need those that come, and until then those that go."""

    meters_before: tuple[tuple[str, str], ...]
    bundle: tuple[str, ...]
    meters_after: tuple[tuple[str, str], ...]


def orders(table: FlowTable, own: FlowTable, others: FlowTable, ports: Ports, mark: int) -> Orders:
    """Return what leads from a bridge as it is, with the numbers of its ports, to a table. What is None is not managed."""
    raw = {key: _numbered(text, ports) for key, text in table.raw.items()}
    flows, groups, meters = (_by_number(texts, ports) for texts in (table.flows, table.groups, table.meters))
    names = dict(zip(flows, table.flows or {}))
    there_groups, there_meters = ({**(of or {}), **(mine or {})} for of, mine in ((others.groups, own.groups), (others.meters, own.meters)))
    bundle = [
        *(
            f"group {'modify' if key in there_groups else 'add'} {raw[f'group {key}']}"
            for key, value in groups.items()
            if there_groups.get(key) != value
        ),
        *(f"flow delete_strict {key}" for key in _gone(table, table.flows, own.flows, others.flows, flows)),
        *(f"flow add cookie={mark:#x},{raw[names[key]]}" for key, value in flows.items() if (own.flows or {}).get(key) != value),
        *(f"group delete group_id={key}" for key in _gone(table, table.groups, own.groups, others.groups, groups)),
    ]
    return Orders(
        tuple(
            ("mod-meter" if key in there_meters else "add-meter", f"meter={key},{value}")
            for key, value in meters.items()
            if there_meters.get(key) != value
        ),
        tuple(bundle),
        tuple(("del-meter", f"meter={key}") for key in _gone(table, table.meters, own.meters, others.meters, meters)),
    )


def _gone(table: FlowTable, managed: Texts | None, own: Texts | None, others: Texts | None, target: Texts) -> list[str]:
    there = {**(own or {}), **((others or {}) if table.purge else {})}
    return [key for key in there if key not in target] if managed is not None else []


def _by_number(wanted: Texts | None, ports: Ports) -> dict[str, str]:
    return {_numbered(key, ports): _numbered(value, ports) for key, value in (wanted or {}).items()}


def _numbered(text: str, ports: Ports) -> str:
    return with_ports(text, ports.number)[0]
