# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab netns_by_hand: veth, bridges with a way out, resolv.conf, NAT behind a policy, aliases, VLANs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ansible_collections.netvirt.lab.plugins.module_utils.transport import features

from ..playbooks import TOPOLOGY, Playbooks, trace

LAB = "netns_by_hand"
OUTSIDE = "http://198.51.100.10/"  # answers with the address that it was asked from


def inside(node: str, command: str) -> str:
    done = subprocess.run(f"ip netns exec netns-by-hand.{node} {command}", shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{node}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def test_a_veth_pair_joins_two_with_an_alias_at_each_end(lab: Playbooks) -> None:
    inside("red", "ping -c 1 -W 5 10.31.9.2")
    inside("red", "ping -c 1 -W 5 -I 10.31.10.1 10.31.10.2")
    [wire] = json.loads(inside("blue", "ip -j -4 addr show wire"))
    assert {address["local"] for address in wire["addr_info"]} == {"10.31.9.2", "10.31.10.2"}


def test_each_has_a_way_out_and_a_name_server_of_its_own(lab: Playbooks) -> None:
    for node, server in (("red", "10.31.1.1"), ("blue", "10.31.2.1")):
        assert inside(node, f"wget -qO- {OUTSIDE}").split()[0] == "203.0.113.2"
        assert f"nameserver {server}" in inside(node, "cat /etc/resolv.conf")
    # What nobody gives is written; a short name is looked for in its domain, by the name server behind two routers.
    assert inside("inner", "cat /etc/resolv.conf").splitlines()[1:] == ["search netns-by-hand.internal", "nameserver 10.31.1.1"]
    assert inside("inner", "getent hosts red").split()[1] == "red.netns-by-hand.internal"
    assert "nameserver 10.31" not in Path("/etc/resolv.conf").read_text()
    ports = {bridge: subprocess.check_output(["ovs-vsctl", "list-ports", bridge], text=True).split() for bridge in bridges()}
    assert sorted(map(len, ports.values())) == [1, 2]


def bridges() -> list[str]:
    return subprocess.check_output(["ovs-vsctl", "list-br"], text=True).split()


def test_the_gate_translates_and_forwards_only_what_was_asked_for_from_inside(lab: Playbooks) -> None:
    assert inside("inner", f"wget -qO- {OUTSIDE}").split()[0] == "203.0.113.2"
    # At the bridge already it has the gate's address.
    listen = "import socket; s = socket.create_server(('', 7000)); print('up'); print(s.accept()[1][0])"
    argv = ["ip", "netns", "exec", "netns-by-hand.red", "python3", "-u", "-c", listen]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "up\n"
        red, gate = (json.loads(inside(node, "ip -j -4 addr show eth0"))[0]["addr_info"][0]["local"] for node in ("red", "gate"))
        inside("inner", f"python3 -c \"import socket; socket.create_connection(('{red}', 7000), 30)\"")
        assert listener.communicate(timeout=60)[0].strip() == gate
    # The other way nothing is forwarded, though there is a route; with another policy it would be.
    inside("red", f"ip route add 10.31.8.0/24 via {gate}")
    ping = "ip netns exec netns-by-hand.red ping -c 1 -W 2 10.31.8.2"
    assert subprocess.run(ping.split(), capture_output=True, check=False).returncode != 0
    inside("gate", "nft 'chain inet gate forward { policy accept; }'")
    assert subprocess.run(ping.split(), capture_output=True, check=False).returncode == 0
    inside("red", "ip route del 10.31.8.0/24")
    # Beside it somebody has told another name server; one run takes back both.
    resolver = Path("/etc/netns/netns-by-hand.inner/resolv.conf")
    written = resolver.read_text()
    resolver.write_text(written.replace("10.31.1.1", "9.9.9.9"))
    assert lab.changed(*TOPOLOGY) == 1
    assert resolver.read_text() == written
    done = lab.run("netvirt.lab.verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_vlans_where_the_kernel_has_them_and_a_clear_word_where_not(lab: Playbooks) -> None:
    if not features.has_link_kind("vlan"):
        before = trace()
        done = lab.run(*TOPOLOGY, "-e", "with_vlans=true")
        assert done.returncode != 0
        assert "CONFIG_VLAN_8021Q" in done.stdout
        assert trace() == before
        return
    assert lab.changed(*TOPOLOGY, "-e", "with_vlans=true") > 0
    for network in (20, 21, 22):
        inside("tagged", f"ping -c 1 -W 5 10.31.{network}.2")
    [ad] = json.loads(inside("tagged", "ip -j -d link show ad20"))
    assert ad["linkinfo"]["info_data"] == {"protocol": "802.1ad", "id": 20, "flags": ["REORDER_HDR"]}
    assert lab.changed(*TOPOLOGY) > 0
