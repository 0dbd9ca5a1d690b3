# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab linux_bridge: what a bridge learns and forgets, its spanning tree, what it never forwards, and the way out."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils.resources._bridge_look import look
from ansible_collections.netvirt.lab.plugins.module_utils.transport.attributes import attributes
from ansible_collections.netvirt.lab.plugins.module_utils.transport.bridge import AF_BRIDGE, port_state

from ..playbooks import Playbooks
from .captures import Packets, forwarding, frame, guest, ip, mac, shell, until

LAB = "linux_bridge"
PACKETS = Packets(LAB)
PROTINFO = 12  # IFLA_PROTINFO (linux/if_link.h)
EVERYONE = "ff:ff:ff:ff:ff:ff"


def states() -> dict[str, str]:
    (bridge,) = look("", "br0", None, [])
    return {port["name"]: port["state"] for port in bridge["ports"]}


def test_it_learns_where_everybody_is(lab: Playbooks) -> None:
    guest(lab, "one", "ping -c1 -W5 192.168.121.12")
    shell("ip netns exec ns1 ping -c1 -W5 192.168.121.11")
    table = forwarding("br0")
    macs = {name: guest(lab, name, "cat /sys/class/net/eth0/address").strip() for name in ("one", "two")}
    assert {name: table[address][0] for name, address in macs.items()} == {"one": "tap-one", "two": "tap-two"}
    assert all(table[address][1] < 15 for address in (*macs.values(), mac("ns1")))


def test_what_is_for_one_goes_to_one_and_what_is_for_a_stranger_to_all(lab: Playbooks) -> None:
    one = guest(lab, "one", "cat /sys/class/net/eth0/address").strip()
    known, unknown = frame(one, mac("ns1"), text="known"), frame("02:00:00:00:00:99", mac("ns1"), text="unknown")
    with PACKETS.seen("one br0", "two br0", filter="ether proto 0x88b5") as seen:
        PACKETS.replay("ns1:eth0", frames=[known, unknown])
    assert seen == {"one br0": [bytes.fromhex(known), bytes.fromhex(unknown)], "two br0": [bytes.fromhex(unknown)]}


def settled() -> dict[str, Any]:
    """Return what there is to say of the bridge when its spanning tree no longer changes, which makes it forget sooner."""
    until(lambda: look("", "br0", None, [])[0]["ageing_time"] is not None)
    return dict(look("", "br0", None, [])[0])


def test_it_forgets_who_is_silent(lab: Playbooks) -> None:
    settled()
    visitor = "02:00:00:00:00:42"
    ages: list[float] = []
    begin = time.monotonic()
    PACKETS.replay("ns1:eth0", frames=[frame(EVERYONE, visitor)])

    def forgotten() -> bool:
        table = forwarding("br0")
        ages.extend(table[visitor][1:] if visitor in table else ())
        return visitor not in table

    until(forgotten)
    assert time.monotonic() - begin >= 15
    assert ages == sorted(ages)
    assert ages[-1] > ages[0]


def test_a_port_that_comes_up_listens_and_learns_before_it_forwards(lab: Playbooks) -> None:
    bridge = settled()
    assert (bridge["stp"], bridge["forward_delay"], bridge["hello_time"], bridge["ageing_time"]) == (True, 2, 1, 15)
    assert (bridge["root_port"], bridge["root_id"]) == ("", bridge["bridge_id"])  # it is alone, and so the root
    (port,) = [name for name in states() if name.startswith("ns1-")]
    until(lambda: states()[port] == "forwarding")
    shell("ip -n ns1 link set eth0 down")
    until(lambda: states()[port] == "disabled")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as news:
        news.bind((0, 1))  # RTMGRP_LINK
        begin = time.monotonic()
        shell("ip -n ns1 link set eth0 up")
        until(lambda: states()[port] == "forwarding")
        assert time.monotonic() - begin >= 3.9
        told = list(dict.fromkeys(announced(news, socket.if_nametoindex(port))))
    assert told[-3:] == ["listening", "learning", "forwarding"]


def announced(news: socket.socket, index: int) -> Iterator[str]:
    """Yield the states of a port that its bridge has told of, in their order."""
    news.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            data = news.recv(1 << 16)
            family, port = data[16], int.from_bytes(data[20:24], sys.byteorder)  # struct ifinfomsg behind struct nlmsghdr
            about = attributes(data, 32).get(PROTINFO)
            if family == AF_BRIDGE and port == index and about:
                yield port_state(about)["state"]


def test_its_spanning_tree_speaks_every_second(lab: Playbooks) -> None:
    with PACKETS.seen("ns1:eth0", filter="ether dst 01:80:c2:00:00:00") as seen:
        time.sleep(3.5)
    assert len(seen["ns1:eth0"]) >= 2
    assert {one[17:21] for one in seen["ns1:eth0"]} == {b"\0\0\0\0"}  # BPDUs of a configuration (IEEE 802.1D, 9.3.1)


def test_of_the_groups_that_stay_on_a_link_it_forwards_those_of_the_mask(lab: Playbooks) -> None:
    lldp, login = (frame(f"01:80:c2:00:00:{last}", mac("ns1"), kind) for last, kind in (("0e", 0x88CC), ("03", 0x888E)))
    with PACKETS.seen("one br0", filter="ether proto 0x88cc or ether proto 0x888e") as seen:
        PACKETS.replay("ns1:eth0", frames=[login, lldp])
    assert seen["one br0"] == [bytes.fromhex(lldp)]


def test_without_vlan_filtering_a_tag_is_not_looked_at(lab: Playbooks) -> None:
    tagged = frame(EVERYONE, mac("ns1"), 0x8100, "").replace(" ", "") + "000a 88b5 0000"
    with PACKETS.seen("two br0", filter="vlan 10") as seen:
        PACKETS.replay("ns1:eth0", frames=[tagged])
    assert seen["two br0"] == [bytes.fromhex(tagged)]


def test_the_way_out_is_the_bridges_own_address(lab: Playbooks) -> None:
    with PACKETS.seen("br0", "uplink0", filter="icmp[0] == 8") as seen:
        guest(lab, "two", "ping -c1 -W5 198.51.100.10")
    assert [ip(one)[:2] for one in seen["br0"]] == [("192.168.121.12", "198.51.100.10")]
    assert [ip(one)[:2] for one in seen["uplink0"]] == [("203.0.113.2", "198.51.100.10")]
