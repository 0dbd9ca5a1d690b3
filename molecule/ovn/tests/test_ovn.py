# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of a lab on OVN sees: on each of three machines, in its guest, and from node to node."""

from __future__ import annotations

from pathlib import Path

import testinfra
from testinfra.host import Host

testinfra_hosts = ["local://"]

INVENTORY = Path(__file__).parents[1] / "inventory"
LABHOST = Path(__file__).parents[3] / "tests" / "labhost"
HOMES = {"a1": "m1", "b1": "m1", "web": "m2", "b2": "m2", "a3": "m3", "db": "m3", "desk": "m3"}


def on(host: Host, machine: str, script: str) -> str:
    return str(host.check_output(f"timeout 60 {LABHOST} run {machine} -- sh -euc %s", script))


def inside(host: Host, node: str, script: str) -> str:
    return on(host, HOMES[node], f"ip netns exec logic.{node} sh -euc '{script}'")


def nbctl(host: Host, arguments: str) -> str:
    return on(host, "m2", f"ovn-nbctl --db=unix:/run/netvirt/.ovn/nb.sock {arguments}")


def test_the_databases_are_on_one_machine_and_a_controller_on_each(host: Host) -> None:
    counts = {machine: on(host, machine, "pgrep -c -f '[p]idfile=/run/netvirt/.ovn' || :").strip() for machine in ("m1", "m2", "m3")}
    assert counts == {"m1": "1", "m2": "4", "m3": "1"}


def test_switches_are_logical_ones_and_no_bridges(host: Host) -> None:
    assert {line.split("(")[1].rstrip(")") for line in nbctl(host, "ls-list").split("\n") if "transit" not in line} == {
        f"logic.{name}" for name in ("front", "back", "wan", "office")
    }
    assert on(host, "m3", "ovs-vsctl list-br").split() == ["br-netvirt", "br-under"]


def test_addresses_are_leased_by_ovn_with_the_mtu_of_its_tunnels(host: Host) -> None:
    assert "mtu 1492" in inside(host, "a3", "ip link show eth0")
    assert "10.81.1." in inside(host, "a3", "ip -4 -br addr show dev eth0")
    assert "10.81.1.1" in inside(host, "a3", "ip route show default")


def test_a_guest_has_the_mtu_of_the_tunnels(host: Host) -> None:
    guest = testinfra.get_host(f"ansible://v?ansible_inventory={INVENTORY}")
    assert guest.check_output("cat /sys/class/net/eth0/mtu") == "1492"


def test_names_are_answered_by_the_lab_host_behind_the_router(host: Host) -> None:
    assert inside(host, "b1", "getent hosts web").split()[0].startswith("10.81.1.")


def test_tcp_passes_between_the_machines_by_the_router(host: Host) -> None:
    """Where checksums were left to somebody, ping works and TCP stalls."""
    address = inside(host, "b2", "ip -4 -o addr show dev eth0").split()[3].partition("/")[0]
    on(host, "m2", "ip netns exec logic.b2 iperf3 -s -D -1")
    assert "receiver" in inside(host, "a1", f"iperf3 -c {address} -t 1 -O 0")


def test_what_is_sent_out_comes_from_the_router(host: Host) -> None:
    listen = "ip netns exec world timeout 60 tcpdump -nlc 1 -i eth0 icmp and dst 172.31.0.254 >/run/seen 2>/run/listening </dev/null &"
    on(host, "m1", f"{listen} until grep -q listening /run/listening; do sleep 0.1; done")
    inside(host, "db", "ping -c 3 -i 0.3 -W 5 172.31.0.254")
    seen = on(host, "m1", "until [ -s /run/seen ]; do sleep 0.1; done; cat /run/seen; rm /run/seen /run/listening")
    assert "172.31.0.1 > 172.31.0.254" in seen


def test_one_address_outside_leads_in(host: Host) -> None:
    on(host, "m1", "ip netns exec world ping -c 2 -W 5 172.31.0.11")
    serve = "setsid python3 -m http.server 8080 >/dev/null 2>&1 </dev/null & echo $! >/run/web.pid"
    on(host, "m2", f"cd /srv; ip netns exec logic.web sh -c '{serve}'")
    fetch = "curl -sS -o /dev/null -w %{http_code} --retry 30 --retry-connrefused --retry-delay 1"
    answer = on(host, "m1", f"ip netns exec world {fetch} http://172.31.0.11:8080/")
    on(host, "m2", 'kill "$(cat /run/web.pid)"; rm /run/web.pid')
    assert answer == "200"


def test_the_way_out_of_a_switch_is_its_lab_host(host: Host) -> None:
    assert inside(host, "desk", "curl -sS --max-time 10 http://198.51.100.10/").strip() == "203.0.113.2"


def test_a_guest_is_a_node_as_any_other(host: Host) -> None:
    guest = testinfra.get_host(f"ansible://v?ansible_inventory={INVENTORY}")
    assert guest.run("ping -c 2 -s 1400 desk").rc == 0


def test_an_acl_keeps_back_what_it_names_and_nothing_else(host: Host) -> None:
    database = inside(host, "db", "ip -4 -o addr show dev eth0").split()[3].partition("/")[0]
    assert "100% packet loss" in inside(host, "a1", f"ping -c 2 -W 1 {database} || :")
    inside(host, "b1", f"ping -c 1 -W 5 {database}")
