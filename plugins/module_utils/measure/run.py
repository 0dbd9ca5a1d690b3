# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure a lab: throughput over TCP and UDP by iperf3, round trips by ping, medians with their spread."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._errors import LabError, LabErrors
from ..topology.values.scalars import number
from ..transport import processes
from ..transport.shell import Shells
from .iperf import SPARE, asked, lost, measured, received
from .measures import MEASURES
from .targets import Target

_PINGS = 10
_INTERVAL = 0.2  # seconds between two pings
# Of iputils and of busybox.
_ROUND_TRIP = re.compile(r"min/avg/max\S* = [\d.]+/([\d.]+)/")
_DIRECTIONS = {"to_host": "", "from_host": " -R"}


@dataclass(frozen=True)
class Plan:
    """How to measure: which of ``METHODS``, for how many seconds, how often, and where; ``udp_rate`` is in Mbit/s, 0 for no limit."""

    methods: Sequence[str] = ("tcp",)
    seconds: int = 5
    repeats: int = 1
    port: int = 5201
    udp_rate: int = 100


_BOUNDS = {
    "seconds": number(1, 86400, "seconds"),
    "repeats": number(1, 1000),
    "udp_rate": number(0, 1000000, "Mbit/s"),
    "port": number(1, 65535),
}


def plan_from(options: Mapping[str, Any]) -> Plan:
    """Return what a module's options ask for. Raise LabErrors."""
    problems: list[str] = []
    values = {key: bounds.read(options[key], key, problems) for key, bounds in _BOUNDS.items()}
    if problems:
        raise LabErrors(problems)
    return Plan(tuple(options["methods"]), **values)


def connections(plan: Plan) -> int:
    """Return how many connections a plan makes to each server."""
    return plan.repeats * len(_DIRECTIONS) * sum(method != "ping" for method in plan.methods)


def measure(wanted: Iterable[Target], shells: Shells, plan: Plan) -> list[dict[str, Any]]:
    """Return what was measured of each interface: one after the other, and all before any again, to share a busy minute."""
    found: list[tuple[Target, dict[str, list[float]]]] = [(target, defaultdict(list)) for target in wanted]
    for _round in range(plan.repeats):
        for target, values in found:
            for method in plan.methods:
                for key, value in METHODS[method](target, shells, plan).items():
                    values[key].append(round(value, 3))
    return [
        {
            "node": target.node.name,
            "interface": target.interface,
            "model": target.model,
            **({"to": target.to} if target.to else {}),
            "measures": {key: _summary(key, each) for key, each in values.items()},
        }
        for target, values in found
    ]


def _summary(key: str, values: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(values), 3),
        "least": min(values),
        "most": max(values),
        "unit": MEASURES[key].unit,
        "values": list(values),
    }


def _tcp(target: Target, shells: Shells, plan: Plan) -> dict[str, float]:
    return {f"tcp_{way}": received(_iperf(target, shells, plan, flag)) for way, flag in _DIRECTIONS.items()}


def _udp(target: Target, shells: Shells, plan: Plan) -> dict[str, float]:
    found: dict[str, float] = {}
    for way, flag in _DIRECTIONS.items():
        end = _iperf(target, shells, plan, f"{flag} -u -b {plan.udp_rate}M")
        found |= {f"udp_{way}": received(end), f"udp_{way}_lost": lost(end)}
    return found


def _iperf(target: Target, shells: Shells, plan: Plan, flags: str) -> dict[str, Any]:
    client = f"sleep 0.3; iperf3 -J -c {target.address} -p {target.port or plan.port} -t {plan.seconds}{flags}"
    if target.to:
        return asked(target.node.name, target.to, shells.argv(target.node, client), plan.seconds)
    return measured(target.node.name, target.server, plan.port, shells.argv(target.node, client), plan.seconds)


def _ping(target: Target, shells: Shells, plan: Plan) -> dict[str, float]:
    script = f"ping -q -c {_PINGS} -i {_INTERVAL} {target.address}"
    done = processes.attempt(shells.argv(target.node, script), timeout=_PINGS * _INTERVAL + SPARE)
    said = _ROUND_TRIP.search(done.stdout)
    if not said:
        problem = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise LabError(f"Cannot measure from '{target.node.name}' to {target.server}: ping said: {''.join(problem) or 'nothing'}.")
    return {"ping": float(said[1])}


METHODS: dict[str, Callable[[Target, Shells, Plan], dict[str, float]]] = {"tcp": _tcp, "udp": _udp, "ping": _ping}
