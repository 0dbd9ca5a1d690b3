# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab host that is one network namespace, with a way to an outside, and nodes on its switches."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._paths import RUN
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Driver, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside, names

HOST, OUTSIDE = "hazel-host", "hazel-outside"
OUTER, UPLINK = "203.0.113.9", "203.0.113.8"


def shell(line: str) -> str:
    """Run a line of shell and return what it printed."""
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Host:
    """The lab host that the test is in."""

    listener: socket.socket

    def switch(self, name: str, address: str) -> None:
        """Make a switch with the lab host's address on it."""
        shell(f"ip link add {name} type bridge; ip addr add {address} dev {name}; ip link set {name} up")

    def node(self, name: str, switch: str, address: str = "", via: str = "", mac: str = "") -> None:
        """Make a namespace on a switch."""
        told = f"address {mac}" if mac else ""
        shell(
            f"ip netns add {name}; ip link add v-{name} type veth peer name eth0 netns {name}; ip link set v-{name} master {switch} up;"
            f"ip -n {name} link set lo up; ip -n {name} link set eth0 {told} up"
        )
        if address:
            shell(f"ip -n {name} addr add {address} dev eth0; ip -n {name} route add default via {via}")

    def seen_as(self, node: str, patience: float = 20) -> str | None:
        """Return the address that the outside sees when a node calls it, None if the call does not get through within patience seconds."""
        with inside(node), socket.socket() as caller:
            caller.settimeout(patience)
            try:
                caller.connect((OUTER, 80))
            except OSError:
                return None
        call, peer = self.listener.accept()
        call.close()
        return str(peer[0])

    def converge(self, driver: Driver[Any], lab: str, *want: Any, check: bool = False) -> dict[str, Any]:
        """Bring the lab to what is wanted and return the diff, {} if nothing differs."""
        changes = converge([Goal(driver, want=want, purge=True)], Scope(lab, check=check))
        # As the end of a real run does.
        shell(f"[ ! -d {RUN} ] || find {RUN} -type d -empty -delete")
        return diff(changes) if changes else {}

    def state(self) -> str:
        """Return the packet filters, the kernel's settings, and the files of labs."""
        lines = ["nft -s list ruleset 2>/dev/null", "grep . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/ip_forward"]
        legacy = Path("/proc/net/ip_tables_names")
        if legacy.exists() and "filter" in legacy.read_text():
            lines.append("iptables-legacy -S")
        return shell("; ".join([*lines, f"find {RUN} /etc/netns 2>/dev/null || true"]))


@pytest.fixture
def host() -> Iterator[Host]:
    """Put the test into a lab host of its own, from which nothing is left."""
    assert not RUN.exists()
    others = set(names())
    for name in (HOST, OUTSIDE):
        shell(f"ip netns add {name}")
    shell(f"ip -n {HOST} link add up0 type veth peer name eth0 netns {OUTSIDE}; ip -n {OUTSIDE} addr add {OUTER}/24 dev eth0")
    shell(f"ip -n {OUTSIDE} link set lo up; ip -n {OUTSIDE} link set eth0 up; ip -n {HOST} addr add {UPLINK}/24 dev up0")
    shell(f"ip -n {HOST} link set lo up; ip -n {HOST} link set up0 up; ip -n {HOST} route add default via {OUTER}")
    with inside(OUTSIDE):
        listener = socket.create_server((OUTER, 80))
        listener.settimeout(20)
    with inside(HOST):
        shell("sysctl -qw net.ipv4.ip_forward=0")
        yield Host(listener)
        listener.close()
    for process in processes.find([RUN]):
        processes.end([process.pid])
    shutil.rmtree(RUN, ignore_errors=True)  # what a test that failed has left
    for name in set(names()) - others:
        shell(f"ip netns del {name}")


def ask(node: str, server: str, name: str, patience: float = 20) -> list[str]:
    """Return the addresses that a name server gives a node for a name; raise TimeoutError if it does not answer."""
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    with inside(node), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(patience)
        asker.sendto(struct.pack(">6H", 0x1234, 0x0100, 1, 0, 0, 0) + question, (server, 53))
        answer = asker.recv(512)
    count, rest = struct.unpack(">H", answer[6:8])[0], answer[12 + len(question) :]
    found = []
    for _number in range(count):
        kind, length = struct.unpack(">H", rest[2:4])[0], struct.unpack(">H", rest[10:12])[0]
        if kind == 1:
            found.append(socket.inet_ntoa(rest[12 : 12 + length]))
        rest = rest[12 + length :]
    return sorted(found)


def addresses(node: str) -> list[str]:
    """Return the IPv4 addresses of a node's eth0."""
    return [info["local"] for link in json.loads(shell(f"ip -n {node} -4 -j addr show eth0")) for info in link.get("addr_info", ())]
