# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab host_guest: guests directly behind interfaces of the lab host, which routes between them and lets them out."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..playbooks import Playbooks
from .captures import Packets, guest, ip, shell

LAB = "host_guest"
PACKETS = Packets(LAB)
LEFT, RIGHT = "lab-host:tap-left", "lab-host:tap-right"


def test_the_tap_is_the_lab_hosts_own_interface(lab: Playbooks) -> None:
    (tap,) = json.loads(shell("ip -j -d addr show tap-left"))
    assert [(one["local"], one["prefixlen"]) for one in tap["addr_info"] if one["family"] == "inet"] == [("192.168.111.1", 24)]
    assert (tap["linkinfo"]["info_kind"], tap.get("master")) == ("tun", None)
    assert "default via 192.168.111.1 dev eth0" in guest(lab, "left", "ip route")
    # Nobody but the two is on this wire: who is asked from here answers from the other end.
    shell("ping -c1 -W5 192.168.111.2")
    (neighbour,) = [one for one in json.loads(shell("ip -j neigh show dev tap-left")) if one["dst"] == "192.168.111.2"]
    assert neighbour["lladdr"] == guest(lab, "left", "cat /sys/class/net/eth0/address").strip()


def test_the_lab_host_routes_between_them(lab: Playbooks) -> None:
    with PACKETS.seen(LEFT, RIGHT, filter="icmp[0] == 8") as seen:
        guest(lab, "left", "ping -c1 -W5 192.168.112.2")
    (before,), (after,) = seen[LEFT], seen[RIGHT]
    # Addresses stay what they are, both MAC addresses are new, and it has made one hop.
    assert ip(before)[:2] == ip(after)[:2] == ("192.168.111.2", "192.168.112.2")
    assert before[:12] != after[:12]
    assert after[6:12].hex(":") == Path("/sys/class/net/tap-right/address").read_text().strip()
    assert (ip(before)[2], ip(after)[2]) == (64, 63)


def test_the_check_knows_all_three_of_them(lab: Playbooks) -> None:
    """That each guest reaches the lab host is always asked, that left reaches right is what the file expects."""
    done = lab.run("netvirt.lab.verify")
    assert done.returncode == 0, done.stdout + done.stderr
    header, *rows = [line.strip(' ",').split() for line in done.stdout.splitlines() if re.match(r' +"(from|left|right) ', line)]
    reached = {(row[0], column) for row in rows for column, word in zip(header[1:], row[1:]) if word == "ok"}
    assert reached == {("left", "gateway"), ("right", "gateway"), ("left", "right")}


def test_the_way_out_is_behind_the_lab_hosts_address(lab: Playbooks) -> None:
    with PACKETS.seen(LEFT, "uplink0", filter="icmp[0] == 8") as seen:
        guest(lab, "left", "ping -c1 -W5 198.51.100.10")
    assert [ip(one)[:2] for one in seen[LEFT]] == [("192.168.111.2", "198.51.100.10")]
    assert [ip(one)[:2] for one in seen["uplink0"]] == [("203.0.113.2", "198.51.100.10")]


def test_a_call_for_an_address_is_heard_at_its_own_tap_only(lab: Playbooks) -> None:
    """It is a broadcast, which a router does not pass on; nobody serves DHCP here, so it is repeated and stays without an answer."""
    with PACKETS.seen(LEFT, RIGHT, filter="udp port 67") as seen:
        asked = guest(lab, "left", "udhcpc -n -q -t 2 -T 1 -i eth0 -s /bin/true; echo code $?")
    assert "code 1" in asked
    assert len(seen[LEFT]) == 2
    assert {(one[:6].hex(":"), *ip(one)[:2]) for one in seen[LEFT]} == {("ff:ff:ff:ff:ff:ff", "0.0.0.0", "255.255.255.255")}
    assert seen[RIGHT] == []
