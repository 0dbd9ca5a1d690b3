# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's bridges as the machine's own network configuration, read by the programs themselves where they are installed."""

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
    subprocess.run("for one in nic7 yard0 shed0; do ip link del $one; done", shell=True, check=True)


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


@pytest.mark.parametrize("form", ["ifupdown", "netplan", "networkmanager"])
def test_the_others_read_it(form: str, tmp_path: Path) -> None:
    program = {
        "ifupdown": shutil.which("ifup", path="/sbin:/usr/sbin"),
        "netplan": shutil.which("generate", path="/usr/libexec/netplan:/usr/lib/netplan:/lib/netplan"),
        "networkmanager": shutil.which("nmcli"),
    }[form]
    if program is None:
        pytest.skip(f"needs {form}, which brings a service of its own with it")
    for path, text in files(form).items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        command = {
            "ifupdown": [program, "--no-act", "-v", f"--state-dir={tmp_path}", "-i", str(file), "yard0", "shed0"],
            "netplan": [program, "--root-dir", str(tmp_path)],
            "networkmanager": [program, "--offline", "connection", "modify", "connection.autoconnect", "yes"],
        }[form]
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=file.open(), env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == 0, done.stderr
