# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection's core alone, without Ansible: stars on one Open vSwitch bridge, in one process.

Start it with the sizes, by the distribution's Python, in a simulated lab host whose Open vSwitch runs. It prints seconds, in
brackets those of CPU, Open vSwitch's daemons' included, and the MiB that the process has needed so far; and it writes
.cache/benchmarks/core.svg, a drawing of the seconds of CPU.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

from clock import Moment  # type: ignore[import-not-found]
from scale import CHECKOUT, LAB, plot, star, table  # type: ignore[import-not-found]

sys.path.insert(0, str(CHECKOUT / ".cache"))

from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load


def measured(size: int) -> dict[str, Any]:
    topology = star(size, "ovs")
    del topology["plugin"]
    share = compile_share(load(topology))
    row: dict[str, Any] = {"star": size}
    for name, wanted in (("up", share), ("nothing", share), ("down", {})):
        start = Moment()
        converge(share_goals(wanted, LAB, [], None, {}), Scope(LAB))
        row.update(start.until(Moment(), name))
    row["MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return row


def main() -> None:
    rows = []
    for size in map(int, sys.argv[1:]):
        rows.append(measured(size))
        print(table(rows)[-1] if len(rows) > 1 else "\n".join(table(rows)), flush=True)
    target = CHECKOUT / ".cache" / "benchmarks" / "core.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(plot(rows, cpu=True), encoding="utf-8")


if __name__ == "__main__":
    main()
