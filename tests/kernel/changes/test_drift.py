# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has changed by hand, or what has ended by itself, is found, named, and put right by the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._paths import run_dir
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes

from .conftest import Lab, shell

NAME = "heath"
RULES = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy accept;\n  tcp dport 23 drop\n }\n}"
CONTROL = "/usr/share/openvswitch/scripts/ovs-ctl --no-mlockall --system-id=random --no-record-hostname"
DATA: dict[str, Any] = {
    "nodes": {
        "moor": {"kind": "ovs", "ipv4": "10.80.0.1/24", "other_config": {"forward-bpdu": "true"}, "priority": 4096},
        "fen": {"kind": "bridge", "ipv4": "10.81.0.1/24", "dhcp": True, "nat": True, "ageing_time": 100},
        "bog": {"kind": "bridge"},
        "lark": {"ipv4": "10.80.0.11/24"},
        "wren": {
            "ipv4": "10.80.0.12/24",
            "routes": ["10.99.0.0/24 via 10.82.0.2"],
            "loopback": ["10.255.7.1/32"],
            "sysctls": {"net.ipv4.conf.all.rp_filter": 2},
            "firewall": RULES,
            "services": {"tick": "sleep 1000"},
            "exec": ["true"],
        },
        "kite": None,
        "swan": {"ipv4": "10.83.0.1/24"},
    },
    "links": [
        {"endpoints": ["lark", "moor"], "mtu": 1400, "mac": "02:00:00:00:07:01", "tag": 20},
        {"endpoints": ["wren", "moor"], "trunks": [20, 30], "rate": {"moor": "50mbit"}},
        {"endpoints": ["wren:wire", "kite:wire"], "ipv4": {"wren": "10.82.0.1/30", "kite": "10.82.0.2/30"}, "rate": {"wren": "20mbit"}},
        "kite fen",
        {"endpoints": [{"node": "swan", "offload": False}, "bog"]},
    ],
    "uplink": "uplink0",
}


@dataclass(frozen=True)
class Drift:
    """What is done by hand, and what the diff says was there before it is put right: the drifted values, by kind and key.

    gone are those that are not there any more. In all, {lark} is the port that leads to a node, {moor} the device of a switch.
    """

    line: str
    before: dict[str, Any] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


def link(key: str, **values: Any) -> dict[str, Any]:
    return {"link": {key: values}}


STRAY = {"kind": "veth", "mac": "02:71:06:b7:32:8b", "mtu": 1500, "peer": ["", "{swan}"]}
SWITCH = ("ovs_bridge {moor}", "ovs_port {lark}", "ovs_port {wren}", "address {moor}")
DRIFTS = {
    "mtu": Drift("ip link set {lark} mtu 1300", link("{lark}", mtu=1300)),
    "mtu inside": Drift("ip -n heath.lark link set eth0 mtu 1300", link("heath.lark/eth0", mtu=1300)),
    "port down": Drift("ip link set {lark} down", link("{lark}", up=False)),
    "mac": Drift("ip -n heath.lark link set eth0 address 02:00:00:00:00:99", link("heath.lark/eth0", mac="02:00:00:00:00:99")),
    "altname removed": Drift("ip link property del dev {lark} altname heath.lark.eth0", link("{lark}", altname="")),
    "altname replaced": Drift(
        "ip link property add dev {lark} altname stray; ip link property del dev {lark} altname heath.lark.eth0",
        link("{lark}", altname="stray"),
    ),
    "altname added": Drift("ip link property add dev {lark} altname other", {}),  # as udev does
    "link-local address": Drift("ip -n heath.lark link set eth0 addrgenmode eui64", link("heath.lark/eth0", link_local=True)),
    "moved": Drift(
        "ip -n heath.swan link set eth0 netns heath.kite name stray",
        {"link": {"heath.kite/stray": {**STRAY, "link_local": True, "up": False}, "{swan}": {"peer": ["heath.kite", "stray"]}}},
        ("link heath.swan/eth0", "address heath.swan/eth0"),
    ),
    "renamed": Drift(
        "ip -n heath.swan link set eth0 down; ip -n heath.swan link set eth0 name stray up",
        {"link": {"heath.swan/stray": {**STRAY, "link_local": False, "up": True}, "{swan}": {"peer": ["heath.swan", "stray"]}}},
        ("link heath.swan/eth0", "address heath.swan/eth0"),
    ),
    "pair deleted by its port": Drift(
        "ip link del {lark}",
        {"ovs_port": {"{lark}": {"fault": "its network device is gone"}}},
        ("link heath.lark/eth0", "link {lark}", "address heath.lark/eth0"),
    ),
    "pair deleted inside": Drift(
        "ip -n heath.swan link del eth0",
        {},
        ("link heath.swan/eth0", "link {swan}", "address heath.swan/eth0"),
    ),
    "offload": Drift("ip netns exec heath.swan ethtool -K eth0 tx on", link("heath.swan/eth0", tx_offload=True)),
    "port answers": Drift("sysctl -qw net.ipv4.conf.{lark}.arp_ignore=0", link("{lark}", silent=False)),
    "address flushed": Drift(
        "ip -n heath.wren addr flush dev wire",
        {"address": {"heath.wren/wire": {"addresses": [], "routes": []}}},
    ),
    "address added": Drift(
        "ip -n heath.wren addr add 10.82.9.1/24 dev wire",
        {"address": {"heath.wren/wire": {"addresses": ["10.82.0.1/30", "10.82.9.1/24"]}}},
    ),
    "prefix": Drift(
        "ip -n heath.wren addr del 10.82.0.1/30 dev wire; ip -n heath.wren addr add 10.82.0.1/24 dev wire",
        {"address": {"heath.wren/wire": {"addresses": ["10.82.0.1/24"], "routes": []}}},
    ),
    "route elsewhere": Drift(
        "ip -n heath.wren route change 10.99.0.0/24 via 10.82.0.1",
        {"address": {"heath.wren/wire": {"routes": []}}},
    ),
    "address of the lab host": Drift("ip addr flush dev {moor} scope global", {"address": {"{moor}": {"addresses": []}}}),
    "loopback address": Drift("ip -n heath.wren addr del 10.255.7.1/32 dev lo", {"address": {"heath.wren/lo": {"addresses": []}}}),
    "loopback down": Drift("ip -n heath.wren link set lo down", {"netns": {"heath.wren": {"up": False}}}),
    "route deleted": Drift("ip -n heath.wren route del 10.99.0.0/24", {"address": {"heath.wren/wire": {"routes": []}}}),
    "namespace deleted": Drift(
        "ip netns del heath.swan", {}, ("netns heath.swan", "link heath.swan/eth0", "link {swan}", "address heath.swan/eth0")
    ),
    "bridge deleted": Drift("ip link del {bog}", {"link": {"{swan}": {"master": ""}}}, ("link {bog}",)),
    "bridge down": Drift("ip link set {bog} down", link("{bog}", up=False)),
    "bridge's ageing": Drift("ip link set {fen} type bridge ageing_time 5000", link("{fen}", bridge={"ageing_time": 50})),
    "port out of its bridge": Drift("ip link set {swan} nomaster", link("{swan}", master="")),
    "port in another bridge": Drift("ip link set {swan} master {fen}", link("{swan}", master="{fen}")),
    "pair made anew": Drift(
        "ip link del {lark}; ip link add {lark} mtu 1400 type veth peer name eth0 address 02:00:00:00:07:01 mtu 1400 netns heath.lark;"
        "ip link set {lark} up alias netvirt:heath; ip link property add dev {lark} altname heath.lark.eth0;"
        "ip -n heath.lark link set eth0 addrgenmode none up; ip -n heath.lark addr add 10.80.0.11/24 dev eth0;"
        "sysctl -qw net.ipv4.conf.{lark}.arp_ignore=8 net.ipv6.conf.{lark}.disable_ipv6=1",
        {"ovs_port": {"{lark}": {"fault": "its network device was made anew, and ovs-vswitchd does not listen to it"}}},
    ),
    "port deleted": Drift("ovs-vsctl del-port {lark}", {}, ("ovs_port {lark}",)),
    "port added": Drift(
        "ovs-vsctl add-port {moor} stray tag=3 -- set interface stray type=internal -- set port stray external_ids:netvirt-lab=heath",
        {
            "ovs_port": {
                "stray": {
                    "bridge": "{moor}",
                    "type": "internal",
                    "tag": 3,
                    "protected": False,
                    **{name: {} for name in ("external_ids", "interface_external_ids", "options", "other_config")},
                }
            }
        },
    ),
    "switch deleted": Drift("ovs-vsctl del-br {moor}", {}, SWITCH),
    "tag": Drift("ovs-vsctl set port {lark} tag=21", {"ovs_port": {"{lark}": {"tag": 21}}}),
    "tag added": Drift("ovs-vsctl set port {wren} tag=21", {"ovs_port": {"{wren}": {"tag": 21}}}),
    "trunks added": Drift("ovs-vsctl set port {lark} trunks=7,8", {"ovs_port": {"{lark}": {"trunks": [7, 8]}}}),
    "VLAN mode": Drift("ovs-vsctl set port {wren} vlan_mode=native-tagged", {"ovs_port": {"{wren}": {"vlan_mode": "native-tagged"}}}),
    "trunks": Drift("ovs-vsctl set port {wren} trunks=20", {"ovs_port": {"{wren}": {"trunks": [20]}}}),
    "other_config": Drift(
        "ovs-vsctl set bridge {moor} other_config:forward-bpdu=false",
        {"ovs_bridge": {"{moor}": {"other_config": {"forward-bpdu": "false"}}}},
    ),
    "other_config removed": Drift(
        "ovs-vsctl remove bridge {moor} other_config stp-priority", {"ovs_bridge": {"{moor}": {"other_config": {}}}}
    ),
    "queueing deleted": Drift("tc -n heath.wren qdisc del dev wire root", {}, ("shaping heath.wren/wire",)),
    "queueing of a port deleted": Drift("tc qdisc del dev {wren} root", {}, ("shaping {wren}",)),
    "queueing changed": Drift(
        "tc -n heath.wren qdisc change dev wire root tbf rate 9mbit burst 9kb limit 30kb",
        {"shaping": {"heath.wren/wire": {"burst": 9216, "queue": 20, "rate": 9_000_000}}},
    ),
    "queueing replaced": Drift("tc -n heath.wren qdisc replace dev wire root handle 1: pfifo limit 7", {}, ("shaping heath.wren/wire",)),
    "qos of a port": Drift("ovs-vsctl clear port {wren} qos", {"ovs_port": {"{wren}": {"qos": ""}}}),
    "setting": Drift(
        "ip netns exec heath.wren sysctl -qw net.ipv4.conf.all.rp_filter=1",
        {"sysctl": {"heath.wren": {"values": {"net/ipv4/conf/all/rp_filter": "1"}}}},
    ),
    "packet filter": Drift("ip netns exec heath.wren nft flush ruleset", {"firewall": {"heath.wren": {"state": "changed"}}}),
    "rule added": Drift(
        "ip netns exec heath.wren nft add rule inet filter input tcp dport 24 drop", {"firewall": {"heath.wren": {"state": "changed"}}}
    ),
    "dnsmasq": Drift("kill {pid_dnsmasq}", {"dnsmasq": {"heath": {"state": "stopped"}}}),
    "DHCP client": Drift("kill -9 {pid_dhcp}", {"dhcp_client": {"heath.kite/eth0": {"state": "stopped"}}}),
    "service": Drift("kill -9 {pid_services}", {"service": {"heath.wren/wren.tick": {"state": "stopped"}}}),
    "NAT": Drift("nft delete table ip netvirt-heath", {"forwarding": {"heath": {"nat_rules": "missing"}}}),
    "NAT's rules": Drift("nft flush table ip netvirt-heath", {"forwarding": {"heath": {"nat_rules": "changed"}}}),
    "forwarding": Drift("sysctl -qw net.ipv4.conf.{fen}.forwarding=0", {"forwarding": {"heath": {"not_forwarding": ["{fen}"]}}}),
    "daemon restarted": Drift(f"{CONTROL} restart", {}),
    # What role host_prep has set is there again, as by its next run.
    "daemon restarted with nothing": Drift(
        f"{CONTROL} stop; rm /etc/openvswitch/conf.db; {CONTROL} start; ovs-vsctl set open . other_config:userspace-tso-enable=true"
        f" external_ids:netvirt-started=true external_ids:netvirt-userspace-tso=true; {CONTROL} restart",
        {},
        ("ovs_bridge {moor}", "ovs_port {lark}", "ovs_port {wren}"),
    ),
}


@pytest.fixture(scope="module")
def lab(lab_of: Callable[[str], Lab]) -> Lab:
    lab = lab_of(NAME)
    lab.bring(DATA)
    return lab


class Names(dict[str, Any]):
    """What stands in braces: devices of switches, ports by the node that they lead to, and processes."""

    def __init__(self, lab: Lab) -> None:
        share = lab.share(DATA)
        switches = {link["altname"].partition(".")[2]: link["name"] for link in share["links"] if link["kind"] == "bridge"}
        ports = {node: lab.port(DATA, node) for node in ("lark", "wren", "swan")}
        super().__init__(**switches, moor=share["bridges"][0]["name"], **ports)

    def __missing__(self, word: str) -> str:
        return str(processes.find([run_dir(NAME) / word.partition("_")[2]])[0].pid)

    def fill(self, value: Any) -> Any:
        """Return value with its words in braces replaced."""
        if isinstance(value, dict):
            return {self.fill(key): self.fill(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.fill, value))
        return value.format_map(self) if isinstance(value, str) else value


@pytest.mark.parametrize("name", DRIFTS)
def test_drift(lab: Lab, name: str) -> None:
    names, drift = Names(lab), DRIFTS[name]
    assert lab.bring(DATA, check=True) == {"before": {}, "after": {}}
    shell(names.fill(drift.line))
    time.sleep(0.2)
    foretold = lab.bring(DATA, check=True)
    assert lab.bring(DATA, check=True) == foretold, "a check has changed something"
    done = lab.bring(DATA)
    again = lab.bring(DATA)
    assert done == foretold
    assert again == {"before": {}, "after": {}}
    gone = sorted(
        f"{kind} {key}" for kind, items in foretold["after"].items() for key in items if key not in foretold["before"].get(kind, ())
    )
    assert (foretold["before"], gone) == (names.fill(drift.before), sorted(names.fill(drift.gone)))
