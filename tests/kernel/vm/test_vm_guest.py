# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that boot: the tiny image, on a tap, with a static address and a key."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._plan import diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import source

from .conftest import Bench, run_module, shell, wait_for

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def tiny() -> str:
    try:
        source("tiny")
    except LabError as error:
        pytest.skip(str(error))
    return "tiny"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    shell(f"ssh-keygen -q -t ed25519 -N '' -f {path}")
    return path


def test_a_guest_is_told_its_name_address_and_key_and_powers_down(bench: Bench, tiny: str, key: Path, tap: Callable[..., str]) -> None:
    shell(f"ip addr add 10.77.0.1/24 dev {tap('goose-0')}")
    vm: dict[str, Any] = {
        "name": "goose",
        "image": tiny,
        "memory": 192,
        "nics": [{"model": "e1000", "tap": "goose-0"}],
        "hostname": "gander",
        "network": [{"interface": "eth0", "method": "static", "addresses": ["10.77.0.2/24"]}],
        "stop_timeout": 20,
    }
    bench.run(vm, source=source, keys=[key.with_suffix(".pub").read_text().strip()])
    login = ["ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=2"]

    def inside(line: str) -> str:
        return subprocess.run([*login, "root@10.77.0.2", line], check=False, capture_output=True, text=True).stdout.strip()

    wait_for(lambda: inside("hostname") == "gander", 60)
    (report,) = run_module("qemu_vm_info", lab=bench.lab, console_lines=50)["vms"]
    assert any("10.77.0.2/24" in line for line in report["console"]), report["console"]
    assert 100 < report["resident_memory"] < 900

    vm["nics"] = [{"model": "e1000", "tap": "goose-0", "up": False}]
    bench.run(vm, source=source, keys=[key.with_suffix(".pub").read_text().strip()])
    assert subprocess.run(["ping", "-c1", "-W1", "10.77.0.2"], check=False, capture_output=True).returncode
    vm["nics"][0]["up"] = True
    bench.run(vm, source=source, keys=[key.with_suffix(".pub").read_text().strip()])
    wait_for(lambda: subprocess.run(["ping", "-c1", "-W1", "10.77.0.2"], check=False, capture_output=True).returncode == 0, 10)

    # One card more comes and goes, and so does the guest's first one, all under the same running system.
    pid, keys = bench.pid("goose"), [key.with_suffix(".pub").read_text().strip()]
    tap("goose-1", "multi_queue")
    more = {"model": "virtio-net-pci", "tap": "goose-1", "queues": 2}
    wider: dict[str, Any] = {**vm, "nics": [vm["nics"][0], more, {"model": "rtl8139", "backend": "user"}]}
    foretold = bench.run(wider, source=source, keys=keys, check=True)
    assert diff(bench.run(wider, source=source, keys=keys)) == diff(foretold)
    assert [notice.partition(" while")[0] for notice in bench.notices] == [f"VM 'goose' has got the NIC 'eth{n}'" for n in (1, 2)]
    assert (bench.run(wider, source=source, keys=keys), bench.waiting) == ([], {})
    load = "for bus in pci virtio; do modprobe -a $(cat /sys/bus/$bus/devices/*/modalias); done 2>&-"  # it has no udev
    wait_for(lambda: inside(f"{load}; ls /sys/class/net").split() == ["eth0", "eth1", "eth2", "lo"])
    (report,) = run_module("qemu_vm_info", lab=bench.lab)["vms"]
    assert [(nic["id"], nic["tap"], nic["queues"]) for nic in report["nics"]][:2] == [("eth0", "goose-0", 1), ("eth1", "goose-1", 2)]
    shell("ip addr add 10.78.0.1/24 dev goose-1")
    # Its kernel names them as their drivers come.
    lan = inside(f"grep -l {report['nics'][1]['mac']} /sys/class/net/*/address").split("/")[4]
    assert "driver: virtio_net" in inside(f"ethtool -i {lan}")
    inside(f"ip addr add 10.78.0.2/24 dev {lan}; ip link set {lan} up")
    wait_for(lambda: subprocess.run(["ping", "-c1", "-W1", "10.78.0.2"], check=False, capture_output=True).returncode == 0, 20)
    assert bench.told(vm, source=source, keys=keys) == [("vm", "update", frozenset({"nics"}))]
    assert inside("ls /sys/class/net").split() == ["eth0", "lo"]
    assert bench.pid("goose") == pid

    began = time.monotonic()
    bench.run({**vm, "state": "stopped"}, source=source, keys=[key.with_suffix(".pub").read_text().strip()])
    # Its own doing: else it would have taken the whole of stop_timeout.
    assert time.monotonic() - began < 15
    assert "Power down" in bench.state("goose", "console.log").read_text(errors="replace")


def test_a_guest_is_joined_with_a_namespace_by_a_tap_in_there(bench: Bench, tiny: str) -> None:
    """Its tap is the other's interface; a tap of the same name elsewhere is another one, and a new one takes a restart."""
    for netns in ("pond", "lake"):
        shell(f"ip netns add {netns}; ip -n {netns} tuntap add eth0 mode tap; ip -n {netns} link set eth0 up")
    shell("ip -n pond address add 10.78.0.1/30 dev eth0; ip -n pond address add fd78::1/64 dev eth0 nodad")
    vm: dict[str, Any] = {
        "name": "goose",
        "image": tiny,
        "memory": 192,
        "nics": [{"model": "virtio-net-pci", "tap": "eth0", "netns": "pond"}],
        "network": [{"interface": "eth0", "method": "static", "addresses": ["10.78.0.2/30", "fd78::2/64"], "gateway": "10.78.0.1"}],
        "on_change": "restart",
        "stop_timeout": 0,
    }
    try:
        bench.run(vm, source=source)
        assert bench.run(vm, source=source) == []
        (report,) = run_module("qemu_vm_info", lab=bench.lab)["vms"]
        assert (report["nics"][0]["tap"], report["nics"][0]["netns"]) == ("eth0", "pond")
        for address in ("10.78.0.2", "fd78::2"):
            wait_for(partial(_answers, "pond", address), 60)
        foretold = bench.run({**vm, "nics": [{**vm["nics"][0], "netns": "lake"}]}, source=source, check=True)
        assert [(change.kind, change.action, change.differing) for change in foretold] == [("vm", "replace", frozenset({"nics"}))]
        shell("ip netns del lake")
        with pytest.raises(LabError, match="The tap 'lake/eth0' of VM 'goose' does not exist"):
            bench.run({**vm, "nics": [{**vm["nics"][0], "netns": "lake"}]}, source=source)
    finally:
        bench.run(purge=True)
        shell("ip netns del pond; ip netns del lake 2>/dev/null || :")


def _answers(netns: str, address: str) -> bool:
    return subprocess.run(["ip", "netns", "exec", netns, "ping", "-c1", "-W1", address], check=False, capture_output=True).returncode == 0
