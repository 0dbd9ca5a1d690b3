# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listing that proves tracelessness: each kind of leftover shows, and is gone when the leftover is."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.netvirt.lab.tests.tools import trace


def shell(script: str) -> None:
    subprocess.run(["/bin/sh", "-euc", script], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("kind", "make", "clean", "shown"),
    [
        ("link", "ip link add rowan type bridge", "ip link del rowan", "- rowan bridge"),
        ("link", "ip link set lo alias netvirt:rowan", "ip link set lo alias ''", "ifalias=netvirt:rowan"),
        ("link", "ip addr add 192.168.88.1/24 dev lo", "ip addr del 192.168.88.1/24 dev lo", "192.168.88.1/24"),
        ("route", "ip route add 192.168.89.0/24 dev lo", "ip route del 192.168.89.0/24", "192.168.89.0/24"),
        ("route", "ip rule add from 192.168.89.0/24 table 9", "ip rule del table 9", "192.168.89.0/24 lookup 9"),
        ("namespace", "ip netns add rowan", "ip netns del rowan", "rowan"),
        ("firewall", "nft add table inet rowan", "nft delete table inet rowan", "nft table inet rowan"),
        (
            "firewall",
            "nft add table ip rowan; nft add chain ip rowan c; nft add rule ip rowan c ip saddr 192.168.90.0/24 counter accept",
            "nft delete table ip rowan",
            "table ip rowan / chain c / ip saddr 192.168.90.0/24 counter accept",
        ),
        ("setting", "sysctl -w net.ipv4.ip_forward=1", "sysctl -w net.ipv4.ip_forward=0", "net/ipv4/ip_forward 1"),
        ("file", "mkdir -p /run/netvirt/rowan; : >/run/netvirt/rowan/f", "rm -r /run/netvirt", "/run/netvirt/rowan/f"),
        ("file", "mkdir -p /etc/netns/rowan", "rm -r /etc/netns", "/etc/netns/rowan/"),
        ("mount", "mkdir /tmp/rowan; mount -t tmpfs rowan /tmp/rowan", "umount /tmp/rowan; rmdir /tmp/rowan", "rowan /tmp/rowan tmpfs"),
    ],
)
def test_a_leftover_shows_until_it_is_gone(kind: str, make: str, clean: str, shown: str) -> None:
    before = trace.snapshot()
    shell(make)
    new = set(trace.snapshot()) - set(before)
    shell(clean)
    assert any(line.startswith(f"{kind}: ") and shown in line for line in new), new
    assert trace.snapshot() == before


def test_a_process_that_names_a_labs_directory_shows() -> None:
    before = trace.snapshot()
    with subprocess.Popen(["/bin/sh", "-c", "read line", "/run/netvirt/rowan/pid"], stdin=subprocess.PIPE) as process:
        assert "process: /bin/sh -c read line /run/netvirt/rowan/pid" in trace.snapshot()
        process.kill()
    assert trace.snapshot() == before


def test_images_are_not_a_leftover_but_what_is_beside_them_is() -> None:
    shell("mkdir -p /var/lib/netvirt/images")
    before = trace.snapshot()
    shell("mkdir /var/lib/netvirt/spruce")
    new = set(trace.snapshot()) - set(before)
    shell("rmdir /var/lib/netvirt/spruce")
    assert new == {"file: /var/lib/netvirt/spruce/"}
    assert not any("netvirt/images/" in line for line in before if line.startswith("file: "))
