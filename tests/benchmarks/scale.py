# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how a lab's cost grows with its size, beside the floor and beside Mininet, in one run on one machine.

Start it in a simulated lab host:

    tests/labhost once scale -- .venv/bin/python tests/benchmarks/scale.py [--sizes N ...] [--switch ovs|bridge] [--tree DEPTH] ...

Every figure is the time of a whole ansible-playbook, from the file to the end, with the seconds of CPU in brackets, Open vSwitch's
daemons' included: up (site.yml --tags topology), nothing to do, nothing to do by all of site.yml, a play of one command in every
namespace (up to the size that --play says), one node more, down (teardown.yml). 'start' is ansible-playbook with one task that
does nothing. --peer measures Mininet too. It prints a table and writes
.cache/benchmarks/scale-SHAPE-SWITCH.json, and with --plot two drawings beside it, of the seconds and of those of CPU (.svg).
Compare what stands in one row: other programs make all of it slower, 'load' says how many were there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clock import Moment  # type: ignore[import-not-found]

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LAB = "scale"
# What a login shell does not have, and what slows Ansible down: Python compiles all anew, and reads its program byte by byte.
UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
PROBE = """#!/usr/bin/python3
import os, resource, sys
pid = os.spawnv(os.P_NOWAIT, "/usr/bin/python3", ["python3", *sys.argv[1:]])
status = os.waitpid(pid, 0)[1]
with open({file!r}, "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def timed(name: str, *command: str) -> dict[str, float]:
    start = Moment()
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return dict(start.until(Moment(), name))


def play(name: str, file: Path, playbook: str, *arguments: str) -> dict[str, float]:
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    return timed(name, ansible, "-i", str(file), playbook, *arguments)


def reported(who: str, *command: str) -> dict[str, float]:
    """Return what a program tells of itself."""
    done = subprocess.run(["/usr/bin/python3", *command], stdout=subprocess.PIPE, text=True, check=True)
    return {f"{who} {key}": value for key, value in json.loads(done.stdout.splitlines()[-1]).items()}


def star(count: int, switch: str) -> dict[str, Any]:
    """Return what floor.py makes by hand."""
    return {
        "plugin": "netvirt.lab.topology",
        "name": LAB,
        "defaults": {"netns": {"ipv4": "auto"}},
        "nodes": {"s1": {"kind": switch, "subnet": "10.99.0.0/16"}, f"h[1:{count}]": "netns"},
        "links": [[f"h[1:{count}]", "s1"]],
    }


def tree(depth: int, switch: str) -> dict[str, Any]:
    """Return what Mininet calls tree,DEPTH,2: with an address for each host."""
    return {
        "plugin": "netvirt.lab.topology",
        "name": LAB,
        "defaults": {"netns": {"ipv4": "auto"}},
        "generate": [{"shape": "tree", "depth": depth, "fanout": 2, "switch": switch}],
        "nodes": {"s1": {"subnet": "10.99.0.0/16"}},
    }


def written(folder: Path, topology: dict[str, Any]) -> Path:
    file = folder / "scale.netvirt.yml"
    file.write_text(json.dumps(topology), encoding="utf-8")
    return file


def memory(file: Path, folder: Path) -> int:
    """Return the MiB that the largest process of a module takes in a run that has nothing to do."""
    noted, probe = folder / "rss", folder / "python3"
    probe.write_text(PROBE.format(file=str(noted)), encoding="utf-8")
    probe.chmod(0o755)
    noted.unlink(missing_ok=True)
    play("", file, "playbooks/site.yml", "--tags", "topology", "-e", f"ansible_python_interpreter={probe}")
    return max(map(int, noted.read_text().split())) // 1024


def measured(folder: Path, topology: dict[str, Any], more: dict[str, Any] | None, inside: bool) -> dict[str, float]:
    file = written(folder, topology)
    inventory = str(Path(sys.executable).with_name("ansible-inventory"))
    found = timed("inventory", inventory, "-i", str(file), "--graph")
    found.update(play("up", file, "playbooks/site.yml", "--tags", "topology"))
    found.update(play("nothing", file, "playbooks/site.yml", "--tags", "topology"))
    found.update(play("site.yml", file, "playbooks/site.yml"))
    found["MiB"] = memory(file, folder)
    if inside:
        book = folder / "inside.yml"
        task = {"name": "Look inside", "ansible.builtin.command": "ip -brief address", "changed_when": False}
        book.write_text(json.dumps([{"hosts": "namespaces", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
        found.update(play("play", file, str(book)))
    if more:
        found.update(play("one more", written(folder, more), "playbooks/site.yml", "--tags", "topology"))
    found.update(play("down", file, "playbooks/teardown.yml"))
    return found


def start_up(folder: Path) -> dict[str, float]:
    file, book = written(folder, star(1, "bridge")), folder / "nothing.yml"
    task = {"name": "Do nothing", "ansible.builtin.ping": {}}
    book.write_text(json.dumps([{"hosts": "lab_hosts", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    rounds = [play("start", file, str(book)) for _round in range(3)]
    return {key: statistics.median(found[key] for found in rounds) for key in rounds[0]}


def cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key, "-")
    cpu = f" ({row[f'{key} cpu']:.2f})" if f"{key} cpu" in row else ""
    return (f"{value:.2f}" if isinstance(value, float) else str(value)) + cpu


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if not key.endswith(" cpu")]
    cells = [columns] + [[cell(row, key) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in cells]


def plot(rows: Sequence[dict[str, Any]], cpu: bool, what: str = "nodes") -> str:
    """Return the times, or the seconds of CPU, over the sizes (of what) as an SVG; a straight line is linear growth."""
    size = next(iter(rows[0]))
    ends = [key for key in rows[0] if f"{key} cpu" in rows[0]]
    curves = {key: [(row[size], row[f"{key} cpu" if cpu else key]) for row in rows if key in row] for key in ends}
    widest = max(row[size] for row in rows)
    highest = max(value for points in curves.values() for _size, value in points)

    def place(x: float, y: float) -> str:
        return f"{60 + 600 * x / widest:.1f},{420 - 380 * y / highest:.1f}"

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 460" font-family="sans-serif" font-size="12">',
        '<rect width="860" height="460" fill="white"/><path d="M60,40 V420 H660" fill="none" stroke="black"/>',
        f'<text x="60" y="440">0</text><text x="640" y="440">{widest} {what}</text><text x="10" y="35">{highest:.0f} s</text>',
    ]
    for number, (key, points) in enumerate(sorted(curves.items(), key=lambda curve: -curve[1][-1][1])):
        colour = f"hsl({number * 360 // len(curves)} 80% 40%)"
        line = " ".join(place(x, y) for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="675" y="{60 + 18 * number}" fill="{colour}">{key}: {points[-1][1]:.1f} s</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 200, 500, 1000, 2000], help="stars of so many namespaces")
    parser.add_argument("--tree", type=int, default=0, help="instead a binary tree of this depth")
    parser.add_argument("--switch", choices=["ovs", "bridge"], default="ovs", help="the kind of switches")
    parser.add_argument("--play", type=int, default=0, help="run a play in every namespace too, up to this size")
    parser.add_argument("--plot", action="store_true", help="draw how the times grow")
    parser.add_argument("--peer", type=int, default=0, help="measure Mininet too, up to this size")
    options = parser.parse_args()
    folder = Path("/tmp/netvirt-scale")
    folder.mkdir(exist_ok=True)
    os.environ["ANSIBLE_CONFIG"] = str(CHECKOUT / "ansible.cfg")
    for unusual in UNUSUAL:
        os.environ.pop(unusual, None)
    # Packages and daemons are there before the clock runs, for all alike, and Python's and Ansible's caches are full.
    for playbook in ("playbooks/site.yml", "playbooks/teardown.yml", "playbooks/site.yml"):
        play("", written(folder, star(1, "bridge")), playbook)
    play("", written(folder, star(1, options.switch)), "playbooks/site.yml", "--tags", "host_prep")
    # The daemon is the machine's own then, so that no teardown stops it.
    marks = ["netvirt-started", "netvirt-userspace-tso"]
    timed("", "ovs-vsctl", "--no-wait", "remove", "Open_vSwitch", ".", "external_ids", *marks)
    rows: list[dict[str, Any]] = []
    shapes = [("tree", options.tree)] if options.tree else [("star", size) for size in options.sizes]
    for shape, size in shapes:
        row: dict[str, Any] = {shape: size, "load": os.getloadavg()[0], **start_up(folder)}
        row.update(
            measured(folder, tree(size, options.switch), None, inside=False)
            if shape == "tree"
            else measured(folder, star(size, options.switch), star(size + 1, options.switch), size <= options.play)
        )
        if shape == "star" and options.switch == "ovs":
            row.update(reported("floor", str(HERE / "floor.py"), str(size)))
        if size <= options.peer:
            words = ["tree", str(size), "2"] if shape == "tree" else ["star", str(size)]
            row.update(reported("mininet", str(HERE / "peer_mininet.py"), *words))
        rows.append(row)
        print(table(rows)[-1] if len(rows) > 1 else "\n".join(table(rows)), flush=True)
        keep(rows, options)
    print("\n".join(table(rows)))


def keep(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> None:
    target = CHECKOUT / ".cache" / "benchmarks" / f"scale-{'tree' if options.tree else 'star'}-{options.switch}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for kind, cpu in (("", False), ("-cpu", True)) if options.plot else ():
        target.with_name(f"{target.stem}{kind}.svg").write_text(plot(rows, cpu), encoding="utf-8")


if __name__ == "__main__":
    main()
