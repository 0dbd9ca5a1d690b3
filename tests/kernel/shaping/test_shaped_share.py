# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A share with shaped, redirected and borrowed interfaces, as the module topology converges it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals

LAB = "whole"
SHARE: dict[str, Any] = {
    "lab": LAB,
    "namespaces": [{"name": "whole-a"}],
    "links": [
        {"name": "plaza0", "netns": "", "kind": "bridge", "up": True, "bridge": {"stp": True, "forward_delay": 4, "max_age": 6}},
        {"name": "port0", "netns": "", "kind": "veth", "peer": ["whole-a", "eth0"], "up": True, "master": "plaza0", "silent": True},
        {"name": "eth0", "netns": "whole-a", "kind": "veth", "peer": ["", "port0"], "up": True},
        {"name": "guest0", "netns": "", "kind": "tap", "up": True, "master": "plaza0"},
        {"name": "funnel0", "netns": "", "kind": "ifb", "up": True},
    ],
    "members": [{"name": "nic0", "master": "plaza0"}],
    "addresses": [{"name": "plaza0", "netns": "", "addresses": ["10.47.0.1/24"], "routes": [], "up": True}],
    "shaping": [
        {"name": "eth0", "netns": "whole-a", "rate": 10_000_000},
        {"name": "funnel0", "netns": "", "rate": 2_000_000, "burst": 20_000},
        {"name": "guest0", "netns": "", "redirect": "funnel0"},
        {"name": "guest0", "netns": "", "rate": 3_000_000},
    ],
}


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def run(share: dict[str, Any], check: bool = False) -> list[Change[Any]]:
    scope = Scope(LAB, check=check)
    with lab_lock(scope):
        return converge(share_goals(share, LAB, (), None, {}), scope)


def test_a_share_is_built_changed_and_removed_without_a_trace() -> None:
    shell("ip link add nic0 type veth peer name behind0; ip link set nic0 up; ip link set nic0 down")  # for a queue of its own
    before = shell("ip link show; ip netns list; tc qdisc show; ls /run")
    try:
        foretold = diff(run(SHARE, check=True))
        assert diff(run(SHARE)) == foretold
        assert run(SHARE) == []
        assert {link["ifname"] for link in json.loads(shell("ip -j link show master plaza0"))} == {"port0", "guest0", "nic0"}
        told = shell("tc qdisc show dev guest0; tc qdisc show dev funnel0")
        assert ("rate 3Mbit" in told, "ingress" in told, "rate 2Mbit burst 20000b" in told) == (True, True, True)

        # Shaping goes away, the interfaces stay as they are.
        less = {**SHARE, "shaping": SHARE["shaping"][:1], "members": []}
        changes = run(less)
        assert {(change.kind, change.key, change.action) for change in changes} == {
            ("shaping", "guest0", "remove"),
            ("shaping", "funnel0", "remove"),
            ("port", "nic0", "remove"),
        }
        assert run(less) == []
        assert "tbf" not in shell("tc qdisc show")
        run(SHARE)
    finally:
        run({})
        assert run({}) == []
        after = shell("ip link show; ip netns list; tc qdisc show; ls /run")
        shell("ip link del nic0")
    assert after == before
