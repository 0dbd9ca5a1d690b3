# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are measured, against which address, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.measure.run import Plan, plan_from
from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table
from ansible_collections.netvirt.lab.plugins.module_utils.measure.targets import nics_of, targets
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import nodes_from

LAB = {
    "name": "track",
    "nodes": {
        "gate": {"kind": "bridge", "ipv4": "10.7.0.1/24"},
        "dark": "ovs",
        "lit": {"kind": "ovs", "ipv4": "10.8.0.1/24"},
        "far": {"ipv4": "10.7.0.9", "gateway": "10.7.0.254"},
        "lone": {"ipv4": "10.9.0.5/24", "gateway": "10.9.0.1"},
        "apart": {"ipv4": "10.8.0.5/24"},
        "none": {"ipv4": "none"},
        "free": {"kind": "vm", "image": "tiny", "interfaces": {"eth0": {"backend": {"type": "user", "net": "10.6.0.0/24"}}}},
        "bound": {"kind": "vm", "image": "tiny", "interfaces": {"eth0": {"backend": {"type": "user", "restrict": True}}}},
    },
    "links": ["far gate", "lone dark", {"endpoints": ["apart", "lit"], "tag": 7}, "none gate"],
}


def test_the_server_is_the_switch_and_not_the_gateway() -> None:
    share = compile_share(load(LAB))
    nics = nics_of(share, [])
    found = {target.node.name: (target.model, target.address, target.server) for target in targets(nodes_from(share), nics)}
    assert found == {"far": ("veth", "10.7.0.1", "10.7.0.1"), "free": ("virtio-net-pci, user", "10.6.0.2", "127.0.0.1")}


def test_vhost_is_told_of_what_runs() -> None:
    nodes = {"gate": {"kind": "bridge", "ipv4": "10.7.0.1/24"}, "calf": {"kind": "vm", "image": "tiny"}}
    links = [{"endpoints": [f"calf:eth{number}", "gate"], "ipv4": "auto", "vhost": said} for number, said in enumerate((None, False, True))]
    share = compile_share(load({"name": "track", "nodes": nodes, "links": links}))
    runs: list[dict[str, Any]] = [
        {"name": "calf", "nics": [{"id": f"eth{number}", "vhost": not number} for number in range(3)]},
        {"name": "cow", "state": "stopped"},
    ]
    found = {target.interface: target.model for target in targets(nodes_from(share), nics_of(share, runs))}
    assert found == {"eth0": "virtio-net-pci, vhost", "eth1": "virtio-net-pci", "eth2": "virtio-net-pci"}


def test_behind_a_logical_switch_the_server_is_the_lab_host_and_not_the_router() -> None:
    nodes = {
        "lan": {"kind": "ovs", "ipv4": "10.7.0.1/24"},
        "wan": {"kind": "ovs", "ipv4": "10.8.0.1/24"},
        "up": {"kind": "uplink", "device": "ext0"},
        "far": {"ipv4": "10.7.0.9"},
        "out": {"ipv4": "10.8.0.9"},
    }
    share = compile_share(load({"name": "track", "fabric": "ovn", "nodes": nodes, "links": ["far lan", "out wan", "up wan"]}))
    (own,) = [item["addresses"] for item in share["addresses"] if item.get("routes") and not item["netns"]]
    found = {target.node.name: target.server for target in targets(nodes_from(share), {})}
    assert [f"{found.pop('far')}/30"] == own
    assert not found


def test_a_spread_is_told_if_there_is_one_and_interfaces_if_a_node_has_several() -> None:
    once = {"median": 0.1234, "least": 0.1234, "most": 0.1234, "unit": "ms", "values": [0.1234]}
    often = {"median": 2.0, "least": 1.0, "most": 3.04, "unit": "Mbit/s", "values": [1.0, 2.0, 3.04]}
    one = {"node": "a", "interface": "eth0", "model": "veth", "measures": {"tcp_to_host": often, "ping": once}}
    two = [{**one, "node": "b", "interface": name} for name in ("eth0", "eth1")]
    assert table([one, *two]) == [
        "node    model  to the lab host  round trip",
        "a       veth   2.0 Mbit/s ±51%     0.12 ms",
        "b:eth0  veth   2.0 Mbit/s ±51%     0.12 ms",
        "b:eth1  veth   2.0 Mbit/s ±51%     0.12 ms",
    ]
    assert table([]) == ["node  model"]


def test_what_cannot_be_measured_is_refused_at_once() -> None:
    good = {"methods": ["tcp"], "seconds": 1, "repeats": 1, "udp_rate": 0, "port": 65535}
    assert plan_from(good) == Plan(("tcp",), 1, 1, 65535, 0)
    with pytest.raises(LabErrors) as caught:
        plan_from({**good, "seconds": 0, "repeats": 0, "udp_rate": -1, "port": 70000})
    assert list(caught.value.problems) == [
        "seconds: must be a whole number from 1 to 86400 (seconds), not 0",
        "repeats: must be a whole number from 1 to 1000, not 0",
        "udp_rate: must be a whole number from 0 to 1000000 (Mbit/s), not -1",
        "port: must be a whole number from 1 to 65535, not 70000",
    ]
