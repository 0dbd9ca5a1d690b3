# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Open vSwitch in a network namespace of its own, and the test inside that namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible
import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import OvsDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import namespaces, ovsdb, processes

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
COLLECTIONS = Path(__file__).resolve().parents[3] / ".cache"
_NEWNET = 0x40000000


def shell(line: str) -> str:
    """Run a line of shell and return what it printed."""
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


@dataclass
class PrivateSwitch:
    """Two daemons whose files are all below one directory; the module and ovs-vsctl find them by OVS_RUNDIR."""

    home: Path

    @property
    def socket(self) -> str:
        return f"{self.home}/db.sock"

    def start_database(self) -> None:
        shell(
            f"ovsdb-server {self.home}/conf.db --remote=punix:{self.socket} --pidfile={self.home}/ovsdb-server.pid"
            f" --log-file={self.home}/ovsdb-server.log -vconsole:off --detach --no-chdir"
        )

    def start_daemon(self) -> None:
        shell(f"ovs-vswitchd unix:{self.socket} --pidfile --log-file={self.home}/ovs-vswitchd.log -vconsole:off --detach --no-chdir")

    def stop(self, daemon: str) -> None:
        pidfile = self.home / f"{daemon}.pid"
        if pidfile.exists():
            processes.end([int(pidfile.read_text())], patience=30)
        pidfile.unlink(missing_ok=True)
        # Until the database's server has seen that it is gone, it seems to run.
        while daemon == "ovs-vswitchd" and ovsdb.running(self.socket) and ovsdb.Database(self.socket, {}).daemon_runs():
            time.sleep(0.02)

    def vsctl(self, words: str) -> str:
        return shell(f"ovs-vsctl --timeout=20 {words}").strip()

    def ports(self, bridge: str) -> set[str]:
        return set(self.vsctl(f"list-ports {bridge}").split())

    def get(self, table: str, record: str, column: str) -> str:
        return self.vsctl(f"get {table} {record} {column}")

    def find(self, table: str, condition: str, column: str) -> list[str]:
        return self.vsctl(f"--bare --columns={column} find {table} {condition}").split()

    def transactions(self) -> int:
        """Return how many changes of configuration the daemon was told."""
        return int(self.get("Open_vSwitch", ".", "next_cfg"))

    def tap(self, *names: str) -> None:
        for name in names:
            shell(f"ip tuntap add {name} mode tap && ip link set {name} up")

    def remake_tap(self, name: str) -> None:
        """Take the device away from under the daemon and make it again, as a program that owns it would."""
        shell(f"ip link delete {name}")
        time.sleep(0.2)
        self.tap(name)

    def veths(self, *names: str) -> None:
        batch = "".join(f"link add {name} up group 77 type veth peer name x{name}\n" for name in names)
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)


@pytest.fixture(scope="module")
def private_switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSwitch]:
    home = tmp_path_factory.mktemp("ovs")
    names = ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")
    saved = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(home)))
    switch = PrivateSwitch(home)
    descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        namespaces._check(namespaces._libc.unshare(_NEWNET), "make a namespace for the test")
        shell("ip link set lo up")
        shell(f"ovsdb-tool create {home}/conf.db {SCHEMA}")
        switch.start_database()
        switch.vsctl("--no-wait init")
        switch.start_daemon()
        yield switch
    finally:
        switch.stop("ovs-vswitchd")
        switch.stop("ovsdb-server")
        namespaces._libc.setns(descriptor, _NEWNET)
        os.close(descriptor)
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture
def switch(private_switch: PrivateSwitch) -> Iterator[PrivateSwitch]:
    """Return the private Open vSwitch, empty before and after."""
    yield private_switch
    for daemon, start in (("ovsdb-server", private_switch.start_database), ("ovs-vswitchd", private_switch.start_daemon)):
        if not (private_switch.home / f"{daemon}.pid").exists():
            start()
    for bridge in private_switch.vsctl("list-br").split():
        private_switch.vsctl(f"del-br {bridge}")
    subprocess.run(["ip", "link", "delete", "group", "77"], check=False, capture_output=True)
    for link in json.loads(shell("ip -j link")):
        if link["ifname"] not in ("lo", "ovs-netdev"):
            subprocess.run(["ip", "link", "delete", link["ifname"]], check=False, capture_output=True)


class Lab:
    """Converge as one lab; every run is first checked, and repeated."""

    def __init__(self, name: str = "green", adopt: bool = False) -> None:
        self.name = name
        self.adopt = adopt

    def run(self, *items: dict[str, Any], check: bool = False, **options: Any) -> Any:
        """Converge once and return the diff."""
        goal = Goal(OvsDriver(), tuple(bridge_from(item, self.name) for item in items), **options)
        return diff(converge([goal], Scope(self.name, self.adopt, check)))

    def converge(self, *items: dict[str, Any], **options: Any) -> Any:
        """Check, converge, and converge again; return the diff."""
        foretold = self.run(*items, check=True, **options)
        done = self.run(*items, **options)
        assert foretold == done
        assert self.run(*items, **options) == {"before": {}, "after": {}}
        return done


@pytest.fixture
def lab(switch: PrivateSwitch) -> Lab:
    return Lab()


def run_module(module: str, interpreter: str = sys.executable, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """Run a module of the collection as a process of its own, by the given interpreter."""
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check, "_ansible_diff": True}}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "arguments.json").write_text(json.dumps(arguments))
        # Only ansible itself: other libraries are the interpreter's own.
        Path(directory, "ansible").symlink_to(Path(ansible.__file__).parent)
        done = subprocess.run(
            [interpreter, "-m", f"ansible_collections.netvirt.lab.plugins.modules.{module}", f"{directory}/arguments.json"],
            env={**os.environ, "PYTHONPATH": f"{directory}:{COLLECTIONS}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
