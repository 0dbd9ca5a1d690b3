# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a topology file. This is the only place that lists them all: reading, messages and documentation follow it."""

from __future__ import annotations

from typing import Any

from ..expect import EXPECT, EXPECTATIONS
from ..values import Block, Key, MapOf, Type
from ..values.ip import ADDRESSES, NETWORK
from ..values.scalars import BOOLEAN, DEVICE, DOMAIN, LAB, MAPPING, TEXT, choice, list_of_links, nodes_by_name, number
from .backends import BACKENDS
from .containers import ADOPT, CLOCKS, CONTAINER
from .expand import BLOCKS, EXPANDED
from .guests import IMAGE, INTERFACE, USERS, VM
from .links import END, ENDPOINT, ENDPOINTS, FITS, LINK, SHAPING
from .node_work import BGP, FRR, ISIS, NEIGHBOR, OSPF, RESOLV_CONF, SERVICE
from .nodes import CARRIER, HOST, ROUTED, SPACE, SUB_INTERFACE, UPLINK
from .openflow import BOND, QOS, QUEUE
from .ovn import ACL, ACLS, FABRIC, LOGICAL_ROUTER
from .switches import CONTROLLER, DHCP, LINUX, MIRROR, OVS, SWITCH

__all__ = [
    "ADOPT",
    "BRIDGES",
    "DHCP",
    "END",
    "ENDPOINT",
    "ENDPOINTS",
    "FITS",
    "IMAGE",
    "KIND",
    "LINK",
    "NODES",
    "POOL",
    "POOLS",
    "SHAPING",
    "TOP",
    "describe",
]

NODES: dict[str, Block] = {
    "netns": Block(
        "a mapping", {**SPACE, "adopt": Key(ADOPT, "A namespace that is somebody else's, and stays so.", "{pid: 4711}"), **CARRIER}
    ),
    "container": Block("a mapping", {**{name: key for name, key in SPACE.items() if name != "frr"}, **CONTAINER, **CARRIER}),
    "vm": Block("a mapping", {**VM, **ROUTED, **CARRIER}),
    "ovs": Block("a mapping", {**SWITCH, **OVS, **ACLS}),
    "bridge": Block("a mapping", {**SWITCH, **LINUX}),
    "host": Block("a mapping", {**HOST, **CARRIER}),
    "uplink": Block("a mapping", {**UPLINK, **CARRIER}),
    "logical_router": Block("a mapping", {**LOGICAL_ROUTER, **CARRIER}),
}
# The settings of a switch's bridge by its kind.
BRIDGES = {"ovs": (*OVS, *ACLS), "bridge": tuple(LINUX)}
KIND = Key(
    choice(*NODES),
    "What the node is: a network namespace, one with namespaces of the other kinds too, a guest, an Open vSwitch bridge, a Linux bridge, "
    "the lab host, one of its interfaces, or a router of OVN's.",
    "vm",
    "netns",
)


_OF_LAB = "a part of the lab's own network, fdXX:XXXX:XXXX::/48"


def _pool(ipv4: str, prefix: int, prefix6: int) -> Block:
    keys = {
        "ipv4": Key(NETWORK[4], "The network that IPv4 addresses are taken from.", ipv4, ipv4),
        "prefix": Key(number(1, 32), "The prefix length of each piece of it.", str(prefix), prefix),
        "ipv6": Key(NETWORK[6], "The network that IPv6 addresses are taken from.", "fd00:1::/48", None, _OF_LAB),
        "prefix6": Key(number(1, 128), "The prefix length of each piece of it.", str(prefix6), prefix6),
    }
    return Block("a mapping", keys)


POOL = {"lan": _pool("10.16.0.0/12", 24, 64), "p2p": _pool("10.0.0.0/12", 30, 126), "loopback": _pool("10.255.0.0/16", 32, 128)}
POOLS = Block(
    "a mapping",
    {
        "lan": Key(POOL["lan"], "The subnets of switches.", "{ipv4: 172.16.0.0/12}", None, "10.16.0.0/12 in pieces of /24, IPv6 of /64"),
        "p2p": Key(
            POOL["p2p"], "The subnets of links between two nodes.", "{prefix: 31}", None, "10.0.0.0/12 in pieces of /30, IPv6 of /126"
        ),
        "loopback": Key(POOL["loopback"], "Loopback addresses.", "{ipv4: 192.168.255.0/24}", None, "10.255.0.0/16 in single addresses"),
    },
)
_NODES = Type("nodes by name, or a list of names", nodes_by_name)
_LINKS = Type("a list of links", list_of_links)
TOP = Block(
    "a mapping with the keys name, nodes and links",
    {
        "plugin": Key(TEXT, "Says to Ansible what this file is.", "netvirt.lab.topology"),
        "name": Key(LAB, "The lab's name, part of every name and mark on the lab hosts.", "ovs-kvm", required=True),
        "domain": Key(DOMAIN, "The DNS domain of the nodes.", "example.internal", None, "LAB.internal"),
        "resolvers": Key(
            ADDRESSES, "The name servers that other names are asked from.", "[192.0.2.53]", None, "those that the lab host uses"
        ),
        "uplink": Key(
            DEVICE,
            "The lab host's interface that `nat` goes out by; `auto` is that of its default route, `none` keeps all traffic in.",
            "eth0",
            "auto",
        ),
        "persist": Key(
            BOOLEAN,
            "Bring the lab back after a reboot of the lab host, without Ansible: by a service of systemd, or by a program for any init.",
            "true",
            False,
        ),
        "fabric": FABRIC,
        "images": Key(
            MapOf("a mapping of images by name", IMAGE), "Images besides those of the catalogue, by name.", "{mine: /srv/mine.qcow2}", {}
        ),
        "defaults": Key(
            MAPPING, "Keys for every node of a kind, unless the node has its own.", "{vm: {image: debian-12, memory: 1024}}", {}
        ),
        "pools": Key(POOLS, "The networks that `auto` takes addresses from.", "{lan: {ipv4: 172.16.0.0/12}}", None, "see below"),
        **EXPANDED,
        "nodes": Key(
            _NODES,
            "The nodes by name, each a mapping, its kind alone, or nothing; or a list of the names of nodes. "
            "Required, unless there is `generate` or `include`.",
            "{ns1: {kind: netns}}",
            {},
        ),
        "links": Key(_LINKS, "The links.", '["ns1 ovs-br"]', ()),
        "expect": Key(EXPECTATIONS, "What `verify.yml` must find besides what any lab must do.", "[{from: ns1, to: web, tcp: 80}]", ()),
    },
)


def describe() -> dict[str, list[dict[str, Any]]]:
    """Return the whole schema in types that JSON knows: block -> its keys with type, text, default and example."""
    blocks = {
        "topology": TOP,
        "pools": POOLS,
        "pool": POOL["lan"],
        "image": IMAGE,
        "dhcp": DHCP,
        "user": USERS,
        "interface": INTERFACE,
        **{f"backend {name}": block for name, block in BACKENDS.items() if block.keys},
        "controller": CONTROLLER,
        "mirror": MIRROR,
        "bond": BOND,
        "qos": QOS,
        "queue": QUEUE,
        "acl": ACL,
        "sub-interface": SUB_INTERFACE,
        "service": SERVICE,
        "resolv.conf": RESOLV_CONF,
        "frr": FRR,
        "ospf": OSPF,
        "bgp": BGP,
        "neighbor": NEIGHBOR,
        "isis": ISIS,
        "clocks": CLOCKS,
        "adoption": ADOPT,
        "link": LINK,
        "endpoint": ENDPOINT,
        "expectation": EXPECT,
        **BLOCKS,
    }
    described = {name: [_described(key, value) for key, value in block.keys.items()] for name, block in blocks.items()}
    for kind, block in NODES.items():
        described[f"node of kind {kind}"] = [_described(key, value) for key, value in {"kind": KIND, **block.keys}.items()]
    return described


def _described(name: str, key: Key) -> dict[str, Any]:
    value = key.default
    default = key.default_text or ("" if value in (None, (), {}) else str(value).lower() if isinstance(value, bool) else str(value))
    return {"key": name, "type": key.type.name, "text": key.text, "default": default, "example": key.example, "required": key.required}
