# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation's examples, run as they stand by ansible-playbook; and what the modules say to those who may not."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.plugin_utils.placement import unfinished

CHECKOUT = Path(__file__).parents[2]
# What an example takes for granted, as commands.
GIVEN = {
    "netns": ["ip netns add blue"],
    "tap": ["sh -c 'id netvirt 2>/dev/null || useradd --system --user-group netvirt'"],
    "linux_bridge_info": ["ip link add br0 type bridge"],
    "capture": ["ip link add br0 up type bridge"],
    "link_info": ["ip netns add ns1", "ip -n ns1 link add eth0 type bridge"],
}
MODULES = [
    "netns",
    "namespace",
    "tap",
    "veth",
    "linux_bridge",
    "shaping",
    "netns_info",
    "link_info",
    "linux_bridge_info",
    "host_info",
    "ovs_service",
    "capture",
]


def play(tasks: list[dict[str, Any]], folder: Path, *arguments: str) -> dict[str, Any]:
    """Run tasks on this machine and return what ansible-playbook reports, as data."""
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "localhost,",
        "-c",
        "local",
        *arguments,
        str(playbook),
    ]
    command += ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
    }
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache"), "ANSIBLE_REMOTE_TMP": str(folder / "tmp")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    recap = done.stdout.rpartition("localhost ")[2]
    counts = {word.split("=")[0]: int(word.split("=")[1]) for word in recap.replace(":", " ").split() if "=" in word}
    return {"code": done.returncode, "output": done.stdout + done.stderr, **counts}


@pytest.fixture
def clean() -> Iterator[None]:
    """See that the machine has the same interfaces and namespaces afterwards, whatever a test made."""

    def things() -> set[str]:
        found = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout)
        return {link["ifname"] for link in found} | {f"netns {name.name}" for name in Path("/run/netns").glob("*")}

    before = things()
    yield
    for thing in things() - before:
        subprocess.run(["ip", *(["netns", "del", thing[6:]] if thing.startswith("netns ") else ["link", "del", thing])], check=False)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_and_repeat(name: str, tmp_path: Path, clean: None) -> None:
    module = importlib.import_module(f"ansible_collections.netvirt.lab.plugins.modules.{name}")
    for command in GIVEN.get(name, ()):
        subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    tasks = yaml.safe_load(module.EXAMPLES)
    again = {"register": "again", "failed_when": "again is changed"}
    report = play([each for task in tasks for each in (task, {**task, **again})], tmp_path)
    assert report["code"] == 0, report["output"]
    assert report["ok"] == 2 * len(tasks)
    if name.endswith("_info"):
        assert report["changed"] == 0


def test_check_mode_makes_nothing(tmp_path: Path, clean: None) -> None:
    tasks = [{"netvirt.lab.netns": {"name": "unborn"}}, {"netvirt.lab.tap": {"name": "unborn0"}}]
    report = play(tasks, tmp_path, "--check", "--diff")
    assert (report["code"], report["changed"]) == (0, 2)
    assert "unborn" in report["output"]
    assert not Path("/run/netns/unborn").exists()
    assert not Path("/sys/class/net/unborn0").exists()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"netvirt.lab.netns": {"name": "x", "lab": "../images"}}, "lab: must be a name: letters, digits"),
        ({"netvirt.lab.netns": {"name": "x", "lab": "images"}}, "lab: no lab can be called 'images'"),
        ({"netvirt.lab.tap": {"name": "x0", "owner": "no-such-user"}}, "There is no user 'no-such-user' on this machine"),
        ({"netvirt.lab.veth": {"name": "x0", "peer": {"name": "x1", "netns": "no-such-ns"}}}, "There is no network namespace 'no-such-ns'"),
        ({"netvirt.lab.netns": {"name": "../x"}}, "name: must be a namespace's name"),
        ({"netvirt.lab.link_info": {"netns": "../x"}}, "netns: must be a namespace's name"),
        ({"netvirt.lab.veth": {"name": "x0", "mtu": 1, "peer": {"name": "x0"}}}, "peer.name: must not be 'x0'"),
        ({"netvirt.lab.topology": {"state": "present"}}, "state is present but all of the following are missing: share"),
    ],
)
def test_mistakes_get_one_clear_sentence(task: dict[str, Any], message: str, tmp_path: Path, clean: None) -> None:
    report = play([task], tmp_path)
    assert report["code"] == 2, report["output"]
    assert message in " ".join(report["output"].split())
    assert "Traceback" not in report["output"]


def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    """Only the module runs as somebody else, who need not be able to read this checkout."""
    nobody = {
        "become": True,
        "become_user": "nobody",
        "become_method": "su",
        "become_flags": "-s /bin/sh",
        "vars": {"ansible_pipelining": True},
    }
    report = play([{"netvirt.lab.netns": {"name": "x"}, **nobody}], tmp_path)
    assert report["code"] == 2, report["output"]
    assert "must run as root; add 'become: true'" in " ".join(report["output"].split())


def test_what_the_controller_keeps_of_a_lab_is_removed_but_not_in_check_mode(tmp_path: Path) -> None:
    made = {"ansible.builtin.debug": {"msg": "{{ lookup('netvirt.lab.lab_key', 'heath') }}"}}
    assert play([made], tmp_path)["code"] == 0
    record, keys = tmp_path / "record.json", tmp_path / ".local/share/netvirt/heath"
    for file in (record, unfinished(record)):
        file.write_text("{}", encoding="utf-8")
    removed = {"netvirt.lab.lab_files": {"lab": "heath", "placement_file": str(record)}}
    told = play([removed], tmp_path, "--check", "--diff")
    assert told["changed"] == 1
    assert f"-{keys}" in told["output"]
    assert record.exists()
    assert (keys / "id_ed25519").exists()
    assert play([removed], tmp_path)["changed"] == 1
    assert not record.exists()
    assert not unfinished(record).exists()
    assert not keys.exists()
    assert play([removed], tmp_path)["changed"] == 0


def test_the_record_of_placement_is_written_as_the_check_says_and_goes_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "record.json"

    def recorded(placement: dict[str, str], *arguments: str) -> dict[str, Any]:
        options = {"lab": "heath", "state": "present", "placement": json.dumps(placement), "placement_file": str(path)}
        return play([{"netvirt.lab.lab_files": options}], tmp_path, "--diff", *arguments)

    told = recorded({"hen": "mill"}, "--check")
    assert told["changed"] == 1
    assert '+ "hen": "mill"' in told["output"]
    assert not path.exists()
    assert recorded({"hen": "mill"})["changed"] == 1
    assert json.loads(path.read_text(encoding="utf-8")) == {"hen": "mill"}
    assert recorded({"hen": "mill"})["changed"] == 0
    assert recorded({})["changed"] == 1
    assert list(tmp_path.glob("record.json*")) == []
    assert recorded({})["changed"] == 0
    path = tmp_path / "nowhere" / "record.json"
    assert "Cannot write the record of placement" in recorded({"hen": "mill"})["output"]


@pytest.mark.parametrize("name", ["", "..", "/tmp"])
def test_a_name_that_would_remove_more_than_a_lab_is_refused(tmp_path: Path, name: str) -> None:
    keys = tmp_path / ".local/share/netvirt/heath"
    keys.mkdir(parents=True)
    told = play([{"netvirt.lab.lab_files": {"lab": name}}], tmp_path)
    assert told["failed"] == 1
    assert "lab" in told["output"]
    assert keys.exists()
