# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's daemons in a simulated lab host: started, left alone, and given back as they were found."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._open_vswitch import restored
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs_service import OvsService, OvsServiceDriver

CTL = "/usr/share/openvswitch/scripts/ovs-ctl"


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def service(state: str, check: bool = False, tso: str = "auto") -> list[Change[OvsService]]:
    return converge([Goal(OvsServiceDriver(userspace_tso=tso), purge=state == "restored")], Scope("service", check=check))


def setting() -> str:
    return run("ovs-vsctl", "--if-exists", "get", "Open_vSwitch", ".", "other_config:userspace-tso-enable").strip('"')


def runs() -> bool:
    return Path("/run/openvswitch/ovs-vswitchd.pid").exists()


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """See that no test begins or ends with running daemons."""
    if not Path("/proc/1/cmdline").read_bytes().startswith(b"labhost:"):
        pytest.skip("it starts and stops the machine's own Open vSwitch: run it by tests/labhost")
    assert not runs()
    yield
    if runs():
        subprocess.run([CTL, "stop"], check=True, capture_output=True)


def test_start_repeat_restore() -> None:
    foretold = diff(service("started", check=True))
    assert not runs()
    assert diff(service("started")) == foretold
    assert (runs(), setting()) == (True, "true")
    assert service("started") == []
    assert service("restored")
    assert not runs()
    assert service("restored") == []


def test_someone_elses_daemon_is_changed_only_if_that_is_said_and_gets_its_setting_back() -> None:
    run(CTL, "--system-id=random", "--no-mlockall", "start")
    assert service("started") == []
    assert setting() == ""
    service("started", tso="on")
    assert setting() == "true"
    service("restored")
    assert (runs(), setting()) == (True, "")


def test_a_restart_that_a_killed_run_left_undone_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(driver: OvsServiceDriver, verb: str) -> None:
        if verb == "restart":
            raise KeyboardInterrupt
        run(CTL, "--system-id=random", "--no-mlockall", verb)

    with monkeypatch.context() as patched:
        patched.setattr(OvsServiceDriver, "_do", killed)
        with pytest.raises(KeyboardInterrupt):
            service("started")
    pid = Path("/run/openvswitch/ovs-vswitchd.pid").read_text()
    assert service("started")
    assert Path("/run/openvswitch/ovs-vswitchd.pid").read_text() != pid
    assert service("started") == []
    assert service("restored")


def test_daemons_that_were_killed_are_started_anew() -> None:
    service("started")
    pids = [Path(f"/run/openvswitch/{name}.pid").read_text().strip() for name in ("ovs-vswitchd", "ovsdb-server")]
    run("kill", "-9", *pids)
    while any(Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2] for pid in pids):
        pass
    assert Path("/run/openvswitch/db.sock").exists()
    assert service("started")
    assert runs()
    assert service("started") == []
    assert service("restored")


def test_a_database_without_its_daemon_is_ended_too() -> None:
    service("started")
    pids = {name: Path(f"/run/openvswitch/{name}.pid").read_text().strip() for name in ("ovs-vswitchd", "ovsdb-server")}
    run("kill", pids["ovs-vswitchd"])
    while Path(f"/proc/{pids['ovs-vswitchd']}").exists():
        pass
    assert service("restored")
    assert not Path(f"/proc/{pids['ovsdb-server']}").exists()
    assert service("restored") == []


def test_a_lab_that_goes_takes_open_vswitch_with_it_as_check_mode_foretells() -> None:
    service("started")
    share = {"bridges": [{"name": "heath-plaza", "datapath_type": "netdev"}]}
    converge(share_goals(share, "heath", (), None, {}), Scope("heath"))

    def gone(check: bool) -> list[Change[Any]]:
        changes = converge(share_goals({}, "heath", (), None, {}), Scope("heath", check=check))
        return [*changes, *restored("heath", changes, check)]

    foretold = diff(gone(check=True))
    assert "ovs_service" in foretold["before"]
    assert runs()
    assert diff(gone(check=False)) == foretold
    assert not runs()
    assert gone(check=False) == []


def test_a_daemon_with_a_bridge_is_left_as_it_is() -> None:
    run(CTL, "--system-id=random", "--no-mlockall", "start")
    pid = Path("/run/openvswitch/ovs-vswitchd.pid").read_text()
    run("ovs-vsctl", "add-br", "theirs", "--", "set", "bridge", "theirs", "datapath_type=netdev")
    assert service("started", tso="on") == []
    assert setting() == ""
    assert Path("/run/openvswitch/ovs-vswitchd.pid").read_text() == pid
    run("ovs-vsctl", "del-br", "theirs")


def test_nothing_is_taken_back_while_a_bridge_needs_it() -> None:
    service("started")
    run("ovs-vsctl", "add-br", "late", "--", "set", "bridge", "late", "datapath_type=netdev")
    assert service("restored") == []
    assert runs()
    run("ovs-vsctl", "del-br", "late")
    assert service("restored")
    assert not runs()
