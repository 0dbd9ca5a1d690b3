# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations with Open vSwitch: its database, and the control socket of its daemon."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .._errors import LabError
from . import processes
from .ovs_rows import Tables
from .ovs_rpc import START, Session

PATIENCE = 60.0  # seconds; the daemon may be busy for ten seconds with the ports that another lab lets go
PATIENCE_EACH = 0.2  # seconds more for each bridge and port: a thousand bridges take a minute, on a busy machine several
_DATABASE = "Open_vSwitch"
_LOCK = "ovs_vswitchd"
C = TypeVar("C", bound="Copy")


def rundir() -> Path:
    """Return the directory of Open vSwitch's sockets."""
    return Path(os.environ.get("OVS_RUNDIR") or "/run/openvswitch")


def remote(database: str | None) -> str:
    """Return the database's address in Open vSwitch's own notation; None means this machine's, a path its socket."""
    if not database:
        return f"unix:{rundir()}/db.sock"
    return f"unix:{database}" if database.startswith("/") else database


def running(database: str | None) -> bool:
    """Say whether there is a database server to talk to, as far as can be told without talking to it.

    One that was killed leaves its socket behind, at which nobody listens.
    """
    kind, _colon, path = remote(database).partition(":")
    if kind != "unix":
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) not in (errno.ENOENT, errno.ECONNREFUSED)


def stored() -> Sequence[Mapping[str, Any]]:
    """Return name and external_ids of the bridges in the database file, for when its server does not run. Raise LabError."""
    directories = (os.environ.get("OVS_DBDIR"), "/etc/openvswitch", "/var/lib/openvswitch")
    file = next((path for directory in directories if directory and (path := Path(directory) / "conf.db").exists()), None)
    tool = processes.which("ovsdb-tool")
    if file is None or tool is None:
        return ()
    query = [_DATABASE, {"op": "select", "table": "Bridge", "where": [], "columns": ["name", "external_ids"]}]
    answer = json.loads(processes.command([tool, "query", str(file), json.dumps(query)], f"read the Open vSwitch database {file}"))
    return [{"name": row["name"], "external_ids": dict(row["external_ids"][1])} for row in answer[0]["rows"]]


def not_running(database: str | None) -> LabError:
    """Return the error for a database server that does not run."""
    return LabError(f"Open vSwitch does not run: nobody answers at {remote(database)[5:]}; {START}.")


class Stored:
    """Some columns of a database whose server does not run, as its file has them. Raise LabError."""

    def __init__(self, file: Path, schema: Path, name: str, tables: Mapping[str, Sequence[str]]) -> None:
        self._tables = Tables(json.loads(schema.read_text(encoding="utf-8")), tables)
        query = [{"op": "select", "table": table, "where": [], "columns": ["_uuid", *columns]} for table, columns in tables.items()]
        said = processes.command(["ovsdb-tool", "query", str(file), json.dumps([name, *query])], f"read the database {file}")
        self._tables.update(
            {table: {row["_uuid"][1]: {"new": row} for row in answer["rows"]} for table, answer in zip(tables, json.loads(said))}
        )

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table."""
        return self._tables.rows(table)


class Copy:
    """A live copy of some columns of a database, and the way to change it."""

    def __init__(self, address: str, name: str, tables: Mapping[str, Sequence[str]]) -> None:
        self.remote = address
        self._name = name
        self._session = Session(address)
        self._tables = Tables(self._session.call("get_schema", [name]), tables)
        asked = {table: {"columns": list(names)} for table, names in tables.items()}
        self._tables.update(self._session.call("monitor", [name, None, asked]))

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        self._session.close()

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table as they were when the conversation last went on."""
        return list(self._tables.rows(table))

    def transact(self, build: Callable[[Callable[[str], Any]], None], purpose: str, ask: Mapping[str, Any] | None = None) -> Any:
        """Run one transaction and return what it has of an operation that asks. Raise LabError.

        build receives a function that inserts a row into a table; other rows it changes in place. purpose completes "Cannot ...".
        """
        self.wait()
        self._tables.work = {}
        try:
            build(self._tables.insert)
            operations = self._tables.operations()
        except KeyError as gone:
            raise LabError(f"Cannot {purpose}: somebody else has just removed {gone}; run again.") from gone
        finally:
            self._tables.work = None
        results = self._session.call("transact", [self._name, *operations, *([ask] if ask else [])], PATIENCE)
        refused = next((result for result in results if result and "error" in result), None)
        if refused:
            said = " ".join(filter(None, (refused["error"], refused.get("details"))))
            raise LabError(f"Cannot {purpose}: the {self._name.replace('_', ' ')} database said: {said}.")
        self.wait()
        return results[len(operations)] if ask else None

    def wait(self, deadline: float = 0.0) -> bool:
        """Take in what the server has told, or tells until the deadline; say whether there was anything."""
        told = self._session.told(deadline)
        for _name, changed in told:
            self._tables.update(changed)
        return bool(told)


class Database(Copy):
    """A live copy of some columns of the switch's database, and the way to change it."""

    def __init__(self, database: str | None, tables: Mapping[str, Sequence[str]]) -> None:
        if not running(database):
            raise not_running(database)
        super().__init__(remote(database), _DATABASE, {_DATABASE: ["cur_cfg"], **tables})
        if not self.rows(_DATABASE):
            raise LabError(f"The Open vSwitch database at {self.remote} is empty; initialise it with 'ovs-vsctl --no-wait init'.")

    @property
    def root(self) -> Any:
        """Return the one row of table Open_vSwitch."""
        return self.rows(_DATABASE)[0]

    def daemon_runs(self) -> bool:
        """Say whether ovs-vswitchd uses this database: it holds the lock of its name as long as it does (vswitchd/bridge.c)."""
        ours = self._session.call("lock", [_LOCK])["locked"]
        self._session.call("unlock", [_LOCK])
        return not ours

    def require_daemon(self) -> None:
        """Raise LabError unless ovs-vswitchd runs."""
        if not self.daemon_runs():
            raise LabError(f"The daemon ovs-vswitchd does not run (only its database at {self.remote} does); {START}.")

    def change(self, build: Callable[[Callable[[str], Any]], None], purpose: str, follow: bool = True, amount: int = 0) -> None:
        """Run one transaction and, with follow, wait until the daemon has carried it out. Raise LabError.

        build receives a function that inserts a row into a table; other rows it changes in place. purpose completes
        "Cannot ...". amount is how many bridges and ports it is about.
        """
        target = self._commit(build, purpose)
        patience = PATIENCE + PATIENCE_EACH * amount
        deadline = time.monotonic() + patience
        while follow and self.root.cur_cfg < target:
            if not self.wait(deadline) and time.monotonic() > deadline:
                self.require_daemon()
                raise LabError(
                    f"Cannot {purpose}: ovs-vswitchd has not carried it out within {patience:g} seconds; look into ovs-vswitchd.log."
                )

    def _commit(self, build: Callable[[Callable[[str], Any]], None], purpose: str) -> int:
        """Return the number that the configuration has then."""

        def numbered(insert: Callable[[str], Any]) -> None:
            build(insert)
            self.root.increment("next_cfg")

        ask = {"op": "select", "table": _DATABASE, "where": [], "columns": ["next_cfg"]}
        return int(self.transact(numbered, purpose, ask)["rows"][0]["next_cfg"])


def control(database: str | None, command: str, *arguments: str) -> str:
    """Return what ovs-vswitchd answers to a command of ovs-appctl(8). Raise LabError."""
    with Session(f"unix:{_control_socket(database)}") as session:
        return str(session.call(command, arguments))


def _control_socket(database: str | None) -> Path:
    kind, _colon, path = remote(database).partition(":")
    directory = Path(path).parent if kind == "unix" else rundir()
    try:
        pid = (directory / "ovs-vswitchd.pid").read_text(encoding="ascii").strip()
    except OSError:
        raise LabError(f"The daemon ovs-vswitchd does not run: there is no ovs-vswitchd.pid in {directory}; {START}.") from None
    return directory / f"ovs-vswitchd.{pid}.ctl"
