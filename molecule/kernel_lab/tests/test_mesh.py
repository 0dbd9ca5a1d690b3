# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on three lab hosts, which are containers of the inner lab: its switches are joined by GRE, and then by Geneve."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

testinfra_hosts = ["local://"]

CHECKOUT = Path(__file__).parents[3]
UNDERLAY = {"gre": "198.18.0.{}", "geneve": "fd00:18::{}"}
SWITCHES = ("lan", "fast")  # the names of their nodes' interfaces too
ALL = (1, 2, 3)
TAG = 4  # bytes that a VLAN's takes in a tunnel

# In a node: tell how often a broadcast has come in at each interface until another one says that it was the last.
HEAR = """
import select, socket, sys
heard = {}
for name in sys.argv[1:]:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    wire.bind((name, 0x88b5))
    heard[wire] = []
print("ready", flush=True)
while not all(b"last" in words for words in heard.values()):
    for wire in select.select([*heard], [], [], 120)[0] or sys.exit("heard nothing"):
        heard[wire].append(wire.recv(2000)[14:18])
print(*(words.count(b"once") for words in heard.values()))
"""
SAY = """
import socket, sys, time
for word in (b"once", b"last"):
    for name in sys.argv[1:]:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind((name, 0x88b5))
        wire.send(b"\\xff" * 6 + bytes.fromhex("02aabbccdd01") + b"\\x88\\xb5" + word + bytes(50))
    time.sleep(2)  # a copy that goes round would be heard meanwhile
"""
# On the machine: who hears what the node on m1 says.
BROADCAST = """
import subprocess, sys
hear, say, *names = sys.argv[1:]
def inside(number, program):
    enter = ["sh", f"/run/netvirt/inside/spaces/inside.m{number}/enter", "ip", "netns", "exec", f"mesh.a{number}"]
    return subprocess.Popen([*enter, "python3", "-c", program, *names], stdout=subprocess.PIPE, text=True)
listeners = [inside(number, hear) for number in (2, 3)]
if all(one.stdout.readline() == "ready\\n" for one in listeners) and inside(1, say).wait() == 0:
    print(*(one.communicate()[0].strip() for one in listeners))
"""


class Mesh:
    """The lab, and the machine that its lab hosts are containers of."""

    def __init__(self, machine: Host, variables: dict[str, Any], folder: Path) -> None:
        self.machine, self.variables, self.folder = machine, variables, folder

    def write(self, fabric: str) -> None:
        """Write the lab's file, with a node on each lab host, and the lab hosts."""
        inside = {
            f"m{number}": {
                "ansible_netns": f"inside.m{number}",
                "ansible_netns_enter": f"/run/netvirt/inside/spaces/inside.m{number}/enter",
                "netvirt_underlay": UNDERLAY[fabric].format(number),
            }
            for number in ALL
        }
        entering = {"ansible_become": True, "ansible_become_method": "netvirt.lab.netns"}
        hosts = {"lab_hosts": {"hosts": inside, "vars": {**self.variables, **entering}}}
        nodes = {
            "lan": {"kind": "bridge", "subnet": "10.9.0.0/24"},
            "fast": {"kind": "ovs", "subnet": "10.9.1.0/24"},
            **{f"a{number}": {"host": f"m{number}"} for number in ALL},
        }
        links: list[Any] = [f"a{number}:{switch} {switch}" for number in ALL for switch in SWITCHES]
        tags = {1: 10, 2: 10, 3: 20}
        links += [{"endpoints": [f"a{one}:tag", "lan"], "tag": tag, "ipv4": f"10.10.0.{one}/24"} for one, tag in tags.items()]
        links.append({"endpoints": ["a1:wire", "a2:wire"], "ipv4": {"a1": "10.11.0.1/30", "a2": "10.11.0.2/30"}, "delay": "10ms"})
        topology = {"plugin": "netvirt.lab.topology", "name": "mesh", "fabric": fabric, "nodes": nodes, "links": links}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
        (self.folder / "mesh.netvirt.yml").write_text(yaml.safe_dump(topology), encoding="utf-8")

    def play(self, playbook: str, *arguments: str) -> int:
        """Run a playbook and return how many tasks changed something."""
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.folder), *arguments, playbook]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache")}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return sum(map(int, re.findall(r" changed=(\d+) ", done.stdout.rpartition("PLAY RECAP")[2])))

    def up(self) -> int:
        return self.play("netvirt.lab.site", "--tags", "topology")

    def on(self, number: int, script: str) -> str:
        """Return what a shell script says on a lab host."""
        return str(self.machine.check_output("sh /run/netvirt/inside/spaces/inside.m%s/enter sh -euc %s", str(number), script))

    def tunnels(self, number: int) -> dict[str, dict[str, Any]]:
        """Return the interfaces of a lab host that are tunnels of the lab, by name."""
        links = [link for link in json.loads(self.on(number, "ip -j -d link")) if link and link.get("ifalias") == "netvirt:mesh"]
        return {link["ifname"]: link for link in links if link["linkinfo"]["info_kind"] not in ("bridge", "veth")}

    def fragments(self, number: int) -> int:
        """Return how many fragments a lab host has sent."""
        lines = [line.split() for line in self.on(number, "cat /proc/net/snmp /proc/net/snmp6").splitlines()]
        names, values = (line for line in lines if line[0] == "Ip:")
        found = {**dict(zip(names, values)), **{line[0]: line[1] for line in lines}}
        return int(found["FragCreates"]) + int(found["Ip6FragCreates"])


@pytest.fixture(scope="module")
def mesh(machine: Host, variables: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give the lab hosts without the lab; in the end nothing of it is left on them."""
    lab = Mesh(machine, variables, tmp_path_factory.mktemp("mesh"))
    list_all = f"echo {base64.b64encode((CHECKOUT / 'tests/tools/trace.py').read_bytes()).decode()} | base64 -d | python3 -"
    before = [lab.on(number, list_all) for number in ALL]
    yield lab
    lab.play("netvirt.lab.teardown")
    assert [lab.on(number, list_all) for number in ALL] == before


def check_tunnels(mesh: Mesh, kind: str, fabric: str, key: str) -> None:
    """Check what leads from each lab host to the others: a tunnel for each switch, and one for the link between the first two."""
    for number in ALL:
        found = mesh.tunnels(number).values()
        assert {link["linkinfo"]["info_kind"] for link in found} == {kind}
        far = [other for other in ALL if other != number for _switch in SWITCHES] + [3 - number] * (number < 3)
        assert sorted(link["linkinfo"]["info_data"][key] for link in found) == sorted(map(UNDERLAY[fabric].format, far))


def check_packets(mesh: Mesh, room: int) -> None:
    """Check what the nodes see: packets of this size reach everybody in one piece, and a broadcast everybody once."""
    for number in ALL:
        entry = f"ip netns exec mesh.a{number}"
        for network, (switch, most) in enumerate({"lan": room - TAG, "fast": room}.items()):
            assert mesh.on(number, f"{entry} cat /sys/class/net/{switch}/mtu").strip() == str(most)
            mesh.on(number, f"for node in 1 2 3; do {entry} ping -q -c 1 -w 20 -M do -s {most - 28} 10.9.{network}.$node; done")
    check_links(mesh, room)
    assert [mesh.fragments(number) for number in ALL] == [0, 0, 0]
    heard = mesh.machine.check_output("python3 -c %s %s %s %s %s", BROADCAST, HEAR, SAY, *SWITCHES)
    assert heard.split() == ["1"] * 4


def check_links(mesh: Mesh, room: int) -> None:
    """Check a VLAN that spans, and a link through a tunnel that takes as long as it is told to."""
    entry = "ip netns exec mesh.a1"
    mesh.on(1, f"{entry} ping -q -c 2 -w 20 -M do -s {room - TAG - 28} 10.10.0.2")
    mesh.on(1, f"! {entry} ping -q -c 2 -i 0.2 -W 1 10.10.0.3")
    said = mesh.on(1, f"{entry} ping -c 11 -i 0.2 -w 20 10.11.0.2")
    # The best of them, as an emulated machine is now and then late by itself.
    assert 20.0 <= min(map(float, re.findall(r"time=([\d.]+)", said))) <= 30.0


@pytest.mark.timeout(900)
def test_gre_joins_three_lab_hosts(mesh: Mesh) -> None:
    mesh.write("gre")
    assert mesh.up() > 0
    assert mesh.up() == 0
    check_tunnels(mesh, "gretap", "gre", "remote")
    check_packets(mesh, 1458)


@pytest.mark.timeout(900)
def test_geneve_over_ipv6_takes_the_place_of_gre(mesh: Mesh) -> None:
    mesh.write("geneve")
    assert mesh.up() > 0
    assert mesh.up() == 0
    check_tunnels(mesh, "geneve", "geneve", "remote6")
    check_packets(mesh, 1430)
