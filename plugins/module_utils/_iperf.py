# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throughput by iperf3: a server on the lab host, a client in one node after the other."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ._errors import LabError
from .topology.model import SWITCHES
from .transport import processes
from .transport.shell import Node, Shells

_DIRECTIONS = {"to_host": "", "from_host": " -R"}
_SPARE = 20  # seconds that a measurement may take beyond its own length


def measure(
    nodes: Sequence[Node], models: Mapping[tuple[str, str], str], shells: Shells, seconds: int, repeats: int, port: int
) -> list[dict[str, Any]]:
    """Return the medians in Mbit/s of every interface whose switch has an address. Raise LabError."""
    # A switch's address is in no VLAN, so that the interface must be in the switch's own network too.
    servers = {(node.name, node.interfaces[0]["network"]): node.address for node in nodes if node.kind in SWITCHES}
    results = []
    for node in nodes:
        for interface in node.interfaces:
            server = servers.get((interface["switch"], interface["network"]))
            if server and interface["addresses"]:
                client = f"sleep 0.3; iperf3 -J -c {server} -p {port} -t {seconds}"
                runs = {
                    name: [_once(node, server, port, shells.argv(node, client + flag), seconds + _SPARE) for _round in range(repeats)]
                    for name, flag in _DIRECTIONS.items()
                }
                medians = {name: round(statistics.median(values), 1) for name, values in runs.items()}
                model = models.get((node.name, interface["name"]), "veth")
                results.append({"node": node.name, "interface": interface["name"], "model": model, **medians, "runs": runs})
    return results


def table(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Render results as lines of text."""
    first = max(map(len, ("node", *(result["node"] for result in results))))
    second = max(map(len, ("model", *(result["model"] for result in results))))
    lines = [f"{'node':<{first}}  {'model':<{second}}  to the lab host  from the lab host"]
    for result in results:
        values = f"{result['to_host']:>8.1f} Mbit/s  {result['from_host']:>10.1f} Mbit/s"
        lines.append(f"{result['node']:<{first}}  {result['model']:<{second}}  {values}")
    return lines


def _once(node: Node, server: str, port: int, client: Sequence[str], timeout: float) -> float:
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
        done = processes.attempt(client, timeout=timeout)
        report: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {"error": done.stderr.strip()}
    finally:
        listener.kill()
        said = (listener.communicate()[0] or "").strip().splitlines()[-1:]
    if done.code or "error" in report:
        problem = report.get("error") or "iperf3 failed"
        raise LabError(f"Cannot measure from '{node.name}' to {server}: {problem}; the server said: {''.join(said) or 'nothing'}.")
    return round(float(report["end"]["sum_received"]["bits_per_second"]) / 1e6, 1)
