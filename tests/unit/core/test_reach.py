# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks a lab gets, and how their results are shown."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._reach import Check, expected, leased, run, table
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, Shells, node_from, nodes_from


def node(name: str, address: str, switch: str, method: str = "dhcp", gateway: str | None = "10.8.0.1") -> Node:
    interface = {"name": "eth0", "mac": f"02:{name}", "switch": switch, "method": method, "addresses": [address], "gateway": gateway}
    return node_from({"name": name, "kind": "netns", "netns": f"lab.{name}", "interfaces": [{**interface, "network": f"net-{switch}"}]})


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


def pairs(nodes: dict[str, Any], links: list[Any]) -> set[str]:
    """Return who is to reach whom in a lab of namespaces, VMs and switches without gateways."""
    found = nodes_from(compile_share(load({"name": "park", "nodes": nodes, "links": links})))
    checks = expected([node for node in found if node.kind in ("vm", "netns")], names=True, outside=None)
    return {f"{check.node} {check.words[0]} {check.column}" for check in checks if check.column != "switch"}


@pytest.mark.parametrize(
    ("switches", "links", "expected_pairs"),
    [
        pytest.param(
            {},
            [{"endpoints": ["ann:left", "bob:right"], "ipv4": {"ann": "10.7.0.1/30", "bob": "10.7.0.2/30"}}],
            {"ann reach bob", "bob reach ann"},
            id="a wire",
        ),
        pytest.param(
            {"oak": "bridge", "elm": "ovs"},
            ["oak elm", {"endpoints": ["ann", "oak"], "ipv4": "10.7.0.1/24"}, {"endpoints": ["bob", "elm"], "ipv4": "10.7.0.2/24"}],
            {"ann reach bob", "bob reach ann", "ann resolve bob", "bob resolve ann"},
            id="linked switches",
        ),
        pytest.param(
            {"oak": "bridge"},
            [{"endpoints": ["ann", "oak"], "ipv4": "10.7.0.1/24"}, {"endpoints": ["bob", "oak"], "ipv4": "10.9.0.2/24"}],
            set(),
            id="other subnet",
        ),
        pytest.param(
            {"elm": "ovs"},
            [{"endpoints": ["ann", "elm"], "ipv4": "10.7.0.1/24", "tag": 7}, {"endpoints": ["bob", "elm"], "ipv4": "10.7.0.2/24"}],
            set(),
            id="other VLAN",
        ),
    ],
)
def test_who_shares_a_network_reaches_each_other(switches: dict[str, str], links: list[Any], expected_pairs: set[str]) -> None:
    assert pairs({"ann": None, "bob": None, **switches}, links) == expected_pairs


@pytest.mark.parametrize(("state", "found"), [("running", {"ann", "deep"}), ("paused", {"ann"}), ("stopped", {"ann"})])
def test_vms_that_are_not_meant_to_run_are_neither_asked_nor_reached(state: str, found: set[str]) -> None:
    nodes = {"ann": None, "deep": {"kind": "vm", "state": state}, "oak": {"kind": "bridge", "ipv4": "10.7.0.1/24", "dhcp": True}}
    named = {name for pair in pairs(nodes, ["ann oak", "deep oak"]) for name in pair.split()[::2]}
    assert named == (found if len(found) > 1 else set())
    share = compile_share(load({"name": "park", "nodes": nodes, "links": ["ann oak", "deep oak"]}))
    assert {node.name for node in nodes_from(share)} == {*found, "oak"}


class Scripted(Shells):
    """Shells that run one script on this machine whatever they are asked, and remember it."""

    def __init__(self, script: str, most: int = 99) -> None:
        super().__init__(key_file=script)
        self.__dict__.update(most=most, started=[])

    started: list[subprocess.Popen[str]]
    most: int

    def argv(self, node: Node, script: str) -> list[str]:
        return ["sh", "-c", self.key_file]

    def start(self, node: Node, script: str) -> subprocess.Popen[str]:
        if len(self.started) == self.most:
            raise OSError("no more processes")
        self.started.append(super().start(node, script))
        return self.started[-1]


CHECKS = [Check(node.name, "switch", ("reach", "10.8.0.1")) for node in NODES]


def test_all_nodes_have_one_deadline_and_nothing_is_left_behind() -> None:
    shells, began = Scripted("echo ok 0; sleep 20 & sleep 20"), time.monotonic()
    silent = Scripted("sleep 20 & sleep 20")
    assert set(run(CHECKS, NODES, shells, 0.5).values()) == {""}
    assert set(run(CHECKS, NODES, silent, 0.5).values()) == {"the check did not end"}
    assert time.monotonic() - began < 1.5
    assert all(process.returncode == -9 for process in (*shells.started, *silent.started))


def test_scripts_end_with_an_error_too() -> None:
    shells = Scripted("sleep 20", most=2)
    with pytest.raises(OSError, match="no more processes"):
        run(CHECKS, NODES, shells, 5)
    assert [process.returncode for process in shells.started] == [-9, -9]


def test_what_a_login_shell_says_besides_is_no_answer() -> None:
    assert set(run(CHECKS, NODES, Scripted("echo Welcome; echo; echo failed 0"), 5).values()) == {"no answer"}


def test_only_interfaces_addressed_by_dhcp_need_a_lease() -> None:
    assert {check.node: problem for check, problem in leased(NODES, {"02:eve"}).items()} == {
        "ann": "the DHCP server has given none",
        "eve": "",
    }


def test_nothing_to_check_is_said() -> None:
    assert table({}) == ["nothing to check: no two nodes share a network"]


def test_table() -> None:
    results = {Check("ann", "switch", ("reach", "10.8.0.1")): "", Check("bob", "switch", ("reach", "10.8.0.1")): "no answer"}
    results[Check("bob", "ann", ("reach", "10.8.0.7"))] = ""
    results[Check("bob", "ann", ("resolve", "ann", "10.8.0.7"))] = "no answer"
    results[Check("bob", "lease", ("lease", "02:bob"))] = ""
    assert table(results) == ["from  switch   ann      lease", "ann   ok       -        -", "bob   FAILED   no name  ok"]
