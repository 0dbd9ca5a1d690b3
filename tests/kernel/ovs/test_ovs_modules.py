# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as processes, by this interpreter (the library from PyPI) and by the distribution's (its package)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Lab, PrivateSwitch, run_module, shell

DISTRIBUTION = "/usr/bin/python3"


@pytest.fixture(params=[sys.executable, DISTRIBUTION])
def interpreter(request: pytest.FixtureRequest) -> str:
    if subprocess.run([request.param, "-c", "import ovs"], check=False, capture_output=True, cwd="/").returncode:
        pytest.skip(f"{request.param} has no library ovs; install python3-openvswitch")
    return str(request.param)


def test_ovs_bridge(switch: PrivateSwitch, interpreter: str) -> None:
    switch.tap("ta", "tb")
    options: dict[str, Any] = {
        "name": "br3",
        "lab": "blue",
        "ports": ["ta tag=6", {"name": "tb", "trunks": [1, "3-4"]}],
        "rstp_enable": True,
        "fail_mode": "secure",
        "controllers": [{"target": "tcp:127.0.0.1:6009", "connection_mode": "out-of-band"}],
        "mirrors": [{"name": "m", "select_vlan": ["6"], "output_port": "tb"}],
        "other_config": {"forward-bpdu": True},
        "mac": "02:00:00:00:00:33",
        "mtu": 1450,
    }
    foretold = run_module("ovs_bridge", interpreter, check=True, **options)
    assert switch.vsctl("list-br") == ""
    done = run_module("ovs_bridge", interpreter, **options)
    assert (done["changed"], done["name"], done["diff"]) == (True, "br3", foretold["diff"])
    assert switch.get("Port", "tb", "trunks") == "[1, 3, 4]"
    assert switch.get("Bridge", "br3", "rstp_enable") == "true"
    assert run_module("ovs_bridge", interpreter, **options)["changed"] is False

    options["ports"] = ["ta tag=7"]
    changed = run_module("ovs_bridge", interpreter, **{**options, "mirrors": [], "purge_ports": "own"})
    assert changed["diff"]["after"]["ovs_port"] == {"ta": {"tag": 7}}
    assert switch.ports("br3") == {"ta"}

    assert run_module("ovs_bridge", interpreter, name="br3", lab="blue", state="absent")["changed"] is True
    assert run_module("ovs_bridge", interpreter, name="br3", lab="blue", state="absent")["changed"] is False


def test_ovs_bridge_says_what_is_wrong(switch: PrivateSwitch, interpreter: str) -> None:
    failed = run_module("ovs_bridge", interpreter, name="br3", ports=["ta tag=4096", "tb lacp=maybe"])
    assert failed["failed"]
    assert failed["msg"].splitlines() == [
        "bridge 'br3', port 'ta', tag: '4096' is not a VLAN (0 to 4095).",
        "bridge 'br3', port 'tb', lacp: 'maybe' is none of '', active, passive, off.",
    ]
    failed = run_module("ovs_bridge", interpreter, name="br3", ports=["nodev8"])
    assert failed["msg"].startswith("Open vSwitch cannot use port 'nodev8' of bridge 'br3': could not open network device nodev8")


def test_library_that_is_missing(switch: PrivateSwitch, tmp_path: Path) -> None:
    bare = tmp_path / "venv"
    subprocess.run([DISTRIBUTION, "-m", "venv", "--without-pip", str(bare)], check=True)
    failed = run_module("ovs_bridge", f"{bare}/bin/python", name="br3")
    assert "The Python library 'ovs' cannot be used by" in failed["msg"]
    assert "install the package python3-openvswitch" in failed["msg"]


def test_ovs_info(switch: PrivateSwitch, lab: Lab, interpreter: str) -> None:
    shell("ip link add va1 up type veth peer name vb1 && ip netns add ovsi1 && ip link set vb1 netns ovsi1")
    shell("ip -n ovsi1 link set vb1 address 02:00:00:00:01:01 up && ip -n ovsi1 addr add 10.78.0.2/24 dev vb1")
    try:
        switch.tap("ta")
        item = {"name": "br3", "mac": "02:00:00:00:00:44", "ports": ["va1 tag=11", "br3 tag=11"]}
        lab.run(item)
        Lab("red").run({"name": "br4", "ports": ["ta"]})
        shell("ip addr add 10.78.0.1/24 dev br3 && ip link set br3 up && ip netns exec ovsi1 ping -c1 -w20 10.78.0.1")
        lab.run({**item, "fail_mode": "standalone", "controllers": ["tcp:127.0.0.1:6009"]})
        everything = run_module("ovs_info", interpreter)
        assert (everything["changed"], everything["running"], everything["version"][:2]) == (
            False,
            True,
            switch.vsctl("--version").split()[3][:2],
        )
        assert [bridge["name"] for bridge in everything["bridges"]] == ["br3", "br4"]

        (bridge,) = run_module("ovs_info", interpreter, name="br3", gather=["fdb", "flows"])["bridges"]
        assert (bridge["lab"], bridge["datapath_type"], bridge["fail_mode"]) == ("green", "netdev", "standalone")
        assert [(one["target"], one["is_connected"]) for one in bridge["controllers"]] == [("tcp:127.0.0.1:6009", False)]
        assert {(entry["port"], entry["vlan"], entry["mac"]) for entry in bridge["fdb"]} >= {
            ("va1", 11, "02:00:00:00:01:01"),
            ("br3", 11, "02:00:00:00:00:44"),
        }
        # How in-band control reaches its controller.
        hidden = [flow for flow in bridge["flows"] if flow["hidden"] and flow["match"].get("in_port") == "LOCAL"]
        assert {(flow["lab"], *flow["actions"]) for flow in hidden} == {(None, "NORMAL")}
        (port,) = [one for one in bridge["ports"] if one["name"] == "va1"]
        assert (port["tag"], port["link_state"], port["fault"], port["error"]) == (11, "up", "", None)
        assert port["ofport"] > 0

        assert [one["name"] for one in run_module("ovs_info", interpreter, lab="red")["bridges"]] == ["br4"]
        (bridge,) = run_module("ovs_info", interpreter, port="ta")["bridges"]
        assert (bridge["name"], [one["name"] for one in bridge["ports"]]) == ("br4", ["ta"])
        assert run_module("ovs_info", interpreter, name="br9")["bridges"] == []
    finally:
        shell("ip netns del ovsi1")


def test_ovs_info_of_a_dead_daemon(switch: PrivateSwitch, lab: Lab) -> None:
    lab.run({"name": "br3"})
    switch.stop("ovs-vswitchd")
    found = run_module("ovs_info")
    assert (found["running"], found["version"], [bridge["name"] for bridge in found["bridges"]]) == (False, "", ["br3"])
    failed = run_module("ovs_info", gather=["fdb"])
    assert failed["msg"].startswith("The daemon ovs-vswitchd does not run: there is no ovs-vswitchd.pid in")
