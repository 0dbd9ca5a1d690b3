# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of kind container: on the same links as other nodes, with files, processes and limits of their own."""

from __future__ import annotations

import copy
import difflib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..changes.conftest import Lab, shell
from ..playbooks import trace

HIVE = Lab("hive")
DATA: dict[str, Any] = {
    "nodes": {
        "comb": {"kind": "bridge", "ipv4": "10.71.0.1/24"},
        "queen": {
            "kind": "container",
            "ipv4": "10.71.0.2",
            "rootfs": "/",
            "mounts": {"/srv/honey": "tmpfs"},
            "exec": ["hostname >/srv/honey/name", "echo made >/etc/by-exec"],
            "services": {
                "web": {"command": "python3 -m http.server 80", "directory": "/srv/honey"},
                "files": {"command": "sh -c 'cat jar >/tmp/seen; exec sleep 1000000'", "files": {"jar": "full"}},
            },
        },
        "drone": {"ipv4": "10.71.0.3"},
    },
    "links": ["queen comb", "drone comb"],
}
ENTER = "/run/netvirt/hive/spaces/hive.queen/enter"


def inside(line: str) -> str:
    done = subprocess.run(["sh", ENTER, "sh", "-c", line], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def soon(line: str) -> str:
    """Run a line of shell until it succeeds."""
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
        if done.returncode == 0 or time.monotonic() > deadline:
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def traceless() -> Iterator[None]:
    before = trace()
    try:
        yield
    finally:
        HIVE.bring(None)
    assert list(difflib.unified_diff(before, trace(), lineterm="", n=0)) == []
    assert not os.path.exists("/etc/by-exec")


def test_a_container_is_a_node_with_files_and_processes_of_its_own() -> None:
    assert set(HIVE.changed(DATA)["after"]) >= {"namespace", "netns", "link", "address", "service", "exec"}
    # What it runs, it runs inside all of its namespaces, and others reach it by the link.
    assert soon("ip netns exec hive.drone wget -qO- http://10.71.0.2/name") == "queen"
    assert inside("cat /etc/by-exec") == "made"
    assert not os.path.exists("/srv/honey")
    soon(f"sh {ENTER} grep full /tmp/seen")
    assert inside("hostname; cat /proc/1/comm").split() == ["queen", "sh"]
    assert "http.server" in inside("ps -eo args")
    assert "labhost" not in inside("ps -eo args")
    # The node's resolv.conf is where any namespace's is.
    shell("mkdir -p /etc/netns/hive.queen; echo nameserver 10.71.0.53 >/etc/netns/hive.queen/resolv.conf")
    assert inside("cat /etc/resolv.conf") == "nameserver 10.71.0.53"
    shell("rm -r /etc/netns/hive.queen; rmdir --ignore-fail-on-non-empty /etc/netns")
    assert inside("cat /etc/resolv.conf") == Path("/etc/resolv.conf").read_text().strip()
    # Another hostname changes in place.
    data = copy.deepcopy(DATA)
    data["nodes"]["queen"]["hostname"] = "mother.example"
    assert HIVE.changed(data)["after"] == {"namespace": {"hive.queen": {"hostname": "mother.example"}}}
    assert inside("hostname") == "mother.example"
    # A service that is taken away ends, one that is added sees its files.
    data["nodes"]["queen"]["services"] = {"late": {"command": "sh -c 'cat jar >/tmp/late; exec sleep 1000000'", "files": {"jar": "half"}}}
    assert set(HIVE.changed(data)["after"]) == {"service"}
    soon(f"sh {ENTER} grep half /tmp/late")
    assert "http.server" not in inside("ps -eo args")


def test_it_is_made_anew_as_a_whole_and_other_nodes_stay() -> None:
    HIVE.bring(DATA)
    drone = os.stat("/run/netns/hive.drone").st_ino
    data = copy.deepcopy(DATA)
    data["nodes"]["queen"]["mounts"] = {"/srv/honey": "tmpfs", "/opt/wax": "tmpfs"}
    assert HIVE.changed(data)["after"]["namespace"]["hive.queen"] == {"mounts": {"/opt/wax": "tmpfs"}}
    assert soon("ip netns exec hive.drone wget -qO- http://10.71.0.2/name") == "queen"
    assert inside("findmnt -no FSTYPE /opt/wax") == "tmpfs"
    # Its process 1 is killed.
    [init] = [entry for entry in os.listdir("/proc") if entry.isdigit() and is_init(entry)]
    os.kill(int(init), 9)
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{init}/root/etc") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {"namespace", "netns", "link", "service"} <= set(HIVE.changed(data)["after"])
    assert soon("ip netns exec hive.drone wget -qO- http://10.71.0.2/name") == "queen"
    # It becomes a plain namespace, and a container again.
    plain = copy.deepcopy(DATA)
    plain["nodes"]["queen"] = {"ipv4": "10.71.0.2"}
    HIVE.changed(plain)
    shell("ip netns exec hive.drone ping -c 1 -W 5 10.71.0.2")
    assert not os.path.exists(ENTER)
    HIVE.changed(data)
    shell("ip netns exec hive.drone ping -c 1 -W 5 10.71.0.2")
    assert os.stat("/run/netns/hive.drone").st_ino == drone


def is_init(entry: str) -> bool:
    try:
        status = Path(f"/proc/{entry}/status").read_text()
        return b"spaces/hive.queen" in Path(f"/proc/{entry}/cmdline").read_bytes() and "\t1\n" in status.partition("NSpid:")[2][:20]
    except OSError:
        return False


def test_some_nodes_only() -> None:
    HIVE.bring_nodes(DATA, "queen")
    assert inside("hostname") == "queen"
    assert not os.path.exists("/run/netns/hive.drone")
    HIVE.bring_nodes(DATA, "drone")
    assert inside("hostname") == "queen"
    left = {**DATA, "nodes": {name: node for name, node in DATA["nodes"].items() if name != "queen"}, "links": ["drone comb"]}
    HIVE.bring_nodes(left, "queen")
    assert not os.path.exists(ENTER)
    assert os.path.exists("/run/netns/hive.drone")


def test_a_directory_as_tree_with_and_without_an_overlay(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("proc", "sys", "dev", "tmp", "run", "bin", "etc", "srv"):
        (tree / name).mkdir(parents=True)
    shell(f"cp /usr/bin/busybox {tree}/bin/ && for tool in sh cat ip ps hostname ls; do ln -s busybox {tree}/bin/$tool; done")
    data = copy.deepcopy(DATA)
    queen = data["nodes"]["queen"]
    queen.update(rootfs=str(tree), mounts={}, exec=["echo here >/srv/it"], services={})
    HIVE.changed(data)
    assert inside("cat /srv/it") == "here"
    assert inside("ip -4 addr show eth0").count("10.71.0.2/24") == 1
    assert not os.path.exists(f"{tree}/srv/it")
    assert inside("ls /") == "\n".join(sorted(os.listdir(tree)))
    queen["overlay"] = False
    HIVE.changed(data)
    assert (tree / "srv/it").read_text() == "here\n"
    assert sorted(os.listdir(tree)) == sorted(["proc", "sys", "dev", "tmp", "run", "bin", "etc", "srv"])


def test_limits_that_cannot_be_set_are_told_before_anything_is_made() -> None:
    data = copy.deepcopy(DATA)
    data["nodes"]["queen"]["memory"] = 96
    with pytest.raises(Exception, match="cannot have limits: the lab host has no control group with the controller 'memory'"):
        HIVE.bring(data)
    assert not os.path.exists("/run/netns/hive.drone")


def test_limits_hold_and_change_in_place(control_groups: None) -> None:
    data = copy.deepcopy(DATA)
    data["nodes"]["queen"].update(memory=96, cpus=0.05, exec=[], services={})
    HIVE.changed(data)
    eat = "python3 -c 'held = bytearray(150 << 20); print(len(held))'"
    assert subprocess.run(["sh", ENTER, "sh", "-c", eat], capture_output=True, check=False).returncode == 137
    deadline, throttled = time.monotonic() + 120, 0
    while not throttled and time.monotonic() < deadline:
        subprocess.run(["sh", ENTER, "timeout", "1", "sh", "-c", "while :; do :; done"], check=False)
        throttled = int(shell("awk '/^nr_throttled/ {print $2}' /run/groups/cpu/netvirt/hive/hive.queen/cpu.stat"))
    assert throttled > 0
    # Its control group is the root inside of its own namespace.
    assert inside("cat /proc/self/cgroup").count("netvirt") == 0
    assert shell("cat /run/groups/memory/netvirt/hive/hive.queen/memory.limit_in_bytes").strip() == str(96 << 20)
    data["nodes"]["queen"].update(memory=400, cpus="none")
    assert HIVE.changed(data) == {
        "before": {"namespace": {"hive.queen": {"memory": 96, "cpus": 0.05}}},
        "after": {"namespace": {"hive.queen": {"memory": 400, "cpus": 0}}},
    }
    assert inside(eat) == str(150 << 20)
    # Somebody else sets it otherwise.
    Path("/run/groups/memory/netvirt/hive/hive.queen/memory.limit_in_bytes").write_text(str(64 << 20))
    assert HIVE.changed(data)["before"] == {"namespace": {"hive.queen": {"memory": 64}}}
    HIVE.bring(None)
    assert not os.path.exists("/run/groups/memory/netvirt")
