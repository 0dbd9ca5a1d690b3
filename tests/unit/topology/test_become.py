# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into a namespace: what the shell on the lab host gets, and that nothing makes Ansible leave it out."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.become import BecomeBase
from ansible.plugins.shell.sh import ShellModule
from ansible_collections.netvirt.lab.plugins.become.netns import BecomeModule


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    values = {"netns": "the cave", "enter": "", "become_user": "root", "become_exe": "doas -u root", "connection": "ssh"}
    monkeypatch.setattr(BecomeBase, "get_option", lambda self, option, hostvars=None, playcontext=None: values[option])
    return values


def words(plugin: BecomeModule, login: str) -> list[str]:
    """Return what runs on a host where that user has logged in; 'id' and the way in are stand-ins."""
    shell = ShellModule()
    shell.executable = "/bin/sh"
    shown = '{ printf \'%s\\n\' "$0" "$@"; }'
    stand_ins = (
        f"id() {{ echo {0 if login == 'root' else 1000}; }}; ip() {shown.replace('$0', 'ip')}; doas() {shown.replace('$0', 'doas')}; "
    )
    command = plugin.build_become_command("true 'a b'", shell)
    return subprocess.run(["sh", "-c", stand_ins + command], capture_output=True, text=True, check=True).stdout.splitlines()


def test_root_enters_by_itself(options: dict[str, Any]) -> None:
    plugin = BecomeModule()
    assert words(plugin, "root")[:5] == ["ip", "netns", "exec", "the cave", "/bin/sh"]


def test_another_user_becomes_root_first(options: dict[str, Any]) -> None:
    assert words(BecomeModule(), "ada")[:7] == ["doas", "-u", "root", "ip", "netns", "exec", "the cave"]


def test_a_container_is_entered_by_its_own_script(options: dict[str, Any]) -> None:
    options["enter"] = "/run/the cave/enter"
    command = BecomeModule().build_become_command("true", ShellModule())
    assert " sh '/run/the cave/enter' " in command
    assert "netns" not in command


def test_another_user_inside(options: dict[str, Any]) -> None:
    options["become_user"] = "grace"
    assert words(BecomeModule(), "root")[4:8] == ["runuser", "-u", "grace", "--"]


def test_ansible_is_never_told_a_user_that_it_could_take_for_the_login_one(options: dict[str, Any]) -> None:
    plugin = BecomeModule()
    assert plugin.get_option("become_user") == ""
    assert plugin.get_option("netns") == "the cave"


def test_what_is_missing_on_this_machine_is_seen_before_anything_runs(options: dict[str, Any]) -> None:
    options["connection"] = "ansible.builtin.local"
    with pytest.raises(AnsibleConnectionFailure, match="There is no network namespace 'the cave' on this machine"):
        words(BecomeModule(), "root")
