# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a lab on many lab hosts without having one: processor seconds of placement and compiling, size of the shares.

python3 tests/benchmarks/placement.py [MACHINES NODES_EACH]... One line of JSON for each size; docs/SCALE.md tells what they mean.
Each lab host's nodes are on a switch with DHCP; its router is on a core switch, which is on all lab hosts.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".cache"))

from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.topology.packed import packed_apart
from ansible_collections.netvirt.lab.plugins.module_utils.topology.place import recorded

SIZES = ((1, 500), (10, 500), (100, 500), (1000, 500))
_SAMPLE = 5  # shares whose size is looked at


def lab(machines: int, each: int) -> dict[str, Any]:
    leaves = {f"leaf{leaf}": {"kind": "bridge", "ipv4": f"10.{leaf // 64}.{leaf % 64 * 4}.1/22", "dhcp": True} for leaf in range(machines)}
    hosts: dict[str, Any] = {f"h{leaf}-{number}": {} for leaf in range(machines) for number in range(each)}
    spines: dict[str, Any] = {f"r{leaf}": {"router": True} for leaf in range(machines)}
    links = [f"h{leaf}-{number} leaf{leaf}" for leaf in range(machines) for number in range(each)]
    up = [
        {"endpoints": [f"r{leaf}:eth0", f"leaf{leaf}"], "ipv4": {f"r{leaf}": f"10.{leaf // 64}.{leaf % 64 * 4}.2/22"}}
        for leaf in range(machines)
    ]
    core = [
        {"endpoints": [f"r{leaf}:eth1", "core"], "ipv4": {f"r{leaf}": f"172.16.{leaf // 250}.{leaf % 250 + 1}/16"}}
        for leaf in range(machines)
    ]
    return {"name": "plan", "nodes": {"core": {"kind": "bridge"}, **leaves, **spines, **hosts}, "links": [*links, *up, *core]}


def measure(machines: int, each: int) -> dict[str, Any]:
    data = lab(machines, each)
    hosts = [Machine(f"m{number}", f"198.18.{number // 250}.{number % 250 + 1}") for number in range(machines)]
    gc.collect()
    gc.disable()  # as a short-lived program: what it makes, it needs until its end
    begin = time.process_time()
    topology = load(data, machines=hosts)
    placed = time.process_time()
    shares = compile_shares(topology)
    done = time.process_time()
    gc.enable()
    some = dict(list(shares.items())[:_SAMPLE])
    words, names = packed_apart(some)
    tunnels = [sum(link["kind"] == "vxlan" for link in share["links"]) for share in shares.values()]
    remotes = [sum(len(link.get("remotes", ())) for link in share["links"]) for share in shares.values()]
    return {
        "machines": machines,
        "nodes": len(data["nodes"]),
        "load_and_place_s": round(placed - begin, 1),
        "compile_s": round(done - placed, 1),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "share_json_kib": round(median(len(json.dumps({**share, "dnsmasq": None})) for share in some.values()) / 1024),
        "share_packed_kib": round(median(map(len, words.values())) / 1024),
        "names_packed_kib": len(names) >> 10,
        "tunnels_each": [min(tunnels), max(tunnels)],
        "flood_entries_each": [min(remotes), max(remotes)],
        "record_kib": len(json.dumps(recorded(topology))) >> 10,
    }


def sizes(arguments: list[str]) -> Iterator[tuple[int, int]]:
    numbers = [int(argument) for argument in arguments]
    yield from zip(numbers[::2], numbers[1::2])


if __name__ == "__main__":
    for size in tuple(sizes(sys.argv[1:])) or SIZES:
        print(json.dumps(measure(*size)), flush=True)
