# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out checks: from inside namespaces and the lab host by this process, in guests by a script; judge what came of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..transport import dns
from ..transport.probes import SILENT, Kind, Outcome, Probe
from ..transport.shell import Node, Shells
from .checks import Check, is_address
from .engine import probe_all
from .scripts import run_scripts

_KINDS: dict[str, Kind] = {"tcp": "tcp", "udp": "udp"}
_NO_SERVER = Outcome("unreachable", "it has no name server")


def run(checks: Sequence[Check], nodes: Sequence[Node], shells: Shells, timeout: float) -> dict[Check, str]:
    """Return for each check '' if it holds, else what is known of its failure. timeout is for all together, in seconds."""
    deadline = time.monotonic() + timeout
    known = {node.name: node for node in nodes}
    by_script = [check for check in checks if check.target and (check.verb == "fetch" or known[check.node].kind == "vm")]
    chosen = frozenset(by_script)
    own = [check for check in checks if check.target and check not in chosen]
    # A silent UDP port is no news; whether its host lives is told by a ping beside it.
    pings = {check: _companion(check) for check in checks if check.verb == "udp" and check.target}
    missing = list(dict.fromkeys(ping for ping in pings.values() if ping not in checks))
    scripted = run_scripts([*by_script, *(ping for ping in missing if known[ping.node].kind == "vm")], nodes, shells, timeout)
    probed = _probed([*own, *(ping for ping in missing if known[ping.node].kind != "vm")], nodes, deadline)
    outcomes = {**scripted, **probed}
    return {
        check: judged(check, outcomes[check], outcomes[pings[check]] if check in pings else SILENT)
        if check.target
        else f"'{check.column}' has no address that it could reach"
        for check in checks
    }


def judged(check: Check, outcome: Outcome, ping: Outcome = SILENT) -> str:
    """Return '' if an outcome is what the check wants, else the problem.

    TCP: only an open port counts, though a refusal shows that the host is there. UDP: an answer counts, and so does silence where
    the host answers a ping; but what must not be reached may be silent.
    """
    if outcome.kind == "skipped":
        return outcome.text
    if not check.reach:
        return "it does, and should not" if outcome.kind == "answered" else ""
    if outcome.kind == "answered":
        addresses = outcome.text.split()
        return f"it is {', '.join(addresses)}" if check.verb == "resolve" and addresses and check.answer not in addresses else ""
    if outcome.kind == "silent":
        return "" if check.verb == "udp" and ping.kind == "answered" else "no answer"
    return outcome.text or outcome.kind


def _companion(check: Check) -> Check:
    return Check(check.node, check.column, "ping", check.target)


def _probed(checks: Sequence[Check], nodes: Sequence[Node], deadline: float) -> dict[Check, Outcome]:
    spaces = {node.name: node.netns for node in nodes}
    owners = {address: node.netns for node in nodes if node.netns for address in node.addresses}
    named = [check for check in checks if check.verb != "resolve" and not is_address(check.target)]
    found = _addresses(named, spaces, deadline)
    probes: list[Probe] = []
    places: list[tuple[Check, int]] = []
    outcomes: dict[Check, Outcome] = {}
    resolvers = {netns: dns.servers(netns) for netns in {spaces[check.node] for check in checks if check.verb == "resolve"}}
    for check in checks:
        netns = spaces[check.node]
        if check.verb == "resolve":
            asked = _queries(netns, check.target, 6 if ":" in check.answer else 4, resolvers[netns])
            outcomes.update({} if asked else {check: _NO_SERVER})
        elif found.get(check, "-"):
            size = check.size if check.verb == "ping" else 0
            address = found.get(check, check.target)
            asked = [Probe(netns, _KINDS.get(check.verb, "ping"), address, check.port, size)]
        else:
            outcomes[check] = Outcome("unreachable", f"there is no name '{check.target}'")
            continue
        places.append((check, len(asked)))
        probes += asked
    answers = iter(probe_all(probes, max(0.0, deadline - time.monotonic()), owners))
    for check, count in places:
        got = [next(answers) for _probe in range(count)]
        if got:
            outcomes[check] = next((outcome for outcome in got if outcome.kind == "answered"), got[0])
    return outcomes


def _queries(netns: str, name: str, family: int, resolver: tuple[Sequence[str], Sequence[str]]) -> list[Probe]:
    """Return the question for a name as resolv.conf(5) has it: a name without dots is one of the search domains."""
    servers, domains = resolver
    names = [f"{name}.{domain}" for domain in domains] if "." not in name and domains else [name]
    return [Probe(netns, "dns", server, name=full, wanted=family) for server in servers[:1] for full in names]


def _addresses(checks: Sequence[Check], spaces: Mapping[str, str], deadline: float) -> dict[Check, str]:
    """Return the address that each check's target resolves to, '' if none."""
    found = {}
    for check in checks:
        netns = spaces[check.node]
        resolver = dns.servers(netns)
        asked = [probe for family in (4, 6) for probe in _queries(netns, check.target, family, resolver)]
        answers = probe_all(asked, max(0.0, deadline - time.monotonic()))
        found[check] = next((outcome.text.split()[0] for outcome in answers if outcome.kind == "answered"), "")
    return found


def plain(check: Check) -> Check:
    """Return the echo of ordinary size that goes where a check goes: what tells whether the host is reached at all."""
    return replace(check, verb="ping", port=0, size=0, answer="", reach=True)
