# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the default lab against the same lab made by hand (tutorial.sh), in one run on one machine.

Start it in a simulated lab host, image built and Open vSwitch running or not:

    tests/labhost once bench -- .venv/bin/python tests/benchmarks/default_lab.py [--repeats N] [--seconds N]

It prints, and writes to .cache/benchmarks/default_lab.json: the time until both guests answer SSH, the throughput of each
interface to the lab host and back, and the time of a site.yml that has nothing to do; the first two as ratios to the script.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("tutorial.sh")
INVENTORY = "inventory/ovs_kvm"
UPLINK = "uplink0"
SSH = ["ssh", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR", "-oConnectTimeout=2"]


def playbook(name: str, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", INVENTORY, f"playbooks/{name}.yml", *arguments]


def answered(starter: Sequence[str], logins: Mapping[str, list[str]]) -> tuple[float, float]:
    """Start something; return the seconds until all logins have succeeded, and until the starter had ended."""
    start = time.monotonic()
    running = subprocess.Popen(starter, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    waiting = dict(logins)
    while waiting:
        for name, login in list(waiting.items()):
            if subprocess.run([*login, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
                del waiting[name]
        if time.monotonic() - start > 600:
            sys.exit(f"no answer from {', '.join(waiting)} after 600 seconds")
        time.sleep(0.5)
    there = time.monotonic() - start
    if running.wait():
        sys.exit(f"{' '.join(starter)} failed")
    return there, time.monotonic() - start


def lab_logins() -> dict[str, list[str]]:
    """Return how to log in to the lab's guests, as the inventory says."""
    said = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", INVENTORY, "--list"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    inventory = json.loads(said)
    hosts = inventory["_meta"]["hostvars"]
    return {
        name: [*SSH, "-i", hosts[name]["ansible_ssh_private_key_file"], f"{hosts[name]['ansible_user']}@{hosts[name]['ansible_host']}"]
        for name in inventory["vms"]["hosts"]
    }


def throughput(nodes: Mapping[str, list[str]], server: str, seconds: int, repeats: int) -> dict[str, float]:
    """Return the median Mbit/s from each node to the server and back, by 'node direction'."""
    values: dict[str, list[float]] = {}
    for _round in range(repeats):
        for name, prefix in nodes.items():
            for direction, flag in (("out", ""), ("in", "-R")):
                listener = subprocess.Popen(["iperf3", "-s", "-1", "-B", server], stdout=subprocess.DEVNULL)
                time.sleep(0.3)
                client = f"iperf3 -J -c {server} -t {seconds} {flag}"
                done = subprocess.run(
                    [*prefix, client] if prefix[0] == "ssh" else [*prefix, "sh", "-c", client], capture_output=True, text=True, check=True
                )
                listener.wait(timeout=30)
                values.setdefault(f"{name} {direction}", []).append(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e6)
    return {key: statistics.median(found) for key, found in values.items()}


def by_hand(work: Path, seconds: int, repeats: int) -> dict[str, Any]:
    os.system(f"rm -rf {work}")
    logins = {name: [*SSH, "-i", f"{work}/key", f"debian@192.168.77.{number}"] for name, number in (("legacy", 11), ("modern", 12))}
    there, _ended = answered([str(SCRIPT), "up", str(work), UPLINK], logins)
    nodes = {**logins, "ns1": ["ip", "netns", "exec", "tut-ns1"]}
    speed = throughput(nodes, "192.168.77.1", seconds, repeats)
    subprocess.run([str(SCRIPT), "down", str(work), UPLINK], check=True)
    return {"up": there, "throughput": speed}


def by_lab(seconds: int, repeats: int) -> dict[str, Any]:
    there, ended = answered(playbook("site"), lab_logins())
    start = time.monotonic()
    subprocess.run(playbook("site"), cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
    nothing = time.monotonic() - start
    nodes = {**lab_logins(), "ns1": ["ip", "netns", "exec", "ns1"]}
    speed = throughput(nodes, "192.168.100.1", seconds, repeats)
    start = time.monotonic()
    subprocess.run(playbook("teardown"), cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
    return {"up": there, "ready": ended, "nothing": nothing, "throughput": speed, "down": time.monotonic() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2, help="how often each lab is brought up and each throughput is measured")
    parser.add_argument("--seconds", type=int, default=4, help="how long one iperf3 run takes")
    options = parser.parse_args()
    # host_prep has its share once before the clock runs, for the tutorial's readers have installed things as well.
    subprocess.run(playbook("site", "--tags", "host_prep"), cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)
    runs: dict[str, list[dict[str, Any]]] = {"script": [], "lab": []}
    for _round in range(options.repeats):
        runs["script"].append(by_hand(Path("/tmp/netvirt-tutorial"), options.seconds, options.repeats))
        runs["lab"].append(by_lab(options.seconds, options.repeats))
    up = {who: statistics.median(run["up"] for run in found) for who, found in runs.items()}
    speeds = {
        who: {key: statistics.median(run["throughput"][key] for run in found) for key in found[0]["throughput"]}
        for who, found in runs.items()
    }
    print(f"both guests answer SSH: script {up['script']:.1f} s, site.yml {up['lab']:.1f} s, ratio {up['lab'] / up['script']:.2f}")
    for key, value in speeds["script"].items():
        print(f"{key:12} script {value:8.0f} Mbit/s, lab {speeds['lab'][key]:8.0f} Mbit/s, ratio {speeds['lab'][key] / value:.2f}")
    for key, words in (("ready", "all ready"), ("nothing", "nothing to do"), ("down", "teardown")):
        print(f"{words}: {statistics.median(run[key] for run in runs['lab']):.1f} s")
    target = CHECKOUT / ".cache" / "benchmarks" / "default_lab.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"runs": runs, "up": up, "throughput": speeds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
