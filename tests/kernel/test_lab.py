# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small lab by its playbooks, as a user runs them: changed while it runs, killed half-built, torn down without its file."""

from __future__ import annotations

import difflib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .playbooks import CHECKOUT, TOPOLOGY, Lab, trace

LAB: dict[str, Any] = {
    "plugin": "netvirt.lab.topology",
    "name": "orchard",
    "nodes": {
        "yard": {"kind": "ovs", "ipv4": "10.61.0.1/24", "dhcp": True, "nat": True},
        "apple": {"kind": "netns"},
        "pear": {"kind": "netns"},
        "plum": {"kind": "netns"},
    },
    "links": [["apple:eth0", "yard"], {"endpoints": ["pear:eth0", "yard"], "ipv4": {"pear": "10.61.0.250/24"}}, ["plum:eth0", "yard"]],
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Give a lab's folder, and see that nothing is left of the lab."""
    before = trace()
    lab = Lab(tmp_path)
    lab.write(LAB)
    yield lab
    lab.write(LAB)
    lab.changed("netvirt.lab.teardown")
    assert list(difflib.unified_diff(before, trace(), lineterm="", n=0)) == []


def index(name: str) -> int:
    return int(
        json.loads(subprocess.run(["ip", "-j", "link", "show", name], capture_output=True, text=True, check=True).stdout)[0]["ifindex"]
    )


def ping(namespace: str, address: str) -> int:
    return subprocess.run(["ip", "netns", "exec", namespace, "ping", "-c1", "-w5", address], capture_output=True, check=False).returncode


def test_a_changed_file_changes_what_differs_and_nothing_else(lab: Lab) -> None:
    assert lab.changed("netvirt.lab.site") > 0
    assert lab.changed(str(CHECKOUT / "site.yml")) == 0
    assert ping("orchard.apple", "10.61.0.250") == 0
    kept = index("orchard.pear.eth0")

    changed = json.loads(json.dumps(LAB))
    changed["nodes"]["cherry"] = {"kind": "netns"}
    del changed["nodes"]["plum"]
    changed["links"] = [changed["links"][0], {**changed["links"][1], "mtu": 1400}, ["cherry:eth0", "yard"]]
    lab.write(changed)
    foretold = lab.run(*TOPOLOGY, "--check", "--diff").stdout.partition("+++ after")[2].partition("changed:")[0]
    assert '"mtu": 1400' in foretold
    assert "orchard.apple" not in foretold
    assert Path("/run/netns/orchard.plum").exists()
    done = lab.run(*TOPOLOGY, "--diff").stdout.partition("+++ after")[2].partition("changed:")[0]
    assert done == foretold
    assert not Path("/run/netns/orchard.plum").exists()
    assert index("orchard.pear.eth0") == kept
    assert "mtu 1400" in subprocess.run(["ip", "-n", "orchard.pear", "link"], capture_output=True, text=True, check=True).stdout
    assert lab.changed("netvirt.lab.site") == 0
    assert ping("orchard.cherry", "10.61.0.250") == 0


def test_teardown_needs_the_labs_name_only(lab: Lab) -> None:
    lab.changed("netvirt.lab.site")
    lab.inventory.write_text("{ this is no topology", encoding="utf-8")
    assert lab.run("netvirt.lab.teardown").returncode != 0
    by_name = ["-c", "local", "-e", "netvirt_lab=orchard", "-e", "netvirt_hosts=all", "-e", "ansible_python_interpreter=/usr/bin/python3"]
    assert lab.changed("netvirt.lab.teardown", *by_name, inventory="localhost,") > 0
    assert not Path("/run/netns/orchard.apple").exists()
    assert not Path("/run/netvirt").exists()


def test_a_killed_run_is_finished_by_the_next_and_removed_by_teardown(lab: Lab) -> None:
    """Here the whole playbook is; the module alone is killed at every moment in test_interrupted."""
    for finish, step in ((True, "/run/netvirt/orchard/forwarding.json"), (False, "/run/netns/orchard.apple")):
        command = lab.command("netvirt.lab.site")
        running = subprocess.Popen(command, cwd=lab.folder, env=lab.environment, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 30
        while not Path(step).exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert Path(step).exists()
        if finish:
            lab.changed("netvirt.lab.site")
            assert ping("orchard.apple", "10.61.0.250") == 0
        lab.changed("netvirt.lab.teardown")
        assert not Path("/run/netvirt").exists()


def test_mistakes_in_the_file_come_all_at_once_and_before_anything_is_made(lab: Lab) -> None:
    wrong = json.loads(json.dumps(LAB))
    wrong["links"] = [["apple:eth0", "yrad"], {"endpoints": ["pear:eth0", "yard"], "mtu": "big"}, ["plumb:eth0", "yard"]]
    lab.write(wrong)
    done = lab.run("netvirt.lab.site")
    assert done.returncode != 0
    assert "links[0].endpoints[1]: no node 'yrad' (did you mean 'yard'?)" in done.stderr + done.stdout
    assert "links[1].mtu" in done.stderr + done.stdout
    assert "links[2].endpoints[0]: no node 'plumb' (did you mean 'plum'?)" in done.stderr + done.stdout
    assert not Path("/run/netvirt").exists()
