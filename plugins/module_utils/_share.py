# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host's share as goals: everything the topology asks of one machine, in the order in which it is built."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

from ._errors import LabErrors
from ._interface import link_from
from ._plan import Goal
from .resources._flow_model import table_from
from .resources._ovs_items import bridge_from
from .resources._space_model import space_from
from .resources.address import AddressDriver, addressing
from .resources.boot import BootDriver, boot_files
from .resources.capture import CaptureDriver
from .resources.command import CommandDriver, commands_from
from .resources.dhcp_client import DhcpClient, DhcpClientDriver
from .resources.dnsmasq import DnsmasqDriver, dnsmasq_from
from .resources.firewall import FirewallDriver, firewall_from
from .resources.flow import FlowDriver
from .resources.folder import FolderDriver
from .resources.forwarding import AUTO, ForwardingDriver, default_uplink, forwarding_from
from .resources.frr import frr_services
from .resources.link import LinkDriver
from .resources.member import MemberDriver, member_from
from .resources.netns import Namespace, NamespaceDriver
from .resources.node_sysctl import NodeSysctlDriver, sysctls_from
from .resources.northbound import NorthboundDriver, row_from
from .resources.ovn import OvnDriver, fabric_from
from .resources.ovs import HostDatapath, OvsDriver, host_datapath
from .resources.resolver import ResolverDriver, resolver_from
from .resources.service import ServiceDriver, service_from
from .resources.shaping import ShapingDriver, shapings_from
from .resources.space import SpaceDriver
from .resources.uplink import UplinkDriver, uplink_from
from .resources.vm_goals import vm_goals
from .topology.narrow import narrowed, without
from .topology.port_settings import members
from .transport import namespaces
from .transport.netlink import Netlink

NO_UPLINK = "none"


def share_goals(
    share: Mapping[str, Any],
    lab: str,
    authorized_keys: Sequence[str],
    uplink: str | None,
    passwords: Mapping[str, Mapping[str, str]],
) -> list[Goal[Any]]:
    """Return the goals that a share means; the empty share means that nothing of the lab is left. Raise LabErrors.

    uplink overrides the interface that the lab's traffic leaves by; 'none' keeps it in. passwords are hashes by VM and user.
    """
    told = {"share": share, "authorized_keys": authorized_keys, "uplink": uplink, "passwords": passwords}
    links, vms = share.get("links") or [], share.get("vms") or []
    bridges = share.get("bridges") or []
    shaping = share.get("shaping") or ()
    if bridges:
        datapath = cache(host_datapath)
        links, vms = cured(links, vms, bridges, datapath)
        require_redirects(shaping, bridges, datapath)
    forwarding = share.get("forwarding")
    if forwarding and uplink:
        forwarding = None if uplink == NO_UPLINK else {**forwarding, "uplink": uplink}
    moved = share.get("uplinks") or ()
    links, bridges, forwarding = with_uplinks(moved, links, bridges, forwarding)
    lent = [item["name"] for item in moved]
    dnsmasq, ovn = share.get("dnsmasq"), share.get("ovn")
    services = [service_from(item, lab) for item in share.get("services") or ()]
    services += [service for item in share.get("frr") or () for service in frr_services(item, lab)]
    return [
        Goal(FolderDriver(), purge=not share),
        Goal(BootDriver(), boot_files(lab, told) if share.get("persist") else (), purge=True),
        Goal(SpaceDriver(), tuple(space_from(item, lab) for item in share.get("containers") or ()), purge=True),
        Goal(NamespaceDriver(), tuple(Namespace(lab=lab, **item) for item in share.get("namespaces") or ()), purge=True),
        Goal(LinkDriver(), tuple(link_from(item, lab) for item in links), purge=True),
        Goal(MemberDriver(lent=lent), tuple(member_from(item, lab) for item in share.get("members") or ()), purge=True),
        Goal(OvnDriver(), (fabric_from(ovn, lab),) if ovn else (), purge=True),
        Goal(OvsDriver(lent=lent), tuple(bridge_from({**item, "ports": untagged(item)}, lab) for item in bridges), purge=True),
        Goal(FlowDriver(), tuple(table_from(item, lab) for item in share.get("flows") or ()), purge=True),
        Goal(NorthboundDriver(), tuple(row_from(item, lab) for item in (ovn or {}).get("rows") or ()), purge=True),
        Goal(UplinkDriver(), tuple(uplink_from(item, lab) for item in moved), purge=True),
        Goal(AddressDriver(), tuple(addressing(item, lab) for item in share.get("addresses") or ())),
        Goal(NodeSysctlDriver(), tuple(sysctls_from(item, lab) for item in share.get("sysctls") or ()), purge=True),
        Goal(FirewallDriver(), tuple(firewall_from(item, lab) for item in share.get("firewalls") or ()), purge=True),
        Goal(ForwardingDriver(), (forwarding_from(forwarding, lab),) if forwarding else (), purge=True),
        Goal(DnsmasqDriver(), (dnsmasq_from(dnsmasq, lab),) if dnsmasq else (), purge=True),
        Goal(ResolverDriver(), tuple(resolver_from(item, lab) for item in share.get("resolvers") or ()), purge=True),
        Goal(DhcpClientDriver(), tuple(DhcpClient(lab=lab, **item) for item in share.get("dhcp_clients") or ()), purge=True),
        Goal(ShapingDriver(), shapings_from(shaping, lab), purge=True),
        Goal(ServiceDriver(), tuple(services), purge=True),
        Goal(CommandDriver(), tuple(commands_from(item, lab) for item in share.get("commands") or ()), purge=True),
        # Last: what is behind a NIC may be a service.
        *vm_goals(with_passwords(vms, passwords), lab, authorized_keys, purge=True, images=share.get("images")),
        # Captures are somebody's and not the topology's: they end with the lab, or with what they listen at.
        Goal(CaptureDriver(), purge=not share),
    ]


def node_goals(
    share: Mapping[str, Any],
    nodes: Collection[str],
    lab: str,
    authorized_keys: Sequence[str],
    uplink: str | None,
    passwords: Mapping[str, Mapping[str, str]],
    present: bool = True,
) -> list[Goal[Any]]:
    """Return the goals that a share means for some of its nodes only, or for their absence: all else stays as it is. Raise LabErrors."""
    there = {name for name in namespaces.names() if namespaces.exists(name)}.union(name for _index, name in socket.if_nameindex())
    narrow, part = narrowed(dict(share), nodes, there) if present else without(dict(share), lab, nodes)
    narrow.pop("persist", None)  # what comes back after a reboot is the whole lab
    goals = share_goals(narrow, lab, authorized_keys, uplink, passwords)
    return [dataclasses.replace(goal, mine=part.has) for goal in goals]


def with_passwords(vms: Sequence[Mapping[str, Any]], passwords: Mapping[str, Mapping[str, str]]) -> list[Mapping[str, Any]]:
    """Return VMs with the hashed passwords of their users, which the share leaves out."""
    return [
        {**vm, "users": [{**user, "hashed_password": passwords[vm["name"]].get(user["name"])} for user in vm["users"]]}
        if vm["name"] in passwords
        else vm
        for vm in vms
    ]


def cured(
    links: Sequence[Mapping[str, Any]],
    vms: Sequence[Mapping[str, Any]],
    bridges: Sequence[Mapping[str, Any]],
    datapath: Callable[[], HostDatapath],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return links and VMs with the offloads that TCP needs on the datapath of their switches.

    Open vSwitch's userspace datapath passes on packets whose checksum is left to the receiver's hardware, which no one
    then computes: ping works and TCP stalls. Unless the daemon handles segmentation itself (userspace-tso-enable), the
    nodes must not leave checksums undone. What the topology says itself is left as it is.
    """
    # What OVN puts into tunnels of its own must be finished in any case.
    needy = _userspace_ports([one for one in bridges if one.get("existing")] if datapath().userspace_tso else bridges, datapath)
    return (
        [
            {"tx_offload": False, **link} if link.get("peer") and link["peer"][1] in needy and not link["peer"][0] else link
            for link in links
        ],
        [
            {
                **vm,
                "nics": [_plain_header(nic) if nic.get("tap") in needy and not nic.get("netns") else nic for nic in vm.get("nics") or ()],
            }
            for vm in vms
        ],
    )


def untagged(bridge: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the ports of an Open vSwitch bridge, which have no VLANs but those that the topology names: they are the lab's alone."""
    return [{"tag": "", "trunks": [], "vlan_mode": "", **port} for port in bridge.get("ports") or ()]


def with_uplinks(
    uplinks: Sequence[Mapping[str, Any]],
    links: Sequence[Mapping[str, Any]],
    bridges: Sequence[Mapping[str, Any]],
    forwarding: Mapping[str, Any] | None,
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Return links, bridges and forwarding as uplinks want them: a switch that gets one's addresses has its MAC address too.

    By that the segment's DHCP server, and whoever else looks, knows the machine.
    """
    if not uplinks:
        return links, bridges, forwarding
    with Netlink() as kernel:
        macs = {link.name: link.mac for link in kernel.links()}
    known = {item["to"]: macs[item["name"]] for item in uplinks if item["name"] in macs}
    links, bridges = ([{**item, "mac": known[item["name"]]} if item["name"] in known else item for item in one] for one in (links, bridges))
    homes = {item["name"]: item["to"] for item in uplinks}
    way = default_uplink() if forwarding and forwarding["uplink"] == AUTO else (forwarding or {}).get("uplink")
    return links, bridges, {**forwarding, "uplink": homes[way]} if forwarding and way in homes else forwarding


def require_redirects(
    shaping: Sequence[Mapping[str, Any]], bridges: Sequence[Mapping[str, Any]], datapath: Callable[[], HostDatapath]
) -> None:
    """Raise LabErrors for what comes in at ports of Open vSwitch's userspace datapath: that has a copy of it before any redirect."""
    redirected = [item["name"] for item in shaping if item.get("redirect") and not item.get("netns")]
    deaf = _userspace_ports(bridges, datapath).intersection(redirected) if redirected else set()
    if deaf:
        raise LabErrors(
            f"What the guest at '{name}' sends cannot be shaped: Open vSwitch's userspace datapath takes packets before traffic control "
            "sees them. Make the switch one of kind bridge, or let it have the kernel's datapath (datapath_type: system, which needs the "
            "kernel module openvswitch); or shape what the other ends send."
            for name in sorted(deaf)
        )


def crowd_notices(share: Mapping[str, Any], most: str | None) -> list[str]:
    """Return what to tell of a lab that is too large for the kernel's neighbour tables, one for each family; most is their size."""
    needed = 2 * len(share.get("namespaces") or ())  # a node and its gateway know each other
    if most is None or needed <= int(most):
        return []
    return [
        f"This lab needs at least {needed} entries in the kernel's neighbour table, which all namespaces share and which has room for "
        f"{most}: when more nodes talk at once, packets are lost; set net.ipv4.neigh.default.gc_thresh3 and "
        f"net.ipv6.neigh.default.gc_thresh3 to {8 * needed} by sysctl(8)."
    ]


def _userspace_ports(bridges: Sequence[Mapping[str, Any]], datapath: Callable[[], HostDatapath]) -> set[str]:
    userspace = (bridge for bridge in bridges if (bridge.get("datapath_type") or datapath().type) == "netdev")
    return {name for bridge in userspace for port in bridge.get("ports") or () for name in members(port)}


def _plain_header(nic: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**nic, "vnet_hdr": False} if nic.get("vnet_hdr") is None else nic
