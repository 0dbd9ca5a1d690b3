# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of rtnetlink, bridges and traffic control: packed as the kernel's headers say, and unpacked again."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import bridge, rtnetlink, tc
from ansible_collections.netvirt.lab.plugins.module_utils.transport.attributes import attribute, attributes, each, text
from ansible_collections.netvirt.lab.plugins.module_utils.transport.bridge import PortVlan
from ansible_collections.netvirt.lab.plugins.module_utils.transport.rtnetlink import AddressRecord, Request, RouteRecord
from ansible_collections.netvirt.lab.plugins.module_utils.transport.tc import Shape

# A veth's end as a kernel of version 6.18 told it, less what nobody reads.
VETH = bytes.fromhex(
    "90000000100000000000000000000000"  # struct nlmsghdr
    "00000100030000000310000000000000"  # struct ifinfomsg: index 3, IFF_UP
    "0600030061000000"  # IFLA_IFNAME a
    "0800040078050000"  # IFLA_MTU 1400
    "0800050002000000"  # IFLA_LINK 2
    "0a00010002000000000100000800250007000000"  # IFLA_ADDRESS, IFLA_LINK_NETNSID 7
    "0b000600706669666f000000"  # IFLA_QDISC pfifo
    "0d0014006e6574766972743a78000000"  # IFLA_IFALIAS netvirt:x, without a final zero
    "1400348010003500" + b"long-name-a\0".hex() + "0c0012000900010076657468"  # IFLA_PROP_LIST, IFLA_LINKINFO veth
    "00000000"
)


def test_an_interface_is_read() -> None:
    record = rtnetlink.link_record(VETH)
    assert (record.index, record.name, record.mac, record.mtu, record.up) == (3, "a", "02:00:00:00:00:01", 1400, True)
    assert (record.alias, record.altnames, record.qdisc) == ("netvirt:x", ("long-name-a",), "pfifo")
    assert (record.iflink, record.netnsid, record.master) == (2, 7, 0)


def test_attributes_end_where_the_data_do() -> None:
    assert list(each(attribute(1, b"abc") + attribute(0x8002, b"") + b"\0\0")) == [(1, b"abc"), (2, b"")]
    assert attributes(b"\0" * 8) == {}, "a length of nothing is no endless loop"


@pytest.mark.parametrize(("address", "family", "prefix"), [("192.0.2.7/24", 2, 24), ("192.0.2.7/32", 2, 32), ("2001:db8::7/64", 10, 64)])
def test_addresses(address: str, family: int, prefix: int) -> None:
    [data] = rtnetlink.set_address(9, "eth0", address).messages
    # An IPv6 address is used at once: IFA_F_NODAD, linux/if_addr.h.
    assert (data[16], data[17], data[18]) == (family, prefix, 2 if family == 10 else 0)
    assert rtnetlink.address_record(data) == AddressRecord(9, address, False)
    expires = data + attribute(6, struct.pack("4I", 60, 120, 0, 0))
    assert rtnetlink.address_record(expires).lifetime is True


@pytest.mark.parametrize(
    ("to", "via"),
    [
        ("default", "192.0.2.1"),
        ("198.51.100.0/24", None),
        ("2001:db8:1::/48", "2001:db8::1"),
        ("default", "2001:db8::1"),
        ("10.1.0.0/16", "fe80::1"),
    ],
)
def test_routes(to: str, via: str | None) -> None:
    [data] = rtnetlink.set_route(9, "eth0", to, via).messages
    assert rtnetlink.route_record(data) == RouteRecord(9, to, via, 4)
    assert rtnetlink.route_record(data[:20] + bytes([255]) + data[21:]) is None, "of another table"


def test_what_creates_an_interface_marks_it_in_the_same_piece() -> None:
    request = rtnetlink.create_link(rtnetlink.link_attributes("eth0.7"), "vlan", "netvirt:x", bridge.vlan_data(7, "802.1ad"), 5)
    assert len(request.messages) == 2
    found = attributes(request.messages[0], 32)
    info = attributes(found[18])
    assert (found[5], info[1]) == (struct.pack("I", 5), b"vlan\0")
    assert bridge.vlan_of(info[2]) == (7, "802.1ad")
    assert attributes(request.messages[1], 32)[20] == b"netvirt:x"
    numbered = request.numbered(6)
    assert [struct.unpack_from("I", data, 8)[0] for data in numbered] == [6, 6]


@pytest.mark.parametrize(
    "settings",
    [
        {"stp": True, "ageing_time": 300, "forward_delay": 15, "hello_time": 2, "max_age": 20, "priority": 32768},
        {"stp": False, "vlan_filtering": True, "vlan_protocol": "802.1ad", "mcast_snooping": False, "group_fwd_mask": 16384},
        {"ageing_time": 2.5},
    ],
)
def test_settings_of_a_bridge(settings: dict[str, Any]) -> None:
    assert bridge.settings(bridge.settings_data({**settings, "max_age": settings.get("max_age")})) == settings


@pytest.mark.parametrize(
    ("tag", "trunks", "entries"),
    [
        (0, (), 0),
        (10, (), 1),
        (0, (10,), 1),
        (0, tuple(range(2, 4095)), 2),
        (0, (2, 3, 5, 6, 7, 4094), 5),
        (10, (8, 9, 11, 12), 5),
    ],
)
def test_vlans_of_a_port(tag: int, trunks: tuple[int, ...], entries: int) -> None:
    want = bridge.wanted_vlans(tag, trunks)
    requests = bridge.set_vlans(4, "port4", (), want, own=False)
    assert len(requests) == (1 if want else 0)
    if want:
        [data] = requests[0].messages
        packed = [kind for kind, _value in each(attributes(data, 32)[26])]
        assert packed == [0, *[2] * entries]
        assert bridge.vlans_record(data) == (4, want)


def test_vlans_that_are_there_stay_and_others_go() -> None:
    have = {PortVlan(1, True, True), PortVlan(20), PortVlan(21)}
    requests = bridge.set_vlans(4, "port4", have, bridge.wanted_vlans(10, (20,)), own=True)
    assert [request.purpose for request in requests] == ["put 'port4' into the VLANs 10", "take 'port4' out of the VLANs 1, 21"]
    assert [struct.unpack_from("H", request.messages[0], 4)[0] for request in requests] == [19, 17]
    assert bridge.set_vlans(4, "port4", want := bridge.wanted_vlans(3, (5, 6)), want, own=False) == []


def decoded(request: Request) -> tc.QdiscRecord:
    """Return what a request would be told as: the kernel answers in the form that it is asked in."""
    record = tc.qdisc_record(request.messages[0])
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("tbf", Shape(rate=8_000_000, burst=16_384, limit=151_400)),
        ("tbf", Shape(rate=40 * 10**9, burst=20_000_000, limit=2**31)),
        ("pfifo", Shape(packets=50)),
        ("netem", Shape(packets=1000, delay=20_000_000, jitter=5_000_000)),
        ("netem", Shape(packets=7, rate=100 * 10**9, delay=6 * 10**11, loss=0.5, duplicate=100.0, corrupt=12.25, reorder=25.0)),
        ("netem", Shape(packets=7, loss=0.3)),
    ],
)
def test_disciplines(kind: str, shape: Shape) -> None:
    record = decoded(tc.set_shape(3, "eth3", kind, shape, "slow"))
    assert (record.index, record.kind, record.ingress) == (3, kind, False)
    assert record.handle == tc.major("slow") << 16
    found = record.shape
    assert found is not None
    assert abs(found.burst - shape.burst) <= 1 + shape.rate * 64 // (8 * 10**9)
    assert tc.Shape(**{**vars(found), "burst": shape.burst}) == shape


def test_netem_as_the_kernel_tells_it() -> None:
    """The bytes of 'delay 100ms 10ms loss 1% rate 1mbit limit 50', in the order of netem_dump() (net/sched/sch_netem.c)."""
    head = struct.pack("6I", 1_562_500, 50, 42_949_672, 0, 0, 156_250)
    rest = struct.pack("=HHqHHq", 12, 10, 100_000_000, 12, 11, 10_000_000) + struct.pack("HH3I", 16, 1, 0, 0, 0)
    rest += struct.pack("HH2IHH2I", 12, 3, 0, 0, 12, 4, 0, 0) + struct.pack("HHIiIi", 20, 6, 125_000, 0, 0, 0)
    message = bytes(16) + struct.pack("BxxxiIII", 0, 5, 0x60000000, 0xFFFFFFFF, 2) + text(1, "netem") + attribute(2, head + rest)
    record = tc.qdisc_record(message)
    assert record is not None
    assert record.shape == Shape(rate=1_000_000, packets=50, delay=100_000_000, jitter=10_000_000, loss=1.0)


def test_disciplines_below_others_are_none_of_ours() -> None:
    message = bytes(16) + struct.pack("BxxxiIII", 0, 5, 0x60010000, 0x60000001, 2) + text(1, "pfifo")
    assert tc.qdisc_record(message) is None


def test_a_redirect_is_known_by_its_lab() -> None:
    [_ingress, request] = tc.set_redirect(3, "tap3", 12, "slow")
    [data] = request.messages
    assert tc.redirect_record(data, "slow") == 12
    assert tc.redirect_record(data, "fast") is None


def test_majors_are_a_labs_own_and_none_of_the_kernels() -> None:
    majors = {tc.major(f"lab-{number}") for number in range(200)}
    assert len(majors) > 190
    assert all(0x6000 <= one < 0x7000 for one in majors)
