# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's bridges as the machine's own network configuration, read by the programs themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.filter.host_network_config import host_network_config
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

NETWORKD = Path("/lib/systemd/systemd-networkd")
PROGRAMS = Path(__file__).resolve().parents[3] / ".cache/programs"
NODES = {
    "yard": {"kind": "bridge", "device": "yard0", "ipv4": "10.3.0.1/24", "ipv6": "fd00:3::1/64", "stp": True, "forward_delay": 4},
    "shed": {"kind": "bridge", "device": "shed0"},
    "gate": {"kind": "uplink", "device": "nic7"},
}


def files(form: str) -> dict[str, str]:
    return host_network_config(compile_share(load({"name": "farm", "nodes": NODES, "links": ["gate shed"]})), form)


def look(device: str) -> dict[str, Any]:
    said = subprocess.run(["ip", "-j", "-d", "addr", "show", device], check=False, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(said or "[{}]")[0]
    return found


def addresses(device: str) -> set[str]:
    return {f"{one['local']}/{one['prefixlen']}" for one in look(device).get("addr_info", ()) if one["scope"] != "link"}


@pytest.fixture
def nic() -> Iterator[None]:
    subprocess.run("ip link add nic7 type veth peer name far7", shell=True, check=True)
    yield
    subprocess.run("for one in nic7 yard0 shed0; do ! ip link show $one || ip link del $one; done", shell=True, check=True)


@pytest.mark.skipif(not NETWORKD.exists(), reason="needs systemd-networkd")
@pytest.mark.usefixtures("nic")
def test_systemd_networkd_makes_the_bridges() -> None:
    written = [Path(path) for path in files("networkd")]
    for path, text in files("networkd").items():
        Path(path).write_text(text, encoding="utf-8")
    state = Path("/run/systemd/netif")
    state.mkdir(parents=True, exist_ok=True)
    shutil.chown(state, "systemd-network", "systemd-network")
    # With /sys read-only it takes this for a container, and does not wait for udev.
    daemon = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"mount -o remount,ro /sys && exec {NETWORKD}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not (addresses("yard0") == {"10.3.0.1/24", "fd00:3::1/64"} and look("nic7").get("master") == "shed0"):
            assert daemon.poll() is None
            assert time.monotonic() < deadline, (look("yard0"), look("nic7"))
            time.sleep(0.1)
        settings = look("yard0")["linkinfo"]["info_data"]
        assert (settings["stp_state"], settings["forward_delay"]) == (1, 400)
        assert "UP" in look("shed0")["flags"]
    finally:
        daemon.terminate()
        daemon.wait()
        for file in written:
            file.unlink()


def run(name: str, *words: str, stdin: str = "") -> str:
    """Run a program of one of the others, from where tests/tools/unpack has put it or as it is installed."""
    places = ("/sbin", "/usr/sbin", "/usr/bin", "/usr/libexec/netplan", "/usr/lib/netplan", "/lib/netplan")
    program = shutil.which(name, path=":".join(f"{root}{place}" for root in (PROGRAMS, "") for place in places))
    if program is None:
        (pytest.fail if shutil.which("apt-get") else pytest.skip)(f"there is no {name}: let 'make setup-test' fetch what has it")
    libraries = ":".join(map(str, (*PROGRAMS.glob("usr/lib/*-linux-gnu"), *PROGRAMS.glob("lib/*-linux-gnu"))))
    environment = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": libraries}
    done = subprocess.run([program, *words], check=False, capture_output=True, text=True, input=stdin, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("nic")
def test_ifup_makes_the_bridges_and_ifdown_removes_them(tmp_path: Path) -> None:
    (text,) = files("ifupdown").values()
    file = tmp_path / "interfaces"
    file.write_text(text, encoding="utf-8")
    words = ("--no-scripts", "--exclude=lo", f"--state-dir={tmp_path}", "-i", str(file))
    run("ifup", *words, "-a")
    assert addresses("yard0") == {"10.3.0.1/24", "fd00:3::1/64"}
    settings = look("yard0")["linkinfo"]["info_data"]
    assert (settings["stp_state"], settings["forward_delay"]) == (1, 400)
    assert look("nic7")["master"] == "shed0"
    assert "UP" in look("shed0")["flags"]
    run("ifdown", *words, "-a")
    assert (look("yard0"), look("shed0")) == ({}, {})
    assert "master" not in look("nic7")


def test_netplan_reads_it(tmp_path: Path) -> None:
    ((path, text),) = files("netplan").items()
    file = tmp_path / path.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    run("generate", "--root-dir", str(tmp_path))
    made = {unit.name: unit.read_text(encoding="utf-8") for unit in (tmp_path / "run/systemd/network").iterdir()}
    assert "STP=true\n" in made["10-netplan-yard0.netdev"]
    assert "ForwardDelaySec=4\n" in made["10-netplan-yard0.netdev"]
    assert "Address=fd00:3::1/64\n" in made["10-netplan-yard0.network"]
    assert "Bridge=shed0\n" in made["10-netplan-nic7.network"]


def test_networkmanager_reads_it() -> None:
    """What it does not understand it leaves out, and what is so by default it does not say."""
    for path, text in files("networkmanager").items():
        said = run("nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes", stdin=text).splitlines()
        lost = {line for line in text.splitlines() if line and not line.startswith("#")}.difference(said)
        assert lost <= {"stp=true"}, path
