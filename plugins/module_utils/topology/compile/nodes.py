# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes have above their links: addresses, kernel settings, what runs in them, and how others see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..kinds import SWITCHES
from ..model import Endpoint, Node, Service, SubInterface, Switch, Topology, addresses, ip_of
from ..plain import Item, given, plain
from ..resolve.guest import forwarded, image_of, login, near_ends, user_of
from ..resolve.networks import Place
from ..resolve.routes import DEFAULT
from .containers import entry
from .links import netns_of

_FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def switch_address(node: Node, switch: Switch) -> Iterator[Item]:
    """Return the lab host's own addresses on a switch."""
    given_ones = {version: own for version, own in ((4, switch.ipv4), (6, switch.ipv6)) if own is not None}
    if given_ones:
        addresses = [own for own in given_ones.values() if own]
        yield {"name": switch.device, "netns": "", **_family(given_ones), "addresses": addresses, "up": True}
    # Without an address the device of an Open vSwitch bridge stays down, as Open vSwitch leaves it: nobody has a use for it, and
    # up it would announce an IPv6 address to all of the network, which a tree of a thousand bridges takes minutes to pass on.


def interface_address(place: Place, topology: Topology) -> Iterator[Item]:
    """Return the addresses and routes of an interface, but for those that come by DHCP."""
    if place.node.kind == "vm" or place.node.router:
        return
    interface = place.interface
    managed = {version: ip for version in (4, 6) if (ip := ip_of(interface, version)) and ip.method != "dhcp"}
    if not managed:
        return
    item: Item = {"name": place.name, "netns": place.node.netns or "", **_family(managed)}
    item["addresses"] = [address for ip in managed.values() for address in ip.addresses]
    if place.node.space:
        item["routes"] = [plain(route) for route in interface.routes if (6 if ":" in route.via else 4) in managed]
    yield item


def loopback(node: Node) -> Iterator[Item]:
    """Return the loopback addresses of a namespace."""
    if node.space and node.space.loopback is not None:
        yield {"name": "lo", "netns": node.netns, "addresses": list(node.space.loopback)}


def _family(managed: Mapping[int, object]) -> Item:
    """Return the one family that is managed, if it is one."""
    return {"family": next(iter(managed))} if len(managed) == 1 else {}


def sysctls(node: Node) -> Iterator[Item]:
    """Return the kernel settings of a namespace."""
    if node.space:
        router = {} if node.space.router is None else dict.fromkeys(_FORWARDING, "1" if node.space.router else "0")
        values = {**router, **node.space.sysctls}
        if values:
            yield {"netns": node.netns, "values": values}


def firewalls(node: Node) -> Iterator[Item]:
    """Return the nftables rules of a namespace."""
    if node.space and node.space.firewall is not None:
        yield {"netns": node.netns, "ruleset": node.space.firewall}


def resolvers(nodes: Iterable[Node]) -> Item:
    """Return the resolv.conf files of namespaces, if there are any."""
    told = ((node.netns, node.space.resolv_conf) for node in nodes if node.space and node.space.resolv_conf)
    found = [{"netns": netns, **{key: list(values) for key, values in keys.items()}} for netns, keys in told]
    return {"resolvers": found} if found else {}


def commands(node: Node, topology: Topology) -> Iterator[Item]:
    """Return what is run once in a namespace."""
    if node.space and node.space.exec:
        yield {"netns": node.netns, "name": node.name, "commands": list(node.space.exec), **entry(node, topology)}


def services(node: Node, topology: Topology) -> Iterator[Item]:
    """Return what is kept alive in a namespace."""
    for name, service in node.space.services.items() if node.space else ():
        yield {"netns": node.netns, "name": f"{node.name}.{name}", **_service(service), **entry(node, topology)}


def _service(service: Service) -> Item:
    return given(
        command=service.command,
        environment=service.environment,
        directory=service.directory,
        user=service.user,
        restart=service.restart,
        files=service.files or None,
    )


def frr(node: Node, topology: Topology) -> Iterator[Item]:
    """Return what a namespace's routing daemons are told: what is declared, and the addresses that they work on."""
    if node.space is None or node.space.frr is None:
        return
    loopbacks = list(node.space.loopback or ())
    ends: Sequence[Endpoint | SubInterface] = [*(end for end, _far, _link in topology.ends(node.name)), *node.space.interfaces]
    here = [{"name": end.interface if isinstance(end, Endpoint) else end.name, "addresses": addresses(end)} for end in ends]
    own = {"netns": node.netns, "node": node.name, "loopbacks": loopbacks, "interfaces": here}
    yield {**own, **given(**node.space.frr)}


def described(node: Node, places: Sequence[Place], network: str | None, topology: Topology, gate: Item) -> Item:
    """Return what checks and benchmarks need to know about a node; network is a switch's, gate what is at a logical one's own address."""
    guest, container = node.guest, node.space and node.space.container
    way = login(node, topology) if guest else None
    own = [{**_own_device(node.switch, network), **(gate if node.switch.logical else {})}] if node.switch else None
    interfaces = own or [_interface(place, topology) for place in places]
    return {
        "name": node.name,
        "kind": node.kind,
        "netns": node.netns,
        "user": user_of(guest, topology) if guest else None,
        "cloud_init": bool(guest and image_of(guest, topology).cloud_init),
        "state": guest.state if guest else None,
        "interfaces": interfaces,
        "loopbacks": list(node.space.loopback or ()) if node.space else [],
        **({"ssh": {"address": way[0], "port": way[1]} if way else None} if guest else {}),
        "hostname": (guest and guest.hostname) or (container and container.hostname) or node.name,
        **entry(node, topology),
        **({"home": topology.carriers[node.name][0], "access": access(node, topology)} if topology.carriers else {}),
    }


def access(node: Node, topology: Topology) -> str:
    """Return the lab host from which a node is reached: a guest's is where its network has an address or a way in, or a port."""
    if node.guest and not forwarded(node, topology):
        for _end, machine in near_ends(node, topology):
            return machine
    return topology.carriers[node.name][0]


def _own_device(switch: Switch, network: str | None) -> Item:
    own = [address for address in (switch.ipv4, switch.ipv6) if address]
    return {
        "name": switch.device,
        "mac": None,
        "device": switch.device,
        "switch": None,
        "network": network,
        "method": "static" if own else "none",
        "addresses": own,
        "gateway": None,
        "gateway6": None,
    }


def _interface(place: Place, topology: Topology) -> Item:
    end, far_kind = place.interface, topology.nodes[place.far.node].kind
    on_link = isinstance(end, Endpoint)
    # The tap of a guest that is linked with a namespace is in there.
    device = place.name if place.node.kind == "host" else place.far.interface if not netns_of(place.far, topology) else None
    shown = far_kind in SWITCHES and not topology.nodes[place.far.node].hidden
    gateways = {6 if ":" in route.via else 4: route.via for route in end.routes if route.to == DEFAULT}
    return {
        "name": place.name,
        "mac": end.mac if isinstance(end, Endpoint) else None,
        "device": device if (on_link and far_kind in (*SWITCHES, "host")) or place.node.kind == "host" else None,
        "switch": place.far.node if shown else None,
        "network": place.network,
        "method": _method(end),
        **_server(end, topology),
        **_carried(place, topology),
        "addresses": addresses(end),
        "gateway": gateways.get(4),
        "gateway6": gateways.get(6),
    }


def _carried(place: Place, topology: Topology) -> Item:
    """Return the largest packet of an interface in a network over several lab hosts, which is to get to each of them."""
    switch = topology.nodes[place.far.node].switch
    if switch is None or not switch.mtu or isinstance(place.interface, SubInterface):
        return {}
    return {"mtu": next(link.mtu for end, _far, link in topology.ends(place.node.name) if (end.interface or "") == place.name)}


def _server(end: Endpoint | SubInterface, topology: Topology) -> Item:
    """Return the lab host whose DHCP gives an interface its address, if there are several; OVN's goes by what its databases say."""
    network = end.network if isinstance(end, Endpoint) and _method(end) == "dhcp" else None
    switch = topology.nodes[network].switch if network else None
    if not (network and switch and network in topology.carriers):
        return {}
    return {"server": topology.central if switch.logical else topology.carriers[network][0]}


def request(place: Place, topology: Topology) -> Item:
    """Return the address that a DHCP client asks for, if the server is perhaps on a lab host that has not been told of it yet.

    OVN's gives an address to nobody but the one whom it is for.
    """
    switch = topology.nodes[place.far.node].switch
    asks = _server(place.interface, topology) and not (switch and switch.logical)
    return {"request": addresses(place.interface)[0].partition("/")[0]} if asks else {}


def _method(end: Endpoint | SubInterface) -> str:
    """Return how the addresses come: by the lab's DHCP or QEMU's own, or given before (however they were chosen), or not at all."""
    if end.ipv4 and end.ipv4.method == "dhcp":
        return "dhcp"
    if end.ipv4 and end.ipv4.method == "user":
        return "user"
    return "static" if addresses(end) else "none"
