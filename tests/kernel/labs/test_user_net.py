# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab user_net: what QEMU's own network gives a guest, and what it keeps from it."""

from __future__ import annotations

import platform
import subprocess

from ..playbooks import Playbooks
from .guests import reaches, said, ssh

LAB = "user_net"
NAME = "user-net"
# The outside answers with the address that it was asked from.
FETCH = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 10 198.51.100.10 80"


def test_the_lab_host_has_no_interface_for_it(lab: Playbooks) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert [line.split(":")[1].strip().partition("@")[0] for line in links.splitlines()] == ["lo", "uplink0"]


def test_each_guest_has_what_qemus_dhcp_gives(lab: Playbooks) -> None:
    shown = said(lab, NAME, "open", "ip -4 -br address show eth0; ip route show default; cat /etc/resolv.conf")
    assert "10.0.2.15/24" in shown
    assert "default via 10.0.2.2" in shown
    assert "nameserver 10.0.2.53" in shown
    told = said(lab, NAME, "closed", "ip -4 -br address show eth0; ip route show default; cat /etc/resolv.conf")
    assert "10.7.0.40/24" in told
    assert "nameserver" not in told  # nor a router: it is restricted
    assert "search user-net.internal" in told
    assert "default" not in told
    # All that its DHCP server says, the name and the file to boot from too, which this guest has no use for.
    script = r"printf '#!/bin/sh\nenv\n' > /tmp/told; chmod +x /tmp/told; udhcpc -n -q -i eth0 -O search -O bootfile -s /tmp/told 2>&1"
    heard = said(lab, NAME, "closed", f"ethtool -i eth0 | head -n 1; {script}")
    assert "driver: e1000" in heard
    options = dict(line.split("=", 1) for line in heard.splitlines() if "=" in line)
    assert (options.get("hostname"), options.get("domain"), options.get("boot_file")) == ("vault", "user-net.internal", "GPL-3")
    assert options["search"].split() == ["user-net.internal", "outside.test"]


def test_the_open_guest_gets_out_behind_the_lab_hosts_address(lab: Playbooks) -> None:
    assert "203.0.113.2" in said(lab, NAME, "open", FETCH)
    assert "198.51.100.10" in said(lab, NAME, "open", "nslookup outside.test")


def test_the_closed_guest_gets_nowhere_but_where_a_rule_leads(lab: Playbooks) -> None:
    assert "203.0.113.2" not in ssh(lab, NAME, "closed", FETCH).stdout
    assert not reaches(lab, NAME, "closed", "198.51.100.10")
    # What nc reads from never ends, so that it waits for what the program says.
    answer = said(lab, NAME, "closed", "mkfifo /tmp/open && nc -w 60 10.7.0.100 80 0<> /tmp/open")
    assert answer.strip() == platform.node()


def test_the_gateway_serves_files(lab: Playbooks) -> None:
    assert "GENERAL PUBLIC LICENSE" in said(lab, NAME, "closed", "cd /tmp && tftp -g -r GPL-3 10.7.0.1 2>&1; head -n 1 GPL-3")


def test_the_guests_do_not_see_each_other(lab: Playbooks) -> None:
    assert not reaches(lab, NAME, "open", "10.7.0.40")
    assert not reaches(lab, NAME, "closed", "10.0.2.15")


def test_ansible_reaches_the_guests_by_the_forwarded_ports(lab: Playbooks) -> None:
    command = [*lab.command("-", inventory="")[:3], "-m", "ansible.builtin.raw", "-a", "hostname", "vms"]
    command[0] = command[0].replace("ansible-playbook", "ansible")
    done = subprocess.run(command, cwd=lab.folder, env=lab.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line for line in done.stdout.splitlines() if line in ("open", "closed")} == {"open", "closed"}
