# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explain failures: look along the path of each, and try what else gets through."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..transport.probes import Probe
from .checks import Check, is_address
from .diagnosis import View, causes
from .elsewhere import machines, missing
from .engine import probe_all
from .paths import Wiring, shown
from .run import plain

_MOST = 400  # failures; a lab with more has one cause
_WAIT = (0.5,)
_VERBS = ("ping", "tcp", "udp")


@dataclass
class Reasons:
    """For each failed check the path of links and the likely causes."""

    paths: dict[Check, str] = field(default_factory=dict)
    causes: dict[Check, list[str]] = field(default_factory=dict)


def explain(
    results: Mapping[Check, str],
    shares: Sequence[Mapping[str, Any]],
    lost: Collection[str],
    view: View,
    deadline: float,
) -> Reasons:
    """Return the reasons of the first failures among results; shares are those of all lab hosts, this one's first."""
    reasons = Reasons()
    failed = [check for check, problem in results.items() if problem and check.verb in _VERBS and is_address(check.target)][:_MOST]
    if not failed:
        return reasons
    wiring = Wiring(shares[0], shares[1:])
    alive = _alive(failed, results, wiring, deadline)
    dead = [check for check in failed if check.reach and not alive[check]]
    away = missing(dead, wiring, shares[1:], lost, lambda addresses: _silent(addresses, deadline))
    for check in failed:
        reasons.paths[check] = shown(wiring.path_to(check.node, check.target))
        if check in away:
            reasons.causes[check] = away[check]
        elif check.reach:
            reasons.causes[check] = causes(check, wiring, view, alive[check])
            if results[check] == "connection refused":
                reasons.causes[check] = [f"nobody listens at {check.verb} port {check.port} there"]
            elif check.size and alive[check]:
                largest = _largest(wiring.space(check.node), check, deadline)
                over = [] if reasons.causes[check] or _is_routed(check, wiring) else machines(check, wiring)
                reasons.causes[check] += [f"the underlay to {' or '.join(over)} takes less than netvirt_underlay_mtu says"] if over else []
                reasons.causes[check] += [f"at most {largest} bytes get through"] if largest else []
    return reasons


def _is_routed(check: Check, wiring: Wiring) -> bool:
    """Say whether there is a node between, whose links may be the narrow ones."""
    owner = wiring.owner(check.target)
    ends = (check.node, owner[0] if owner else "")
    return any(not end.bridge and end.node not in ends for step in wiring.path_to(check.node, check.target) for end in step)


def _silent(addresses: Sequence[str], deadline: float) -> set[str]:
    """Return which addresses do not answer a ping of the lab host's."""
    probes = [Probe("", "ping", address) for address in addresses]
    outcomes = probe_all(probes, max(0.0, deadline - time.monotonic()), waits=_WAIT)
    return {address for address, outcome in zip(addresses, outcomes) if outcome.kind != "answered"}


def _alive(failed: list[Check], results: Mapping[Check, str], wiring: Wiring, deadline: float) -> dict[Check, bool]:
    """Say for each failure whether an ordinary ping to its target is answered."""
    found: dict[Check, bool] = {}
    asked: dict[Check, Probe] = {}
    for check in failed:
        ping = plain(check)
        space = wiring.space(check.node)
        found[check] = ping != check and results.get(ping) == ""
        if ping != check and ping not in results and space is not None:
            asked[check] = Probe(space, "ping", check.target)
    outcomes = probe_all(list(asked.values()), max(0.0, deadline - time.monotonic()), waits=_WAIT)
    return {**found, **{check: outcome.kind == "answered" for check, outcome in zip(asked, outcomes)}}


def _largest(space: str | None, check: Check, deadline: float) -> int:
    """Return the size in bytes of the largest packet that gets there, 0 if it cannot be found."""
    if space is None:
        return 0
    low, high = 68, check.size  # what fits, as an ordinary ping does, and what does not
    while high - low > 1:
        step = max(1, (high - low) // 40)
        sizes = list(range(low + step, high, step))
        probes = [Probe(space, "ping", check.target, size=size) for size in sizes]
        outcomes = probe_all(probes, max(0.0, deadline - time.monotonic()), waits=_WAIT)
        told = [outcome.mtu for outcome in outcomes if outcome.mtu]
        if told:
            return min(told)
        fitting = [size for size, outcome in zip(sizes, outcomes) if outcome.kind == "answered"]
        low, high = max(fitting, default=low), min((size for size in sizes if size > max(fitting, default=low)), default=high)
        if time.monotonic() > deadline:
            return low
    return low
