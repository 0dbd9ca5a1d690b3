# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that comes back after a reboot, here a simulated one: everything in the kernel and below /run is gone, files are kept."""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

from ..playbooks import TOPOLOGY, Playbooks, trace

LAB = "persist"
UNIT = Path("/etc/systemd/system/netvirt-persist.service")
LINK = Path("/etc/systemd/system/multi-user.target.wants/netvirt-persist.service")


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def reboot() -> None:
    """Lose what a machine loses that is switched off."""
    kept = {os.getpid(), os.getppid(), 1}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in kept:
            try:
                argv, environ = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if re.search(rb"netvirt/persist|ovs-vswitchd|ovsdb-server", argv) or b"NETVIRT_OWNER=" in environ:
                os.kill(int(entry.name), signal.SIGKILL)
    while subprocess.run("pgrep -x 'ovs-vswitchd|ovsdb-server|dnsmasq'", shell=True, check=False, capture_output=True).returncode == 0:
        time.sleep(0.05)
    shell("for space in $(ls /run/netns | grep ^persist); do ip netns del $space; done")
    for link in json.loads(shell("ip -j link")):
        if link["ifname"] not in ("lo", "uplink0"):
            subprocess.run(["ip", "link", "del", link["ifname"]], check=False, capture_output=True)
    shell("nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.uplink0.forwarding=0")
    for place in ("/run/netvirt", "/run/openvswitch"):
        shutil.rmtree(place, ignore_errors=True)


def lasting() -> list[str]:
    """Return the trace less the MAC addresses of switches' ports, which the kernel chooses and nobody sees."""
    return [re.sub(r"(veth|tun) mtu=(\d+) \S+", r"\1 mtu=\2", line) if line.startswith("link: - ") else line for line in trace()]


def test_it_is_back_without_the_controller(lab: Playbooks) -> None:
    shell(f"systemd-analyze verify {UNIT}")
    assert LINK.resolve() == UNIT
    before = lasting()
    reboot()
    assert len(trace()) < len(before) / 2
    start = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart=")).partition("=")[2]
    said = subprocess.run(["env", "-i", *shlex.split(start)], check=False, capture_output=True, text=True, cwd="/")
    assert said.returncode == 0, said.stderr
    assert "lab 'persist' is back" in said.stdout
    again = lab.run("netvirt.lab.site", "--diff")
    assert "changed=0 " in again.stdout, again.stdout
    same = "\n".join(difflib.unified_diff(before, lasting(), lineterm="", n=0))
    assert not same, same
    shell("ip netns exec persist.db ping -c1 -W5 10.21.0.1")
    assert "200" in shell("ip netns exec persist.web curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/")
    # Any init may call it by itself; nothing is missing now.
    assert "0 things were made" in shell("/var/lib/netvirt/persist/boot.pyz")


def test_what_is_not_to_come_back_any_more(lab: Playbooks, tmp_path: Path) -> None:
    shutil.copytree(lab.inventory, tmp_path / LAB)
    file = tmp_path / LAB / "topology.netvirt.yml"
    file.write_text(file.read_text().replace("persist: true\n", ""))
    assert lab.changed(*TOPOLOGY, inventory=str(tmp_path / LAB)) == 1
    assert not UNIT.exists()
    assert not LINK.is_symlink()
    assert lab.changed(*TOPOLOGY) == 1
    assert UNIT.exists()
