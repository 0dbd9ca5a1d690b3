# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks a lab gets, and how their results are shown."""

from __future__ import annotations

from ansible_collections.netvirt.lab.plugins.module_utils._reach import Check, expected, leased, table
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, node_from


def node(name: str, address: str, switch: str, method: str = "dhcp", gateway: str | None = "10.8.0.1") -> Node:
    interface = {"name": "eth0", "mac": f"02:{name}", "switch": switch, "method": method, "addresses": [address], "gateway": gateway}
    return node_from({"name": name, "kind": "netns", "netns": f"lab.{name}", "interfaces": [interface]})


NODES = [
    node("ann", "10.8.0.7/24", "plaza"),
    node("bob", "10.8.0.9/24", "plaza", "static"),
    node("eve", "10.9.0.9/24", "island", gateway=None),
]


def test_nodes_on_one_switch_reach_each_other_and_nobody_else() -> None:
    assert [(check.node, check.meaning) for check in expected(NODES, names=True, outside="http://192.0.2.80/")] == [
        ("ann", "reach 10.8.0.1"),
        ("ann", "reach 10.8.0.9"),
        ("ann", "resolve bob to 10.8.0.9"),
        ("ann", "fetch http://192.0.2.80/"),
        ("bob", "reach 10.8.0.1"),
        ("bob", "reach 10.8.0.7"),
        ("bob", "resolve ann to 10.8.0.7"),
        ("bob", "fetch http://192.0.2.80/"),
        ("eve", "fetch http://192.0.2.80/"),
    ]
    assert not [check for check in expected(NODES, names=False, outside=None) if check.words[0] != "reach"]


def test_only_interfaces_addressed_by_dhcp_need_a_lease() -> None:
    assert {check.node: problem for check, problem in leased(NODES, {"02:eve"}).items()} == {
        "ann": "the DHCP server has given none",
        "eve": "",
    }


def test_table() -> None:
    results = {Check("ann", "switch", ("reach", "10.8.0.1")): "", Check("bob", "switch", ("reach", "10.8.0.1")): "no answer"}
    results[Check("bob", "ann", ("reach", "10.8.0.7"))] = ""
    results[Check("bob", "ann", ("resolve", "ann", "10.8.0.7"))] = "no answer"
    results[Check("bob", "lease", ("lease", "02:bob"))] = ""
    assert table(results) == ["from  switch   ann      lease", "ann   ok       -        -", "bob   FAILED   no name  ok"]
