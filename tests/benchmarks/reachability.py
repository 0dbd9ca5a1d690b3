# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure reachability checks of all pairs against Mininet's pingall: in the same namespaces, on the same switch, in one run.

Start it in a simulated lab host, with Debian's package mininet installed and the distribution's Python, which sees it:

    tests/labhost once bench -- sh -c '/usr/share/openvswitch/scripts/ovs-ctl start &&
        /usr/bin/python3 tests/benchmarks/reachability.py [--nodes N] [--large N]'

It prints, and writes to .cache/benchmarks/reachability.json: the seconds of pingall, those of the same pairs by the
collection, and their ratio; and the seconds for a large lab on a Linux bridge, which Mininet has no part in.

More than 32 hosts of Mininet's need a larger neighbour table than the kernel's 1024 entries (sysctl net.ipv4.neigh.default.gc_thresh3,
which only the machine itself has, not a simulated lab host): pingall then loses pairs and waits a second for each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".cache"))

from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge  # noqa: E402
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals  # noqa: E402
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab, checked  # noqa: E402
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load  # noqa: E402
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells  # noqa: E402


def measured(share: dict[str, Any]) -> tuple[float, int, int]:
    """Check all pairs of a share; return the seconds, how many checks there were and how many failed."""
    begin = time.monotonic()
    lab = Lab(share, [])
    results, _reasons = checked(lab, lab.checks("all", None), Shells("/dev/null"), 300)
    return time.monotonic() - begin, len(results), sum(map(bool, results.values()))


def beside_mininet(count: int) -> dict[str, Any]:
    """Measure both in a network that Mininet has made: hosts on one Open vSwitch bridge, in userspace."""
    from mininet.net import Mininet
    from mininet.node import OVSSwitch
    from mininet.topo import SingleSwitchTopo

    switch = partial(OVSSwitch, datapath="user", failMode="standalone", batch=True)
    net = Mininet(topo=SingleSwitchTopo(count), controller=None, build=False, switch=switch)
    net.build()
    net.start()
    try:
        nodes = []
        for host in net.hosts:
            subprocess.run(["ip", "netns", "attach", f"bench.{host.name}", str(host.pid)], check=True)
            interface = {
                "name": f"{host.name}-eth0",
                "mac": host.MAC(),
                "switch": "s1",
                "network": "s1",
                "method": "static",
                "gateway": None,
            }
            interfaces = [{**interface, "addresses": [f"{host.IP()}/8"]}]
            nodes.append({"name": host.name, "kind": "netns", "netns": f"bench.{host.name}", "state": None, "interfaces": interfaces})
        # Each goes first once: who comes second finds addresses that the switch and the hosts have learned.
        ours = [measured({"lab": "bench", "nodes": nodes})]
        begin = time.monotonic()
        lost = net.pingAll(timeout="1")
        pingall = time.monotonic() - begin
        ours.append(measured({"lab": "bench", "nodes": nodes}))
    finally:
        for host in net.hosts:
            subprocess.run(["ip", "netns", "del", f"bench.{host.name}"], check=False)
        net.stop()
    seconds = max(found[0] for found in ours)
    return {"nodes": count, "pingall": pingall, "lost": lost, "ours": ours, "seconds": seconds, "ratio": pingall / seconds}


def large(count: int) -> dict[str, Any]:
    """Measure a lab of ours on a Linux bridge."""
    names = [f"h{number}" for number in range(count)]
    links = [{"endpoints": [name, "sw"], "ipv4": f"10.46.{number // 250}.{number % 250 + 2}"} for number, name in enumerate(names)]
    nodes = {"sw": {"kind": "bridge", "ipv4": "10.46.255.254/16"}, **dict.fromkeys(names)}
    share = compile_share(load({"name": "bench", "nodes": nodes, "links": links}))
    converge(share_goals(share, "bench", [], None, {}), Scope("bench"))
    try:
        seconds, checks, failed = measured(share)
    finally:
        converge(share_goals({}, "bench", [], None, {}), Scope("bench"))
    return {"nodes": count, "checks": checks, "failed": failed, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=30, help="hosts in the network of Mininet's; 0 leaves it out")
    parser.add_argument("--large", type=int, default=200, help="namespaces in the large lab; 0 leaves it out")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    if options.nodes:
        found["mininet"] = result = beside_mininet(options.nodes)
        print(f"{result['nodes']} hosts: pingall {result['pingall']:.1f} s, {result['lost']:.1f} % lost; ", end="")
        print(f"checked in {result['seconds']:.2f} s, {result['ours'][0][2]} failed; ratio {result['ratio']:.0f}")
    if options.large:
        found["large"] = result = large(options.large)
        print(f"{result['nodes']} namespaces: {result['checks']} checks in {result['seconds']:.1f} s, {result['failed']} failed")
    target = CHECKOUT / ".cache" / "benchmarks" / "reachability.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
