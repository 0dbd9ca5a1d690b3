# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of iperf3 in nodes, for what is measured from other lab hosts. They end by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from .._errors import LabError
from .._paths import run_dir
from ..transport import processes
from ..transport.shell import Shells, node_from
from .pairs import Pair

_LOGIN = 30  # seconds


def serve(lab: str, machine: str, wanted: Sequence[Pair], shells: Shells, times: int, seconds: float) -> None:
    """Start a server for each pair, which ends after so many connections, or after seconds. Raise LabError."""
    for pair in wanted:
        node = node_from(pair.server, machine)
        each = f"n=0; while [ $n -lt {times} ]; do iperf3 -s -1 -p {pair.port} || break; n=$((n+1)); done"
        # Known as a service that nobody wants, so a teardown that comes before its end takes it away.
        mark = f"{processes.OWNER}={run_dir(lab)}/services/{node.netns}/benchmark " if node.netns else ""
        script = (
            f"command -v iperf3 >/dev/null || exit 1; {mark}setsid timeout {seconds:.0f} sh -c {quote(each)} >/dev/null 2>&1 </dev/null &"
        )
        done = processes.attempt(shells.argv(node, script), timeout=_LOGIN)
        if done.code:
            raise LabError(
                f"Cannot measure against '{node.name}': {done.stderr.strip() or 'there is no iperf3; install the package iperf3'}."
            )
