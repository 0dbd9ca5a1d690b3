# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a topology file. This is the only place that lists them: reading, messages and documentation follow it."""

from __future__ import annotations

from typing import Any

from ..images.catalogue import BASES
from .model import Dhcp, User
from .scalars import (
    ADDRESSES,
    BOOLEAN,
    CIDR,
    DEVICE,
    DOMAIN,
    GATEWAY,
    IPV4,
    LAB,
    LEASE,
    MAC,
    MAPPING,
    MTU,
    NAMESPACE,
    NODE,
    RANGE,
    SETTINGS,
    TAG,
    TEXT,
    TEXTS,
    USER,
    VLANS,
    choice,
    either,
    links,
    nodes_by_name,
    number,
)
from .values import Block, Key, ListOf, MapOf, Type

NIC_MODELS = ("virtio-net-pci", "e1000", "e1000e", "rtl8139", "pcnet", "ne2k_pci", "igb", "vmxnet3")

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
        "router": Key(GATEWAY, "The default route that nodes are told.", "192.168.100.254", None, "the switch's address"),
        "options": Key(SETTINGS, "Further DHCP options by number or by dnsmasq's name.", "{ntp-server: 192.168.100.1}", {}),
    },
    make=Dhcp,
    short=lambda value: {} if value is True else None if value is False else value,
)

_USER = Block(
    "a mapping with the key name",
    {
        "name": Key(USER, "The login name.", "ada", required=True),
        "sudo": Key(BOOLEAN, "Whether the user may become root without a password.", "true", False),
        "authorized_keys": Key(TEXTS, "Public SSH keys besides the lab's own.", '["ssh-ed25519 AAAA... ada@example.org"]', ()),
        "hashed_password": Key(TEXT, "A password for the console, as `openssl passwd -6` prints it.", '"$6$..."'),
    },
    make=User,
    short=lambda value: {"name": value} if isinstance(value, str) else value,
)

_CONTROLLER = Block(
    "a mapping with the key target",
    {
        "target": Key(TEXT, "Where the OpenFlow controller is.", "tcp:127.0.0.1:6653", required=True),
        "connection_mode": Key(choice("in-band", "out-of-band"), "Whether its connection may run over the bridge itself.", "out-of-band"),
        "inactivity_probe": Key(number(0, 2**31 - 1, "ms"), "Idle time after which it is asked whether it still lives.", "5000"),
        "max_backoff": Key(number(1000, 2**31 - 1, "ms"), "The longest wait between two attempts to connect.", "8000"),
    },
    short=lambda value: {"target": value} if isinstance(value, str) else value,
)

_MIRROR = Block(
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

_ADDRESSED = {
    "ipv4": Key(
        IPV4, "How the node's first interface gets its address.", "192.168.100.7/24", None, "dhcp on a switch that has it, else not managed"
    ),
    "gateway": Key(GATEWAY, "The node's default route, by its first interface.", "192.168.100.254", None, "the switch's address"),
}

_SWITCH = {
    "device": Key(DEVICE, "The name of the switch's device on the lab host.", "ovs-br", None, "derived from the lab's and the node's name"),
    "ipv4": Key(
        either("none", CIDR),
        "The lab host's own address on this switch, which makes it the subnet's gateway.",
        "192.168.100.1/24",
        None,
        "not managed",
    ),
    "dhcp": Key(
        DHCP,
        "Give out addresses and names on this switch; `true` takes every default.",
        "{range: [192.168.100.2, 192.168.100.200]}",
        None,
        "no DHCP",
    ),
    "nat": Key(BOOLEAN, "Let the subnet's traffic out through the uplink, behind the lab host's address.", "true", False),
}

# Passed on to the bridge as they are; what is left out is not managed.
BRIDGE = {
    "datapath_type": Key(
        choice("system", "netdev"),
        "Where packets are switched: in the kernel or in ovs-vswitchd.",
        "netdev",
        None,
        "the best that the lab host has",
    ),
    "fail_mode": Key(choice("standalone", "secure"), "What the bridge does without its controller.", "secure", None, "not managed"),
    "stp": Key(BOOLEAN, "Run the Spanning Tree Protocol.", "true", None, "not managed"),
    "rstp": Key(BOOLEAN, "Run the Rapid Spanning Tree Protocol.", "true", None, "not managed"),
    "mcast_snooping": Key(BOOLEAN, "Send multicast only where it was asked for.", "true", None, "not managed"),
    "protocols": Key(TEXTS, "The OpenFlow versions that the bridge speaks.", "[OpenFlow13]", None, "not managed"),
    "controllers": Key(
        ListOf("a list of controllers", _CONTROLLER),
        "The OpenFlow controllers; an empty list removes all.",
        '["tcp:127.0.0.1:6653"]',
        None,
        "not managed",
    ),
    "mirrors": Key(
        ListOf("a list of mirrors", _MIRROR),
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
}

_VM = {
    "image": Key(TEXT, "The guest's image: a name of the catalogue, or the absolute path of a file.", "debian-12", "debian-12"),
    "boot": Key(choice("kernel", "disk"), "Start the image's kernel directly, or its boot loader.", "disk", None, "what suits the image"),
    "memory": Key(number(32, 4194304, "MiB"), "The guest's memory.", "1024", None, "what the image needs"),
    "cpus": Key(number(1, 1024), "How many processors the guest has.", "2", 1),
    "disk": Key(number(1, 65536, "GiB"), "The size of the guest's disk.", "10", None, "the image's size"),
    "machine": Key(TEXT, "QEMU's machine type.", "pc", "q35"),
    "cpu_model": Key(TEXT, "QEMU's processor model.", "host", "max"),
    "accel": Key(choice("auto", "kvm", "tcg"), "How QEMU runs the guest; `auto` takes KVM where it works.", "tcg", "auto"),
    "model": Key(choice(*NIC_MODELS), "The NIC model of those of its links that name none.", "e1000", "virtio-net-pci"),
    "hostname": Key(NODE, "The name that the guest gives itself.", "web", None, "the node's name"),
    "user": Key(USER, "The user that Ansible and `ssh` log in as; the lab's key is theirs.", "ada", None, "the image's own user"),
    "hashed_password": Key(
        TEXT, "That user's password for the console, as `openssl passwd -6` prints it.", '"$6$..."', None, "no password"
    ),
    "authorized_keys": Key(TEXTS, "That user's public SSH keys besides the lab's own.", '["ssh-ed25519 AAAA... ada@example.org"]', ()),
    "users": Key(ListOf("a list of users", _USER), "Further users.", "[{name: ada, sudo: true}]", ()),
    "user_data": Key(MAPPING, "Settings for cloud-init, merged over the generated ones.", "{timezone: Europe/Berlin}", {}),
    "extra_args": Key(TEXTS, "Arguments for QEMU, added at the end.", '["-device", "virtio-rng-pci"]', ()),
    "state": Key(choice("running", "stopped", "paused"), "What the guest should be doing.", "stopped", "running"),
    "stop_timeout": Key(number(0, 3600, "seconds"), "How long the guest may take to power down before it is ended.", "60", 30),
    "on_change": Key(choice("report", "restart"), "What to do about a change that only a restart brings.", "restart", "report"),
}

NODES: dict[str, Block] = {
    "netns": Block(
        "a mapping",
        {
            "netns": Key(NAMESPACE, "The name of the network namespace.", "ns1", None, "LAB.NODE"),
            **_ADDRESSED,
        },
    ),
    "vm": Block("a mapping", {**_VM, **_ADDRESSED}),
    "ovs": Block("a mapping", {**_SWITCH, **BRIDGE}),
    "bridge": Block("a mapping", _SWITCH),
    "host": Block("a mapping", {"ipv4": Key(IPV4, "The address of the node's first interface.", "192.168.100.7/24", None, "not managed")}),
}
KIND = Key(
    choice(*NODES),
    "What the node is: a network namespace, a guest, an Open vSwitch bridge, a Linux bridge, or the lab host itself.",
    "vm",
    "netns",
)

# Which kinds of node an end's attribute is for.
FITS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("mac", "ipv4", "gateway"), frozenset(("netns", "vm", "host"))),
    "model": frozenset(("vm",)),
    "device": frozenset(("ovs", "bridge")),
    **dict.fromkeys(("tag", "trunks", "vlan_mode"), frozenset(("ovs",))),
}
END: dict[str, Key] = {
    "mac": Key(MAC, "The interface's MAC address.", '"52:54:00:12:34:56"', None, "derived from the names of lab, node and interface"),
    "ipv4": Key(
        IPV4,
        "How the interface gets its address; an empty list or `none` removes what it has.",
        "192.168.100.7/24",
        None,
        "dhcp on a switch that has it, else not managed",
    ),
    "gateway": Key(
        GATEWAY, "The default route by this interface.", "192.168.100.254", None, "the switch's address, for a node's first interface"
    ),
    "model": Key(choice(*NIC_MODELS), "A guest's NIC model.", "e1000", None, "the node's model"),
    "device": Key(
        DEVICE,
        "The name of the switch's port, a device of the lab host.",
        "legacy-tap",
        None,
        "derived from the names of lab, node and interface",
    ),
    "tag": Key(TAG, "The VLAN of an Open vSwitch port that is an access port; `none` takes the tag away.", "10", None, "not managed"),
    "trunks": Key(VLANS, "The VLANs that an Open vSwitch port carries; an empty list means all.", "[10, 20]", None, "not managed"),
    "vlan_mode": Key(
        choice("access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"),
        "How an Open vSwitch port treats VLANs.",
        "native-untagged",
        None,
        "not managed",
    ),
}
ENDPOINT = Block(
    "'node', 'node:interface' or a mapping with the key node",
    {
        "node": Key(TEXT, "The node's name.", "legacy", required=True),
        "interface": Key(DEVICE, "The interface's name in the node.", "eth0", None, "the first of eth0, eth1, ... that is free"),
        **END,
    },
)

IMAGE = Block(
    "a mapping or the path of a file",
    {
        "path": Key(TEXT, "Where the image lies on the lab host.", "/srv/mine.qcow2"),
        "url": Key(TEXT, "Where the image is downloaded from.", "https://example.org/mine.qcow2"),
        "from": Key(
            choice(*BASES),
            "The image of the catalogue that this one is built like, with `packages` added. Neither `path` nor `url` then.",
            "debian-12",
        ),
        "packages": Key(
            TEXTS,
            "Debian packages that an image with `from` has besides its own. Their services start, but no timer does.",
            "[openvswitch-switch, tcpdump]",
        ),
        "sha256": Key(TEXT, "The SHA-256 sum of the download, in hexadecimal digits.", '"9f86d081..."'),
        "sha512": Key(TEXT, "The SHA-512 sum of the download, in hexadecimal digits.", '"ee26b0dd..."'),
        "checksum_url": Key(TEXT, "Where the sum of the download stands, if it is not given.", "https://example.org/SHA256SUMS"),
        "boot": Key(choice("kernel", "disk"), "How the image is started.", "disk", None, "disk, or as `from`"),
        "cloud_init": Key(BOOLEAN, "Whether the image has cloud-init.", "true", None, "true"),
        "user": Key(USER, "The image's own login user.", "ada", None, "root, or as `from`"),
        "python": Key(TEXT, "The path of the image's Python.", "/usr/bin/python3", None, "/usr/bin/python3"),
        "memory": Key(number(32, 4194304, "MiB"), "What a guest of it needs at least.", "1024", None, "512, or as `from`"),
    },
    short=lambda value: {"path": value} if isinstance(value, str) else value,
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
    },
)
_NODES = Type("nodes by name, or a list of names", nodes_by_name)
_LINKS = Type("a list of links", links)
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
        "images": Key(
            MapOf("a mapping of images by name", IMAGE), "Images besides those of the catalogue, by name.", "{mine: /srv/mine.qcow2}", {}
        ),
        "defaults": Key(
            MAPPING, "Keys for every node of a kind, unless the node has its own.", "{vm: {image: debian-12, memory: 1024}}", {}
        ),
        "nodes": Key(
            _NODES,
            "The nodes by name, each a mapping, its kind alone, or nothing; or a list of the names of nodes.",
            "{ns1: {kind: netns}}",
            required=True,
        ),
        "links": Key(_LINKS, "The links.", '["ns1 ovs-br"]', ()),
    },
)


def describe() -> dict[str, list[dict[str, Any]]]:
    """Return the whole schema in types that JSON knows: block -> its keys with type, text, default and example."""
    blocks = {"topology": TOP, "image": IMAGE, "dhcp": DHCP, "user": _USER, "controller": _CONTROLLER, "mirror": _MIRROR}
    blocks.update({"link": LINK, "endpoint": ENDPOINT})
    described = {name: [_described(key, value) for key, value in block.keys.items()] for name, block in blocks.items()}
    for kind, block in NODES.items():
        described[f"node of kind {kind}"] = [_described(key, value) for key, value in {"kind": KIND, **block.keys}.items()]
    return described


def _described(name: str, key: Key) -> dict[str, Any]:
    value = key.default
    default = key.default_text or ("" if value in (None, (), {}) else str(value).lower() if isinstance(value, bool) else str(value))
    return {"key": name, "type": key.type.name, "text": key.text, "default": default, "example": key.example, "required": key.required}
