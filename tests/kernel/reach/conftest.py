# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of namespaces for checks to be made in, from a topology, without Ansible."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.reach.grouped import sentence, told
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab, checked
from ansible_collections.netvirt.lab.plugins.module_utils.topology import expect
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True)


class Pond:
    """A lab that runs, and how to check it."""

    def __init__(self, share: Mapping[str, Any]) -> None:
        self.share = share
        self.ports = {node["name"]: node["interfaces"][0]["device"] for node in share["nodes"] if node["interfaces"]}

    def failures(self, *expectations: Mapping[str, Any], pairs: Any = "none", timeout: float = 20, share: Any = None) -> list[str]:
        """Check, and return what is told of the failures."""
        problems: list[str] = []
        lab = Lab(self.share if share is None else share, expect.read(list(expectations), problems))
        assert not problems
        checks = [check for check in lab.checks(pairs, None) if pairs != "none" or check.column != "gateway"]
        assert checks
        results, reasons = checked(lab, checks, Shells("/dev/null"), timeout)
        failed = {check: problem for check, problem in results.items() if problem}
        assert told(results, reasons.causes, reasons.paths, lab.networks()).startswith(f"{len(failed)} of {len(results)} checks failed:")
        lines = []
        for check, problem in failed.items():
            path, causes = reasons.paths.get(check), reasons.causes.get(check)
            lines.append(
                sentence(check, problem) + (f" Path: {path}." if path else "") + (f" Likely: {'; '.join(causes)}." if causes else "")
            )
        return lines


def bring(share: Mapping[str, Any]) -> None:
    """Bring the lab to its share, as the module does."""
    with lab_lock(Scope("pond")):
        converge(share_goals(share, "pond", [], None, {}), Scope("pond"))


@pytest.fixture
def make() -> Iterator[Callable[[Mapping[str, Any], Sequence[Any]], Pond]]:
    """Give a function that builds a lab of nodes and links."""

    def built(nodes: Mapping[str, Any], links: Sequence[Any]) -> Pond:
        share = compile_share(load({"name": "pond", "nodes": dict(nodes), "links": list(links)}))
        bring(share)
        return Pond(share)

    yield built
    bring({})


@pytest.fixture
def pond(make: Callable[[Mapping[str, Any], Sequence[Any]], Pond]) -> Pond:
    """Give six namespaces on a bridge, h1 to h6 at 10.43.0.11 to .16."""
    names = [f"h{number}" for number in range(1, 7)]
    links = [{"endpoints": [name, "sw"], "ipv4": f"10.43.0.1{number}"} for number, name in enumerate(names, 1)]
    return make({"sw": {"kind": "bridge", "ipv4": "10.43.0.1/24"}, **dict.fromkeys(names)}, links)


@pytest.fixture
def chain(make: Callable[[Mapping[str, Any], Sequence[Any]], Pond]) -> Pond:
    """Give left - mid - right by two wires, where mid is a router."""
    links = [
        {"endpoints": ["left:eth0", "mid:west"], "ipv4": {"left": "10.44.1.1/24", "mid": "10.44.1.2/24"}},
        {"endpoints": ["mid:east", "right:eth0"], "ipv4": {"mid": "10.44.2.1/24", "right": "10.44.2.2/24"}},
    ]
    pond = make({"left": None, "mid": None, "right": None}, links)
    run(
        "ip netns exec pond.mid sysctl -qw net.ipv4.ip_forward=1",
        "ip -n pond.left route add default via 10.44.1.2",
        "ip -n pond.right route add default via 10.44.2.1",
    )
    return pond
