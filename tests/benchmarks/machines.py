# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how a lab's cost grows with the number of lab hosts, each with 100 nodes on one switch over all of them.

Start it in a simulated lab host, whose cluster plays the machines (they share this one's processors):

    tests/labhost once machines -- .venv/bin/python tests/benchmarks/machines.py [--machines 1 2 4 8] [--nodes 100]

Every figure is the time of a whole ansible-playbook in seconds: up (site.yml --tags topology), nothing to do, down. 'start' is a
playbook with one task that does nothing, on as many machines. 'slowest' and 'total' are the processor seconds of the topology module of
a run up, on the machine with the most work and on all together: what each takes that has processors of its own; 'controller' are those
of Ansible in that run. Last it tells how much more the largest lab takes than the smallest, and draws .cache/benchmarks/machines.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scale import CHECKOUT, plot  # type: ignore[import-not-found]

LABHOST = str(CHECKOUT / "tests" / "labhost")
SPENT = Path("/run/spent")
# In place of Python on the lab hosts: notes what the processors did for each module.
PROBE = f"""#!/usr/bin/python3
import os, resource, sys
status = os.waitpid(os.spawnv(os.P_NOWAIT, "/usr/bin/python3", ["python3", *sys.argv[1:]]), 0)[1]
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open({str(SPENT)!r}, "a") as file:
    print(used.ru_utime + used.ru_stime, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, cwd=CHECKOUT, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def play(folder: Path, playbook: str, *arguments: str) -> float:
    begin = time.monotonic()
    run(str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder), playbook, *arguments)
    return round(time.monotonic() - begin, 1)


def lab(folder: Path, machines: int, nodes: int) -> None:
    hosts = {f"m{one}": {"ansible_host": f"192.0.2.{one}", "netvirt_underlay": f"198.18.0.{one}"} for one in range(1, machines + 1)}
    variables = {"ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3"}
    (folder / "hosts.yml").write_text(json.dumps({"lab_hosts": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
    topology = {
        "plugin": "netvirt.lab.topology",
        "name": "many",
        "nodes": {"lan": {"kind": "bridge", "subnet": "10.64.0.0/16"}, f"h[1:{machines * nodes}]": "netns"},
        "links": [[f"h[1:{machines * nodes}]", "lan"]],
    }
    (folder / "many.netvirt.yml").write_text(json.dumps(topology), encoding="utf-8")
    task = {"name": "Do nothing", "ansible.builtin.ping": {}}
    (folder / ".nothing.yml").write_text(json.dumps([{"hosts": "lab_hosts", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")


def measured(folder: Path, machines: int, nodes: int) -> dict[str, Any]:
    lab(folder, machines, nodes)
    members = [f"m{one}" for one in range(1, machines + 1)]
    run(LABHOST, "cluster", "up", str(machines))
    try:
        Path("/run/probe").symlink_to("/usr/bin/python3")  # for what is done on this machine
        for member in members:
            run(LABHOST, "run", member, "--", "sh", "-c", "cat >/run/probe; chmod 755 /run/probe", text=PROBE)
        row: dict[str, Any] = {"machines": machines, "nodes": machines * nodes, "load": os.getloadavg()[0]}
        play(folder, str(folder / ".nothing.yml"))  # connects
        row["start"] = play(folder, str(folder / ".nothing.yml"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        row["up"] = play(folder, "playbooks/site.yml", "--tags", "topology", "-e", "ansible_python_interpreter=/run/probe")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        row["controller"] = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)
        spent = [max(map(float, run(LABHOST, "run", member, "--", "cat", str(SPENT)).split())) for member in members]
        row.update(slowest=round(max(spent), 2), total=round(sum(spent), 2))
        row["nothing"] = play(folder, "playbooks/site.yml", "--tags", "topology")
        row["down"] = play(folder, "playbooks/teardown.yml")
        row["load after"] = os.getloadavg()[0]
        return row
    finally:
        Path("/run/probe").unlink(missing_ok=True)
        run(LABHOST, "cluster", "down")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2, 4, 8], help="so many lab hosts")
    parser.add_argument("--nodes", type=int, default=100, help="so many nodes on each")
    options = parser.parse_args()
    folder = Path("/tmp/netvirt-machines")
    folder.mkdir(exist_ok=True)
    os.environ.update(ANSIBLE_CONFIG=str(CHECKOUT / "ansible.cfg"), ANSIBLE_FORKS=str(max(options.machines)))
    rows = []
    for machines in options.machines:
        rows.append(measured(folder, machines, options.nodes))
        print(json.dumps(rows[-1]), flush=True)
    for row in rows[1:]:
        work, wall = (row[key] / rows[0][key] for key in ("slowest", "up"))
        print(f"{row['nodes']} nodes for {rows[0]['nodes']}: {work:.2f} times the work on the slowest lab host, {wall:.2f} times as long")
    target = CHECKOUT / ".cache" / "benchmarks" / "machines.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    titles = {"slowest": "the busiest lab host", "total": "all lab hosts", "controller": "the controller"}
    curves = [
        {"machines": row["machines"], **{f"{name}{cpu}": row[key] for key, name in titles.items() for cpu in ("", " cpu")}} for row in rows
    ]
    target.write_text(plot(curves, cpu=True, what="lab hosts, 100 nodes each"), encoding="utf-8")


if __name__ == "__main__":
    main()
