# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many nodes on one network ask of the kernel."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils.resources._network import read_network
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver

LAB = "crowd"
# More than the kernel numbers in one answer.
MANY = 950


def run(names: list[str], link_local: bool | None = None) -> list[Change[Any]]:
    links = []
    for number, name in enumerate(names):
        links.append(Link(f"near{number}", "", LAB, "veth", (name, "eth0"), up=True))
        links.append(Link("eth0", name, LAB, "veth", ("", f"near{number}"), up=True, link_local=link_local))
    spaces = Goal(NamespaceDriver(), tuple(Namespace(name, LAB) for name in names), purge=True)
    return converge([spaces, Goal(LinkDriver(), tuple(links), purge=True)], Scope(LAB))


def link_local_addresses(netns: str) -> list[str]:
    told = subprocess.run(["ip", "-n", netns, "-6", "-json", "address", "show", "eth0"], check=True, capture_output=True, text=True)
    return [address["local"] for interface in json.loads(told.stdout) for address in interface.get("addr_info", ())]


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    yield
    run([])


def test_every_one_of_many_finds_its_peer() -> None:
    names = [f"crowd-{number:03}" for number in range(MANY)]
    run(names)
    network = read_network((), everything=True)
    ends = [(netns, record) for netns, records in network.links.items() for record in records if record.name.startswith(("near", "eth"))]
    found = {(netns, record.name): network.peer(netns, record) for netns, record in ends}
    for number, name in enumerate(names):
        assert (found["", f"near{number}"], found[name, "eth0"]) == ((name, "eth0"), ("", f"near{number}"))
    assert run(names) == []


def test_a_node_without_link_local_address_announces_nothing_until_it_is_given_one() -> None:
    assert run(["crowd-one"], link_local=False)
    assert link_local_addresses("crowd-one") == []
    assert run(["crowd-one"], link_local=False) == []
    (change,) = run(["crowd-one"], link_local=True)
    assert change.action == "update"
    assert change.differing == {"link_local"}
    deadline = time.monotonic() + 30  # the kernel waits until it has seen the carrier
    while not link_local_addresses("crowd-one"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [address[:4] for address in link_local_addresses("crowd-one")] == ["fe80"]
    assert run(["crowd-one"], link_local=True) == []
