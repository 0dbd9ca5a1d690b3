# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab is changed while it runs: who is not meant loses no packet, and keeps interfaces and namespace."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import Lab, shell

Data = dict[str, Any]
NAME = "meadow"
DATA: Data = {
    "nodes": {
        "yard": {"kind": "ovs", "ipv4": "10.70.0.1/24"},
        "pond": {"kind": "bridge", "ipv4": "10.71.0.1/24"},
        "gate": {"router": True},
        "cow": {"ipv4": "10.70.0.11/24"},
        "calf": {"ipv4": "10.70.0.12/24"},
        "duck": {"ipv4": "10.71.0.11/24"},
        "drake": {"ipv4": "10.71.0.12/24", "routes": ["10.72.0.0/30 via gate"]},
        "fox": {"routes": ["pond via gate"]},
        # These are changed.
        "hen": {"ipv4": "10.70.0.21/24"},
        "cock": {"ipv4": "10.70.0.22/24"},
        "frog": {"ipv4": "10.71.0.21/24"},
        "newt": {
            "ipv4": "10.71.0.22/24",
            "routes": ["10.99.0.0/24 via 10.73.0.1"],
            "sysctls": {"net.ipv4.conf.all.rp_filter": 2},
            "firewall": "table inet filter {\n chain input {\n  type filter hook input priority 0; policy accept;\n }\n}",
        },
    },
    "links": [
        *("cow yard", "calf yard", "duck pond", "drake pond"),
        {"endpoints": ["gate:in", "pond"], "ipv4": "10.71.0.2/24"},
        {"endpoints": ["gate:out", "fox:eth0"], "ipv4": {"gate": "10.72.0.1/30", "fox": "10.72.0.2/30"}},
        *({"endpoints": [node, switch]} for node, switch in (("hen", "yard"), ("cock", "yard"), ("frog", "pond"), ("newt", "pond"))),
        {"endpoints": ["hen:wire", "newt:wire"], "ipv4": {"hen": "10.73.0.1/30", "newt": "10.73.0.2/30"}, "rate": {"newt": "50mbit"}},
    ],
}
UNTOUCHED = ("cow", "calf", "duck", "drake", "gate", "fox")
# Who sends to which address of whom: on Open vSwitch, on a bridge, through a router.
STREAMS = {"cow": ("calf", "10.70.0.12"), "duck": ("drake", "10.71.0.12"), "fox": ("drake", "10.71.0.12")}
HEN, COCK, FROG, NEWT, WIRE = 6, 7, 8, 9, 10  # places of links


def _add_nodes(data: Data) -> None:
    data["nodes"].update(ewe={"ipv4": "10.70.0.31/24"}, carp={"ipv4": "10.71.0.31/24"})
    data["links"] += ["ewe yard", "carp pond", {"endpoints": ["ewe", "carp"], "ipv4": {"ewe": "10.74.0.1/30", "carp": "10.74.0.2/30"}}]


def _remove_nodes(data: Data) -> None:
    for node in ("ewe", "carp"):
        del data["nodes"][node]
    data["links"] = [link for link in data["links"] if not re.search("ewe|carp", json.dumps(link))]


def _add_link(data: Data) -> None:
    data["links"].append({"endpoints": ["cock:extra", "frog:extra"], "ipv4": {"cock": "10.75.0.1/30", "frog": "10.75.0.2/30"}})


def _remove_link(data: Data) -> None:
    data["links"].pop()


def _readdress(data: Data) -> None:
    data["nodes"]["cock"]["ipv4"] = "10.70.0.42/24"
    data["nodes"]["frog"]["ipv6"] = "fd00:71::21/64"


def _tag(data: Data) -> None:
    data["links"][HEN]["tag"] = 30
    data["links"][COCK]["trunks"] = [30, 31]


def _untag(data: Data) -> None:
    data["links"][HEN]["tag"] = 31
    data["links"][COCK]["trunks"] = []


def _shape(data: Data) -> None:
    data["links"][HEN]["rate"] = {"hen": "20mbit", "yard": "10mbit"}
    data["links"][FROG]["rate"] = "20mbit"


def _shape_otherwise(data: Data) -> None:
    data["links"][HEN]["rate"] = {"hen": "30mbit"}
    del data["links"][FROG]["rate"]


def _mtu(data: Data) -> None:
    data["links"][COCK]["mtu"] = 1400
    data["links"][FROG]["mtu"] = 1400


def _mtu_back(data: Data) -> None:
    data["links"][COCK]["mtu"] = 1500
    data["links"][FROG]["mtu"] = 1500


def _replace(data: Data) -> None:
    data["nodes"]["hen"]["netns"] = "henhouse"


def _rename(data: Data) -> None:
    data["nodes"]["toad"] = data["nodes"].pop("frog")
    data["links"][FROG]["endpoints"] = ["toad", "pond"]


def _recable(data: Data) -> None:
    data["links"][COCK]["endpoints"] = ["cock:port7", "yard"]


def _add_switches(data: Data) -> None:
    data["nodes"].update(loft={"kind": "ovs"}, puddle={"kind": "bridge"}, dove={"ipv4": "10.70.0.51/24"}, gnat={"ipv4": "10.71.0.51/24"})
    data["links"] += ["loft yard", "puddle pond", "dove loft", "gnat puddle"]


def _remove_switches(data: Data) -> None:
    for node in ("loft", "puddle", "dove", "gnat"):
        del data["nodes"][node]
    del data["links"][-4:]


STEPS: tuple[Callable[[Data], None], ...] = (
    *(_add_nodes, _add_link, _tag, _shape, _mtu, _readdress, _untag, _shape_otherwise, _mtu_back, _remove_link, _remove_nodes),
    *(_replace, _rename, _recable, _add_switches, _remove_switches),
)


class Traffic:
    """Pings every 10 ms and a stream of TCP from one node to another."""

    def __init__(self, sender: str, receiver: str, address: str, port: int) -> None:
        inside = ["ip", "netns", "exec"]
        self._listener = subprocess.Popen(
            [*inside, f"{NAME}.{receiver}", *f"iperf3 -s -1 -i 0.1 -f k --forceflush -p {port}".split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _attempt in range(600):
            if f":{port} " in shell(f"ip netns exec {NAME}.{receiver} ss -Hltn"):
                break
            time.sleep(0.05)
        # So little that a userspace switch which has to wait for a processor on a busy machine can keep it meanwhile: 0.4 s of it.
        self._stream = subprocess.Popen(
            [*inside, f"{NAME}.{sender}", *f"iperf3 -c {address} -p {port} -t 600 -b 2M -l 2K".split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._ping = subprocess.Popen(
            [*inside, f"{NAME}.{sender}", "ping", "-i", "0.01", address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def end(self) -> tuple[list[str], list[str], int]:
        """Return the pings that got no answer, the half seconds in which no byte arrived, and how many pings there were."""
        for process in (self._ping, self._stream):
            process.send_signal(signal.SIGINT)
        told = self._ping.communicate(timeout=60)[0]
        pings = {int(found) for found in re.findall(r"icmp_seq=(\d+) ttl", told)}
        # What cannot even be sent gets no number.
        lost = [str(number) for number in sorted(set(range(1, max(pings) + 1)) - pings)] + re.findall("ping: .*|.*nreachable.*", told)
        self._stream.wait(timeout=60)
        said = self._listener.communicate(timeout=60)[0]
        intervals = re.findall(r"([\d.]+)-[\d.]+\s+sec\s+([\d.]+) [KMG]?Bytes.*?/sec\s*$", said.partition("- - -")[0], re.MULTILINE)
        silent = [float(amount) == 0 for _since, amount in intervals]
        stalls = [since for place, (since, _amount) in enumerate(intervals[:-4]) if all(silent[place : place + 5])]
        assert intervals, said
        return lost, stalls, len(pings)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Have traffic between the untouched nodes while the body runs, and see that all of it arrives and its nodes stay what they are."""
    before = identities()
    traffic = {sender: Traffic(sender, *to, 5201 + place) for place, (sender, to) in enumerate(STREAMS.items())}
    try:
        time.sleep(0.3)
        yield
        time.sleep(0.3)
    finally:
        found = {sender: one.end() for sender, one in traffic.items()}
    assert {sender: (lost, stalls) for sender, (lost, stalls, _count) in found.items()} == {sender: ([], []) for sender in STREAMS}
    assert all(count > 20 for _lost, _stalls, count in found.values())
    assert identities() == before


def identities() -> dict[str, Any]:
    """Return what tells whether a node, its interfaces, and their ports are still the same."""
    nodes: dict[str, Any] = {node: (inode(node), indexes(f"{NAME}.{node}")) for node in UNTOUCHED}
    return {**nodes, "ports": {name: index for name, index in indexes("").items() if name.partition("-")[0] in UNTOUCHED}}


def inode(node: str) -> int:
    """Return the number of a node's namespace."""
    return os.stat(Path("/run/netns") / f"{NAME}.{node}").st_ino


def indexes(netns: str) -> dict[str, int]:
    """Return the interfaces of a namespace by name."""
    return {link["ifname"]: link["ifindex"] for link in json.loads(shell(f"ip {f'-n {netns}' if netns else ''} -j link"))}


@pytest.fixture(scope="module")
def lab(lab_of: Callable[[str], Lab]) -> Lab:
    return lab_of(NAME)


def test_nobody_else_notices(lab: Lab) -> None:
    data = copy.deepcopy(DATA)
    lab.changed(data)
    for step in STEPS:
        step(data)
        with undisturbed():
            changes = lab.changed(data)
        assert changes != {"before": {}, "after": {}}, step.__name__


def test_in_place(lab: Lab) -> None:
    """What can be changed in place is: the interface stays, and the diff names the one attribute."""
    data = copy.deepcopy(DATA)
    lab.bring(data)
    namespace, port = f"{NAME}.hen", lab.port(data, "hen")
    before = inode("hen"), indexes(namespace), indexes("")[port]
    cases: list[tuple[Callable[[Data], Any], dict[str, Any]]] = [
        (
            lambda data: data["links"][HEN].update(mtu=1300),
            {"link": {f"{namespace}/eth0": {"mtu": 1300}, port: {"mtu": 1300}}},
        ),
        # The lab host, which was the way out, is in no VLAN.
        (
            lambda data: data["links"][HEN].update(tag=9),
            {"ovs_port": {port: {"tag": 9}}, "address": {f"{namespace}/eth0": {"routes": []}}},
        ),
        (
            lambda data: data["nodes"]["hen"].update(ipv4="10.70.0.29/24"),
            {"address": {f"{namespace}/eth0": {"addresses": ["10.70.0.29/24"]}}},
        ),
        (lambda data: data["links"][HEN].update(up=False), {"link": {f"{namespace}/eth0": {"up": False}, port: {"up": False}}}),
        (lambda data: data["links"][HEN].update(up=True), {"link": {f"{namespace}/eth0": {"up": True}, port: {"up": True}}}),
        (
            lambda data: data["links"][HEN].update(endpoints=[{"node": "hen", "mac": "02:00:00:00:00:77"}, "yard"]),
            {"link": {f"{namespace}/eth0": {"mac": "02:00:00:00:00:77"}}},
        ),
        (
            lambda data: data["links"][WIRE].update(rate={"newt": "60mbit"}),
            {"shaping": {f"{NAME}.newt/wire": {"rate": 60_000_000, "burst": 30_000, "queue": 247}}},
        ),
        (
            lambda data: data["nodes"]["newt"].update(sysctls={"net.ipv4.conf.all.rp_filter": 1}),
            {"sysctl": {f"{NAME}.newt": {"values": {"net/ipv4/conf/all/rp_filter": "1"}}}},
        ),
    ]
    for change, after in cases:
        change(data)
        assert lab.changed(data)["after"] == after
        assert (inode("hen"), indexes(namespace), indexes("")[port]) == before


def test_neighbours_of_a_replaced_node(lab: Lab) -> None:
    """The other end of a wire goes with the node; all that it had comes back in the same run, and the rest of its node stays."""
    data = copy.deepcopy(DATA)
    data["links"][HEN].update(tag=17, rate={"yard": "40mbit"})
    lab.bring(data)
    node = f"{NAME}.newt"

    def state() -> list[str]:
        lines = [
            f"ip -n {node} -br addr show dev wire | tr -s ' '",
            f"ip -n {node} route show proto static",
            f"tc -n {node} qdisc show dev wire",
            f"ip netns exec {node} nft -s list ruleset",
            f"ip netns exec {node} sysctl net.ipv4.conf.all.rp_filter",
            f"ovs-vsctl get port {lab.port(data, 'hen')} tag external_ids",
        ]
        return [re.sub(r"@if\d+|fe80::\S+", "", shell(line)) for line in lines]

    before, stays = state(), (inode("newt"), indexes(node)["eth0"])
    assert all(before)
    shell(f"ip netns del {NAME}.hen")
    time.sleep(0.1)
    lab.changed(data)
    assert state() == before
    assert (inode("newt"), indexes(node)["eth0"]) == stays
    shell(f"ip netns exec {node} ping -c1 -w20 10.73.0.1")
