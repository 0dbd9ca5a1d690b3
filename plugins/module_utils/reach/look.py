# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyes for the diagnosis: each thing is looked at once, and only if somebody asks."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from .._errors import LabError
from ..resources import _firewall
from ..resources._ovs_look import look
from ..transport import namespaces, ovn, ovsdb, sysctl
from ..transport.namespaces import inside
from ..transport.neighbours import Neighbour, Neighbours, Way
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord
from .diagnosis import OvsPort
from .logical import Packet

_TRACE, _TRACES = 3.0, 10.0  # seconds for a question to OVN, which takes a tenth if its database answers, and for all of them


class Eyes:
    """What can be seen of the lab host and its namespaces, while it lives. ``southbound`` is OVN's database, if the lab has one."""

    def __init__(self, southbound: str | None = None) -> None:
        self._southbound, self._asked = southbound, 0.0
        for name in ("controlled", "traced", "links", "addresses", "ovs_ports", "userspace", "dropping", "_neighbours", "_ovs"):
            setattr(self, name, cache(getattr(self, name)))

    def links(self, netns: str) -> dict[str, LinkRecord]:
        """Return the interfaces by name."""
        if netns and not namespaces.exists(netns):
            return {}
        with Netlink(netns) as kernel:
            return {link.name: link for link in kernel.links()}

    def addresses(self, netns: str) -> dict[str, list[str]]:
        """Return the addresses, without prefix lengths, by interface."""
        found: dict[str, list[str]] = {}
        names = {link.index: link.name for link in self.links(netns).values()}
        if not names:
            return found
        with Netlink(netns) as kernel:
            for record in kernel.addresses():
                found.setdefault(names.get(record.index, ""), []).append(record.address.partition("/")[0])
        return found

    def way(self, netns: str, address: str) -> Way:
        """Return how packets to an address leave."""
        table = Neighbours(netns)
        try:
            return table.way(address)
        finally:
            table.close()

    def known(self, netns: str, index: int, address: str) -> bool | None:
        """Say whether a neighbour's MAC address is known; None if nobody has asked for it."""
        return next((entry.known for entry in self._neighbours(netns) if (entry.index, entry.address) == (index, address)), None)

    def setting(self, netns: str, key: str) -> str:
        """Return a setting by its path below /proc/sys, '' if there is none."""
        with inside(netns):
            return sysctl.read(key) or ""

    def tx_offload(self, netns: str, interface: str) -> bool:
        """Say whether checksums are left to an interface."""
        with Netlink(netns) as kernel:
            return kernel.tx_offload(interface)

    def ovs_ports(self) -> dict[str, OvsPort]:
        """Return the ports of Open vSwitch by name."""
        return {
            port["name"]: OvsPort(
                bridge["name"],
                port.get("tag") or 0,
                bool(port.get("trunks")) or port.get("vlan_mode") == "trunk",
                port.get("interface_external_ids") or {},
            )
            for bridge in self._ovs()["bridges"]
            for port in bridge["ports"]
        }

    def controlled(self) -> bool:
        """Say whether the lab host's controller of OVN runs."""
        return ovn.CONTROLLER in ovn.running()

    def traced(self, packet: Packet) -> str:
        """Return what OVN says that it would do with a packet, '' if it says nothing."""
        if self._southbound is None or self._asked > _TRACES:
            return ""
        begin = time.monotonic()
        try:
            return ovn.trace(self._southbound, packet.switch, packet.flow, packet.new, _TRACE)
        finally:
            self._asked += time.monotonic() - begin

    def userspace(self, bridge: str) -> bool:
        """Say whether a bridge of Open vSwitch passes on packets in userspace, unfinished checksums included."""
        state = self._ovs()
        finished = state["other_config"].get("userspace-tso-enable") == "true"
        return not finished and any(item["name"] == bridge and item.get("datapath_type") == "netdev" for item in state["bridges"])

    def dropping(self) -> list[str]:
        """Return the chains of the lab host that drop forwarded packets unless a rule says otherwise."""
        return [gate.name for gate in _firewall.gates("forward") if gate.drops]

    def _neighbours(self, netns: str) -> list[Neighbour]:
        table = Neighbours(netns)
        try:
            return table.entries()
        finally:
            table.close()

    def _ovs(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {"bridges": [], "other_config": {}}
        try:
            return look(None, (), None, None, ()) if ovsdb.running(None) else nothing
        except LabError:  # no library for it, or no answer: then nothing of it can be seen
            return nothing
