# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels as a kernel tells them and as they are asked for, and what is said of a machine that cannot have them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources import _underlay
from ansible_collections.netvirt.lab.plugins.module_utils.resources._link_model import Link
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovn import Fabric, OvnDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import ovn, tunnels
from ansible_collections.netvirt.lab.plugins.module_utils.transport.attributes import attribute, attributes
from ansible_collections.netvirt.lab.plugins.module_utils.transport.rtnetlink import AddressRecord, LinkRecord
from ansible_collections.netvirt.lab.plugins.module_utils.transport.tunnels import Ends, shared, tunnel_data, tunnel_of

NUMBER = 4617578
V4, V6 = ("198.18.0.1", "198.18.0.2"), ("2001:db8::1", "2001:db8::2")
# IFLA_INFO_DATA as a kernel of version 6.1 told it of devices that iproute2 had made.
GENEVE = (  # ip link add g1 type geneve id 4617578 remote 198.18.0.2
    "080001006a75460008000200c612000205000800000000000500030000000000050004000000000008000b000000000005000d00000000000600050017c10000"
    "05000a000100000005000c0000000000"
)
GRE = (  # ip link add e1 type gretap key 4617578 local 198.18.0.1 remote 198.18.0.2 ttl 64 nopmtudisc ignore-df
    "080001000000000006000200200000000600030020000000080004000046756a080005000046756a08000600c612000108000700c61200020500080040000000"
    "050009000000000005000a0000000000080014000000000006000e00000000000600100000000000060011000000000006000f00000000000500130001000000"
)
GRE6 = (  # ip link add e2 type ip6gretap key 4617578 local 2001:db8::1 remote 2001:db8::2 encaplimit none ttl 64
    "080001000000000006000200200000000600030020000000080004000046756a080005000046756a1400060020010db800000000000000000000000114000700"
    "20010db8000000000000000000000002050008004000000005000b000400000008000c000000000008000d0001000300080014000000000006000e0000000000"
    "0600100000000000060011000000000006000f0002000000"
)
EXTERNAL = (  # ip link add g2 type geneve external dstport 6081
    "08000100000000000500030000000000050004000000000008000b000000000005000d00000000000600050017c100000400060005000a000100000005000c00"
    "00000000"
)
TOLD = [
    ("geneve", GENEVE, Ends(NUMBER, "", V4[1])),
    ("gretap", GRE, Ends(NUMBER, *V4)),
    ("ip6gretap", GRE6, Ends(NUMBER, *V6)),
]


@pytest.mark.parametrize(("kind", "told", "ends"), TOLD)
def test_a_tunnel_is_read(kind: str, told: str, ends: Ends) -> None:
    assert tunnel_of(kind, bytes.fromhex(told)) == ends
    assert not shared(kind, bytes.fromhex(told))


@pytest.mark.parametrize(
    ("kind", "local", "remote"), [("geneve", *V4), ("geneve", *V6), ("gretap", *V4), ("ip6gretap", *V6), ("vxlan", *V4)]
)
def test_a_tunnel_is_read_as_it_was_asked_for(kind: str, local: str, remote: str) -> None:
    one_way = kind == "vxlan"
    expected = Ends(7, "" if kind == "geneve" else local, "" if one_way else remote)
    assert tunnel_of(kind, tunnel_data(kind, 7, local, "" if one_way else remote)) == expected


# What another has set: hops of Geneve stay the kernel's affair, all that is asked for is looked at.
@pytest.mark.parametrize(
    ("kind", "told", "before", "after"),
    [
        ("geneve", GENEVE, "0600050017c1", "0600050017c2"),  # another port
        ("gretap", GRE, "0500080040", "0500080000"),  # hops as the packet inside has them
        ("gretap", GRE, "05000a0000", "05000a0001"),  # never a fragment
        ("gretap", GRE, "080004000046756a", "080004000046756b"),  # another key for what comes in
        ("ip6gretap", GRE6, "08000d0001000300", "08000d0000000300"),  # with a limit of encapsulations
    ],
)
def test_a_tunnel_that_somebody_has_changed_is_no_more_the_one_that_was_asked_for(kind: str, told: str, before: str, after: str) -> None:
    assert told.count(before) == 1
    found = tunnel_of(kind, bytes.fromhex(told.replace(before, after)))
    assert found.vni is None if kind == "geneve" else not found.made
    assert found.remote == {name: ends.remote for name, _told, ends in TOLD}[kind]


def test_devices_for_anybody_are_told_from_tunnels() -> None:
    assert shared("geneve", bytes.fromhex(EXTERNAL))
    assert tunnel_of("geneve", bytes.fromhex(EXTERNAL)).vni is None
    assert tunnel_of("gretap", attribute(7, bytes(4))) == Ends(0, "", "", made=False), "gretap0, which comes with the module"


def test_the_key_is_in_the_order_of_the_network() -> None:
    found = attributes(tunnel_data("gretap", 258, *V4))
    assert (found[4], found[5]) == (b"\0\0\1\2", b"\0\0\1\2")


class Machine:
    """What a survey tells of a machine with one interface of the underlay."""

    def __init__(self, *records: LinkRecord, mtu: int = 1500) -> None:
        self.records = [record(1, "under9", "veth", mtu=mtu), *records]

    def links(self, _netns: str) -> list[LinkRecord]:
        return self.records

    def addresses(self, _netns: str) -> list[AddressRecord]:
        return [AddressRecord(1, f"{V4[0]}/24", False)]


def record(index: int, name: str, kind: str, data: str = "", mtu: int = 1500) -> LinkRecord:
    return LinkRecord(index, name, kind, "", mtu, True, "", (), 0, 0, None, "", bytes.fromhex(data))


def wanted(kind: str, mtu: int = 1400) -> Link:
    return Link("lan-a", kind=kind, vni=7, local=V4[0], remote=V4[1], mtu=mtu)


def said(kind: str, machine: Machine, mtu: int = 1400) -> tuple[str, ...]:
    try:
        _underlay.require_tunnels([wanted(kind, mtu)], machine)  # type: ignore[arg-type]
    except LabErrors as error:
        return error.problems
    return ()


@pytest.mark.parametrize(("kind", "room"), [("gretap", 1458), ("geneve", 1450)])
def test_the_underlay_must_be_large_enough(kind: str, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "source", lambda _remote: V4[0])
    assert said(kind, Machine(), room) == ()
    assert said(kind, Machine(), room + 1) == (
        f"The interface 'under9' of the underlay has an MTU of 1500 bytes, and tunnels for packets of {room + 1} bytes need 1501; raise "
        "it, or set netvirt_underlay_mtu of the lab hosts to 1500.",
    )


@pytest.mark.parametrize(("source", "refused"), [("198.18.0.1", False), ("198.18.0.99", True), ("", False)])
def test_geneve_must_leave_from_where_it_is_expected(source: str, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "source", lambda _remote: source)
    message = (
        f"This machine sends to 198.18.0.2 from {source}, as its routes say, and so does Geneve; the other lab hosts expect 198.18.0.1 "
        f"(netvirt_underlay). Give {source} as that, or a route to 198.18.0.2 the source 198.18.0.1, or use fabric: vxlan or gre."
    )
    assert said("geneve", Machine()) == ((message,) if refused else ())
    assert said("gretap", Machine()) == ()


def test_geneve_of_a_lab_and_of_open_vswitch_are_not_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "source", lambda _remote: V4[0])
    theirs, ours = record(2, "genev_sys_6081", "geneve", EXTERNAL), record(3, "lan-a", "geneve", GENEVE)
    assert said("geneve", Machine(theirs)) == (
        "Geneve's port 6081 of this machine is that of 'genev_sys_6081' already, a device for tunnels to anywhere, such as "
        "Open vSwitch has for its own or OVN's, and the kernel shares it with no other; use fabric: vxlan or gre, or end those.",
    )
    elsewhere = EXTERNAL.replace("17c1", "17c2")
    assert said("geneve", Machine(record(4, "other", "geneve", elsewhere))) == ()
    assert said("gretap", Machine(theirs)) == said("geneve", Machine(ours)) == ()
    _underlay.refuse_geneve(Machine(theirs, record(4, "other", "geneve", GENEVE.replace("17c1", "17c2"))), [])  # type: ignore[arg-type]
    with pytest.raises(LabErrors, match=r"port 6081 of this machine is that of 'lan-a' already, and OVN's tunnels need it"):
        _underlay.refuse_geneve(Machine(ours), [])  # type: ignore[arg-type]
    _underlay.refuse_geneve(Machine(ours), [Change("link", Link("lan-a"), None)])  # type: ignore[arg-type]
    # Somebody else's, whatever it is for.
    with pytest.raises(LabErrors, match="is that of 'cilium_geneve' already"):
        _underlay.refuse_geneve(Machine(record(2, "cilium_geneve", "geneve", EXTERNAL)), [])  # type: ignore[arg-type]


@pytest.mark.parametrize(("remote", "refused"), [("tcp:198.18.0.1:6642", True), (ovn.SOUTHBOUND, False)])
def test_geneve_of_a_lab_is_not_taken_from_the_ovn_of_another_before_that_has_tunnels(
    monkeypatch: pytest.MonkeyPatch, remote: str, refused: bool
) -> None:
    resource = "ansible_collections.netvirt.lab.plugins.module_utils.resources.ovn"
    monkeypatch.setattr(f"{resource}._noted", lambda: {"wood": Fabric("elm", remote=remote)})
    driver, goal = OvnDriver(), Goal[Fabric](OvnDriver(), purge=True)
    earlier = [Change("link", None, Link("lan-a", kind="geneve"))]
    have = driver.observe(goal, Scope("heath"))
    if refused:
        with pytest.raises(LabErrors, match="which 'lan-a' would have, is for OVN, which the lab 'wood' uses"):
            driver.plan(have, goal, Scope("heath"), earlier)
    else:
        assert driver.plan(have, goal, Scope("heath"), earlier) == []


@pytest.mark.parametrize(
    ("kind", "other", "word"),
    [
        ("vxlan", {}, "VXLAN"),
        ("geneve", {"remote": V4[1]}, "Geneve network"),
        ("gretap", {"remote": V4[1]}, "GRE key"),
        ("gretap", {"remote": "198.18.0.3"}, ""),
    ],
)
def test_a_number_is_one_to_one_other_machine(kind: str, other: dict[str, Any], word: str) -> None:
    mine = Link("lan-a", kind=kind, vni=7, local=V4[0], remote=None if kind == "vxlan" else V4[1])
    theirs = Link("theirs", kind=kind, vni=7, local=V4[0], **other)
    expected = [f"The {word} 7 of 'lan-a' is the one of 'theirs' on this machine already; give its switch another (vni)."] if word else []
    assert _underlay.number_problems([mine], {"theirs": theirs}, []) == expected
    assert _underlay.number_problems([mine], {"theirs": theirs}, [Change("link", theirs, None)]) == []
