# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab evaluation lets one observe, measured by its playbook."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from ..playbooks import Playbooks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # ten interfaces, each measured three times
LAB = "evaluation"


@pytest.fixture(scope="module")
def report(lab: Playbooks) -> dict[str, dict[str, Any]]:
    """Give what the playbook wrote, by node and interface."""
    target = lab.folder / "result.json"
    done = lab.run("netvirt.lab.benchmark", "-e", f"benchmark_file={target}", "-e", "benchmark_seconds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(target.read_text(encoding="utf-8"))["results"]
    return {f"{result['node']}:{result['interface']}": result for result in results}


def test_everything_is_measured_three_times(report: dict[str, dict[str, Any]]) -> None:
    running = subprocess.run(["ps", "-ww", "-C", "qemu-system-x86_64", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert {name: result["model"] for name, result in report.items()} == {
        "on-linux:eth0": "veth",
        "on-ovs:eth0": "veth",
        "mtu-9000:eth0": "veth",
        "no-offload:eth0": "veth",
        "limited:eth0": "veth",
        "guest:eth0": "rtl8139",
        "guest:eth1": "e1000",
        # On a lab host that can, the kernel moves the packets of the one virtio card and not of the other.
        "guest:eth2": "virtio-net-pci, vhost" if running.count("vhost=on") == 1 else "virtio-net-pci",
        "guest:eth3": "virtio-net-pci, user",
        "guest:eth4": "virtio-net-pci",
    }
    for result in report.values():
        assert set(result["measures"]) > {"tcp_to_host", "tcp_from_host", "udp_to_host_lost", "ping"}
        for measured in result["measures"].values():
            assert len(measured["values"]) == 3
            assert measured["least"] <= measured["median"] <= measured["most"]


def test_what_is_to_be_observed(report: dict[str, dict[str, Any]]) -> None:
    tcp = {name: result["measures"]["tcp_to_host"]["median"] for name, result in report.items()}
    assert 50 < tcp["limited:eth0"] < 101
    assert tcp["on-linux:eth0"] > 1.3 * tcp["no-offload:eth0"] > 2 * tcp["limited:eth0"]
    assert tcp["on-linux:eth0"] > 3 * max(tcp[f"guest:eth{number}"] for number in range(5))
    # Without offload the size of a packet counts; with it, Linux hands on large pieces whatever the MTU is.
    assert tcp["mtu-9000:eth0"] > 1.3 * tcp["no-offload:eth0"]
    # 100 Mbit/s are to be sent, and headers count too. A receiver on a busy machine loses some of it, whatever the link.
    assert report["limited:eth0"]["measures"]["udp_to_host"]["median"] < 98.5
    # One card, with and without the kernel's help.
    assert tcp["guest:eth4"] / 5 < tcp["guest:eth2"] < 10 * tcp["guest:eth4"]
    assert report["guest:eth0"]["measures"]["ping"]["median"] > report["on-linux:eth0"]["measures"]["ping"]["median"]


def test_the_page_has_a_bar_for_each_value(lab: Playbooks, report: dict[str, dict[str, Any]]) -> None:
    page = (lab.folder / "result.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(report) * 7
    assert re.findall(r"<h2>(.*?)</h2>", page)[0] == "TCP to the lab host, Mbit/s"
    assert f'<td class="value">{report["guest:eth1"]["measures"]["ping"]["median"]}</td>' in page
