# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which Ansible works on a host, inside a namespace: nothing of it happens on the lab host itself.

/etc/resolv.conf is the witness: a namespace has one of its own (ip-netns(8)), and so has its /sys/class/net.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from .playbooks import CHECKOUT, cluster, on

WITNESS = Path("/etc/resolv.conf")
OWN = Path("/etc/netns/burrow/resolv.conf")
WAYS: dict[str, dict[str, Any]] = {
    "command": {"ansible.builtin.command": "ls -1 /sys/class/net"},
    "raw": {"ansible.builtin.raw": "ls -1 /sys/class/net"},
    "async": {"ansible.builtin.command": "ls -1 /sys/class/net", "async": 20, "poll": 1},
    "script": {"ansible.builtin.script": "look.sh"},
    "fetch": {"ansible.builtin.fetch": {"src": str(WITNESS), "dest": "fetched", "flat": True}},
    "copy": {"ansible.builtin.copy": {"content": "# copied\n", "dest": str(WITNESS), "unsafe_writes": True}},
    "copy a file": {"ansible.builtin.copy": {"src": "plain.txt", "dest": str(WITNESS), "unsafe_writes": True}},
    "template": {"ansible.builtin.template": {"src": "plain.j2", "dest": str(WITNESS), "unsafe_writes": True}},
}


@pytest.fixture
def burrow() -> Iterator[None]:
    """Give a namespace with one interface that nobody else has."""
    OWN.parent.mkdir(parents=True)
    OWN.write_text("# the burrow's\n", encoding="ascii")
    for command in ("ip netns add burrow", "ip -n burrow link add tunnel0 type bridge"):
        subprocess.run(command.split(), check=True)
    yield
    subprocess.run(["ip", "netns", "del", "burrow"], check=True)
    OWN.unlink()
    for empty in (OWN.parent, OWN.parent.parent):
        with suppress(OSError):  # others' files are there
            empty.rmdir()


HERE = {"ansible_connection": "local"}


def play(
    folder: Path, netns: str, pipelining: bool, ways: dict[str, dict[str, Any]], login: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a task of each way in a namespace, each on its own so that one's failure does not hide another's."""
    there = f"/tmp/{login['ansible_user']}" if login else str(folder)
    tasks = [{"name": name, "register": f"result_{number}", **task} for number, (name, task) in enumerate(ways.items())]
    for number, task in enumerate(tuple(tasks)):
        shown = f"{{{{ result_{number}.stdout_lines | default(result_{number}.msg) | default('done') }}}}"
        tasks.append({"ansible.builtin.debug": {"msg": shown}})
        task["ignore_errors"] = True
        task["ignore_unreachable"] = True
    (folder / "look.sh").write_text("#!/bin/sh\nls -1 /sys/class/net\n", encoding="ascii")
    (folder / "plain.txt").write_text("# copied from a file\n", encoding="ascii")
    (folder / "plain.j2").write_text("# for {{ ansible_netns }}\n", encoding="ascii")
    variables = {
        **(login or HERE),
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_become": True,
        "ansible_become_method": "netvirt.lab.netns",
        "ansible_netns": netns,
        "ansible_pipelining": pipelining,
        "ansible_async_dir": f"{there}/async",  # else one part of Ansible takes $HOME and another the user's entry
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"mole": variables}}}), encoding="utf-8")
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "mole", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"),
        "ANSIBLE_REMOTE_TMP": f"{there}/tmp",
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_everything_happens_inside(tmp_path: Path, burrow: None) -> None:
    before = WITNESS.read_bytes()
    code, said = play(tmp_path, "burrow", True, WAYS)
    assert code == 0, said
    assert "ignored=0" in said, said
    assert said.count('"tunnel0"') >= 4  # command, raw, async and script have seen it
    assert "uplink0" not in said
    assert (tmp_path / "fetched").read_text() == "# the burrow's\n"
    assert OWN.read_text() == "# for burrow\n"
    assert WITNESS.read_bytes() == before


def test_files_that_are_not_piped_are_used_inside_too(tmp_path: Path, burrow: None) -> None:
    before = WITNESS.read_bytes()
    code, said = play(tmp_path, "burrow", False, {name: WAYS[name] for name in ("command", "template")})
    assert code == 0, said
    assert said.count('"tunnel0"') == 1
    assert OWN.read_text() == "# for burrow\n"
    assert WITNESS.read_bytes() == before


def test_without_the_namespace_nothing_happens_at_all(tmp_path: Path) -> None:
    before = WITNESS.read_bytes()
    _code, said = play(tmp_path, "no-burrow", True, WAYS)
    assert said.count("UNREACHABLE!") == len(WAYS), said
    assert "There is no network namespace 'no-burrow' on this machine." in said
    assert "uplink0" not in said
    assert "ok: [mole] => (" not in said
    assert not (tmp_path / "fetched").exists()
    assert WITNESS.read_bytes() == before


@pytest.fixture(scope="module")
def far() -> Iterator[str]:
    """Give a lab host that is reached over SSH, as root or as the user mole, who may become root, with a namespace."""
    with cluster(1) as (machine,):
        on(machine, "useradd -m mole; cp -r /root/.ssh ~mole/; chown -R mole: ~mole/.ssh")
        on(machine, "echo 'mole ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/mole")
        on(machine, f"ip netns add burrow; ip -n burrow link add tunnel0 type bridge; mkdir -p {OWN.parent}")
        yield machine


@pytest.mark.parametrize(("user", "pipelining"), [("root", True), ("mole", False)])
def test_everything_happens_inside_over_ssh_too(tmp_path: Path, far: str, user: str, pipelining: bool) -> None:
    before = on(far, f"cat {WITNESS}")
    on(far, f'echo "# the burrow\'s" >{OWN}')
    code, said = play(tmp_path, "burrow", pipelining, WAYS, {"ansible_host": "192.0.2.1", "ansible_user": user})
    assert code == 0, said
    assert "ignored=0" in said, said
    assert said.count('"tunnel0"') >= 4
    assert "uplink0" not in said
    assert (tmp_path / "fetched").read_text() == "# the burrow's\n"
    assert (on(far, f"cat {OWN}"), on(far, f"cat {WITNESS}")) == ("# for burrow\n", before)


def test_a_namespace_that_is_missing_over_ssh_is_unreachable(tmp_path: Path, far: str) -> None:
    before = on(far, f"cat {WITNESS}")
    _code, said = play(tmp_path, "no-burrow", True, WAYS, {"ansible_host": "192.0.2.1", "ansible_user": "root"})
    assert said.count("UNREACHABLE!") >= len(WAYS), said
    assert "uplink0" not in said
    assert not (tmp_path / "fetched").exists()
    assert on(far, f"cat {WITNESS}") == before
