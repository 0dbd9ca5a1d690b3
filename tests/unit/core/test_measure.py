# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are measured, against which address, and how it is told."""

from __future__ import annotations

from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table
from ansible_collections.netvirt.lab.plugins.module_utils.measure.targets import targets
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
    nics = {(vm["name"], nic["id"]): nic for vm in share["vms"] for nic in vm["nics"]}
    found = {target.node.name: (target.model, target.address, target.server) for target in targets(nodes_from(share), nics)}
    assert found == {"far": ("veth", "10.7.0.1", "10.7.0.1"), "free": ("virtio-net-pci, user", "10.6.0.2", "127.0.0.1")}


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
