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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from .._errors import LabError
from .._library import require
from . import processes

PACKAGE = "python3-openvswitch"
PATIENCE = 60.0  # seconds; the daemon may be busy for ten seconds with the ports that another lab lets go
PATIENCE_EACH = 0.2  # seconds more for each bridge and port: a thousand bridges take a minute, on a busy machine several
_ANSWER = 10.0  # seconds for one answer of a server
_DATABASE = "Open_vSwitch"
_START = "start it with 'systemctl start openvswitch-switch' ('openvswitch' on Fedora and SUSE) or 'ovs-ctl start'"


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
    return LabError(f"Open vSwitch does not run: there is no socket {remote(database)[5:]}; {_START}.")


class Database:
    """A live copy of some columns of the switch's database, and the way to change it."""

    def __init__(self, database: str | None, tables: Mapping[str, Sequence[str]]) -> None:
        self.remote = remote(database)
        if not running(database):
            raise not_running(database)
        self._idl_library = require("ovs.db.idl", PACKAGE)
        with _session(self.remote) as session:
            schema = session("get_schema", [_DATABASE])
        helper = self._idl_library.SchemaHelper(schema_json=schema)
        for table, columns in tables.items():
            helper.register_columns(table, list(columns))
        self._idl = self._idl_library.Idl(self.remote, helper)
        if not self._until(self._idl.has_ever_connected, _ANSWER):
            raise LabError(f"The Open vSwitch database at {self.remote} does not answer; look into ovsdb-server.log.")
        if not self.rows(_DATABASE):
            raise LabError(f"The Open vSwitch database at {self.remote} is empty; initialise it with 'ovs-vsctl --no-wait init'.")

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        self._idl.close()

    def rows(self, table: str) -> list[Any]:
        """Return the rows of a table as they were when the conversation last went on."""
        return list(self._idl.tables[table].rows.values())

    @property
    def root(self) -> Any:
        """Return the one row of table Open_vSwitch."""
        return self.rows(_DATABASE)[0]

    def daemon_runs(self) -> bool:
        """Say whether ovs-vswitchd uses this database: it holds the lock of its name as long as it does (vswitchd/bridge.c)."""
        with _session(self.remote) as session:
            return not session("lock", ["ovs_vswitchd"])["locked"]

    def require_daemon(self) -> None:
        """Raise LabError unless ovs-vswitchd runs."""
        if not self.daemon_runs():
            raise LabError(f"The daemon ovs-vswitchd does not run (only its database at {self.remote} does); {_START}.")

    def change(self, build: Callable[[Callable[[str], Any]], None], purpose: str, follow: bool = True, amount: int = 0) -> None:
        """Run one transaction and, with follow, wait until the daemon has carried it out. Raise LabError.

        build receives a function that inserts a row into a table; other rows it changes in place. It may run more than
        once. purpose completes "Cannot ...". amount is how many bridges and ports it is about.
        """
        target = self._commit(build, purpose)
        patience = PATIENCE + PATIENCE_EACH * amount
        if follow and not self._until(lambda: self.root.cur_cfg >= target, patience):
            self.require_daemon()
            raise LabError(
                f"Cannot {purpose}: ovs-vswitchd has not carried it out within {patience:g} seconds; look into ovs-vswitchd.log."
            )

    def _commit(self, build: Callable[[Callable[[str], Any]], None], purpose: str) -> int:
        library = self._idl_library.Transaction
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._idl.run()
            seen = self._idl.change_seqno
            transaction = library(self._idl)
            try:
                build(lambda table: transaction.insert(self._idl.tables[table]))  # noqa: B023  (called at once)
            except KeyError as gone:
                transaction.abort()
                raise LabError(f"Cannot {purpose}: somebody else has just removed {gone}; run again.") from gone
            self.root.increment("next_cfg")
            status = self._finished(transaction, deadline)
            if status == library.SUCCESS:
                return int(transaction.get_increment_new_value())
            if status == library.UNCHANGED:
                return 0
            if status not in (library.TRY_AGAIN, library.INCOMPLETE):
                transaction.abort()
                raise LabError(f"Cannot {purpose}: the Open vSwitch database said: {transaction.get_error()}.")
            self._until(lambda: self._idl.change_seqno != seen, 1.0)  # noqa: B023  (called at once)
        raise LabError(f"Cannot {purpose}: the Open vSwitch database at {self.remote} does not answer.")

    def _finished(self, transaction: Any, deadline: float) -> Any:
        incomplete = self._idl_library.Transaction.INCOMPLETE
        status = transaction.commit()
        if status == incomplete:
            self._until(lambda: transaction.commit() != incomplete, deadline - time.monotonic())
            status = transaction.commit()
        return status

    def _until(self, done: Callable[[], Any], patience: float) -> bool:
        deadline = time.monotonic() + patience
        while True:
            self._idl.run()
            if done():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poller = require("ovs.poller", PACKAGE).Poller()
            self._idl.wait(poller)
            poller.timer_wait(int(left * 1000) + 1)
            poller.block()


def control(database: str | None, command: str, *arguments: str) -> str:
    """Return what ovs-vswitchd answers to a command of ovs-appctl(8). Raise LabError."""
    with _session(f"unix:{_control_socket(database)}") as session:
        return str(session(command, list(arguments)))


def _control_socket(database: str | None) -> Path:
    kind, _colon, path = remote(database).partition(":")
    directory = Path(path).parent if kind == "unix" else rundir()
    try:
        pid = (directory / "ovs-vswitchd.pid").read_text(encoding="ascii").strip()
    except OSError:
        raise LabError(f"The daemon ovs-vswitchd does not run: there is no ovs-vswitchd.pid in {directory}; {_START}.") from None
    return directory / f"ovs-vswitchd.{pid}.ctl"


@contextmanager
def _session(address: str) -> Iterator[Callable[[str, Sequence[Any]], Any]]:
    """Yield a function that calls one method of a JSON-RPC server and returns its result."""
    jsonrpc = require("ovs.jsonrpc", PACKAGE)
    stream = require("ovs.stream", PACKAGE).Stream
    error, opened = stream.open_block(stream.open(address), int(_ANSWER * 1000))
    if error:
        hint = "run as root" if error in (errno.EACCES, errno.EPERM) else _START
        raise LabError(f"Cannot reach Open vSwitch at {address}: {os.strerror(error)}; {hint}.")
    connection = jsonrpc.Connection(opened)
    try:
        yield lambda method, params: _call(connection, address, jsonrpc.Message.create_request(method, params))
    finally:
        connection.close()


def _call(connection: Any, address: str, request: Any) -> Any:
    library = require("ovs.poller", PACKAGE)
    deadline = time.monotonic() + _ANSWER
    connection.send(request)
    while time.monotonic() < deadline:
        connection.run()
        error, message = connection.recv()
        if message is not None and message.id == request.id:
            if message.error is not None:
                raise LabError(f"Open vSwitch at {address} refuses '{request.method}': {message.error}")
            return message.result
        if error not in (0, errno.EAGAIN):
            raise LabError(f"Open vSwitch at {address} ended the conversation: {os.strerror(error) if error > 0 else 'end of file'}.")
        if error == errno.EAGAIN:
            poller = library.Poller()
            connection.wait(poller)
            connection.recv_wait(poller)
            poller.timer_wait(max(1, int((deadline - time.monotonic()) * 1000)))
            poller.block()
    raise LabError(f"Open vSwitch at {address} has not answered '{request.method}' within {_ANSWER:g} seconds; is its daemon stuck?")
