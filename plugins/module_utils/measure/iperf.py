# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measurement by iperf3: one client on a node, and a server for it on the lab host, or one that runs elsewhere."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import LabError
from ..transport import processes

SPARE = 20  # seconds that a measurement may take beyond its own length
PATIENCE = 5.0  # seconds in which a server that refuses begins to listen


def asked(name: str, server: str, client: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the ``end`` of the report of a client, which runs on the node ``name`` and connects to a server. Raise LabError."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = processes.attempt(client, timeout=seconds + SPARE)
        report: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr.strip()}
        if not done.code and "error" not in report:
            end: dict[str, Any] = report["end"]
            return end
        problem = report.get("error") or "iperf3 failed"
        # The server listens again in a moment.
        if "refused" not in problem or time.monotonic() > deadline:
            raise LabError(f"Cannot measure from '{name}' to {server}: {problem}")
        time.sleep(0.2)


def measured(name: str, server: str, port: int, client: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return the ``end`` of the report of a client, which runs on the node ``name`` and connects to server:port. Raise LabError."""
    iperf3 = processes.which("iperf3")
    if not iperf3:
        raise LabError("Cannot measure: there is no iperf3 on the lab host; install the package iperf3.")
    # One client, then the server ends by itself; bound to the switch's address, it is seen by the lab only.
    listener = subprocess.Popen(
        [iperf3, "--server", "--one-off", "--bind", server, "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return asked(name, server, client, seconds)
    except LabError as error:
        listener.kill()
        said = (listener.communicate()[0] or "").strip().splitlines()[-1:]
        raise LabError(f"{error}; the server said: {''.join(said) or 'nothing'}.") from error
    finally:
        listener.kill()
        listener.wait()


def received(end: Mapping[str, Any]) -> float:
    """Return what has arrived, in Mbit/s."""
    summary = end.get("sum_received") or {}
    if summary.get("bits_per_second"):
        return float(summary["bits_per_second"]) / 1e6
    # Of UDP, some versions of iperf3 only say what was sent.
    return float(end["sum"]["bits_per_second"]) / 1e6 * (1 - lost(end) / 100)


def lost(end: Mapping[str, Any]) -> float:
    """Return how much of what was sent by UDP has not arrived, in percent."""
    return float(end["sum"]["lost_percent"])
