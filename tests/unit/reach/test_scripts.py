# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks as scripts: what they say, and that nothing is left of them."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.scripts import run_scripts, script, words
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, Shells, node_from

NODES = [node_from({"name": name, "kind": "vm", "interfaces": []}) for name in ("ann", "bob", "eve")]


class Scripted(Shells):
    """Shells that run one script on this machine whatever they are asked, and remember it."""

    def __init__(self, script: str, most: int = 99) -> None:
        super().__init__(key_file=script)
        self.__dict__.update(most=most, started=[])

    started: list[subprocess.Popen[str]]
    most: int

    def argv(self, node: Node, script: str) -> list[str]:
        return ["sh", "-c", self.key_file]

    def start(self, node: Node, script: str) -> subprocess.Popen[str]:
        if len(self.started) == self.most:
            raise OSError("no more processes")
        self.started.append(super().start(node, script))
        return self.started[-1]


CHECKS = [Check(node.name, "gateway", "ping", "10.8.0.1") for node in NODES]


def kinds(shells: Shells, timeout: float) -> set[str]:
    return {outcome.kind for outcome in run_scripts(CHECKS, NODES, shells, timeout).values()}


def test_all_nodes_have_one_deadline_and_nothing_is_left_behind() -> None:
    shells, began = Scripted("echo answered 0; sleep 20 & sleep 20"), time.monotonic()
    silent = Scripted("sleep 20 & sleep 20")
    assert kinds(shells, 0.5) == {"answered"}
    assert {outcome.text for outcome in run_scripts(CHECKS, NODES, silent, 0.5).values()} == {"the check did not end"}
    assert time.monotonic() - began < 1.5
    assert all(process.returncode == -9 for process in (*shells.started, *silent.started))


def test_scripts_end_with_an_error_too() -> None:
    shells = Scripted("sleep 20", most=2)
    with pytest.raises(OSError, match="no more processes"):
        run_scripts(CHECKS, NODES, shells, 5)
    assert [process.returncode for process in shells.started] == [-9, -9]


def test_what_a_login_shell_says_besides_is_no_answer() -> None:
    assert kinds(Scripted("echo Welcome; echo; echo silent 0"), 5) == {"silent"}


@pytest.mark.parametrize(
    ("check", "call"),
    [
        (Check("ann", "bob", "ping", "10.8.0.9"), ["ping", "10.8.0.9"]),
        (Check("ann", "bob", "ping", "10.8.0.9", size=1500), ["large", "10.8.0.9", "1472"]),
        (Check("ann", "bob", "ping", "fd01::9", size=1500), ["large", "fd01::9", "1452"]),
        (Check("ann", "bob", "udp", "10.8.0.9", port=53), ["udp", "10.8.0.9", "53"]),
        (Check("ann", "bob", "resolve", "bob", answer="10.8.0.9"), ["resolve", "bob", "10.8.0.9"]),
    ],
)
def test_a_check_as_a_call(check: Check, call: list[str]) -> None:
    assert words(check) == call


def test_the_script_tells_open_from_closed_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        checks = [Check("ann", "here", "tcp", "127.0.0.1", port=port), Check("ann", "here", "tcp", "127.0.0.1", port=1)]
        checks.append(Check("ann", "here", "udp", "127.0.0.1", port=1))
        said = subprocess.run(["sh", "-c", script(checks)], capture_output=True, text=True, check=True).stdout
    assert sorted(said.splitlines()) == ["answered 0", "closed 1", "closed 2"]
