# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of the quick lab sees."""

from __future__ import annotations

from testinfra.host import Host

testinfra_hosts = ["local://"]


def test_the_namespaces_reach_each_other(host: Host) -> None:
    assert host.run("ip netns exec quick.east ping -c1 -W2 192.168.120.250").rc == 0


def test_the_lease_gives_an_address_of_the_subnet(host: Host) -> None:
    assert " 192.168.120." in host.check_output("ip -n quick.east -o -4 addr show eth0")


def test_traffic_leaves_through_nat(host: Host) -> None:
    assert host.check_output("ip netns exec quick.east curl -sS --max-time 5 http://198.51.100.10/") == "203.0.113.2"
