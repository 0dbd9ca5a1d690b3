# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts on nodes: what verify, benchmark and ready do, from inside real namespaces."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._ready import Watch, wait_until_ready
from ansible_collections.netvirt.lab.plugins.module_utils.measure.run import Plan, measure
from ansible_collections.netvirt.lab.plugins.module_utils.measure.table import table
from ansible_collections.netvirt.lab.plugins.module_utils.measure.targets import targets
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import implied
from ansible_collections.netvirt.lab.plugins.module_utils.reach.run import run as carry_out
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, Shells, node_from

SHELLS = Shells(os.devnull)


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    """Give two namespaces on a bridge with an address, made without the collection."""
    run("ip link add plaza type bridge")
    run("ip address add 10.41.0.1/24 dev plaza")
    run("ip link set plaza up")
    found = []
    for number, name in enumerate(("ann", "bob"), 11):
        run(f"ip netns add square.{name}")
        run(f"ip link add p{number} type veth peer name lan netns square.{name}")
        run(f"ip link set p{number} master plaza up")
        run(f"ip -n square.{name} link set lan up")
        run(f"ip -n square.{name} address add 10.41.0.{number}/24 dev lan")
        interface = {
            "name": "lan",
            "mac": "",
            "switch": "plaza",
            "network": "plaza",
            "method": "static",
            "addresses": [f"10.41.0.{number}/24"],
        }
        item = {"name": name, "kind": "netns", "netns": f"square.{name}", "interfaces": [{**interface, "gateway": "10.41.0.1"}]}
        found.append(node_from(item))
    yield found
    for number, node in enumerate(found, 11):
        run(f"ip link del p{number}")
        run(f"ip netns del {node.netns}")
    run("ip link del plaza")


def reached(nodes: list[Node], **how: Any) -> dict[tuple[str, str], str]:
    checks = implied(nodes, told=(), outside=how.get("outside"))
    return {(check.node, check.meaning): problem for check, problem in carry_out(checks, nodes, SHELLS, 30).items()}


def test_reachability_tells_what_works_and_what_does_not(nodes: list[Node]) -> None:
    assert set(reached(nodes).values()) == {""}
    run("ip -n square.bob link set lan down")
    results = reached(nodes)
    assert results[("ann", "reach 10.41.0.1")] == ""
    assert results[("ann", "reach 10.41.0.12")] == "no answer"
    assert results[("bob", "reach 10.41.0.1")] == "network is unreachable"


def test_outside_is_fetched(nodes: list[Node]) -> None:
    url = "http://10.41.0.1:8099/"
    command = ["python3", "-m", "http.server", "--bind", "10.41.0.1", "8099"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while set(reached(nodes, outside=url).values()) != {""} and time.monotonic() < deadline:
            time.sleep(0.1)
        assert set(reached(nodes, outside=url).values()) == {""}
    finally:
        server.kill()
        server.wait()
    assert reached(nodes, outside=url)["bob", f"fetch {url}"] == "no answer"


def test_throughput(nodes: list[Node]) -> None:
    own = {"name": "plaza", "mac": None, "switch": None, "network": "plaza", "method": "static", "addresses": ["10.41.0.1/24"]}
    switch = node_from({"name": "plaza", "kind": "bridge", "interfaces": [{**own, "gateway": None}]})
    plan = Plan(("tcp", "udp", "ping"), seconds=1, repeats=2, port=5299, udp_rate=20)
    results = measure(targets([*nodes, switch], {("bob", "lan"): {"model": "e1000"}}), SHELLS, plan)
    assert [(result["node"], result["model"]) for result in results] == [("ann", "veth"), ("bob", "e1000")]
    for found in (result["measures"] for result in results):
        assert found["tcp_to_host"]["median"] > 10
        assert found["tcp_from_host"]["median"] > 10
        assert 10 < found["udp_to_host"]["median"] < 21
        assert found["udp_from_host_lost"]["median"] < 50
        assert 0 < found["ping"]["least"] <= found["ping"]["median"] <= found["ping"]["most"] < 100
        assert {len(each["values"]) for each in found.values()} == {2}
    assert table(results)[2].startswith("bob   e1000 ")


def test_a_namespace_is_ready_when_it_has_its_address(nodes: list[Node]) -> None:
    interfaces = [{**interface, "method": "dhcp"} for interface in nodes[0].interfaces]
    leased = node_from({"name": "ann", "kind": "netns", "netns": "square.ann", "interfaces": interfaces})
    assert set(wait_until_ready([leased, nodes[1]], Watch("square", SHELLS), timeout=60)) == {"ann", "bob"}
    run("ip -n square.ann address flush dev lan")
    with pytest.raises(LabErrors, match=r"'ann' is not ready after 0\.5 seconds; it is stuck at the stage: lease \(10\.41\.0\.11/24"):
        wait_until_ready([leased, nodes[1]], Watch("square", SHELLS), timeout=0.5)


def test_a_guest_without_a_process_is_named(nodes: list[Node]) -> None:
    guest = node_from({"name": "deep", "kind": "vm", "interfaces": []})
    with pytest.raises(LabErrors, match=r"'deep' is not ready after 0\.3 seconds; it is stuck at the stage: process \(QEMU does not run\)"):
        wait_until_ready([guest], Watch("square", SHELLS), timeout=0.3)
