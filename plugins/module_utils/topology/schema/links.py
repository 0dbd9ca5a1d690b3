# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of links and of their ends."""

from __future__ import annotations

from ..kinds import SPACES, SWITCHES
from ..values import Block, Key, Type
from ..values.ip import GATEWAY, IP
from ..values.scalars import BOOLEAN, DEVICE, MAC, MTU, NODE, TAG, TEXT, VLAN, VLANS, choice, number
from ..values.units import RATE, SHARE, SIZE, TIME
from .backends import BACKEND
from .guests import NIC_MODEL, QUEUES

# What becomes of the packets that an end sends.
SHAPING: dict[str, Key] = {
    "rate": Key(RATE, "How much this end sends at most.", "10mbit"),
    "burst": Key(
        SIZE,
        "How much it may send at once above that; needs `rate`, and cannot be had beside `delay`, `loss`, `duplicate` and `corrupt`.",
        "64kB",
        None,
        "what suits the rate",
    ),
    "delay": Key(TIME, "How much later arrives what this end sends.", "20ms"),
    "jitter": Key(TIME, "By how much that delay varies; needs `delay`.", "5ms"),
    "loss": Key(SHARE, "How much of it is lost.", "1%"),
    "duplicate": Key(SHARE, "How much of it arrives twice.", "0.1%"),
    "corrupt": Key(SHARE, "How much of it arrives with a wrong bit.", "0.1%"),
    "reorder": Key(SHARE, "How much of it overtakes the rest; needs `delay`.", "5%"),
    "queue": Key(number(1, 2**31 - 1, "packets"), "How much may wait.", "1000", None, "1000 packets"),
}

_NODES = frozenset((*SPACES, "vm", "host"))
_ROUTERS = frozenset(("logical_router",))
# Which kinds of node an end's attribute is for.
FITS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("mac", "ipv4", "ipv6"), _NODES | _ROUTERS),
    **dict.fromkeys(("gateway", "offload"), _NODES),
    **dict.fromkeys(("model", "queues", "vhost", "backend"), frozenset(("vm",))),
    **dict.fromkeys(("device", "tag", "trunks", "native"), SWITCHES),
    "vlan_mode": frozenset(("ovs",)),
    "bond": frozenset(("ovs",)),
    **dict.fromkeys(SHAPING, _NODES | SWITCHES),
}
END: dict[str, Key] = {
    "mac": Key(MAC, "The interface's MAC address.", '"52:54:00:12:34:56"', None, "derived from the names of lab, node and interface"),
    "ipv4": Key(
        IP[4],
        "How the interface gets its address; an empty list or `none` removes what it has.",
        "192.168.100.7/24",
        None,
        "dhcp on a switch that has it, auto on one with `subnet`, else not managed",
    ),
    "ipv6": Key(IP[6], "The same for IPv6.", "fd00:100::7/64", None, "auto on a switch with `ipv6` or `subnet6`, else not managed"),
    "gateway": Key(
        GATEWAY,
        "The default routes by this interface.",
        "192.168.100.254",
        None,
        "for a node's first interface: the switch's address, else the first router there",
    ),
    "offload": Key(BOOLEAN, "Whether checksums may be left to the interface.", "false", None, "what TCP needs on the switch's datapath"),
    "model": Key(NIC_MODEL, "A guest's NIC model.", "e1000", None, "the node's model"),
    "queues": Key(QUEUES, "How many queues a guest's NIC has; more than one takes a virtio model.", "2", None, "1"),
    "vhost": Key(
        BOOLEAN, "Whether the lab host's kernel moves a guest's packets.", "true", None, "with KVM, where the lab host has /dev/vhost-net"
    ),
    "backend": Key(BACKEND, "What is behind a guest's NIC, if it is no tap of the lab's.", "socket", None, "a tap, which the lab makes"),
    "device": Key(
        DEVICE,
        "The name of the switch's port, a device of the lab host.",
        "legacy-tap",
        None,
        "derived from the names of lab, node and interface",
    ),
    "tag": Key(
        TAG,
        "The VLAN of a switch's port that is an access port; `none` takes the tag away.",
        "10",
        None,
        "none; not managed at a Linux bridge",
    ),
    "trunks": Key(
        VLANS,
        "The VLANs that a switch's port carries with tags; an empty list means all to Open vSwitch.",
        "[10, 20]",
        None,
        "none; not managed at a Linux bridge",
    ),
    "native": Key(VLAN, "The VLAN that a trunk port carries without tags.", "1", None, "none; not managed at a Linux bridge"),
    "vlan_mode": Key(
        choice("access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"),
        "How an Open vSwitch port treats VLANs.",
        "native-untagged",
        None,
        "by tag and trunks",
    ),
    "bond": Key(
        NODE,
        "The bond of an Open vSwitch that this link is one of the members of; `bonds` of the switch says how.",
        "uplinks",
        None,
        "none",
    ),
    **SHAPING,
}
ENDPOINT = Block(
    "'node', 'node:interface' or a mapping with the key node",
    {
        "node": Key(TEXT, "The node's name.", "legacy", required=True),
        "interface": Key(DEVICE, "The interface's name in the node.", "eth0", None, "the first of eth0, eth1, ... that is free"),
        **END,
    },
)
ENDPOINTS = Type("two endpoints as in [legacy:eth0, ovs-br]", lambda value: value)
LINK = Block(
    "'a:eth0 b', [a:eth0, b] or a mapping with the key endpoints",
    {
        "endpoints": Key(
            ENDPOINTS,
            "The two nodes that the link joins: `node`, `node:interface`, or a mapping with attributes of that end.",
            "[legacy:eth0, ovs-br]",
            required=True,
        ),
        "mtu": Key(MTU, "The largest packet of both ends.", "9000", None, "not managed"),
        "up": Key(BOOLEAN, "Whether the link is up.", "false", True),
        "mode": Key(
            choice("bridge", "private", "vepa"),
            "For a node linked with an uplink: how it sees others there. Directly, not at all, or by the switch at the cable's other end.",
            "private",
            None,
            "bridge",
        ),
    },
)
