# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a topology does not go together, beyond one key or one link."""

from __future__ import annotations

from ..model import Topology, addresses
from ..values import Problems, suggestion

_LEAST_IPV6 = 1280  # bytes (RFC 8200); below it the kernel takes IPv6 away from an interface


def check_switches(topology: Topology, problems: Problems) -> None:
    """Check the spanning trees of Open vSwitch bridges."""
    for node in topology.nodes.values():
        bridge = node.switch.bridge if node.switch and node.kind == "ovs" else {}
        if bridge.get("stp") and bridge.get("rstp"):
            problems.append(f"{node.path}.rstp: excludes stp; leave out one of the two")
        if bridge.get("rstp") and bridge.get("priority", 0) % 4096:
            problems.append(f"{node.path}.priority: must be a multiple of 4096 with rstp, not {bridge['priority']}")


def check_hosts(topology: Topology, problems: Problems) -> None:
    """Check what the lab host is to do."""
    for node in topology.nodes.values():
        if node.gate and node.gate.nat and not node.gate.router:
            problems.append(f"{node.path}.nat: lets nothing out where router is false; leave out one of the two")


def check_uplinks(topology: Topology, problems: Problems) -> None:
    """Check the switches that get the addresses of uplinks."""
    homes: dict[str, str] = {}
    for node in topology.nodes.values():
        ports = [far for _end, far, _link in topology.ends(node.name)] if node.move else []
        where = f"{node.path}.move_addresses"
        if node.move and not ports:
            problems.append(f"{where}: '{node.name}' is a port of no switch; link it with the one that is to have its addresses")
        for port in ports:
            home = topology.nodes[port.node]
            given = [key for key in ("ipv4", "ipv6") if home.switch and getattr(home.switch, key)]
            problems += [
                f"{home.path}.{key}: the switch gets the addresses of '{node.name}' (move_addresses); leave it out" for key in given
            ]
            if port.tag is not None:
                problems.append(f"{port.path}: a tag would cut off the lab host, whose addresses are moved to the switch; leave it out")
            if home.kind == "ovs" and not topology.persist:
                what = "Open vSwitch keeps its ports over a reboot and not their addresses, which cuts the lab host off"
                problems.append(f"{where}: {what}; add 'persist: true' to the file, or make '{home.name}' one of kind bridge")
            other = homes.setdefault(home.name, node.name)
            if other != node.name:
                problems.append(f"{where}: '{home.name}' gets the addresses of '{other}' already; move those of one uplink")


def check_mtus(topology: Topology, problems: Problems) -> None:
    """Check that IPv6 fits through the links that have it."""
    for link in topology.links:
        for end in link.ends:
            if link.mtu and link.mtu < _LEAST_IPV6 and end.ipv6 and end.ipv6.addresses:
                problems.append(f"{link.path}.mtu: {link.mtu} bytes are too few for IPv6, which {end} has; give at least {_LEAST_IPV6}")
    for node in topology.nodes.values():
        for sub in node.space.interfaces if node.space else ():
            if sub.mtu and sub.mtu < _LEAST_IPV6 and any(":" in address for address in addresses(sub)):
                problems.append(f"{sub.path}.mtu: {sub.mtu} bytes are too few for IPv6; give at least {_LEAST_IPV6}")


def check_interfaces(topology: Topology, problems: Problems) -> None:
    """Check the parents, names and numbers of sub-interfaces."""
    for node in topology.nodes.values():
        known = {end.interface or "" for end, _far, _link in topology.ends(node.name)} if node.space and node.space.interfaces else set()
        numbers: dict[tuple[str, int, str], str] = {}
        for sub in node.space.interfaces if node.space else ():
            if sub.parent not in known:
                near = suggestion(sub.parent, known)
                problems.append(f"{sub.path}.parent: '{node.name}' has no interface '{sub.parent}' that is named before{near}")
            if len(sub.name) > 15 or "/" in sub.name or not sub.name.isprintable() or " " in sub.name:
                problems.append(f"{sub.path}: '{sub.name}' cannot be an interface's name, which has at most 15 characters")
            if sub.name in known or sub.name == "lo":
                problems.append(f"{sub.path}: '{node.name}' has an interface '{sub.name}' already")
            other = numbers.setdefault((sub.parent, sub.vlan, sub.protocol), sub.name)
            if other != sub.name:
                problems.append(f"{sub.path}.vlan: '{other}' is VLAN {sub.vlan} of '{sub.parent}' already")
            known.add(sub.name)
