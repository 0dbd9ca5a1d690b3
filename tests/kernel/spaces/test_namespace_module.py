# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module namespace: namespaces of all kinds, seen from inside and from outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..ovs.conftest import run_module

HOME = Path("/run/netvirt/den/spaces/fox")
ALL = ["uts", "mnt", "pid", "net", "user", "ipc", "cgroup", "time"]
LINKS = {kind: f"/proc/self/ns/{kind}" for kind in ALL}


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout.strip()


def inside(line: str) -> str:
    done = subprocess.run(["sh", f"{HOME}/enter", "sh", "-c", line], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def traces() -> list[str]:
    """Return what namespaces could leave: mounts, names, files, control groups, processes."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    groups = shell("find /sys/fs/cgroup /run/groups -name 'netvirt*' 2>/dev/null || :").split()
    found = shell("find /run/netvirt /var/lib/netvirt -not -path '*/images*' 2>/dev/null || :").split()
    return sorted([*mounts, *groups, *found, *os.listdir("/run/netns"), *map(str, processes(str(HOME.parent)))])


@pytest.fixture(autouse=True)
def traceless() -> Iterator[None]:
    before = traces()
    yield
    run_module("namespace", name="fox", lab="den", state="absent")
    assert traces() == before


def twice(**options: Any) -> dict[str, Any]:
    """Run the module in check mode, for real, and again; return what the real run said."""
    wanted = {"name": "fox", "lab": "den", **options}
    foretold = run_module("namespace", check=True, **wanted)
    done = run_module("namespace", **wanted)
    assert "failed" not in done, done
    assert (foretold["changed"], foretold["diff"]) == (True, done["diff"])
    assert run_module("namespace", **wanted)["changed"] is False
    return done


def processes(argument: str) -> list[int]:
    """Return the processes that have a text among their arguments."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if argument in Path(f"/proc/{entry}/cmdline").read_text():
                found.append(int(entry))
    return found


def init() -> int:
    """Return the one process 1 of the namespaces, as this machine counts."""
    [found] = [pid for pid in processes(str(HOME)) if shell(f"awk '/^NSpid/ {{print $3}}' /proc/{pid}/status") == "1"]
    return found


def test_each_kind_alone_is_another_one_inside_and_the_rest_is_the_machines() -> None:
    for kind in ALL:
        maps: dict[str, Any] = {"uid_map": ["0 100000 1000"]} if kind == "user" else {}
        assert run_module("namespace", name="fox", lab="den", kinds=[kind], **maps)["changed"]
        seen = {each: inside(f"readlink {path}") for each, path in LINKS.items()}
        assert [each for each in ALL if seen[each] != os.readlink(LINKS[each])] == [kind]
        run_module("namespace", name="fox", lab="den", state="absent")
        assert not HOME.exists()


def test_what_each_kind_shows_and_hides() -> None:
    done = twice(kinds=ALL, hostname="burrow", mounts={"/mnt": "tmpfs"}, uid_map=["0 100000 65536"], boottime=86400, monotonic=3600)
    assert set(done["diff"]["after"]) == {"namespace", "netns"}
    assert done["paths"]["net"] == "/run/netns/fox"
    assert all(os.path.exists(path) for path in done["paths"].values())
    # uts: a name of its own, also one that is given inside.
    own = os.uname().nodename
    assert inside("hostname") == "burrow"
    assert shell("hostname") == own
    # mnt: what is mounted inside is not seen outside.
    inside("echo secret >/mnt/note")
    assert inside("cat /mnt/note") == "secret"
    assert not os.path.exists("/mnt/note")
    # pid: process 1 is another one inside than outside.
    assert "/run/netvirt/den/spaces/fox" in inside("tr '\\0' ' ' </proc/1/cmdline")
    assert init() > 1
    # net: only lo, and it is up.
    assert [line.split()[1] for line in inside("ip -o link").splitlines()] == ["lo:"]
    inside("ping -c 1 127.0.0.1")
    # user: root inside, nobody in particular outside; and still master of the namespaces that are its own.
    assert inside("id -u") == "0"
    assert os.stat(f"/proc/{init()}").st_uid == 100000
    inside("ip link add d0 type veth peer name d1; hostname inner")
    assert inside("hostname") == "inner"
    assert subprocess.run(["sh", f"{HOME}/enter", "touch", "/etc/by-fox"], capture_output=True, check=False).returncode != 0
    # ipc: message queues of its own.
    inside("ipcmk -Q >/dev/null")
    assert "0x" in inside("ipcs -q")
    assert "0x" not in shell("ipcs -q")
    # time: up for a day longer.
    outside = float(Path("/proc/uptime").read_text().split()[0])
    assert outside + 86000 < float(inside("cut -d' ' -f1 /proc/uptime")) < outside + 86900


def test_they_last_without_anybody_inside_and_drift_is_repaired() -> None:
    kinds = ["uts", "pid", "mnt"]
    twice(kinds=kinds, hostname="one")
    first = inside("readlink /proc/self/ns/uts")
    assert twice(kinds=kinds, hostname="two")["diff"] == {
        "before": {"namespace": {"fox": {"hostname": "one"}}},
        "after": {"namespace": {"fox": {"hostname": "two"}}},
    }
    assert (inside("hostname"), inside("readlink /proc/self/ns/uts")) == ("two", first)
    # Somebody inside calls it otherwise.
    inside("hostname three")
    assert twice(kinds=kinds, hostname="two")["diff"]["before"] == {"namespace": {"fox": {"hostname": "three"}}}
    # Its process 1 is killed: then nothing can be started in its pid namespace.
    os.kill(init(), 9)
    deadline = time.monotonic() + 60
    while processes(str(HOME)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert twice(kinds=kinds, hostname="two")["diff"]["before"]["namespace"]["fox"]["kinds"] == ["uts", "mnt"]
    assert inside("hostname") == "two"
    # Of other kinds.
    assert twice(kinds=["ipc", "uts"])["diff"]["after"]["namespace"]["fox"]["kinds"] == ["uts", "ipc"]


def test_a_process_in_the_background_is_reaped_by_process_1_and_dies_with_it() -> None:
    twice(kinds=["pid", "mnt"])
    inside("sh -c 'sleep 0.05 &'; (sleep 5000 >/dev/null 2>&1 </dev/null &)")
    deadline = time.monotonic() + 60
    while (left := inside("ps -eo stat=,args= | grep '[s]leep' || :")).count("sleep") > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left.count("sleep") == 1
    assert "Z" not in left
    run_module("namespace", name="fox", lab="den", state="absent")
    assert processes("5000") == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kinds": ["uts"], "rootfs": "/"}, "need the kind 'mnt' for rootfs"),
        ({"kinds": ["mnt"], "rootfs": "/", "hostname": "x"}, "need the kind 'uts' for hostname"),
        ({"kinds": ["mnt"], "mounts": {"mnt": "tmpfs"}}, "it must be an absolute path"),
        ({"kinds": ["pid"], "boottime": 7}, "need the kind 'time' for boottime"),
        ({"kinds": ["pid"], "cpus": -1}, "a limit below 0"),
        ({"kinds": ["user"]}, "need a uid_map"),
        ({"kinds": ["user"], "uid_map": ["root"]}, "three numbers as in '0 100000 65536'"),
        ({"kinds": ["mnt"], "mounts": {"/nowhere": "tmpfs"}}, "there is no such path inside"),
        ({"kinds": ["mnt"], "mounts": {"/mnt": "/nowhere"}}, "the lab host has no such path"),
        ({"kinds": ["mnt", "pid"], "rootfs": "/etc"}, "it has no proc, sys, dev"),
        ({"kinds": []}, "are of no kind"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(options: dict[str, Any], problem: str) -> None:
    done = run_module("namespace", name="fox", lab="den", **options)
    assert done["failed"]
    assert problem in done["msg"]
    assert not HOME.exists()


def test_a_network_namespace_of_that_name_that_is_somebody_elses_is_refused() -> None:
    shell("ip netns add fox")
    try:
        done = run_module("namespace", name="fox", lab="den", kinds=["net", "uts"])
        assert done["failed"]
        assert "was not made by netvirt.lab" in done["msg"]
        assert not HOME.exists()
        run_module("namespace", name="fox", lab="den", state="absent")
        assert os.path.exists("/run/netns/fox")
    finally:
        shell("ip netns del fox")
