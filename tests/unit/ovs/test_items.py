# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write about bridges and ports, and what is said about their mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_gather import parse_fdb
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from, port_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_model import Bridge, Controller, Mirror, Port


def port(**fields: Any) -> Port:
    return Port(lab="green", bridge="br7", **fields)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("tap1", port(name="tap1")),
        ("tap1 tag=10", port(name="tap1", tag=10)),
        ("tap1 tag=", port(name="tap1", tag="")),
        ("tap1 trunks=30,10-12 vlan_mode=trunk", port(name="tap1", trunks=(10, 11, 12, 30), vlan_mode="trunk")),
        ("p1 type=patch options:peer=p2", port(name="p1", type="patch", options={"peer": "p2"})),
        ("bond0 interfaces=e2,e1 bond_mode=balance-slb", port(name="bond0", interfaces=("e1", "e2"), bond_mode="balance-slb")),
        ({"name": "tap1", "tag": None, "trunks": [7, "8-9"]}, port(name="tap1", trunks=(7, 8, 9))),
        ({"name": "tap1", "mac": "02:AA:00:00:00:01", "mtu_request": "9000"}, port(name="tap1", mac="02:aa:00:00:00:01", mtu_request=9000)),
        ({"name": "tap1", "type": "system", "protected": "yes"}, port(name="tap1", type="", protected=True)),
        ({"name": "tap1", "external_ids": {"a": 1, "b": True}}, port(name="tap1", external_ids={"a": "1", "b": "true"})),
    ],
)
def test_port_forms(item: Any, expected: Port) -> None:
    assert port_from(item, "br7", "green") == (expected, True)


def test_absent_port() -> None:
    bridge = bridge_from({"name": "br7", "ports": ["tap1", {"name": "tap2", "state": "absent"}]}, "green")
    assert (bridge.ports, bridge.absent_ports) == ((port(name="tap1"),), ("tap2",))


def test_whole_bridge() -> None:
    bridge = bridge_from(
        {
            "name": "br7",
            "altname": "green-switch",
            "datapath_type": "netdev",
            "fail_mode": "",
            "controllers": ["tcp:b", {"target": "tcp:a", "connection_mode": "out-of-band", "max_backoff": 2000}],
            "protocols": ["OpenFlow13", "OpenFlow10"],
            "mirrors": [{"name": "m", "select_src_port": ["x"], "output_vlan": 5}],
            "other_config": {"forward-bpdu": True},
            "mac": "02:00:00:00:00:0A",
            "mtu": 1400,
            "stp": None,
            "purge": "own",
        },
        "green",
    )
    assert bridge == Bridge(
        name="br7",
        lab="green",
        datapath_type="netdev",
        fail_mode="",
        controllers=(Controller("tcp:a", "out-of-band", max_backoff=2000), Controller("tcp:b")),
        protocols=("OpenFlow10", "OpenFlow13"),
        mirrors=(Mirror("m", select_src_port=("x",), output_vlan=5),),
        other_config={"forward-bpdu": "true", "hwaddr": "02:00:00:00:00:0a"},
        ports=(port(name="br7", mtu_request=1400),),
        purge="own",
    )


def test_mtu_joins_the_listed_local_port() -> None:
    assert bridge_from({"name": "br7", "mtu": 1400, "ports": ["br7 tag=4"]}, "green").ports == (port(name="br7", tag=4, mtu_request=1400),)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"name": "a/b"}, "bridge 'a/b', name: 'a/b' is not the name of an interface (1 to 15 characters, no space, '/' or ':')."),
        ({"name": "longer-than-15-c"}, "bridge 'longer-than-15-c', name: 'longer-than-15-c' is not the name of an interface"),
        ({"ports": []}, "bridge '': it has no name."),
        ({"name": "br7", "faill_mode": "secure"}, "bridge 'br7': there is no attribute 'faill_mode' (did you mean 'fail_mode'?)."),
        ({"name": "br7", "fail_mode": "open"}, "bridge 'br7', fail_mode: 'open' is none of '', standalone, secure."),
        ({"name": "br7", "protocols": ["OpenFlow99"]}, "bridge 'br7', protocols: 'OpenFlow99' is none of OpenFlow10"),
        ({"name": "br7", "protocols": "OpenFlow13"}, "bridge 'br7', protocols: 'OpenFlow13' is not a list."),
        ({"name": "br7", "stp": True, "rstp": True}, "bridge 'br7': stp and rstp exclude each other."),
        ({"name": "br7", "mac": "02:00"}, "bridge 'br7', mac: '02:00' is not a MAC address such as 52:54:00:12:34:56."),
        ({"name": "br7", "mtu": 20}, "bridge 'br7', mtu: '20' is not a number from 68 to 65535."),
        ({"name": "br7", "external_ids": {"netvirt-lab": "x"}}, "'netvirt-lab' is the collection's own mark"),
        ({"name": "br7", "mirrors": [{"name": "m"}]}, "bridge 'br7', mirror 'm': give either output_port or output_vlan."),
        ({"name": "br7", "mirrors": [{"nam": "m"}]}, "there is no attribute 'nam' (did you mean 'name'?)."),
        ({"name": "br7", "controllers": [{"target": "tcp:a", "connection_mode": "x"}]}, "connection_mode: 'x' is none of"),
        ({"name": "br7", "controllers": ["tcp:a", "tcp:a"]}, "bridge 'br7', controller 'tcp:a': it is listed more than once."),
        ({"name": "br7", "ports": "tap1"}, "bridge 'br7', ports: 'tap1' is not a list."),
        ({"name": "br7", "ports": ["tap1", "tap1 tag=2"]}, "bridge 'br7', port 'tap1': it is listed more than once."),
        ({"name": "br7", "ports": ["tap1 tag=5000"]}, "bridge 'br7', port 'tap1', tag: '5000' is not a VLAN (0 to 4095)."),
        ({"name": "br7", "ports": ["tap1 trunk=5"]}, "bridge 'br7', port 'tap1': there is no attribute 'trunk' (did you mean 'trunks'?)."),
        ({"name": "br7", "ports": [{"name": "tap1", "options": "peer"}]}, "port 'tap1', options: 'peer' is not a mapping."),
        ({"name": "br7", "ports": ["p1 type=patch"]}, "port 'p1': a patch port needs options:peer"),
        ({"name": "br7", "ports": ["b interfaces=e1"]}, "port 'b': a bond needs at least two interfaces."),
        (
            {"name": "br7", "ports": ["b interfaces=e1,e2 type=internal"]},
            "port 'b': type, options, mac and ofport_request belong to one interface",
        ),
        ({"name": "br7", "ports": [{"name": "tap1", "protected": "maybe"}]}, "protected: 'maybe' is neither true nor false."),
        ({"name": "br7", "existing": True, "stp": True}, "bridge 'br7': an existing bridge of somebody else takes ports only"),
    ],
)
def test_mistakes(item: dict[str, Any], problem: str) -> None:
    with pytest.raises(LabErrors) as raised:
        bridge_from(item, "green")
    assert any(problem in said for said in raised.value.problems), raised.value.problems


def test_all_mistakes_at_once() -> None:
    with pytest.raises(LabErrors) as raised:
        bridge_from({"name": "br7", "fail_mode": "x", "ports": ["tap1 tag=x", "tap2 lacp=x"]}, "green")
    assert len(raised.value.problems) == 3


def test_fdb() -> None:
    text = (
        " port  VLAN  MAC                Age\n    3    10  aa:bb:cc:dd:ee:01   12\nLOCAL     0  aa:bb:cc:dd:ee:02    0\n"
        "    9     0  aa:bb:cc:dd:ee:03  static\n"
    )
    assert parse_fdb(text, {"3": "tap1", "LOCAL": "br7"}) == [
        {"port": "tap1", "vlan": 10, "mac": "aa:bb:cc:dd:ee:01", "age": 12},
        {"port": "br7", "vlan": 0, "mac": "aa:bb:cc:dd:ee:02", "age": 0},
        {"port": "9", "vlan": 0, "mac": "aa:bb:cc:dd:ee:03", "age": None},
    ]
