# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long another lab on the same Open vSwitch gets no packet through while a large one comes and goes.

Start it with the size of the large lab, by the distribution's Python, in a simulated lab host whose Open vSwitch runs. It prints the
longest time between two answers to a ping every 10 ms in the other lab, for each of up, nothing to do and down.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from typing import Any

from core import LAB, Scope, compile_share, converge, load, share_goals, star  # type: ignore[import-not-found]

OTHER = "bystander"
PING = ("ping", "-D", "-n", "-i", "0.01", "10.98.0.2")


def converged(lab: str, topology: dict[str, Any]) -> tuple[float, float]:
    start = time.time()
    topology.pop("plugin", None)
    converge(share_goals(compile_share(load(topology)) if topology else {}, lab, [], None, {}), Scope(lab))
    return start, time.time()


def main() -> None:
    other: dict[str, Any] = {
        "name": OTHER,
        "nodes": {"s1": {"kind": "ovs", "subnet": "10.98.0.0/24"}, "h[1:2]": {"ipv4": "auto"}},
        "links": [["h[1:2]", "s1"]],
    }
    converged(OTHER, other)
    with (
        tempfile.TemporaryFile("w+", encoding="ascii") as said,
        subprocess.Popen(["ip", "netns", "exec", f"{OTHER}.h1", *PING], stdout=said) as ping,
    ):
        time.sleep(1)
        size = int(sys.argv[1])
        phases = {name: converged(LAB, star(size, "ovs") if name != "down" else {}) for name in ("up", "nothing", "down")}
        time.sleep(1)
        ping.terminate()
        ping.wait()
        said.seek(0)
        answers = [float(stamp) for stamp in re.findall(r"^\[([\d.]+)\].*bytes from", said.read(), re.MULTILINE)]
    converged(OTHER, {})
    for name, (start, end) in phases.items():
        within = [start, *(answer for answer in answers if start < answer < end), end]
        gaps = [after - before for before, after in zip(within, within[1:])]
        print(f"{name}: {end - start:.2f} s, longest time without an answer {max(gaps):.2f} s")


if __name__ == "__main__":
    main()
