# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The QMP client against a server that plays QEMU."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport.qmp import NoAnswer, NotRunning, Qmp, Refused

GREETING = {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}
SHUTDOWN = {"event": "SHUTDOWN", "data": {"guest": True}}
Script = list[list[Any]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Script], tuple[Path, list[Any]]]]:
    """Give a function that serves one client: it sends the first entry, then one per command it gets, and records the commands."""
    listener = socket.socket(socket.AF_UNIX)
    threads: list[threading.Thread] = []

    def start(script: Script) -> tuple[Path, list[Any]]:
        path = tmp_path / "monitor"
        listener.bind(str(path))
        listener.listen()
        heard: list[Any] = []

        def talk() -> None:
            connection, _address = listener.accept()
            with connection, connection.makefile("rb") as commands:
                for messages in script:
                    connection.sendall(b"".join(json.dumps(message).encode() + b"\r\n" for message in messages))
                    line = commands.readline()
                    if line:
                        heard.append(json.loads(line))

        threads.append(threading.Thread(target=talk))
        threads[0].start()
        return path, heard

    yield start
    for thread in threads:
        thread.join(5)
    listener.close()


def test_commands_events_and_errors(serve: Callable[[Script], tuple[Path, list[Any]]]) -> None:
    path, heard = serve(
        [
            [GREETING],
            [{"return": {}}],
            [SHUTDOWN, {"return": {"status": "paused"}}],
            [{"error": {"class": "GenericError", "desc": "no such node"}}],
        ]
    )
    with Qmp(path) as qmp:
        assert qmp.execute("query-status") == {"status": "paused"}
        assert qmp.events == [SHUTDOWN]
        with pytest.raises(Refused, match=r"QEMU refused block_resize on .*monitor: no such node"):
            qmp.execute("block_resize", node_name="disk", size=5)
    assert heard == [
        {"execute": "qmp_capabilities"},
        {"execute": "query-status"},
        {"execute": "block_resize", "arguments": {"node-name": "disk", "size": 5}},
    ]


def test_a_qemu_that_quits_without_an_answer_has_quit(serve: Callable[[Script], tuple[Path, list[Any]]]) -> None:
    path, heard = serve([[GREETING], [{"return": {}}]])
    with Qmp(path) as qmp:
        qmp.quit()
    assert heard[-1] == {"execute": "quit"}


def test_a_silent_one_costs_the_budget_and_no_more(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "mute"))
    listener.listen()
    began = time.monotonic()
    with listener, pytest.raises(NoAnswer, match="does not answer"):
        Qmp(tmp_path / "mute", timeout=0.3)
    assert 0.25 < time.monotonic() - began < 2


def test_events_do_not_prolong_the_budget(serve: Callable[[Script], tuple[Path, list[Any]]]) -> None:
    path, _heard = serve([[GREETING], [{"return": {}}], [SHUTDOWN] * 5])
    began = time.monotonic()
    with Qmp(path, timeout=0.4) as qmp, pytest.raises(NoAnswer):
        qmp.execute("query-status")
    assert time.monotonic() - began < 2


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        Qmp(tmp_path / "never")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left"))
    left.close()
    with pytest.raises(NotRunning, match="No QEMU is running at"):
        Qmp(tmp_path / "left")
