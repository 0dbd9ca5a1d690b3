# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab namespaces: what each kind shows inside and hides from outside."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ..playbooks import Playbooks

LAB = "namespaces"
KINDS = ("uts", "mnt", "pid", "net", "user", "ipc", "cgroup", "time")


def said(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def enter(node: str) -> list[str]:
    return ["sh", f"/run/netvirt/namespaces/spaces/namespaces.{node}/enter"]


def inside(node: str, line: str) -> str:
    return said(*enter(node), "sh", "-c", line)


def others(show: str) -> set[str]:
    """Return the kinds of which a node has another namespace than this process."""
    return {kind for kind, link in zip(KINDS, show.split(), strict=True) if link != os.readlink(f"/proc/self/ns/{kind}")}


def test_each_node_has_its_kinds_and_shares_the_rest(lab: Playbooks) -> None:
    show = "readlink " + " ".join(f"/proc/self/ns/{kind}" for kind in KINDS)
    # 'ip netns exec' makes a mount namespace for each command, for its view of /sys and /etc.
    assert others(said("ip", "netns", "exec", "namespaces.plain", "sh", "-c", show)) == {"net", "mnt"}
    assert others(inside("cell", show)) == {"uts", "mnt", "pid", "net", "ipc", "cgroup"}
    assert others(inside("guarded", show)) == set(KINDS)


def test_what_a_container_shows_and_hides(lab: Playbooks) -> None:
    assert inside("cell", "hostname") == "cell.example"
    assert os.uname().nodename != "cell.example"
    # A mount and files that nobody outside sees.
    assert inside("cell", "cat /mnt/index.html") == "made in cell.example"
    assert not Path("/mnt/index.html").exists()
    inside("cell", "echo changed >>/etc/issue")
    assert "changed" not in Path("/etc/issue").read_text()
    # Few processes, numbered from 1; outside, the same ones have other numbers.
    seen = inside("cell", "ps -eo pid=,args=").splitlines()
    assert seen[0].split()[0] == "1"
    assert len(seen) < 12
    assert any("http.server" in line for line in seen)
    # A network of its own, and a place of its own in the tree of limits, which is its root.
    for links in (
        said("ip", "netns", "exec", "namespaces.plain", "ip", "-j", "link"),
        inside("cell", "ip -j link"),
        inside("guarded", "ip -j link"),
    ):
        # Some kernels give every network tunnels of their own besides, which are down.
        assert [link["ifname"] for link in json.loads(links) if "UP" in link["flags"]] == ["lo", "eth0"]
    assert {line.rpartition(":")[2] for line in inside("cell", "cat /proc/self/cgroup").splitlines()} == {"/"}
    # Nobody else's queues.
    said("ipcmk", "-Q")
    assert "0x" not in inside("cell", "ipcs -q")
    assert "0x" in said("ipcs", "-q")
    said("ipcrm", "--all=msg")


def test_root_inside_is_nobody_outside_and_the_clock_is_another(lab: Playbooks) -> None:
    assert inside("guarded", "id -u; hostname renamed; hostname; ip link add d0 type veth; ip link del d0").split() == ["0", "renamed"]
    reading = [*enter("guarded"), "sh", "-c", "echo ready; read line"]
    process = subprocess.Popen(reading, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert {os.stat(f"/proc/{child}").st_uid for child in children} == {100000}
    process.communicate("\n")
    denied = subprocess.run([*enter("guarded"), "touch", "/etc/x"], capture_output=True, check=False)
    assert b"Permission denied" in denied.stderr
    outside = float(Path("/proc/uptime").read_text().split()[0])
    assert outside + 86000 < float(inside("guarded", "cut -d' ' -f1 /proc/uptime")) < outside + 87000
    inside("guarded", "hostname guarded")


def test_the_nodes_are_ansible_hosts(lab: Playbooks) -> None:
    (lab.folder / "play.yml").write_text(
        """
- hosts: containers
  gather_facts: false
  tasks:
    - ansible.builtin.command: cat /proc/sys/kernel/hostname
      register: name
      changed_when: false
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }} is {{ name.stdout }}"}
- hosts: cell
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: sent, dest: /opt/sent}
"""
    )
    done = lab.run(str(lab.folder / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cell is cell.example" in done.stdout
    assert "guarded is guarded" in done.stdout
    assert inside("cell", "cat /opt/sent") == "sent"
    assert not Path("/opt/sent").exists()
