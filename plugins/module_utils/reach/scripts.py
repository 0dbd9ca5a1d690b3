# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks as shell scripts, for nodes that no socket of this process can be in: one script per node, all nodes at once."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence

from ..transport.probes import Outcome
from ..transport.shell import Node, Shells, stop
from .checks import Check

# Each check prints its number and what came of it; all checks of a node run at once. A ping that is lost while a neighbour
# is looked up for the first time says nothing, so more are sent and one answer is enough. Busybox's ping may miss its own alarm
# in a guest that hardly gets a processor, and never ends.
_PROLOGUE = """\
check() { n=$1; shift; "$@" >/dev/null 2>&1; case $? in 0) echo "answered $n";; 3) echo "closed $n";; *) echo "silent $n";; esac; }
ping() { timeout 10 ping -c 1 -W 1 "$1" || timeout 20 ping -c 3 -W 2 "$1"; }
large() { timeout 20 ping -M do -c 3 -W 2 -s "$2" "$1"; }
resolve() { { getent hosts "$1" || nslookup "$1"; } | grep -qwF "$2"; }
tcp() { if command -v python3; then port SOCK_STREAM "$@"; else nc -z -w 4 "$1" "$2" </dev/null; fi; }
udp() { port SOCK_DGRAM "$@"; }
port() { python3 -c 'import socket, sys
family, _, _, _, place = socket.getaddrinfo(sys.argv[2], int(sys.argv[3]))[0]
s = socket.socket(family, getattr(socket, sys.argv[1]))
s.settimeout(4)
try:
    s.connect(place)
    if s.type == socket.SOCK_DGRAM:
        s.send(bytes(1))
        s.recv(1)
except ConnectionRefusedError:
    sys.exit(3)' "$@"; }
fetch() { timeout 5 wget -q -O /dev/null "$1" || curl -fsS -m 5 -o /dev/null "$1" || python3 -c 'import sys, urllib.request
urllib.request.build_opener().open(sys.argv[1], timeout=5)' "$1"; }
"""
_WORDS = {"answered": Outcome("answered"), "closed": Outcome("closed", "connection refused"), "silent": Outcome("silent")}


def script(checks: Sequence[Check]) -> str:
    """Return the script that carries out the checks of one node."""
    lines = (f"check {number} {shlex.join(words(check))} &\n" for number, check in enumerate(checks))
    return _PROLOGUE + "".join(lines) + "wait\n"


def words(check: Check) -> list[str]:
    """Return a check as a call of one of the script's functions."""
    if check.verb == "ping" and check.size:
        return ["large", check.target, str(check.size - (48 if ":" in check.target else 28))]
    if check.verb in ("tcp", "udp"):
        return [check.verb, check.target, str(check.port)]
    return [check.verb, check.target, *([check.answer] if check.answer else [])]


def run_scripts(checks: Sequence[Check], nodes: Iterable[Node], shells: Shells, timeout: float) -> dict[Check, Outcome]:
    """Return the outcome of each check. timeout is for all together, in seconds."""
    own: dict[str, list[Check]] = {}
    for check in checks:
        own.setdefault(check.node, []).append(check)
    started: list[tuple[list[Check], subprocess.Popen[str]]] = []
    outcomes: dict[Check, Outcome] = {}
    deadline = time.monotonic() + timeout
    try:
        for node in nodes:
            group = own.get(node.name)
            if group:
                started.append((group, shells.start(node, script(group))))
        for group, process in started:
            outcomes.update(_answers(group, process, deadline))
    finally:
        for _group, process in started:
            stop(process)
    return outcomes


def _answers(group: Sequence[Check], process: subprocess.Popen[str], deadline: float) -> Mapping[Check, Outcome]:
    try:
        said, problem = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        stop(process)
        said, problem = process.communicate()
    unknown = Outcome("skipped", problem.strip() or "the check did not end")
    found = {number: word for word, _space, number in (line.partition(" ") for line in said.splitlines()) if word in _WORDS}
    return {check: _WORDS[found[str(number)]] if str(number) in found else unknown for number, check in enumerate(group)}
