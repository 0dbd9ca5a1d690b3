# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some nodes are brought to what the file says, and all else stays as it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._paths import run_dir
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes

from .conftest import Lab, shell

NAME = "coast"
DATA: dict[str, Any] = {
    "nodes": {
        "reef": {"kind": "ovs", "ipv4": "10.90.0.1/24"},
        "dune": {"kind": "bridge", "ipv4": "10.91.0.1/24", "dhcp": True, "nat": True},
        "crab": {"ipv4": "10.90.0.11/24", "services": {"dig": "sleep 1000"}},
        "clam": {"ipv4": "10.90.0.12/24"},
        "gull": {"sysctls": {"net.ipv4.conf.all.rp_filter": 2}},
        "tern": {},
    },
    "links": [
        {"endpoints": ["crab", "reef"], "rate": {"reef": "30mbit"}},
        *("clam reef", "gull dune", "tern dune"),
        {"endpoints": ["clam:wire", "gull:wire"], "ipv4": {"clam": "10.92.0.1/30", "gull": "10.92.0.2/30"}, "rate": {"gull": "20mbit"}},
    ],
    "uplink": "uplink0",
}
NOTHING: dict[str, Any] = {"before": {}, "after": {}}


def there() -> set[str]:
    """Return the nodes whose namespace is there."""
    return {each["name"].partition(".")[2] for each in json.loads(shell("ip -j netns") or "[]") if each["name"].startswith(f"{NAME}.")}


def touched(changes: dict[str, Any]) -> set[str]:
    """Return the keys of what changes, but for the services of the whole lab."""
    return {key for side in changes.values() for kind, keys in side.items() for key in keys if kind not in ("dnsmasq", "forwarding")}


def bring(lab: Lab, data: dict[str, Any], *nodes: str) -> set[str]:
    """Bring nodes, see that this was foretold and is all, and return what changed."""
    foretold = lab.bring_nodes(data, *nodes, check=True)
    done = lab.bring_nodes(data, *nodes)
    assert done == foretold
    assert lab.bring_nodes(data, *nodes) == NOTHING
    return touched(done)


def test_some_nodes(lab_of: Callable[[str], Lab]) -> None:
    lab = lab_of(NAME)
    data = copy.deepcopy(DATA)

    bring(lab, data, "crab", "clam")
    assert there() == {"crab", "clam"}
    assert "dune" not in shell("ip link")
    shell(f"ip netns exec {NAME}.crab ping -c1 -w20 10.90.0.12")
    assert "wire" not in shell(f"ip -n {NAME}.clam link"), "the node at its other end is not there"

    bring(lab, data, "gull")
    assert there() == {"crab", "clam", "gull"}
    assert processes.owned(run_dir(NAME) / "services")
    assert shell("pgrep -c dnsmasq").strip() == "1"
    shell(f"ip netns exec {NAME}.gull ping -c1 -w20 10.92.0.1")

    lab.changed(data)
    assert bring(lab, data, "crab", "clam", "gull", "tern", "reef", "dune") == set()

    # What the file says of others waits.
    data["links"][0]["mtu"] = 1400
    data["nodes"]["clam"]["ipv4"] = "10.90.0.42/24"
    data["nodes"]["reef"]["other_config"] = {"forward-bpdu": "true"}
    crab = lab.port(data, "crab")
    assert bring(lab, data, "crab") == {f"{NAME}.crab/eth0", crab}
    assert bring(lab, data, "reef") == {lab.share(data)["bridges"][0]["name"]}
    assert bring(lab, data, "clam") == {f"{NAME}.clam/eth0"}
    assert lab.bring(data) == NOTHING

    # A node that has broken comes back with its links, the ends of which at others go and come with them.
    stays = shell(f"ip -n {NAME}.gull -j link show eth0")
    shell(f"ip netns del {NAME}.clam")
    assert f"{NAME}.gull/wire" in bring(lab, data, "clam")
    shell(f"ip netns exec {NAME}.gull ping -c1 -w20 10.92.0.1")
    assert shell(f"ip -n {NAME}.gull -j link show eth0") == stays
    assert lab.bring(data) == NOTHING

    # Of two nodes that the file no longer has, the one that is named goes, with its service and its place in the switch.
    for node in ("crab", "tern"):
        del data["nodes"][node]
    data["links"] = data["links"][1:3] + data["links"][4:]
    bring(lab, data, "crab")
    assert there() == {"clam", "gull", "tern"}
    assert crab not in shell("ovs-vsctl show")
    assert not processes.owned(run_dir(NAME) / "services")
    assert "tern" in shell("ip link")
    lab.changed(data)
    assert there() == {"clam", "gull"}
