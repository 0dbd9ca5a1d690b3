# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of switches: Open vSwitch bridges and Linux bridges."""

from __future__ import annotations

from ..model import Dhcp
from ..values import Block, Key, ListOf
from ..values.ip import ADDRESSES, CIDR, RANGE, ROUTER, SUBNET
from ..values.scalars import BOOLEAN, DEVICE, GROUPS, LEASE, SETTINGS, TAG, TEXT, TEXTS, VLANS, choice, either, number
from .openflow import OPENFLOW

DHCP = Block(
    "a mapping, or true",
    {
        "range": Key(
            RANGE,
            "The first and the last address that the switch gives out.",
            "[192.168.100.2, 192.168.100.200]",
            None,
            "all of the subnet but the switch's own address",
        ),
        "lease": Key(LEASE, "How long a lease lasts.", "12h", "12h"),
        "dns": Key(
            ADDRESSES, "The name servers that nodes are told; an empty list tells none.", "[192.168.100.1]", None, "the switch's address"
        ),
        "router": Key(ROUTER, "The default route that nodes are told.", "192.168.100.254", None, "the switch's address"),
        "options": Key(SETTINGS, "Further DHCP options by number or by dnsmasq's name.", "{ntp-server: 192.168.100.1}", {}),
    },
    make=Dhcp,
    short=lambda value: {} if value is True else None if value is False else value,
)

CONTROLLER = Block(
    "a mapping with the key target",
    {
        "target": Key(TEXT, "Where the OpenFlow controller is.", "tcp:127.0.0.1:6653", required=True),
        "connection_mode": Key(choice("in-band", "out-of-band"), "Whether its connection may run over the bridge itself.", "out-of-band"),
        "inactivity_probe": Key(number(0, 2**31 - 1, "ms"), "Idle time after which it is asked whether it still lives.", "5000"),
        "max_backoff": Key(number(1000, 2**31 - 1, "ms"), "The longest wait between two attempts to connect.", "8000"),
    },
    short=lambda value: {"target": value} if isinstance(value, str) else value,
)

MIRROR = Block(
    "a mapping with the key name",
    {
        "name": Key(TEXT, "The mirror's name.", "tap-all", required=True),
        "select_all": Key(BOOLEAN, "Copy every packet.", "true"),
        "select_src_port": Key(TEXTS, "Copy what comes from these endpoints.", "[modern:eth0]"),
        "select_dst_port": Key(TEXTS, "Copy what goes to these endpoints.", "[modern:eth0]"),
        "select_vlan": Key(VLANS, "Copy only these VLANs.", "[10]"),
        "output_port": Key(TEXT, "The endpoint that gets the copies.", "ns1:eth0"),
        "output_vlan": Key(TAG, "The VLAN that gets the copies.", "99"),
    },
)

SWITCH = {
    "device": Key(DEVICE, "The name of the switch's device on the lab host.", "ovs-br", None, "derived from the lab's and the node's name"),
    "ipv4": Key(
        either("none", CIDR[4]),
        "The lab host's own address on this switch, which makes it the subnet's gateway.",
        "192.168.100.1/24",
        None,
        "not managed",
    ),
    "ipv6": Key(
        either("none", CIDR[6]),
        "The lab host's own IPv6 address on this switch, which makes it the subnet's gateway.",
        "fd00:100::1/64",
        None,
        "not managed",
    ),
    "subnet": Key(
        SUBNET[4],
        "The IPv4 subnet of the nodes on this switch, where the lab host has no address; `auto` takes one from the pool `lan`.",
        "10.1.0.0/24",
        None,
        "that of `ipv4`",
    ),
    "subnet6": Key(
        SUBNET[6],
        "The same for IPv6.",
        "auto",
        None,
        "that of `ipv6`",
    ),
    "dhcp": Key(
        DHCP,
        "Give out addresses and names on this switch; `true` takes every default.",
        "{range: [192.168.100.2, 192.168.100.200]}",
        None,
        "no DHCP",
    ),
    "host": Key(
        TEXT, "The one lab host that the switch is on. Links from nodes elsewhere lead to it.", "m1", None, "each that has nodes on it"
    ),
    "gateway": Key(
        TEXT, "The lab host that has the switch's address, DHCP and NAT, where the switch is on several.", "m1", None, "the first of them"
    ),
    "vni": Key(
        number(1, 2**24 - 1),
        "The number of the tunnels that join a switch on several lab hosts: the VNI of VXLAN and Geneve, the key of GRE.",
        "100",
        None,
        "derived from the lab's and the node's name",
    ),
    "nat": Key(BOOLEAN, "Let the subnet's traffic out through the uplink, behind the lab host's address.", "true", False),
}

# What follows is passed on to the bridge as it is; what is left out is not managed.
_SPANNING = {
    "stp": Key(BOOLEAN, "Run the Spanning Tree Protocol.", "true", None, "not managed"),
    "ageing_time": Key(
        number(0, 86400, "seconds"), "How long an address is remembered that sends nothing; 0: not at all.", "300", None, "not managed"
    ),
    "priority": Key(number(0, 65535), "Which switch becomes the root of the spanning tree: the lowest.", "4096", None, "not managed"),
    "mcast_snooping": Key(BOOLEAN, "Send multicast only where it was asked for.", "true", None, "not managed"),
}

OVS = {
    **_SPANNING,
    "datapath_type": Key(
        choice("system", "netdev"),
        "Where packets are switched: in the kernel or in ovs-vswitchd.",
        "netdev",
        None,
        "the best that the lab host has",
    ),
    "fail_mode": Key(choice("standalone", "secure"), "What the bridge does without its controller.", "secure", None, "not managed"),
    "rstp": Key(BOOLEAN, "Run the Rapid Spanning Tree Protocol.", "true", None, "not managed"),
    "protocols": Key(TEXTS, "The OpenFlow versions that the bridge speaks.", "[OpenFlow13]", None, "not managed"),
    "controllers": Key(
        ListOf("a list of controllers", CONTROLLER),
        "The OpenFlow controllers; an empty list removes all.",
        '["tcp:127.0.0.1:6653"]',
        None,
        "not managed",
    ),
    "mirrors": Key(
        ListOf("a list of mirrors", MIRROR),
        "Copies of the traffic; an empty list removes all.",
        "[{name: all, select_all: true, output_port: ns1}]",
        None,
        "not managed",
    ),
    "other_config": Key(
        SETTINGS, "Settings of the bridge's column other_config; an empty value removes one.", '{forward-bpdu: "true"}', None, "not managed"
    ),
    "external_ids": Key(
        SETTINGS, "Labels of the bridge's column external_ids; an empty value removes one.", "{course: net1}", None, "not managed"
    ),
    **OPENFLOW,
}

LINUX = {
    **_SPANNING,
    "forward_delay": Key(
        number(2, 30, "seconds"), "How long a port listens, and then learns, before it forwards.", "4", None, "not managed"
    ),
    "hello_time": Key(number(1, 10, "seconds"), "The time between two messages of the spanning tree's root.", "2", None, "not managed"),
    "max_age": Key(number(6, 40, "seconds"), "How long such a message holds.", "20", None, "not managed"),
    "vlan_filtering": Key(BOOLEAN, "Keep VLANs apart.", "true", None, "true if a port has VLANs, else not managed"),
    "vlan_protocol": Key(choice("802.1Q", "802.1ad"), "The tags that the bridge goes by.", "802.1ad", None, "not managed"),
    "group_fwd_mask": Key(GROUPS, "Which link-local groups pass, a bit for each of 01:80:c2:00:00:00 to 0f.", "16384", None, "not managed"),
}
