# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as its checks see it: the nodes that are meant to run, and what is expected of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from .._errors import LabErrors
from ..resources.dnsmasq import leases
from ..topology.model import SPACES
from ..transport import namespaces
from ..transport.shell import Node, Shells, node_from, nodes_from
from .checks import Check, Pairs, declared, implied, leased, told_of_names, unknown
from .explain import Reasons, explain
from .look import Eyes
from .paths import Wiring
from .run import run

LOCALHOST = "localhost"


class Lab:
    """A share, or none, and what is expected besides."""

    def __init__(self, share: Mapping[str, Any], more: Sequence[Mapping[str, Any]]) -> None:
        self.share = share
        self.expect = [*(share.get("expect") or ()), *more]
        self.nodes = {node.name: node for node in nodes_from(share)} if share else {}
        self._left_out = frozenset(item["name"] for item in share.get("nodes") or ()) - self.nodes.keys()
        spaces = namespaces.names() if self.expect else []
        problems = unknown(self.expect, [*self.nodes, *self._left_out, *spaces, LOCALHOST])
        if problems:
            raise LabErrors(problems)

    def checks(self, pairs: Pairs, outside: str | None) -> list[Check]:
        """Return all checks but those of leases, and what only a guest could tell that the lab host has no way to."""
        own = [node for node in self.nodes.values() if node.kind in ("vm", *SPACES)]
        mute = {node.name for node in own if node.kind == "vm" and not node.address}
        found = (check for check in implied(own, told_of_names(self.share), outside, pairs) if check.node not in mute)
        return list(dict.fromkeys((*found, *declared(self.expect, self.nodes, self._left_out))))

    def networks(self) -> dict[str, str]:
        """Return the network of each address of a node."""
        own = (ip_interface(text) for node in self.nodes.values() for interface in node.interfaces for text in interface["addresses"])
        return {str(address.ip): str(address.network) for address in own}

    def senders(self, checks: Sequence[Check]) -> list[Node]:
        """Return everybody who has something to check, nodes first."""
        strangers = dict.fromkeys(check.node for check in checks if check.node not in self.nodes)
        items = ({"name": name, "kind": "netns", "netns": "" if name == LOCALHOST else name, "interfaces": []} for name in strangers)
        return [*self.nodes.values(), *map(node_from, items)]


def checked(lab: Lab, checks: Sequence[Check], keys: Shells, timeout: float) -> tuple[dict[Check, str], Reasons]:
    """Carry out checks; return for each '' or its problem, and the reasons of the failures. timeout is in seconds."""
    results = run(checks, lab.senders(checks), keys, timeout)
    if lab.share:
        own = [node for node in lab.nodes.values() if node.kind in ("vm", *SPACES)]
        results.update(leased(own, {lease.mac for lease in leases(lab.share["lab"])}))
    # A bound of its own: where the time was used up by what failed, the reasons are wanted most.
    return results, explain(results, Wiring(lab.share), Eyes(), time.monotonic() + 15)
