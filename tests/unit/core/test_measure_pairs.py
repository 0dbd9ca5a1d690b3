# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of different lab hosts are measured against each other, and how all of it is told in one table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.measure.iperf import asked
from ansible_collections.netvirt.lab.plugins.module_utils.measure.pairs import pairs
from ansible_collections.netvirt.lab.plugins.module_utils.measure.run import Plan, connections
from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table
from ansible_collections.netvirt.lab.plugins.module_utils.measure.targets import between
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_shares, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import nodes_from

LAB: dict[str, Any] = {
    "name": "track",
    "nodes": {
        "lan": {"kind": "bridge", "ipv4": "10.7.0.1/24", "dhcp": True, "gateway": "elm"},
        "home": {"kind": "bridge", "host": "fir"},
        "off": {"kind": "vm", "image": "tiny", "state": "stopped", "host": "fir"},
        "guest": {"kind": "vm", "image": "tiny", "host": "fir"},
        "a1": {"host": "elm"},
        "a2": {"host": "elm"},
        "b1": {"host": "fir"},
        "c1": {"host": "oak"},
    },
    "links": [
        *("off lan", "guest lan", "a1 lan", "a2 lan", "b1 lan", "c1 lan", "b1 home"),
        {"endpoints": ["a1:wan", "b1:wan"], "ipv4": {"a1": "10.9.0.1/30", "b1": "10.9.0.2/30"}},
    ],
}
MACHINES = (Machine("elm", "198.18.0.1"), Machine("fir", "198.18.0.2"), Machine("oak", "198.18.0.3"))
SHARES = compile_shares(load(LAB, machines=MACHINES))


def test_a_network_on_two_lab_hosts_has_a_pair_and_one_on_more_a_ring() -> None:
    found = pairs(list(SHARES.values()), 5201)
    assert [(pair.client["name"], pair.interface, pair.server["name"], pair.port) for pair in found] == [
        ("a1", "eth0", "guest", 5201),
        ("guest", "eth0", "c1", 5202),
        ("c1", "eth0", "a1", 5203),
        ("a1", "wan", "b1", 5204),
    ]
    assert found[-1].address == "10.9.0.2"


def test_all_lab_hosts_find_the_same_pairs_and_each_measures_from_its_nodes() -> None:
    elm, fir, oak = SHARES.values()
    found = pairs([elm, fir, oak], 5201)
    assert pairs([oak, fir, elm], 5201) == found
    measured = {name: [target.node.name for target in between(nodes_from(share), found, {})] for name, share in SHARES.items()}
    # The guest on fir is logged in to from elm.
    assert measured == {"elm": ["a1", "guest", "a1"], "fir": [], "oak": ["c1"]}


def test_a_server_waits_for_as_many_connections_as_are_made() -> None:
    assert connections(Plan(["tcp", "udp", "ping"], repeats=3)) == 12
    assert connections(Plan(["ping"])) == 0


def test_a_server_that_never_listens_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.netvirt.lab.plugins.module_utils.measure.iperf.PATIENCE", 0.5)
    said = '{"error": "unable to connect to server: Connection refused"}'
    with pytest.raises(LabError, match=r"Cannot measure from 'a1' to b1: unable to connect to server: Connection refused"):
        asked("a1", "b1", ["echo", said], 1)


def test_one_table_tells_of_lab_hosts_and_pairs() -> None:
    rate = {"median": 2.0, "least": 2.0, "most": 2.0, "unit": "Mbit/s", "values": [2.0]}
    one = {"node": "a1", "interface": "eth0", "model": "veth", "machine": "elm", "measures": {"tcp_to_host": rate, "tcp_from_host": rate}}
    assert table([{**one, "to": "lab host elm"}, {**one, "to": "c1"}, {**one, "interface": "wan", "to": "b1"}]) == [
        "node     on   to            model       there        back",
        "a1:eth0  elm  lab host elm  veth   2.0 Mbit/s  2.0 Mbit/s",
        "a1:eth0  elm  c1            veth   2.0 Mbit/s  2.0 Mbit/s",
        "a1:wan   elm  b1            veth   2.0 Mbit/s  2.0 Mbit/s",
    ]
