# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab netdev_backends: two guests reach each other through each of QEMU's backends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..playbooks import Playbooks
from .guests import reaches, said

LAB = "netdev_backends"
NAME = "netdev-backends"
WIRES = {
    1: "socket",
    2: "stream",
    3: "dgram",
    4: "udp",
    5: "mcast",
    6: "l2tpv3",
    7: "tap",
    8: "vde",
    9: "bridge",
    10: "hubport",
    12: "none",
}


@pytest.fixture(scope="module", autouse=True)
def allowed() -> Iterator[None]:
    """Let QEMU's helper plug into the bridge, as the lab's page says."""
    rules = Path("/etc/qemu/bridge.conf")
    rules.parent.mkdir(exist_ok=True)
    rules.write_text("allow br-helped\n")
    yield
    rules.unlink()


def addresses(lab: Playbooks, guest: str) -> dict[str, str]:
    shown = said(lab, NAME, guest, "ip -4 -br address").splitlines()
    return {line.split()[0]: line.split()[2].partition("/")[0] for line in shown if len(line.split()) > 2}


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout


def test_the_guests_reach_each_other_through_every_backend(lab: Playbooks) -> None:
    there = addresses(lab, "two")
    assert {kind for number, kind in WIRES.items() if not reaches(lab, NAME, "one", there[f"eth{number}"], by=f"eth{number}")} == set()


def test_a_hub_leads_to_its_uplink(lab: Playbooks) -> None:
    assert addresses(lab, "one")["eth11"] == "10.40.11.15"


def test_the_script_and_the_lab_have_done_the_same(lab: Playbooks) -> None:
    ports: list[dict[str, Any]] = json.loads(shell("ip -j link show master br-vm"))
    assert [port["ifname"] for port in ports if port["ifname"] == "tap-one"] == ["tap-one"]
    assert len(ports) == 2
    assert all("UP" in port["flags"] for port in ports)


def test_only_the_qemu_that_makes_a_device_is_root(lab: Playbooks) -> None:
    lines = shell("ps -C qemu-system-x86_64 -o user=,args=").splitlines()
    assert {line.partition(f"guest={NAME}/")[2].split()[0]: line.split()[0] for line in lines} == {"one": "root", "two": "netvirt"}


def test_nothing_of_it_leaves_the_lab_host(lab: Playbooks) -> None:
    waiting = [line.split()[3] for line in shell("ss -Hntlp | grep qemu-system").splitlines()]
    assert waiting
    assert [address for address in waiting if not address.startswith("127.0.0.1:")] == []
    # Who listens to which group by which interface: the hexadecimal digits are 239.255... from behind.
    joined = shell("cat /proc/net/igmp").partition("uplink0")
    assert "FFEF " in joined[0]
    assert "FFEF " not in joined[2]
