# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces are measured, and against which address."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _iperf
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells, nodes_from

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
    },
    "links": ["far gate", "lone dark", {"endpoints": ["apart", "lit"], "tag": 7}, "none gate"],
}


def test_the_server_is_the_switch_and_not_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[str] = []

    def once(node: Any, server: str, port: int, client: list[str], timeout: float) -> float:
        assert f"-c {server} -p {port}" in client[-1]
        servers.append(server)
        return 7.0

    monkeypatch.setattr(_iperf, "_once", once)
    results = _iperf.measure(nodes_from(compile_share(load(LAB))), {}, Shells("key"), seconds=1, repeats=1, port=5300)
    assert [result["node"] for result in results] == ["far"]
    assert servers == ["10.7.0.1", "10.7.0.1"]
