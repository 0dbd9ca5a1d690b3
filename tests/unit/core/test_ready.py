# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the things that a guest leaves behind while it boots."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _ready
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._ready import Watch, wait_until_ready
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import Files
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import Lease
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Node, Shells, node_from

INTERFACE = {"name": "eth0", "mac": "", "switch": "plaza", "method": "static", "addresses": ["10.41.0.7/24"], "gateway": None}
PLAIN = node_from({"name": "deep", "kind": "vm", "interfaces": [INTERFACE], "cloud_init": False})
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
GUEST = node_from({"name": "deep", "kind": "vm", "interfaces": [INTERFACE], "cloud_init": True})


class Saying(Shells):
    """Shells in which every script says the same."""

    def argv(self, node: Node, script: str) -> list[str]:
        return ["printf", "%s", self.key_file]


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a process that is a guest's QEMU as far as can be seen."""
    (tmp_path / "vm" / "deep").mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", f"{tmp_path}/vm/deep/x"], **PIPES)
    assert process.stdout
    process.stdout.readline()
    (tmp_path / "vm" / "deep" / "pid").write_text(str(process.pid), encoding="ascii")
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def home(tmp_path: Path, qemu: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a lab's directory in which a guest runs."""
    (tmp_path / "deep").mkdir()
    monkeypatch.setattr(_ready, "run_dir", lambda lab: tmp_path)
    monkeypatch.setattr(_ready, "files", lambda lab, name: Files(tmp_path / "vm" / name, tmp_path / name))
    monkeypatch.setattr(_ready, "leases", lambda lab: [])
    return tmp_path


ENDED = """The guest 'deep' is not ready: its QEMU has ended. The last lines of {0}/qemu.log:
    qemu: the disk is full
The last lines of {0}/console.log:
    login:"""


def speak(home: Path) -> None:
    (home / "deep" / "qemu.log").write_text("qemu: the disk is full\n", encoding="ascii")
    (home / "deep" / "console.log").write_text("login:", encoding="ascii")


def wait(said: str) -> None:
    wait_until_ready([GUEST], Watch("square", Saying(said)), timeout=20)


def test_the_result_of_cloud_init_is_found_in_what_the_login_shell_says(home: Path) -> None:
    wait('Welcome to deep!\n{"v1": {"errors": []}}\n')
    with pytest.raises(LabError, match=r"cloud-init failed in 'deep': no disk; see"):
        wait('Welcome!\n{"v1": {"errors": ["no disk"]}}\nBye!')


@pytest.mark.parametrize("said", ["", "Welcome!", '{"v1": {"err'])
def test_a_result_of_cloud_init_that_cannot_be_read_is_told(home: Path, said: str) -> None:
    with pytest.raises(
        LabError, match=r"Cannot read the result of cloud-init in 'deep': .*; see /run/cloud-init/result\.json in the guest"
    ):
        wait(said)


@pytest.mark.parametrize(
    ("started", "spoke", "said", "left_alone"),
    [
        (90, 5, "Welcome to deep", True),
        (5, 5, "", True),
        (90, 5, "Cloud-init v. 22 finished at noon", False),
        (90, 60, "Welcome to deep", False),
    ],
    ids=["it speaks", "it has just started", "it has finished", "it is silent"],
)
def test_a_guest_that_boots_is_left_alone(home: Path, started: int, spoke: int, said: str, left_alone: bool) -> None:
    console = home / "deep" / "console.log"
    console.write_text(said, encoding="ascii")
    for file, ago in ((home / "vm" / "deep" / "pid", started), (console, spoke)):
        os.utime(file, (time.time() - ago,) * 2)
    assert _ready._boots(GUEST, "square") is left_alone


def test_the_end_of_the_console_is_shown_as_it_reads(home: Path) -> None:
    text = "".join(f"line {number}\r\n" for number in range(40))
    (home / "deep" / "console.log").write_bytes(text.encode())
    (home / "vm" / "deep" / "pid").unlink()
    with pytest.raises(LabErrors) as caught:
        wait_until_ready([GUEST], Watch("square", Saying("")), timeout=0)
    assert str(caught.value).splitlines()[1:] == [f"    line {number}" for number in range(25, 40)]


@pytest.mark.parametrize("code", ["0", "1"])  # whatever the last login has seen
def test_a_guest_that_ends_is_not_waited_for(home: Path, qemu: subprocess.Popen[str], code: str) -> None:
    class Ending(Saying):
        def argv(self, node: Node, script: str) -> list[str]:
            gone = f"until [ -z \"$(tr -d '\\0' </proc/{qemu.pid}/cmdline)\" ]; do sleep 0.01; done"
            return ["sh", "-c", f"kill -9 {qemu.pid}; {gone}; exit {self.key_file}"]

    speak(home)
    with pytest.raises(LabErrors) as caught:
        wait_until_ready([PLAIN], Watch("square", Ending(code)), timeout=60)
    assert str(caught.value) == ENDED.format(home / "deep")


def test_a_guest_that_has_ended_before_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "vm" / "deep" / "pid").unlink()
    speak(home)
    monkeypatch.setattr(_ready, "_APPEARANCE", 0.3)
    with pytest.raises(LabErrors) as caught:
        wait_until_ready([PLAIN], Watch("square", Saying("")), timeout=40)
    assert str(caught.value) == ENDED.format(home / "deep")


def test_all_that_have_ended_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ready, "_APPEARANCE", 0.3)
    lost = [replace(PLAIN, name=name) for name in ("steep", "shallow")]
    with pytest.raises(LabErrors) as caught:
        wait_until_ready(lost, Watch("square", Saying("")), timeout=40)
    assert caught.value.problems == tuple(f"The guest '{node.name}' is not ready: its QEMU has ended." for node in lost)


def test_another_process_of_that_number_is_no_guest(home: Path) -> None:
    (home / "vm" / "deep" / "pid").write_text(str(os.getpid()), encoding="ascii")
    with pytest.raises(LabErrors, match=r"stuck at the stage: process \(QEMU does not run\)"):
        wait_until_ready([PLAIN], Watch("square", Saying("")), timeout=0)


def test_a_guest_whose_kernel_panics_is_not_waited_for(home: Path) -> None:
    (home / "deep" / "console.log").write_text("[ 4.1] Kernel panic - not syncing: No working init found.\n[ 4.2] Call Trace:\n")
    with pytest.raises(LabError, match=r"The kernel of 'deep' has panicked\. The last lines of .*\n.*No working init"):
        wait("never asked")


def test_attempts_to_log_in_end_with_the_wait(home: Path) -> None:
    class Sleeping(Saying):
        def argv(self, node: Node, script: str) -> list[str]:
            return ["sleep", "20"]

    watch = Watch("square", Sleeping(""))
    attempts: list[subprocess.Popen[str]] = watch.attempts
    with pytest.raises(LabErrors, match=r"stuck at the stage: ssh \(root@10\.41\.0\.7\)"):
        wait_until_ready([GUEST], watch, timeout=0.2)
    assert [attempt.returncode for attempt in attempts] == [-9]


def test_a_lease_is_waited_for_where_it_is_given(home: Path) -> None:
    leased = node_from({"name": "deep", "kind": "vm", "interfaces": [{**INTERFACE, "mac": "52:54:00:00:00:07", "method": "dhcp"}]})
    shells = Saying("")
    assert set(wait_until_ready([leased], Watch("square", shells, served=["10.42.0.0/24"]), timeout=20)) == {"deep"}
    for served in (["10.41.0.0/24"], None):
        with pytest.raises(LabErrors, match=r"stuck at the stage: lease \(52:54:00:00:00:07 on plaza has none\)"):
            wait_until_ready([leased], Watch("square", shells, served=served), timeout=0)


def test_of_a_guest_elsewhere_no_lease_is_waited_for_but_that_of_its_login(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second card may have been plugged in, which only the lab host that the guest is on knows.
    login = {**INTERFACE, "mac": "52:54:00:00:00:07", "method": "dhcp"}
    second = {**login, "name": "eth1", "mac": "52:54:00:00:00:08", "addresses": ["10.43.0.7/24"]}
    item = {"name": "deep", "kind": "vm", "interfaces": [login, second], "cloud_init": False, "home": "far", "access": "near"}
    given = [Lease("52:54:00:00:00:08", "10.43.0.7", "deep", 0)]
    monkeypatch.setattr(_ready, "leases", lambda lab: given)
    with pytest.raises(LabErrors, match=r"stuck at the stage: lease \(52:54:00:00:00:07 on plaza has none\)"):
        wait_until_ready([node_from(item, "near")], Watch("square", Saying("")), timeout=0)
    given[:] = [Lease("52:54:00:00:00:07", "10.41.0.7", "deep", 0)]
    assert set(wait_until_ready([node_from(item, "near")], Watch("square", Saying("")), timeout=20)) == {"deep"}


def test_what_a_lab_host_that_was_left_out_gives_is_waited_for_with_less_patience(home: Path) -> None:
    # Whatever of it does not depend on that lab host is waited for as ever.
    leased = node_from({"name": "deep", "kind": "vm", "interfaces": [{**INTERFACE, "mac": "52:54:00:00:00:07", "method": "dhcp"}]})
    less = {"deep": replace(leased, interfaces=(), address="")}
    boots, booted = home / "deep" / "console.log", home / "vm" / "deep" / "pid"
    boots.write_text("Welcome to deep")
    with pytest.raises(LabErrors, match="stuck at the stage: lease"):
        wait_until_ready([leased], Watch("square", Saying(""), fallback=less), timeout=0.2)  # it still boots
    for file in (boots, booted):
        os.utime(file, (time.time() - 90,) * 2)
    watch = Watch("square", Saying(""), fallback=less, patience=0.5)
    assert wait_until_ready([leased], watch, timeout=0.5)["deep"] >= 0.5
    assert watch.given_up == {"deep"}
    (home / "vm" / "deep" / "pid").unlink()
    with pytest.raises(LabErrors, match=r"stuck at the stage: process \(QEMU does not run\)"):
        wait_until_ready([leased], Watch("square", Saying(""), fallback=less), timeout=0)


def test_what_a_lab_host_that_was_left_out_gives_in_time_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leased = node_from({"name": "deep", "kind": "vm", "interfaces": [{**INTERFACE, "mac": "52:54:00:00:00:07", "method": "dhcp"}]})
    given = itertools.chain([[]], itertools.repeat([Lease("52:54:00:00:00:07", "10.41.0.7", "deep", 0)]))
    monkeypatch.setattr(_ready, "leases", lambda lab: next(given))
    watch = Watch("square", Saying(""), fallback={"deep": replace(leased, interfaces=(), address="")}, patience=30)
    assert set(wait_until_ready([leased], watch, timeout=60)) == {"deep"}
    assert watch.given_up == set()
