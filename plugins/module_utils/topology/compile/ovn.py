# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab host needs for logical switches: its part in OVN, the ports of its integration bridge, bridges for uplinks, the way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..logical import Router, gateways, port_name, routers, ways_in
from ..model import Endpoint, Link, Node, Topology
from ..names import altname, devices
from ..plain import Item, given
from .links import made_elsewhere, ovs_port
from .northbound import networks, northbound

INTEGRATION = "br-netvirt"  # not br-int, which another OVN of the lab host's may have
PORT = 6642  # of the southbound database (ovn-ctl(8))
_ALONE = "127.0.0.1"


@dataclass(frozen=True)
class Overlay:
    """What of a lab's logical switches holds on all of its lab hosts: ``ways`` are the routers, and ``doors`` those by which one gets in.

    ``gates`` are the MAC addresses of the ports that have the switches' own addresses; ``networks`` have DHCP by OVN; ``packets`` is
    the largest that a tunnel must carry, in bytes. Without logical switches it is empty.
    """

    topology: Topology
    used: bool
    ways: Sequence[Router]
    doors: Mapping[str, Router]
    gates: Mapping[str, str]
    networks: Sequence[Item]
    packets: int

    def gate(self, switch: str) -> Item:
        """Return what is at a switch's own address: the router's MAC address, and the lab host's address behind it."""
        door = self.doors.get(switch)
        return {"mac": self.gates.get(switch), "behind": door.transit[0] if door else None}

    def at(self, machine: str) -> list[Router]:
        """Return the routers that a lab host stands behind."""
        return [router for router in self.ways if router.home == machine]


def overlay(topology: Topology) -> Overlay:
    """Return what has to be found out once for a lab."""
    ways = routers(topology)
    switches = [node.switch for node in topology.nodes.values() if node.switch and node.switch.logical]
    packets = max((switch.mtu or 0 for switch in switches), default=0)
    gates = {switch: port.mac for switch, (_router, port) in gateways(ways, topology).items()}
    return Overlay(topology, bool(switches), ways, ways_in(ways, topology), gates, networks(topology), packets)


def fabric(machine: str, part: Topology, lab: Overlay) -> Item | None:
    """Return a lab host's part in OVN, None if the lab has no logical switch. The content of the database is in its share who runs it."""
    if not lab.used:
        return None
    topology = lab.topology
    central = topology.central
    address = _address(topology, machine)
    there = _address(topology, central)
    # Who is alone talks to itself by a socket of its own.
    far = {} if there == _ALONE else {"remote": f"tcp:{f'[{there}]' if ':' in there else there}:{PORT}", "port": PORT}
    own = {
        "chassis": chassis(topology, machine),
        "address": address,
        **far,
        "bridge": INTEGRATION,
        "central": machine == central,
        **({"databases": central} if central else {}),
        "packets": lab.packets,
        "joints": _joints(machine, part, lab),
        "mappings": {altname(topology.name, switch.name): provider(switch, topology) for _up, switch in _uplinks(part)},
    }
    if machine != central:
        return own
    homes = {port_name(end, topology): topology.machine_of(link) for link, end, _port in _ends(topology)}
    homes.update({router.host_port: router.home for router in lab.ways})
    machines = {name: chassis(topology, name) for name in _names(topology)}
    return {**own, "rows": northbound(topology, lab.ways, machines), "networks": lab.networks, "machines": machines, "ports": homes}


def _joints(machine: str, part: Topology, lab: Overlay) -> dict[str, str]:
    """Return the logical switch or router that each port of a lab host leads to, by the port's device."""
    ports = {port.interface or "": port.node for _link, _end, port in _ends(part)}
    return {
        **ports,
        **{up.device or "": switch.name for up, switch in _uplinks(part)},
        **{one.port: one.node.name for one in lab.at(machine)},
    }


def bridges(machine: str, part: Topology, lab: Overlay) -> Iterator[Item]:
    """Return the integration bridge with the lab's ports in it, and a bridge for each uplink of a logical switch."""
    topology = lab.topology
    ports: list[Item] = []
    for link, end, port in _ends(part):
        item = ovs_port(port, end, link, part)
        ports.append({**item, "interface_external_ids": {"iface-id": port_name(end, topology)}})
    ports += [{"name": router.port, "interface_external_ids": {"iface-id": router.host_port}} for router in lab.at(machine)]
    if ports:
        yield {"name": INTEGRATION, "existing": True, "ports": ports}
    for up, switch in _uplinks(part):
        device = provider(switch, topology)
        yield {"name": device, "datapath_type": None, "altname": altname(topology.name, switch.name), "ports": [{"name": up.device}]}


def links(machine: str, lab: Overlay) -> Iterator[Item]:
    """Return the interfaces by which a lab host is behind its routers.

    They are a veth pair and no internal port, because what comes from there must have its checksums too before it is put into tunnels.
    """
    for router in lab.at(machine):
        common = given(netns="", mtu=router.mtu, up=True, kind="veth")
        # A router's own name in OVN is the lab host's for its link to it.
        yield {**common, "name": router.device, "mac": router.host_mac, "altname": router.name, "peer": ["", router.port]}
        yield {**common, "name": router.port, "silent": True, "peer": ["", router.device]}


def name_servers(machine: str, lab: Overlay) -> list[Item]:
    """Return the networks in which a lab host behind its routers answers names for those that are told so by OVN's DHCP."""
    told = {address for network in lab.networks for address in network["dns"]}
    return [
        {"interface": router.device, "address": router.transit[0], "subnet": router.transit_network, "range": None, "hosts": []}
        for router in lab.at(machine)
        if router.transit[0] in told
    ]


def way_in(machine: str, lab: Overlay) -> Iterator[Item]:
    """Return the addresses and routes by which a lab host reaches the nodes behind the routers that it is the way out of."""
    for router in lab.at(machine):
        behind = {network for port in router.ports if lab.doors.get(port.switch) is router for network in port.inside}
        routes = [{"to": network, "via": router.transit[1]} for network in sorted(behind)]
        address = f"{router.transit[0]}/{router.prefix}"
        yield {"name": router.device, "netns": "", "family": 4, "addresses": [address], "routes": routes, "up": True}


def chassis(topology: Topology, machine: str) -> str:
    """Return a lab host's name in OVN, which all labs on it have in common."""
    return f"netvirt-{_address(topology, machine)}"


def provider(switch: Node, topology: Topology) -> str:
    """Return the bridge that an uplink of a logical switch is a port of."""
    return next(devices(switch.name, topology.name, switch.name, "localnet"))


def _names(topology: Topology) -> list[str]:
    return [one.name for one in topology.machines] if topology.carriers else [""]


def _address(topology: Topology, machine: str) -> str:
    own = (one.underlay for one in topology.machines if one.name == machine or not topology.carriers)
    return next(own, None) or _ALONE


def _ends(topology: Topology) -> Iterator[tuple[Link, Endpoint, Endpoint]]:
    """Yield the links of logical switches that are interfaces of lab hosts: the far end, and the switch's port."""
    for link in topology.links:
        for port, end in (link.ends, link.ends[::-1]):
            switch = topology.nodes[port.node].switch
            if switch and switch.logical and not made_elsewhere(end, topology):
                yield link, end, port


def _uplinks(topology: Topology) -> Iterator[tuple[Node, Node]]:
    """Yield the uplinks of logical switches, each with its switch."""
    for link in topology.links:
        for port, end in (link.ends, link.ends[::-1]):
            switch, far = topology.nodes[port.node], topology.nodes[end.node]
            if switch.switch and switch.switch.logical and far.device:
                yield far, switch
