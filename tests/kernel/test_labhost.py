# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated lab hosts: a machine of their own, of which nothing is left. (Here one inside another.)"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LABHOST = str(CHECKOUT / "tests" / "labhost")
TRACE = [sys.executable, str(CHECKOUT / "tests" / "tools" / "trace.py")]
OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"
NAME = f"willow{os.getpid()}"

Run = Callable[[str], str]


def labhost(*arguments: str, code: int = 0) -> str:
    done = subprocess.run([LABHOST, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def here(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def everything() -> str:
    """Return what a lab host could leave on the machine it runs on."""
    cgroups = sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/")) if Path("/sys/fs/cgroup").is_dir() else []
    processes = here("ps", "-eo", "args").replace("ps -eo args", "")
    return "\n".join([here(*TRACE), *sorted(processes.splitlines()), *cgroups, *sorted(os.listdir("/run")), *sorted(os.listdir("/tmp"))])


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    labhost("up", NAME)
    yield lambda script: labhost("run", NAME, "--", "sh", "-euc", script)
    labhost("down", NAME)


def test_it_has_its_own_name_processes_and_network(run: Run) -> None:
    assert NAME in labhost("list")
    assert run("hostname").strip() == NAME
    assert run("ls /sys/class/net").split() == ["lo", "uplink0"]
    assert len(run("ls -d /proc/[0-9]*").splitlines()) < 10
    assert run("ip route get 198.51.100.10").startswith("198.51.100.10 via 203.0.113.1 dev uplink0 src 203.0.113.2")


def test_what_it_changes_is_its_own(run: Run) -> None:
    run("ip link add birch type bridge; ip netns add birch; sysctl -qw net.ipv4.ip_forward=1")
    run("touch /etc/netvirt-birch /run/birch /tmp/birch")
    assert "birch" not in here("ip", "link")
    assert not any(Path(path).exists() for path in ("/etc/netvirt-birch", "/run/birch", "/tmp/birch", "/run/netns/birch"))
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "0\n"


def test_settings_of_the_whole_machine_are_out_of_reach() -> None:
    assert "Read-only" in labhost("once", "--", "sh", "-c", "echo 4 >/proc/sys/kernel/printk", code=2)


def test_the_checkout_is_the_machines_own(run: Run) -> None:
    mark = CHECKOUT / ".cache" / f"mark-{NAME}"
    run(f"touch {mark}")
    assert mark.exists()
    mark.unlink()


def test_the_outside_answers_with_the_address_it_sees(run: Run) -> None:
    assert run("curl -sS --max-time 5 http://198.51.100.10/").strip() == "203.0.113.2"
    assert run("getent hosts mirror.outside.test").split() == ["198.51.100.10", "mirror.outside.test"]
    labhost("run", NAME, "--", "getent", "hosts", "mirror.elsewhere.test", code=2)


def test_the_outside_knows_no_way_back_to_a_lab(run: Run) -> None:
    run("ip addr add 192.168.77.1/24 dev lo")
    assert "100% packet loss" in labhost("run", NAME, "--", "ping", "-c1", "-W1", "-I", "192.168.77.1", "198.51.100.10", code=1)


def test_open_vswitch_runs_in_it(run: Run) -> None:
    run(f"{OVS_CTL} start --system-id=random --no-mlockall")
    run("ovs-vsctl add-br alder -- set bridge alder datapath_type=netdev; ip link show alder")
    assert "alder" in run("ovs-vsctl list-br")


def test_a_name_is_taken_once(run: Run) -> None:
    assert "is up already" in labhost("up", NAME, code=1)


def test_it_leaves_nothing() -> None:
    before = everything()
    labhost("up", f"{NAME}b")
    labhost(
        "run",
        f"{NAME}b",
        "--",
        "sh",
        "-c",
        f"{OVS_CTL} start --system-id=random --no-mlockall; ip netns add x; setsid sleep 600 >&- 2>&- &",
    )
    assert everything() != before
    labhost("down", f"{NAME}b")
    assert everything() == before


def test_once_gives_the_commands_exit_code() -> None:
    labhost("once", "--", "true")
    labhost("once", "--", "sh", "-c", "exit 7", code=7)


@pytest.mark.parametrize("moment", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("action", [["once", f"{NAME}k", "--", "sleep", "600"], ["up", f"{NAME}k"]], ids=["once", "up"])
def test_a_killed_start_leaves_nothing_half_built(action: list[str], moment: float) -> None:
    before = everything()
    with subprocess.Popen([LABHOST, *action], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starter:
        time.sleep(moment)
        starter.kill()
    if action[0] == "up" and f"{NAME}k" in labhost("list"):
        assert labhost("run", f"{NAME}k", "--", "hostname").strip() == f"{NAME}k"  # then it is up
        labhost("down", f"{NAME}k")
    deadline = time.monotonic() + 5
    while everything() != before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert everything() == before


def test_a_bind_that_does_not_exist_is_named() -> None:
    assert "/no/such" in labhost("up", f"{NAME}c", "--bind", "/no/such", code=1)
    assert f"{NAME}c" not in labhost("list")
