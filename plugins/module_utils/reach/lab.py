# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as its checks see it: the nodes that are meant to run, and what is expected of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from .._errors import LabErrors
from ..resources.dnsmasq import leases
from ..topology.kinds import SPACES
from ..transport import namespaces
from ..transport.ovn import SOUTHBOUND
from ..transport.shell import Node, Shells, node_from, nodes_from
from .checks import Check, Pairs, declared, implied, leased, told_of_names, unknown
from .crossing import crossing
from .explain import Reasons, explain
from .look import Eyes
from .paths import LOCALHOST
from .run import run


class Lab:
    """A share, or none, and what is expected besides; others are the shares of the lab's other lab hosts.

    nodes are those that are worked with from here, _others those that are only reached. lost are lab hosts that were not reached.
    """

    def __init__(
        self,
        share: Mapping[str, Any],
        more: Sequence[Mapping[str, Any]],
        others: Sequence[Mapping[str, Any]] = (),
        lost: Collection[str] = (),
    ) -> None:
        self.share = share
        self.lost = lost
        self.expect = [*(share.get("expect") or ()), *more]
        self.nodes = {node.name: node for node in nodes_from(share) if node.near} if share else {}
        far = [node for other in others for node in nodes_from(other) if node.here]
        self._others = {node.name: node for node in far if node.name not in self.nodes}
        self.shares = [share, *others]
        everybody = {item["name"] for one in self.shares for item in one.get("nodes") or ()}
        self._left_out = frozenset(everybody - self.nodes.keys() - self._others.keys())
        spaces = namespaces.names() if self.expect else []
        problems = unknown(self.expect, [*self.nodes, *self._others, *self._left_out, *spaces, LOCALHOST])
        if problems:
            raise LabErrors(problems)

    def checks(self, pairs: Pairs, outside: str | None) -> list[Check]:
        """Return all checks but those of leases, and what only a guest could tell that the lab host has no way to."""
        own = [node for node in self.nodes.values() if node.kind in ("vm", *SPACES)]
        far = [node for node in self._others.values() if node.kind in ("vm", *SPACES)]
        mute = {node.name for node in own if node.kind == "vm" and not node.address}
        all_implied = (*implied(own, told_of_names(self._whole()), outside, pairs, far), *crossing(own, far, pairs))
        found = (check for check in all_implied if check.node not in mute)
        known = {**self.nodes, **self._others}
        wanted = [check for check in declared(self.expect, known, self._left_out) if check.node not in self._others]
        return list(dict.fromkeys((*found, *wanted)))

    def leased(self) -> list[Node]:
        """Return the nodes whose leases this lab host gives: all, if it is the only one."""
        everybody = [*self.nodes.values(), *self._others.values()]
        served = [ip_network(network["subnet"]) for network in (self.share.get("dnsmasq") or {}).get("networks") or ()]
        inside = [node for node in everybody if any(ip_address(one) in subnet for one in node.addresses for subnet in served)]
        some = len(self.shares) > 1 or "ovn" in self.share  # OVN keeps no record of leases
        return [node for node in (inside if some else everybody) if node.kind in ("vm", *SPACES)]

    def _whole(self) -> dict[str, Any]:
        """Return what the shares say together of names."""
        servers = [server for share in self.shares for server in (share.get("dnsmasq"), share.get("ovn")) if server]
        networks = [network for server in servers for network in server.get("networks") or ()]
        parts = {key: [item for share in self.shares for item in share.get(key) or ()] for key in ("nodes", "vms", "resolvers")}
        return {**parts, "dnsmasq": {"networks": networks}}

    def networks(self) -> dict[str, str]:
        """Return the network of each address of a node."""
        everybody = (*self.nodes.values(), *self._others.values())
        own = (ip_interface(text) for node in everybody for interface in node.interfaces for text in interface["addresses"])
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
        results.update(leased(lab.leased(), {lease.mac for lease in leases(lab.share["lab"])}))
    # A bound of its own: where the time was used up by what failed, the reasons are wanted most.
    eyes = Eyes((lab.share["ovn"].get("remote") or SOUTHBOUND) if "ovn" in lab.share else None)
    return results, explain(results, lab.shares, lab.lost, eyes, time.monotonic() + 15)
