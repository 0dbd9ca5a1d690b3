# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OVN is asked of a check's packet, and what its answer means."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.logical import Packet, packets, refusal
from ansible_collections.netvirt.lab.plugins.module_utils.reach.paths import Wiring
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

SHARE: dict[str, Any] = compile_share(
    load(
        {
            "name": "park",
            "fabric": "ovn",
            "nodes": {
                "oak": {"kind": "ovs", "ipv4": "10.7.0.1/24", "ipv6": "fd07::1/64"},
                "elm": {"kind": "ovs", "ipv4": "10.8.0.1/24"},
                "own": {"kind": "ovs", "ipv4": "10.9.0.1/24"},
                "plain": {"kind": "bridge", "ipv4": "10.6.0.1/24"},
                "r": "logical_router",
                "ann": {"ipv4": "10.7.0.7", "ipv6": "fd07::7"},
                "bob": {"ipv4": "10.7.0.8", "ipv6": "fd07::8"},
                "eve": {"ipv4": "10.8.0.9"},
                "dan": {"ipv4": "10.9.0.4"},
                "out": {"ipv4": "10.6.0.6"},
            },
            "links": ["ann oak", "bob oak", "eve elm", "r oak", "r elm", "dan own", "out plain"],
        }
    )
)
WIRING = Wiring(SHARE)
MACS = {node["name"]: node["interfaces"][0]["mac"] for node in SHARE["nodes"]}


def flow(sender: str, hop: str, family: str, ends: tuple[str, str], content: str) -> str:
    where = f'inport == "park.{sender}.eth0" && eth.src == {MACS[sender]} && eth.dst == {hop}'
    return f"{where} && {family}.src == {ends[0]} && {family}.dst == {ends[1]} && ip.ttl == 64 && {content}"


def test_a_packet_goes_to_a_neighbour_and_its_answer_comes_back() -> None:
    assert list(packets(Check("ann", "bob", "ping", "10.7.0.8"), WIRING)) == [
        Packet("park.oak", flow("ann", MACS["bob"], "ip4", ("10.7.0.7", "10.7.0.8"), "icmp4.type == 8"), True, "bob:eth0"),
        Packet("park.oak", flow("bob", MACS["ann"], "ip4", ("10.7.0.8", "10.7.0.7"), "icmp4.type == 0"), False, "ann:eth0"),
    ]
    asked, _answer = packets(Check("ann", "bob", "udp", "fd07::8", port=53), WIRING)
    assert asked.flow == flow("ann", MACS["bob"], "ip6", ("fd07::7", "fd07::8"), "udp.dst == 53")


def test_a_packet_to_another_network_goes_to_the_router_of_its_own() -> None:
    asked, answer = packets(Check("ann", "eve", "tcp", "10.8.0.9", port=80), WIRING)
    gates = {interface["switch"]: interface["mac"] for node in SHARE["nodes"] if node["name"] == "r" for interface in node["interfaces"]}
    assert asked.flow == flow("ann", gates["oak"], "ip4", ("10.7.0.7", "10.8.0.9"), "tcp.dst == 80")
    assert (answer.switch, answer.flow) == ("park.elm", flow("eve", gates["elm"], "ip4", ("10.8.0.9", "10.7.0.7"), "tcp.src == 80"))


def test_only_what_starts_at_a_logical_switch_is_asked_of() -> None:
    assert [packet.switch for packet in packets(Check("dan", "out", "ping", "10.6.0.6"), WIRING)] == ["park.own"]
    assert [packet.switch for packet in packets(Check("out", "dan", "ping", "10.9.0.4"), WIRING)] == ["park.own"]
    assert list(packets(Check("localhost", "out", "ping", "10.6.0.6"), WIRING)) == []
    assert list(packets(Check("ann", "nobody", "ping", "10.66.0.6"), WIRING)) == []


PASSING = """ingress(dp="park.oak", inport="park.ann.eth0")
-----------------------------------------------------
25. ls_in_l2_lkup (northd.c:9193): eth.dst == 02:80:38:c2:9b:7a, priority 50, uuid dd770144
    outport = "park.bob.eth0";
    output;

egress(dp="park.oak", inport="park.ann.eth0", outport="park.bob.eth0")
----------------------------------------------------------------------
"""
ACL = ' 4. ls_out_acl (northd.c:6588): outport == "park.bob.eth0" && ip4.src == 10.7.0.0/24, priority 2000, uuid 20be6d02\n    drop;\n'
ROUTE = " 13. lr_in_ip_routing (northd.c:12045): 1, priority 0, uuid 3ab7f337\n    drop;\n"
IMPLICIT = " 3. ls_out_check_port_sec: no match (implicit drop)\n"
OUTPUT = (
    ' 9. ls_out_apply_port_sec (northd.c:5777): 1, priority 0, uuid 342cbca5\n    output;\n    /* output to "park.bob.eth0", type "" */\n'
)


@pytest.mark.parametrize(
    ("said", "new", "why"),
    [
        (ACL, True, 'an ACL of oak drops it: outport == "bob:eth0" && ip4.src == 10.7.0.0/24'),
        (ACL, False, 'an ACL of oak drops the answer: outport == "bob:eth0" && ip4.src == 10.7.0.0/24'),
        (ROUTE, True, "oak has no route for it"),
        (IMPLICIT, True, "OVN drops it at oak (ls_out_check_port_sec: no match (implicit drop))"),
        (OUTPUT, True, ""),
        (ROUTE + OUTPUT, True, ""),  # flooded: some copies go astray
        ("", True, ""),
    ],
)
def test_the_last_flow_that_drops_is_the_cause(said: str, new: bool, why: str) -> None:
    assert refusal(Packet("park.oak", "", new, "bob:eth0"), PASSING + said, "park") == why
