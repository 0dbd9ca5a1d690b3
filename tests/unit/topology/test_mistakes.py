# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mistake in a topology gets one line that says where it is, what is wrong and what would be right."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.values.scalars import DEVICE

# What is wrong, the file without its name, and every line of the message.
MISTAKES = {
    "unknown node": (
        "{nodes: {a: , sw-br: ovs}, links: [[a, swbr]]}",
        ["links[0].endpoints[1]: no node 'swbr' (did you mean 'sw-br'?)"],
    ),
    "unknown node, nothing near": ("{nodes: [a], links: [a zzz]}", ["links[0].endpoints[1]: no node 'zzz'"]),
    "unknown kind": (
        "{nodes: {a: {kind: brigde}}}",
        [
            "nodes.a.kind: must be one of netns, container, vm, ovs, bridge, host, uplink, logical_router, "
            "not 'brigde' (did you mean 'bridge'?)"
        ],
    ),
    "containers, all that can be wrong": (
        "{nodes: {a: {kind: container, rootfs: abbey, mounts: {mnt: tmpfs}, uid_map: ['0 1'], clocks: {boottime: day}, cpus: 0,"
        " memory: 1.5, hostname: '-a', overlay: 7}}}",
        [
            "nodes.a.rootfs: must be an absolute path, without '..', not 'abbey'",
            "nodes.a.mounts: must be a mapping of absolute paths, or tmpfs, by absolute paths, not a mapping",
            "nodes.a.uid_map[0]: must be a line of uid_map, three numbers such as '0 100000 65536', not '0 1'",
            "nodes.a.clocks.boottime: must be a whole number from -1000000000 to 1000000000 (seconds), not 'day'",
            "nodes.a.cpus: must be 'none' or a number of CPUs from 0.01 to 1024, not 0",
            "nodes.a.memory: must be 'none' or a whole number from 1 to 16777216 (MiB), not 1.5",
            "nodes.a.hostname: must be a host name, not '-a'",
            "nodes.a.overlay: must be true or false, not 7",
        ],
    ),
    "a container's other keys": (
        "{nodes: {a: {kind: container, router: frr, gid_map: 0 5 5}, b: {kind: container, frr: {}}}}",
        [
            "nodes.a.router: routing daemons run in nodes of kind netns, not in containers; use true",
            "nodes.a.gid_map: needs a uid_map",
            "nodes.b: unknown key 'frr' (known: clocks, cpus, exec, firewall, gateway, gid_map, host, hostname, interfaces, ipv4, ipv6, "
            "loopback, memory, mounts, netns, overlay, resolv_conf, rootfs, router, routes, services, sysctls, uid_map)",
        ],
    ),
    "adoption": (
        "{nodes: {a: {adopt: {pid: 0}}, b: {adopt: {}}, c: {adopt: {path: ns/net}}, d: {adopt: {pid: '77'}, loopback: auto, firewall: x}}}",
        [
            "nodes.a.adopt.pid: must be the number of a process, not 0",
            "nodes.b.adopt: must be a mapping with the key pid or path",
            "nodes.c.adopt.path: must be an absolute path, without '..', not 'ns/net'",
            "nodes.d.loopback: is not for a namespace that is adopted, as it would change what is not the lab's",
            "nodes.d.firewall: is not for a namespace that is adopted, as it would change what is not the lab's",
        ],
    ),
    "unknown key": ("{nodes: {a: {kind: vm, memroy: 7}}}", ["nodes.a: unknown key 'memroy' (did you mean 'memory'?)"]),
    "key of another kind": ("{nodes: {a: {kind: host, cpus: 2}}}", ["nodes.a: unknown key 'cpus' (known: host, ipv4, ipv6, nat, router)"]),
    "unknown key of the file": ("{nodes: [a], link: []}", ["topology: unknown key 'link' (did you mean 'links'?)"]),
    "unknown key of a link": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], mut: 9000}]}",
        ["links[0]: unknown key 'mut' (did you mean 'mtu'?)"],
    ),
    "unknown kind of defaults": ("{nodes: [a], defaults: {vms: {}}}", ["defaults.vms: no kind 'vms' (did you mean 'vm'?)"]),
    "mistake in defaults, once": (
        "{nodes: {a: vm, b: vm}, defaults: {vm: {memory: much}}}",
        ["defaults.vm.memory: must be a whole number from 32 to 4194304 (MiB), not 'much'"],
    ),
    "duplicate MAC": (
        "{nodes: {a: , b: , s: bridge}, links: [{endpoints: [a, s], mac: '02:00:00:00:00:0A'},"
        " {endpoints: [b, s], mac: '02-00-00-00-00-0a'}]}",
        ["links[1].endpoints[0]: MAC address '02:00:00:00:00:0a' is taken by links[0].endpoints[0]"],
    ),
    "MAC read as a number": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], mac: 52:54:00:12:34:56}]}",
        ["links[0].mac: write the MAC address in quotes; without them YAML reads it as a number"],
    ),
    "group MAC": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], mac: '03:00:00:00:00:0a'}]}",
        ["links[0].mac: '03:00:00:00:00:0a' is a group address; the first byte of an interface's MAC address is even"],
    ),
    "duplicate address": (
        "{nodes: {a: {ipv4: 10.1.0.5}, b: {ipv4: 10.1.0.5/24}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s, b s]}",
        ["links[1].endpoints[0]: address 10.1.0.5 of b:eth0 is the one of a:eth0 already"],
    ),
    "the switch's address": (
        "{nodes: {a: {ipv4: 10.1.0.1}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s]}",
        ["links[0].endpoints[0]: address 10.1.0.1 of a:eth0 is the one of switch 's' already"],
    ),
    "duplicate interface": (
        "{nodes: {a: , s: bridge}, links: [a:lan s, a:lan s]}",
        ["links[1].endpoints[0]: interface 'a:lan' is taken by links[0].endpoints[0]"],
    ),
    "duplicate device": (
        "{nodes: {a: , s: {kind: bridge, device: p0}}, links: ['a s:p0']}",
        ["links[0].endpoints[1]: device 'p0' is taken by nodes.s"],
    ),
    "duplicate namespace": (
        "{nodes: {a: {netns: same}, b: {netns: same}}}",
        ["nodes.b: network namespace 'same' is taken by nodes.a"],
    ),
    "address outside": (
        "{nodes: {a: {ipv4: 10.2.0.5/24}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s]}",
        ["links[0].endpoints[0]: address 10.2.0.5 of a:eth0 is outside of 10.1.0.0/24, the subnet of 's'"],
    ),
    "another prefix length": (
        "{nodes: {a: {ipv4: 10.1.0.5/16}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s]}",
        ["links[0].endpoints[0]: address 10.1.0.5/16 of a:eth0 needs the prefix length of its subnet, /24"],
    ),
    "resolv.conf": (
        "{nodes: {a: {resolv_conf: []}, b: {resolv_conf: [10.1.0.1, x]}, c: {resolv_conf: {search: [a..b], nameserver: 10.1.0.1}}}}",
        [
            "nodes.a.resolv_conf.dns: must be one to three addresses; programs ask no more than three name servers",
            "nodes.b.resolv_conf.dns[1]: must be an address such as 192.168.100.7, not 'x'",
            "nodes.c.resolv_conf.search[0]: must be a domain such as lab.internal, not 'a..b'",
            "nodes.c.resolv_conf: unknown key 'nameserver' (known: dns, search)",
        ],
    ),
    "no prefix length": (
        "{nodes: {a: {ipv4: 10.1.0.5}, s: bridge}, links: [a s]}",
        ["links[0].endpoints[0]: address 10.1.0.5 of a:eth0 needs a prefix length, as in 10.1.0.5/24"],
    ),
    "overlapping subnets": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/16}, t: {kind: ovs, ipv4: 10.1.2.1/24}}}",
        ["nodes.t.ipv4: 10.1.2.0/24 overlaps 10.1.0.0/16 of switch 's'; each switch of a lab host needs a subnet of its own"],
    ),
    "range outside": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {range: [10.1.0.9, 10.1.1.9]}}}}",
        ["nodes.s.dhcp.range: 10.1.1.9 is outside of the switch's subnet 10.1.0.0/24"],
    ),
    "range reversed": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {range: [10.1.0.9, 10.1.0.3]}}}}",
        ["nodes.s.dhcp.range: begins with 10.1.0.9, which is after its end 10.1.0.3; swap the two"],
    ),
    "range over the switch": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.5/24, dhcp: {range: [10.1.0.2, 10.1.0.9]}}}}",
        ["nodes.s.dhcp.range: holds the switch's own address 10.1.0.5; let the range begin after it or end before it"],
    ),
    "range with the broadcast address": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {range: [10.1.0.9, 10.1.0.255]}}}}",
        ["nodes.s.dhcp.range: 10.1.0.255 is the broadcast address of 10.1.0.0/24; choose one between"],
    ),
    "range too small": (
        "{nodes: {a: , b: , c: , s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {range: [10.1.0.2, 10.1.0.3]}}}, links: [a s, b s, c s]}",
        ["nodes.s.dhcp.range: has 2 free addresses for 3 nodes; widen it"],
    ),
    "subnet too small": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/32, dhcp: true}}}",
        ["nodes.s.dhcp.range: the subnet 10.1.0.1/32 has no address besides the switch's own; choose a larger one"],
    ),
    "range of one": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {range: 10.1.0.2}}}}",
        ["nodes.s.dhcp.range: must be the first and the last address as in [192.168.100.2, 192.168.100.200], not '10.1.0.2'"],
    ),
    "router outside": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {router: 10.9.0.1}}}}",
        ["nodes.s.dhcp.router: 10.9.0.1 is outside of the switch's subnet 10.1.0.0/24"],
    ),
    "lease too short": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, dhcp: {lease: 60}}}}",
        ["nodes.s.dhcp.lease: 60 seconds are too short; a lease lasts at least 120 seconds"],
    ),
    "network address": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.0/24}}}",
        ["nodes.s.ipv4: 10.1.0.0 is the network address of 10.1.0.0/24; choose one between"],
    ),
    "broadcast address": (
        "{nodes: {a: {ipv4: 10.1.0.255}, s: {kind: bridge, ipv4: 10.1.0.1/24}}, links: [a s]}",
        ["links[0].endpoints[0]: 10.1.0.255 is the broadcast address of 10.1.0.0/24; choose one between"],
    ),
    "switch without prefix length": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1}}}",
        ["nodes.s.ipv4: must be 'none' or an IPv4 address with its prefix length such as 192.168.100.1/24, not '10.1.0.1'"],
    ),
    "DHCP without an address": (
        "{nodes: {s: {kind: ovs, dhcp: true}}}",
        ["nodes.s.dhcp: needs the switch's own address; add ipv4, such as 192.168.100.1/24"],
    ),
    "NAT without an address": (
        "{nodes: {s: {kind: ovs, nat: true}}}",
        ["nodes.s.nat: needs the switch's own address; add ipv4, such as 192.168.100.1/24"],
    ),
    "DHCP where there is none": (
        "{nodes: {a: {ipv4: dhcp}, s: bridge}, links: [a s]}",
        ["links[0].endpoints[0]: no DHCP where a:eth0 is; add dhcp to its switch, or give it a static address"],
    ),
    "DHCP in a VLAN": (
        "{nodes: {a: , s: {kind: ovs, ipv4: 10.1.0.1/24, dhcp: true}}, links: [{endpoints: [a, s], tag: 7, ipv4: dhcp}]}",
        ["links[0].endpoints[0]: no DHCP where a:eth0 is; add dhcp to its switch, or give it a static address"],
    ),
    "DHCP for the lab host": (
        "{nodes: {h: host, s: {kind: ovs, ipv4: 10.1.0.1/24, dhcp: true}}, links: [{endpoints: ['h:to-s', s], ipv4: {h: dhcp}}]}",
        ["links[0].endpoints[0]: h:to-s is an interface of the lab host itself, which asks no lab for an address; give it a static one"],
    ),
    "a way out that the lab host closes": (
        "{nodes: {h: {kind: host, nat: true, router: false}, a: }, links: [[h, a]]}",
        ["nodes.h.nat: lets nothing out where router is false; leave out one of the two"],
    ),
    "default route of the lab host": (
        "{nodes: {h: host, a: }, links: [{endpoints: ['h:to-a', a], ipv4: {h: 10.1.0.1/24}, gateway: {h: 10.1.0.2}}]}",
        ["links[0].endpoints[0]: h:to-a is an interface of the lab host itself, whose default route is not the lab's; leave out gateway"],
    ),
    "gateway beside DHCP": (
        "{nodes: {a: {gateway: 10.1.0.9}, s: {kind: ovs, ipv4: 10.1.0.1/24, dhcp: true}}, links: [a s]}",
        ["nodes.a.gateway: a:eth0 is told its default route by DHCP; set dhcp.router of 's' instead of gateway"],
    ),
    "gateway outside": (
        "{nodes: {a: {gateway: 10.9.0.9, ipv4: 10.1.0.2/24}, s: bridge}, links: [a s]}",
        ["nodes.a.gateway: the gateway 10.9.0.9 of 'a' is in none of its networks (10.1.0.0/24)"],
    ),
    "gateway without an address": (
        "{nodes: {a: {gateway: 10.9.0.9}, s: bridge}, links: [a s]}",
        ["nodes.a.gateway: the gateway 10.9.0.9 of 'a' is in none of its networks (it has no address of that family)"],
    ),
    "address without a link": (
        "{nodes: {a: {ipv4: dhcp}}}",
        ["nodes.a: has an address or a gateway, but no link that could carry it; add a link"],
    ),
    "lab's name too long": (
        "{name: abcdefghijklmnopqrstuvwxyz, nodes: [a]}",
        ["name: 'abcdefghijklmnopqrstuvwxyz' has 26 characters; at most 24 are possible"],
    ),
    "odd characters": (
        "{nodes: {a_b: }}",
        ["nodes.a_b: must be a name: letters, digits or '-', beginning and ending with a letter or digit, not 'a_b'"],
    ),
    "names that differ in case": (
        "{nodes: [pc1, PC1]}",
        ["nodes.PC1: the name differs from 'pc1' by upper and lower case only; names of hosts do not tell these apart"],
    ),
    "node listed twice": ("{nodes: [a, b, a]}", ["nodes: 'a' is listed twice"]),
    "device name too long": (
        "{nodes: {s: {kind: ovs, device: ovs-bridge-number-1}}}",
        ["nodes.s.device: 'ovs-bridge-number-1' has 19 characters; at most 15 are possible"],
    ),
    "interface name too long": (
        "{nodes: {a: , s: ovs}, links: ['a:interface-number-1 s']}",
        ["links[0].endpoints[0].interface: 'interface-number-1' has 18 characters; at most 15 are possible"],
    ),
    "unknown image": (
        "{nodes: {a: {kind: vm, image: tyni}}}",
        ["nodes.a.image: There is no image 'tyni' in the catalogue; did you mean 'tiny'?"],
    ),
    "memory": ("{nodes: {a: {kind: vm, memory: -1}}}", ["nodes.a.memory: must be a whole number from 32 to 4194304 (MiB), not -1"]),
    "memory below the image's": (
        "{nodes: {a: {kind: vm, image: ubuntu-24.04, memory: 512}}}",
        ["nodes.a.memory: 512 MiB are too few for image 'ubuntu-24.04', which needs 1024"],
    ),
    "cpus": ("{nodes: {a: {kind: vm, cpus: 0}}}", ["nodes.a.cpus: must be a whole number from 1 to 1024, not 0"]),
    "mtu": (
        "{nodes: {a: , s: ovs}, links: [{endpoints: [a, s], mtu: 9.5}]}",
        ["links[0].mtu: must be a whole number from 68 to 65535 (bytes), not 9.5"],
    ),
    "what an image cannot do": (
        "{nodes: {a: {kind: vm, image: tiny, user_data: {timezone: UTC}}}}",
        ["nodes.a.user_data: image 'tiny' has no cloud-init that could do this; leave it out"],
    ),
    "an image's sum": (
        "{nodes: {a: {kind: vm, image: own}}, images: {own: {path: srv/own.raw}}}",
        ["images.own: The path of image 'own' is not absolute: 'srv/own.raw'."],
    ),
    "link to itself": ("{nodes: {a: , b: }, links: [a:x a:y]}", ["links[0]: both ends are at node 'a'; a link joins two nodes"]),
    "three endpoints": (
        "{nodes: [a, b, c], links: [[a, b, c]]}",
        ["links[0].endpoints: must be two endpoints as in [legacy:eth0, ovs-br], not 3 of them"],
    ),
    "no endpoints": (
        "{nodes: [a], links: [{mtu: 1500}]}",
        ["links[0]: the key 'endpoints' is missing; it must be two endpoints as in [legacy:eth0, ovs-br]"],
    ),
    "gateway of a link outside": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], ipv4: 10.1.0.2/24, gateway: 10.9.0.9}]}",
        ["links[0].endpoints[0]: gateway 10.9.0.9 of a:eth0 is outside of 10.1.0.0/24"],
    ),
    "gateway of a link without an address": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], gateway: 10.9.0.9}]}",
        ["links[0].endpoints[0]: gateway 10.9.0.9 of a:eth0 cannot be reached without an address; add ipv4"],
    ),
    "uplink of the lab host": (
        "{nodes: {a: host, b: {kind: uplink, device: eth1}}, links: [a b]}",
        ["links[0]: an uplink is a port of a switch, or carries namespaces and guests; link 'a' with a switch that has it"],
    ),
    "node on a switch's uplink": (
        "{nodes: {a: , b: {kind: uplink, device: eth1}, s: bridge}, links: [s b, a b]}",
        ["links[1]: uplink 'eth1' is taken by links[0]"],
    ),
    "mode of another link": (
        "{nodes: {a: , b: {kind: uplink, device: eth1}, s: bridge},"
        " links: [{endpoints: [s, b], mode: vepa}, {endpoints: [a, s], mode: vepa}]}",
        [f"links[{n}].mode: is for a link between a namespace or a guest and an uplink; leave it out" for n in (0, 1)],
    ),
    "an unknown mode": (
        "{nodes: {a: , b: {kind: uplink, device: eth1}}, links: [{endpoints: [a, b], mode: passthru}]}",
        ["links[0].mode: must be one of bridge, private, vepa, not 'passthru'"],
    ),
    "uplink without a device": (
        "{nodes: {b: {kind: uplink}}}",
        ["nodes.b: the key 'device' is missing; it must be " + DEVICE.name],
    ),
    "two links of an uplink": (
        "{nodes: {s: ovs, t: ovs, b: {kind: uplink, device: eth1}}, links: [s b, b t]}",
        ["links[1]: uplink 'eth1' is taken by links[0]"],
    ),
    "what an uplink cannot be told": (
        "{nodes: {s: ovs, b: {kind: uplink, device: eth1}}, links: [{endpoints: [s, b], mtu: 1400, rate: 1mbit}]}",
        [f"links[0].{key}: is not for an uplink, whose interface is the lab host's own; leave it out" for key in ("mtu", "rate")],
    ),
    "addresses that move to no switch": (
        "{nodes: {s: bridge, b: {kind: uplink, device: eth1, move_addresses: true}}}",
        ["nodes.b.move_addresses: 'b' is a port of no switch; link it with the one that is to have its addresses"],
    ),
    "addresses that move to a switch with its own": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24}, b: {kind: uplink, device: eth1, move_addresses: true}},"
        " links: [{endpoints: [s, b], tag: 7}]}",
        [
            "nodes.s.ipv4: the switch gets the addresses of 'b' (move_addresses); leave it out",
            "links[0].endpoints[0]: a tag would cut off the lab host, whose addresses are moved to the switch; leave it out",
        ],
    ),
    "addresses of two uplinks on one switch": (
        "{defaults: {uplink: {move_addresses: true}}, nodes: {s: bridge, b: {kind: uplink, device: eth1}, c: {kind: uplink, device: eth2}},"
        " links: [s b, s c]}",
        ["nodes.c.move_addresses: 's' gets the addresses of 'b' already; move those of one uplink"],
    ),
    "addresses that would be lost with a reboot": (
        "{nodes: {s: ovs, b: {kind: uplink, device: eth1, move_addresses: true}}, links: [s b]}",
        [
            "nodes.b.move_addresses: Open vSwitch keeps its ports over a reboot and not their addresses, which cuts the lab host off;"
            " add 'persist: true' to the file, or make 's' one of kind bridge"
        ],
    ),
    "keys of a move": (
        "{nodes: {s: ovs, b: {kind: uplink, device: eth1, move_addresses: 1.5, confirm_timeout: 0, check: gate}}, links: [s b]}",
        [
            "nodes.b.move_addresses: must be true or false, not 1.5",
            "nodes.b.confirm_timeout: must be a whole number from 1 to 3600 (seconds), not 0",
            "nodes.b.check: must be an address such as 192.168.100.7, not 'gate'",
        ],
    ),
    "the lab host twice": (
        "{nodes: {a: host, b: host}, links: ['a:x b:y']}",
        ["links[0]: 'a' and 'b' are both the lab host, which needs no link to itself"],
    ),
    "jitter alone": (
        "{nodes: [a, b], links: [{endpoints: [a, b], jitter: 5ms}]}",
        [f"links[0].endpoints[{n}]: jitter of {e} means nothing without delay; add delay" for n, e in enumerate("ab")],
    ),
    "burst alone": (
        "{nodes: [a, b], links: [{endpoints: [a, b], burst: {b: 64kB}}]}",
        ["links[0].endpoints[1]: burst of b means nothing without rate; add rate"],
    ),
    "burst beside a delay": (
        "{nodes: [a, b], links: [{endpoints: [{node: a, rate: 1mbit, burst: 64kB, loss: 1, delay: 1ms}, b]}]}",
        ["links[0].endpoints[0]: burst of a cannot be had beside delay; leave out one of the two"],
    ),
    "a loss that cannot be": (
        "{nodes: [a, b], links: [{endpoints: [a, b], loss: 101%}]}",
        ["links[0].loss: must be a share such as 1% (from 0 to 100), not '101%'"],
    ),
    "a rate in no unit": (
        "{nodes: [a, b], links: [{endpoints: [a, b], rate: 10mbps}]}",
        ["links[0].rate: must be a rate such as 10mbit or 1.5gbit (bit/s), not '10mbps'"],
    ),
    "a time without a unit": (
        "{nodes: [a, b], links: [{endpoints: [a, b], delay: 20}]}",
        ["links[0].delay: must be a time such as 20ms, not 20"],
    ),
    "native beside tag": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], native: 7, tag: 8}]}",
        ["links[0].endpoints[1]: native of s is a tag and a vlan_mode; leave these out"],
    ),
    "DHCP for IPv6": (
        "{nodes: {a: {ipv6: dhcp}, s: bridge}, links: [a s]}",
        ["nodes.a.ipv6: there is no DHCP for IPv6; give an address, or 'auto'"],
    ),
    "IPv6 in the key of IPv4": (
        "{nodes: {a: {ipv4: 'fd00::1/64'}}}",
        ["nodes.a.ipv4: must be 'dhcp', 'auto', 'none', or IPv4 addresses such as 192.168.100.7/24, not 'fd00::1/64'"],
    ),
    "duplicate IPv6 address": (
        "{nodes: {a: {ipv6: 'fd00::5'}, b: {ipv6: 'fd00:0::5/64'}, s: {kind: bridge, ipv6: 'fd00::1/64'}}, links: [a s, b s]}",
        ["links[1].endpoints[0]: address fd00::5 of b:eth0 is the one of a:eth0 already"],
    ),
    "anycast address": (
        "{nodes: {s: {kind: bridge, ipv6: 'fd00::/64'}}}",
        ["nodes.s.ipv6: fd00:: is the subnet-router anycast address of fd00::/64; choose one between"],
    ),
    "two gateways of a family": (
        "{nodes: {a: {gateway: [10.0.0.1, 10.0.0.2]}}}",
        ["nodes.a.gateway: give at most one IPv4 and one IPv6 address"],
    ),
    "subnet given twice": (
        "{nodes: {s: {kind: bridge, ipv4: 10.1.0.1/24, subnet: auto}}}",
        ["nodes.s.subnet: the subnet is that of ipv4 already; leave out one of the two"],
    ),
    "subnet with bits behind": (
        "{nodes: {s: {kind: bridge, subnet: 10.1.0.1/24}}}",
        ["nodes.s.subnet: '10.1.0.1/24' has bits behind its prefix; the network is 10.1.0.0/24"],
    ),
    "subnet too small for all": (
        "{nodes: {a: , b: , c: , s: {kind: bridge, subnet: 10.1.0.0/30}}, links: [a s, b s, c s]}",
        ["nodes.s.subnet: 10.1.0.0/30 has 2 free addresses for 3 nodes; widen it"],
    ),
    "pool too small": (
        "{nodes: {s: {kind: bridge, subnet: auto}, t: {kind: bridge, subnet: auto}}, pools: {lan: {ipv4: 10.1.0.0/24}}}",
        ["nodes.t: 10.1.0.0/24, pools.lan.ipv4, has no room left for a subnet of 1 addresses; widen it"],
    ),
    "route to nowhere": (
        "{nodes: {a: {ipv4: 10.1.0.2/24, routes: [10.9.0.0/16 via 10.2.0.1]}, s: bridge}, links: [a s]}",
        ["nodes.a.routes: the gateway 10.2.0.1 of 'a' is in none of its networks (10.1.0.0/24)"],
    ),
    "route by itself": (
        "{nodes: {a: {ipv4: 10.1.0.2/24, routes: [{to: 10.9.0.0/16, via: 10.1.0.2}]}, s: bridge}, links: [a s]}",
        ["nodes.a.routes: the gateway 10.1.0.2 of 'a' is its own address"],
    ),
    "route of two families": (
        "{nodes: {a: {routes: ['fd00::/64 via 10.1.0.2']}}}",
        ["nodes.a.routes[0]: the network fd00::/64 and the gateway 10.1.0.2 are of two families"],
    ),
    "route beside DHCP": (
        "{nodes: {a: {routes: [10.9.0.0/16 via 10.1.0.1]}, s: {kind: ovs, ipv4: 10.1.0.1/24, dhcp: true}}, links: [a s]}",
        ["nodes.a.routes: a:eth0 is told its routes by DHCP; set dhcp.options of 's' instead, or give it an address"],
    ),
    "route by the name of nobody": (
        "{nodes: {a: {ipv4: 10.1.0.2/24, routes: [s via b, s via ab]}, ac: , s: bridge}, links: [a s]}",
        [
            "nodes.a.routes[0]: no node 'b'",
            "nodes.a.routes[1]: no node 'ab' (did you mean 'a'?)",
        ],
    ),
    "route by a name elsewhere": (
        "{nodes: {a: {ipv4: 10.1.0.2/24, routes: [s via b]}, b: {ipv4: 10.1.0.3/24}, s: bridge, t: bridge}, links: [a s, b t]}",
        ["nodes.a.routes[0]: 's via b' leads nowhere: 'a' and 'b' share no network, or 's' has no addresses there"],
    ),
    "two spanning trees": (
        "{nodes: {s: {kind: ovs, stp: true, rstp: true}, t: {kind: ovs, rstp: true, priority: 100}}}",
        ["nodes.s.rstp: excludes stp; leave out one of the two", "nodes.t.priority: must be a multiple of 4096 with rstp, not 100"],
    ),
    "IPv6 through a narrow link": (
        "{nodes: {a: {interfaces: {v: {parent: eth0, vlan: 7, mtu: 600, ipv6: 'fd00::1/64'}}}, b: },"
        " links: [{endpoints: [a, b], mtu: 1200, ipv6: {b: 'fd01::1/64'}}]}",
        [
            "links[0].mtu: 1200 bytes are too few for IPv6, which b:eth0 has; give at least 1280",
            "nodes.a.interfaces.v.mtu: 600 bytes are too few for IPv6; give at least 1280",
        ],
    ),
    "a VLAN with a tag and without": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], native: 7, trunks: [7, 8]}]}",
        ["links[0].endpoints[1]: VLAN 7 of s is carried with tags and without; leave it out of trunks"],
    ),
    "a router without a name": (
        "{nodes: {a: {router: frr, loopback: 'fd00::1'}}}",
        ["nodes.a.frr: 'a' has no IPv4 address that could be its name among routers; give it one, or router_id"],
    ),
    "neighbours": (
        "{nodes: {a: {loopback: auto, frr: {bgp: {asn: 7, neighbors: [b, c, {address: a2}]}}}, b: , c: },"
        " links: [{endpoints: [a, c], ipv4: auto}]}",
        [
            "nodes.a.frr.bgp.neighbors[0]: 'a' and 'b' share no network in which 'b' has an address",
            "nodes.a.frr.bgp.neighbors[0]: the autonomous system of 'b' is not known; add asn",
            "nodes.a.frr.bgp.neighbors[1]: the autonomous system of 'c' is not known; add asn",
            "nodes.a.frr.bgp.neighbors[2]: no node 'a2' (did you mean 'a'?)",
        ],
    ),
    "loopback of two": (
        "{nodes: {a: {loopback: 10.255.0.1/32}, b: {loopback: 10.255.0.1}}}",
        ["nodes.b.loopback: address 10.255.0.1 is the one of 'a' already"],
    ),
    "sysctl of the machine": (
        "{nodes: {a: {sysctls: {kernel.hostname: x}}}}",
        ["nodes.a.sysctls: 'kernel.hostname' is no setting of a network namespace; these begin with 'net.', as in net.ipv4.ip_forward"],
    ),
    "VLAN of nothing": (
        "{nodes: {a: {interfaces: {eth1.7: {parent: eth1, vlan: 7}}}, s: bridge}, links: [a s]}",
        ["nodes.a.interfaces.eth1.7.parent: 'a' has no interface 'eth1' that is named before (did you mean 'eth0'?)"],
    ),
    "VLAN twice": (
        "{nodes: {a: {interfaces: {x: {parent: eth0, vlan: 7}, y: {parent: eth0, vlan: 7}}}, s: bridge}, links: [a s]}",
        ["nodes.a.interfaces.y.vlan: 'x' is VLAN 7 of 'eth0' already"],
    ),
    "a file that nobody has read": (
        "{nodes: {a: {firewall: {file: a.nft}}}}",
        ["nodes.a.firewall: a file is read where the topology file is; give its text here"],
    ),
    "files out of reach": (
        "{nodes: {a: {services: {w: {command: x, files: {../b: y}}, v: {command: x, files: {c: {file: d}}}}}}}",
        [
            "nodes.a.services.w.files: '../b' is no file's name below the service's directory, such as app.conf or conf.d/app.conf",
            "nodes.a.services.v.files: the file 'c' must be text or {file: PATH}, not a mapping",
        ],
    ),
    "a service without a command": (
        "{nodes: {a: {services: {web: {user: ada}}}}}",
        ["nodes.a.services.web: the key 'command' is missing; it must be a command line, or a list of its words"],
    ),
    "which end": (
        "{nodes: [a, b], links: [{endpoints: [a, b], ipv4: 10.1.0.1/24}]}",
        ["links[0].ipv4: say which end is meant, as in {a: 10.1.0.1/24}"],
    ),
    "attribute of no end": (
        "{nodes: [a, b], links: [{endpoints: [a, b], tag: 5}]}",
        ["links[0].tag: is for an ovs or a bridge; this link has no such end"],
    ),
    "attribute of another node": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s], ipv4: {b: dhcp}}]}",
        ["links[0].ipv4: 'b' is no end of this link that can have it; 'a' can"],
    ),
    "attribute at the wrong end": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [{node: a, model: e1000}, s]}]}",
        ["links[0].endpoints[0].model: is for a vm; node 'a' is of kind netns"],
    ),
    "attribute given twice": (
        "{nodes: {a: vm, s: bridge}, links: [{endpoints: [{node: a, model: e1000}, s], model: pcnet}]}",
        ["links[0].model: is given in links[0].endpoints[0] already"],
    ),
    "two names for a port": (
        "{nodes: {a: , s: bridge}, links: [{endpoints: [a, s:p1], device: p2}]}",
        ["links[0].device: is given in links[0].endpoints[1] already"],
    ),
    "mirror of nothing": (
        "{nodes: {a: , s: {kind: ovs, mirrors: [{name: m, select_all: true, output_port: 'a:eth7'}]}}, links: [a s]}",
        ["nodes.s.mirrors[0].output_port: no endpoint 'a:eth7' at this switch (did you mean 'a:eth0'?)"],
    ),
    "flows of nothing": (
        "{nodes: {a: , s: {kind: ovs, flows: ['in_port=aa,actions=output:a', 'arp,actions=a,output:zz'],"
        " groups: ['group_id=1,type=all,bucket=7']}}, links: [a s]}",
        [
            "nodes.s.flows[0]: no endpoint 'aa' at this switch (did you mean 'a'?)",
            "nodes.s.flows[1]: no endpoint 'zz' at this switch",
            "nodes.s.groups[0]: no endpoint '7' at this switch",
        ],
    ),
    "flows that are none": (
        "{nodes: {s: {kind: ovs, flows: ['in_port=a', 'cookie=7,arp,actions=drop', 'delete arp,actions=drop', 9], groups: ['type=all'],"
        " meters: ['meter=1', 'meter=0,kbps', 'meter=2,kbps,bands=type=drop,rate=7,burst_size=8', 'meter=2,kbps,bands=type=cut']}}}",
        [
            "nodes.s.flows[0]: must be a flow as ovs-ofctl reads it, such as 'priority=10,in_port=h1,actions=output:h2', not 'in_port=a'",
            "nodes.s.flows[1]: the cookie is the lab's mark; leave it out, in 'cookie=7,arp,actions=drop'",
            "nodes.s.flows[2]: it is a flow and no command; leave out the first word, in 'delete arp,actions=drop'",
            "nodes.s.flows[3]: must be a flow as ovs-ofctl reads it, such as 'priority=10,in_port=h1,actions=output:h2', not 9",
            "nodes.s.groups[0]: must be a group as ovs-ofctl reads it, such as 'group_id=1,type=all,bucket=output:h1', not 'type=all'",
            "nodes.s.meters[0]: needs the unit of its rates: kbps (kbit/s) or pktps (packets per second), in 'meter=1'",
            "nodes.s.meters[1]: must begin with its number, as in 'meter=1,kbps,bands=type=drop,rate=1000', in 'meter=0,kbps'",
            "nodes.s.meters[2]: a band of type drop must have rate, each a number, and nothing else; burst_size needs the word burst"
            " before 'bands', and that needs burst_size, in 'meter=2,kbps,bands=type=drop,rate=7,burst_size=8'",
            "nodes.s.meters[3]: 'cut' is no kind of band; it must be one of drop, dscp_remark, in 'meter=2,kbps,bands=type=cut'",
        ],
    ),
    "flows by a protocol that is too old": (
        "{nodes: {s: {kind: ovs, protocols: [OpenFlow10], flows: ['actions=drop']}}}",
        ["nodes.s.protocols: flows of the file need one of OpenFlow13, OpenFlow14, OpenFlow15; add it"],
    ),
    "bonds that cannot be": (
        "{nodes: {a: , s: {kind: ovs, bonds: {x: {mode: balance-tcp}, z: {}}}, t: ovs}, links: ["
        "{endpoints: [s, t], bond: {s: x}}, {endpoints: [s, t], bond: {s: x}, tag: {s: 7}}, {endpoints: [s, a], bond: y}]}",
        [
            "nodes.s.bonds.x: the links differ in tag, which is the bond's; give all of them the same",
            "nodes.s.bonds.x.mode: balance-tcp needs lacp; add 'lacp: active' at one end, and active or passive at the other",
            "nodes.s.bonds.z: a bond needs at least two links of 's' with 'bond: z', not 0",
            "links[2].endpoints[0].bond: a bond needs at least two links of 's' with 'bond: y', not 1",
        ],
    ),
    "queues that cannot be": (
        "{nodes: {a: , b: , s: {kind: ovs, qos: {a: {queues: {70000: {rate: 8mbit}}}, b: {type: linux-tbf}, aa: {rate: 1}}}},"
        " links: [{endpoints: [a, s], rate: {s: 1mbit}}, b s]}",
        [
            "nodes.s.qos.b.type: must be one of linux-htb, linux-hfsc, not 'linux-tbf' (did you mean 'linux-htb'?)",
            "nodes.s.qos.aa.rate: must be a rate such as 10mbit or 1.5gbit (bit/s), not 1",
        ],
    ),
    "queues of nothing": (
        "{nodes: {a: , s: {kind: ovs, qos: {a: {queues: {70000: {rate: 8mbit}, x: {}}}, aa: {rate: 1mbit}}}},"
        " links: [{endpoints: [a, s], rate: {s: 1mbit}}]}",
        [
            "nodes.s.qos.a: the link shapes what this port sends already; leave out one of the two",
            "nodes.s.qos.a.queues.70000: a queue has a number from 0 to 61439",
            "nodes.s.qos.a.queues.x: a queue has a number from 0 to 61439",
            "nodes.s.qos: no endpoint 'aa' at this switch (did you mean 'a'?)",
        ],
    ),
    "a bond of a Linux bridge": (
        "{nodes: {a: , u: bridge}, links: [{endpoints: [a, u], bond: x}]}",
        ["links[0].bond: is for an ovs; this link has no such end"],
    ),
    "a Linux bridge's settings": (
        "{nodes: {u: {kind: bridge, stp: 2, ageing_time: -1, priority: 65536, forward_delay: 1, hello_time: 11, max_age: 5}}}",
        [
            "nodes.u.stp: must be true or false, not 2",
            "nodes.u.ageing_time: must be a whole number from 0 to 86400 (seconds), not -1",
            "nodes.u.priority: must be a whole number from 0 to 65535, not 65536",
            "nodes.u.forward_delay: must be a whole number from 2 to 30 (seconds), not 1",
            "nodes.u.hello_time: must be a whole number from 1 to 10 (seconds), not 11",
            "nodes.u.max_age: must be a whole number from 6 to 40 (seconds), not 5",
        ],
    ),
    "a Linux bridge's other settings": (
        "{nodes: {u: {kind: bridge, vlan_filtering: maybe, vlan_protocol: 802.1x, mcast_snooping: 1, group_fwd_mask: 65536},"
        " v: {kind: bridge, group_fwd_mask: 16385}}}",
        [
            "nodes.u.vlan_filtering: must be true or false, not 'maybe'",
            "nodes.u.vlan_protocol: must be one of 802.1Q, 802.1ad, not '802.1x' (did you mean '802.1Q'?)",
            "nodes.u.mcast_snooping: must be true or false, not 1",
            "nodes.u.group_fwd_mask: must be a whole number from 0 to 65535, not 65536",
            "nodes.v.group_fwd_mask: 16385 has one of the bits 0 to 2: the kernel never forwards STP, pause frames and LACP",
        ],
    ),
    "nodes as text": ("{nodes: a b c}", ["nodes: must be nodes by name, or a list of names, not 'a b c'"]),
    "links as a mapping": ("{nodes: [a], links: {a: b}}", ["links: must be a list of links, not a mapping"]),
    "a link as a number": (
        "{nodes: [a], links: [7]}",
        ["links[0]: must be 'a:eth0 b', [a:eth0, b] or a mapping with the key endpoints, not 7"],
    ),
    "an empty item": (
        "{nodes: {a: {kind: vm, users: [ada, ]}, b: {kind: vm, users: [~]}}}",
        ["nodes.b.users[0]: must be a mapping with the key name, not nothing"],
    ),
    "a node as a number": ("{nodes: {a: 7}}", ["nodes.a: must be a mapping or a kind, not 7"]),
    "a key that is true": ("{nodes: {yes: netns}}", ["nodes: the key true must be text; put it in quotes"]),
    "no nodes": ("{links: []}", ["topology: the key 'nodes' is missing; it must be nodes by name, or a list of names"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_where_it_is(case: str) -> None:
    text, expected = MISTAKES[case]
    with pytest.raises(LabErrors) as caught:
        load({"name": "testbed", **yaml.safe_load(text)})
    assert list(caught.value.problems) == expected


def test_all_mistakes_of_a_file_are_reported_at_once() -> None:
    text = """
      name: Test bed
      nodes: {a: {kind: vm, cpus: many}, s: {kind: ovs, nat: maybe}}
      links: [a:eth0 t, {endpoints: [a, s], mtu: big, mac: x}]
    """
    with pytest.raises(LabErrors) as caught:
        load(yaml.safe_load(text))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "name",
        "nodes.a.cpus",
        "nodes.s.nat",
        "links[0].endpoints[1]",
        "links[1].mtu",
        "links[1].mac",
    ]


@pytest.mark.parametrize("data", [None, [], "text", 7, {}, {"name": "x"}, {"nodes": ["x"]}, {1: 2}])
def test_a_file_without_sense_is_refused(data: object) -> None:
    with pytest.raises(LabErrors):
        load(data)


def test_a_guest_without_a_link_is_allowed() -> None:
    assert load({"name": "testbed", "nodes": {"lonely": "vm"}}).nodes["lonely"].kind == "vm"


def test_a_lab_cannot_have_the_name_of_the_folder_of_the_images() -> None:
    with pytest.raises(LabErrors) as caught:
        load({"name": "images", "nodes": {"a": None}})
    assert caught.value.problems == ("name: no lab can be called 'images': lab hosts keep the base images under this name; choose another",)
