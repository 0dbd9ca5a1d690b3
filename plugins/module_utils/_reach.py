# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the nodes of a lab reach what they should: one shell script per node, all nodes at once."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

from .transport.shell import Node, Shells, stop

# Each check prints "ok NUMBER" or "failed NUMBER"; all checks of a node run at once. A ping that is lost while a neighbour
# is looked up for the first time says nothing, so more are sent and one answer is enough.
_PROLOGUE = """\
check() { n=$1; shift; if "$@" >/dev/null 2>&1; then echo "ok $n"; else echo "failed $n"; fi; }
reach() { ping -c 1 -W 1 "$1" || ping -c 3 -W 2 "$1"; }
resolve() { { getent hosts "$1" || nslookup "$1"; } | grep -qwF "$2"; }
fetch() { timeout 5 wget -q -O /dev/null "$1" || curl -fsS -m 5 -o /dev/null "$1" || python3 -c 'import sys, urllib.request
urllib.request.build_opener().open(sys.argv[1], timeout=5)' "$1"; }
"""


_WORST = ("FAILED", "no name", "ok")
_MEANINGS = {"reach": "reach {0}", "resolve": "resolve {0} to {1}", "fetch": "fetch {0}", "lease": "show a lease for {0}"}


@dataclass(frozen=True)
class Check:
    """What one node should be able to do; column is where the result stands in the table."""

    node: str
    column: str
    words: tuple[str, ...]

    @property
    def meaning(self) -> str:
        """Say what is checked."""
        verb, *arguments = self.words
        return _MEANINGS[verb].format(*arguments)


def expected(nodes: Sequence[Node], names: bool, outside: str | None) -> list[Check]:
    """Return the checks of a lab: nodes in one network and subnet reach each other and know each other's names, and all get outside."""
    checks = []
    for node in nodes:
        here = {place for place, _address, _switch in _places(node)}
        gateways = {interface["gateway"] for interface in node.interfaces if interface["gateway"]}
        checks += [Check(node.name, "switch", ("reach", gateway)) for gateway in sorted(gateways)]
        for other in nodes:
            for address, switch in ((address, switch) for place, address, switch in _places(other) if other != node and place in here):
                checks.append(Check(node.name, other.name, ("reach", address)))
                if names and switch:  # who is on wires only knows no name server of the lab
                    checks.append(Check(node.name, other.name, ("resolve", other.name, address)))
        if outside:
            checks.append(Check(node.name, "outside", ("fetch", outside)))
    return checks


def _places(node: Node) -> list[tuple[tuple[str, IPv4Network], str, str | None]]:
    """Return for each address of a node where it is, network and subnet, then the address itself and its switch."""
    return [
        ((interface["network"], IPv4Interface(address).network), address.partition("/")[0], interface["switch"])
        for interface in node.interfaces
        for address in interface["addresses"]
    ]


def leased(nodes: Iterable[Node], macs: Collection[str]) -> dict[Check, str]:
    """Return for each interface that is addressed by DHCP '' if its MAC is among those of the leases, else what is missing."""
    return {
        Check(node.name, "lease", ("lease", interface["mac"])): "" if interface["mac"] in macs else "the DHCP server has given none"
        for node in nodes
        for interface in node.interfaces
        if interface["method"] == "dhcp"
    }


def run(checks: Sequence[Check], nodes: Iterable[Node], shells: Shells, timeout: float) -> dict[Check, str]:
    """Return for each check '' if it holds, else what is known of its failure. timeout is for all together, in seconds."""
    started: list[tuple[list[Check], subprocess.Popen[str]]] = []
    results: dict[Check, str] = {}
    deadline = time.monotonic() + timeout
    try:
        for node in nodes:
            own = [check for check in checks if check.node == node.name]
            if own:
                script = _PROLOGUE + "".join(f"check {number} {shlex.join(check.words)} &\n" for number, check in enumerate(own)) + "wait\n"
                started.append((own, shells.start(node, script)))
        for own, process in started:
            results.update(_answers(own, process, deadline))
    finally:
        for _own, process in started:
            stop(process)
    return results


def _answers(own: Sequence[Check], process: subprocess.Popen[str], deadline: float) -> dict[Check, str]:
    try:
        said, problem = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        stop(process)
        said, problem = process.communicate()
    lines = frozenset(said.splitlines())
    unknown = problem.strip() or "the check did not end"
    return {
        check: "" if f"ok {number}" in lines else "no answer" if f"failed {number}" in lines else unknown
        for number, check in enumerate(own)
    }


def table(results: Mapping[Check, str]) -> list[str]:
    """Render results as lines of text: a row per node, a column per thing to reach."""
    if not results:
        return ["nothing to check: no two nodes share a network"]
    columns = list(dict.fromkeys(check.column for check in results))
    rows = list(dict.fromkeys(check.node for check in results))
    cells: dict[tuple[str, str], str] = {}
    for check, problem in results.items():
        word = "ok" if not problem else "no name" if check.words[0] == "resolve" else "FAILED"
        cells[check.node, check.column] = min(word, cells.get((check.node, check.column), "ok"), key=_WORST.index)
    widths = [max(len(column), 7) for column in columns]
    first = max(map(len, ("from", *rows)))
    lines = ["  ".join(["from".ljust(first), *(column.ljust(width) for column, width in zip(columns, widths))]).rstrip()]
    for row in rows:
        shown = (cells.get((row, column), "-").ljust(width) for column, width in zip(columns, widths))
        lines.append("  ".join([row.ljust(first), *shown]).rstrip())
    return lines
