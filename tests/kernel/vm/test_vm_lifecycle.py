# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs without an operating system: QEMU is real, the guest sits in its firmware."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils.resources import _vm_process
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import vm_goals
from ansible_collections.netvirt.lab.plugins.module_utils.transport import qemu
from ansible_collections.netvirt.lab.plugins.module_utils.transport.processes import alive
from ansible_collections.netvirt.lab.plugins.module_utils.transport.qmp import Qmp

from .conftest import Bench, actions, module_command, module_environment, run_module, shell, traces, wait_for

Tap = Callable[..., str]


def record(name: str, tap: str = "", **fields: Any) -> dict[str, Any]:
    nics = [{"model": "e1000", "tap": tap}] if tap else []
    return {"name": name, "memory": 32, "stop_timeout": 0.2, "nics": nics, **fields}


def at_rest(pid: int) -> bool:
    """Say whether a process leaves its processor alone; a QEMU whose tap has gone never does."""
    spent = cpu_seconds(pid)
    time.sleep(0.5)
    return cpu_seconds(pid) - spent < 0.1


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_create_repeat_change_remove(bench: Bench, base: Path, tap: Tap) -> None:
    vm = record("mare", tap("mare-0"), image=str(base))
    assert bench.told(vm) == [("disk", "create", frozenset()), ("vm", "create", frozenset())]
    pid = bench.pid("mare")

    assert bench.told({**vm, "state": "paused"}) == [("vm", "update", frozenset({"state"}))]
    assert bench.told({**vm, "state": "running"}) == [("vm", "update", frozenset({"state"}))]
    unplugged = {**vm, "nics": [{**vm["nics"][0], "up": False}]}
    assert bench.told(unplugged) == [("vm", "update", frozenset({"nics"}))]
    assert not bench.lured("mare")
    assert bench.told({**vm, "nics": [{**vm["nics"][0], "up": True}]}) == [("vm", "update", frozenset({"nics"}))]
    assert bench.told({**vm, "disk_size": 1}) == [("disk", "update", frozenset({"size"}))]
    assert bench.pid("mare") == pid

    assert bench.told({**vm, "memory": 40}) == []
    assert bench.waiting == {"mare": ["memory"]}
    assert bench.told({**vm, "memory": 40, "on_change": "restart"}) == [("vm", "replace", frozenset({"memory"}))]
    assert bench.waiting == {}
    assert bench.pid("mare") != pid

    assert bench.told({**vm, "memory": 40, "state": "stopped"}) == [("vm", "replace", frozenset({"state"}))]
    assert not bench.file("mare").exists()
    assert bench.told({**vm, "state": "stopped", "disk_size": 2}) == [("disk", "update", frozenset({"size"}))]
    assert "virtual size: 2 GiB" in shell(f"qemu-img info {bench.state('mare', 'disk.qcow2')}")
    assert bench.told(vm) == [("vm", "update", frozenset({"state"}))]
    assert bench.told({**vm, "state": "absent"}) == [("vm", "remove", frozenset())]
    assert base.stat().st_size == 64 << 20
    assert traces() == ""


def test_qemu_has_no_rights(bench: Bench, base: Path, tap: Tap) -> None:
    bench.run(record("mule", tap("mule-0"), image=str(base)))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{bench.pid('mule')}/status").read_text().splitlines())
    who = qemu.account()
    assert set(status["Uid"].split()) == {str(who.uid)}
    assert set(status["Gid"].split()) == {str(who.gid)}
    assert "0" not in status["Groups"].split()
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert int(status["CapEff"], 16) == 0
    for path in (bench.state("mule"), bench.file("mule"), bench.file("mule", "qmp.sock"), bench.state("mule", "disk.qcow2")):
        assert path.stat().st_mode & 0o007 == 0, path
    assert bench.state("mule").stat().st_uid == 0


def test_a_paused_vm_starts_paused(bench: Bench) -> None:
    bench.run(record("colt", state="paused"))
    with Qmp(bench.file("colt", "qmp.sock")) as qmp:
        assert qmp.execute("query-status")["running"] is False
    assert bench.told(record("colt")) == [("vm", "update", frozenset({"state"}))]


def test_a_vm_that_died_is_started_again(bench: Bench) -> None:
    bench.run(record("colt"))
    pid = bench.pid("colt")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    assert bench.file("colt", "qmp.sock").exists()
    assert bench.told(record("colt")) == [("vm", "update", frozenset({"state"}))]
    assert bench.pid("colt") != pid


def test_a_tap_deleted_under_a_vm(bench: Bench, tap: Tap) -> None:
    vm = record("filly", tap("filly-0"))
    bench.run(vm)
    shell("ip link del filly-0")
    tap("filly-0")
    assert bench.told(vm) == []
    assert bench.waiting == {"filly": ["nics"]}
    assert bench.told({**vm, "on_change": "restart"}) == [("vm", "replace", frozenset({"nics"}))]
    wait_for(lambda: at_rest(bench.pid("filly")))
    assert bench.told(vm) == []


def test_a_tap_that_the_same_run_makes_anew(bench: Bench) -> None:
    vm, scope = record("filly", "filly-1", on_change="restart"), Scope(bench.lab)

    def both(**how: Any) -> list[Change[Any]]:
        link = Link("filly-1", "", bench.lab, "tap", up=True, **how)
        return converge([Goal(LinkDriver(), (link,)), *vm_goals([vm], bench.lab)], scope)

    try:
        assert actions(both(multi_queue=False)) == [("link", "create"), ("vm", "create")]
        assert actions(both(multi_queue=True)) == [("link", "replace"), ("vm", "replace")]
        assert actions(both(multi_queue=True)) == []
    finally:
        converge([Goal(LinkDriver(), absent=("filly-1",)), *vm_goals([{"name": "filly", "state": "absent"}], bench.lab)], scope)


def test_queues_headers_and_models(bench: Bench, tap: Tap) -> None:
    nics: list[dict[str, Any]] = [
        {"model": "virtio-net-pci", "tap": tap("pony-0", "multi_queue"), "queues": 3, "vnet_hdr": False},
        {"model": "rtl8139", "tap": tap("pony-1", "multi_queue"), "vnet_hdr": True},
        {"model": "ne2k_pci", "user": {"restrict": True, "hostfwd": ["tcp:127.0.0.1:2291-:22"]}},
    ]
    vm = record("pony", nics=nics, on_change="restart")
    bench.told(vm)
    flags = {name: int(Path(f"/sys/class/net/{name}/tun_flags").read_text(), 16) for name in ("pony-0", "pony-1")}
    assert {name: bool(value & 0x4000) for name, value in flags.items()} == {"pony-0": False, "pony-1": True}
    # The kernel shows one queue until a driver in the guest asks for more.
    assert re.search(rb"fds=\d+:\d+:\d+\0", Path(f"/proc/{bench.pid('pony')}/cmdline").read_bytes())
    vm["nics"] = [{**nics[0], "vnet_hdr": True}, *nics[1:]]
    assert bench.told(vm) == [("vm", "replace", frozenset({"nics"}))]
    assert int(Path("/sys/class/net/pony-0/tun_flags").read_text(), 16) & 0x4000


def test_a_vm_that_hangs_holds_nobody_up(bench: Bench) -> None:
    vms = [record("nag"), record("jade")]
    bench.run(*vms)
    pids = [bench.pid(vm["name"]) for vm in vms]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    assert bench.run(*vms) == []
    assert bench.waiting == {"nag": ["state"], "jade": ["state"]}
    assert actions(bench.run(*({**vm, "state": "absent"} for vm in vms))) == [("vm", "remove"), ("vm", "remove")]
    assert time.monotonic() - began < 8
    assert not any(alive(pid) for pid in pids)


def test_a_rebuilt_base_means_a_new_disk(bench: Bench, base: Path) -> None:
    vm = record("stud", image=str(base))
    bench.run(vm)
    written = bench.state("stud", "disk.qcow2").stat().st_ino
    fresh = base.with_name("fresh")
    shell(f"cp {base} {fresh}; mv {fresh} {base}")
    assert bench.told(vm) == []
    assert bench.waiting == {"stud": ["base_version"]}
    done = bench.run({**vm, "on_change": "restart"})
    assert actions(done) == [("disk", "replace"), ("vm", "replace")]
    assert done[1].differing == {"stale"}
    assert bench.run(vm) == []
    assert bench.state("stud", "disk.qcow2").stat().st_ino != written


def test_half_made_things_are_finished_or_removed(bench: Bench, base: Path) -> None:
    """A run that was killed between two steps left a directory, half a disk, a socket of nobody."""
    home = bench.state("colt")
    home.mkdir(parents=True)
    (home / ".disk.qcow2.new").write_text("half")
    (home / ".seed.iso.new").write_text("half")
    bench.file("colt").mkdir(parents=True)
    bench.file("colt", "pid").write_text("1\n")
    vm = record("colt", image=str(base))
    assert bench.told(vm) == [("disk", "create", frozenset()), ("vm", "update", frozenset({"state"}))]
    home = bench.state("foal")
    home.mkdir(parents=True)
    (home / "disk.qcow2").write_text("half")
    assert actions(bench.run(vm, purge=True)) == [("vm", "remove")]
    assert not home.exists()


@pytest.mark.parametrize("step", [".disk.qcow2.new", "disk.base", "disk.qcow2", "console.log", "qemu.log", "qmp.sock", "pid"])
def test_a_run_that_is_killed_is_finished_by_the_next(bench: Bench, base: Path, step: str) -> None:
    vm: dict[str, Any] = {"name": "colt", "memory": 32, "image": str(base), "seed": str(base)}
    places = bench.state("colt", step), bench.file("colt", step)
    with subprocess.Popen(module_command("qemu_vm", lab=bench.lab, **vm), env=module_environment(), stdout=subprocess.DEVNULL) as victim:
        while victim.poll() is None and not any(place.exists() for place in places):
            pass
        victim.kill()
    done = run_module("qemu_vm", lab=bench.lab, **vm)
    assert done["vms"][0]["state"] == "running", done
    assert run_module("qemu_vm", lab=bench.lab, **vm)["changed"] is False
    assert len(traces().split("qemu-system-x86_64 -name")) == 2


def test_what_cannot_be_is_told_before_anything_changes(
    bench: Bench, base: Path, tap: Tap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_vm_process, "_VHOST", tmp_path / "vhost-net")  # as a machine is that lacks it
    good = record("mare", image=str(base))
    bad = record("mule", memory=10**8, nics=[{"model": "e1001", "tap": "nowhere"}], accel="kvm", image=str(base))
    with pytest.raises(LabErrors) as caught:
        bench.run(good, bad, record("foal", nics=[{"model": "virtio-net-pci", "tap": tap("foal0"), "vhost": True}]))
    told = "\n".join(caught.value.problems)
    assert "There is no NIC model 'e1001' for VM 'mule' in this machine's QEMU (did you mean e1000" in told
    assert "VM 'mule' wants KVM, which does not work here: " in told
    assert "VM 'foal' wants vhost, but there is no /dev/vhost-net; load the kernel module vhost_net." in told
    assert "The VMs to be started (foal, mare, mule) want 100000064 MiB of memory" in told
    assert "The tap 'nowhere' of VM 'mule' does not exist" in told
    assert traces() == ""


def test_a_qemu_that_does_not_start_says_why(bench: Bench) -> None:
    with pytest.raises(LabError, match=r"Cannot start VM 'mule': .*nonsense"):
        bench.run(record("mule", extra_args=["-device", "nonsense"]), record("mare"))
    assert not bench.file("mule").exists()
    assert actions(bench.run(record("mule"), record("mare"))) == [("vm", "update")]


def test_the_accelerator_is_found_out_once_and_told(bench: Bench) -> None:
    bench.run(record("mare"))
    answer = json.loads(Path("/run/netvirt", bench.lab, "kvm.json").read_text())["answer"]
    assert bool(bench.notices) is not answer["works"]
    accelerators = {"mare": run_module("qemu_vm_info", lab=bench.lab)["vms"][0]["accel"]}
    assert accelerators == {"mare": "kvm" if answer["works"] else "tcg"}
    bench.run(record("mare"))
    assert bench.notices == []


def test_modules(bench: Bench, base: Path, tap: Tap) -> None:
    shared: dict[str, Any] = {"lab": bench.lab, "memory": 32, "stop_timeout": 0.2}
    entries = [
        {"name": "mare", "nics": [{"tap": tap("mare-0")}]},
        {"name": "mule", "state": "stopped", "image": str(base), "seed": "/dev/null"},
    ]
    foretold = run_module("qemu_vm", check=True, vms=entries, **shared)
    done = run_module("qemu_vm", vms=entries, **shared)
    again = run_module("qemu_vm", vms=entries, **shared)
    assert (foretold["changed"], done["changed"], again["changed"]) == (True, True, False), done
    assert foretold["diff"] == done["diff"]
    assert [vm["state"] for vm in foretold["vms"]] == ["absent", "absent"]
    assert [(vm["name"], vm["state"]) for vm in done["vms"]] == [("mare", "running"), ("mule", "stopped")]
    assert ("KVM does not work" in str(done.get("warnings"))) == (done["vms"][0]["accel"] == "tcg")

    waiting = run_module("qemu_vm", lab=bench.lab, name="mare", memory=64, nics=[{"tap": "mare-0"}])
    assert (waiting["changed"], waiting["restart_needed"]) == (False, {"mare": ["memory"]})
    assert "VM 'mare' runs with another memory than wanted" in str(waiting["warnings"])

    bench.state("mare", "console.log").write_text("one\r\ntwo\r\nthree")
    (mare,) = run_module("qemu_vm_info", lab=bench.lab, name=["mare"], console_lines=2)["vms"]
    assert mare["console"] == ["two", "three"]
    assert (mare["pid"], mare["memory"], mare["nics"][0]["tap"], mare["nics"][0]["up"]) == (bench.pid("mare"), 32, "mare-0", True)
    assert 0 <= mare["uptime"] < 60
    assert {vm["name"] for vm in run_module("qemu_vm_info")["vms"]} >= {"mare", "mule"}

    assert run_module("qemu_vm", lab=bench.lab, state="absent", name="mule")["changed"] is True
    assert run_module("qemu_vm", lab=bench.lab, vms=[], purge=True)["diff"]["before"]["vm"].keys() == {"mare"}
    assert run_module("qemu_vm", lab=bench.lab, state="absent", name="mare")["changed"] is False
    assert traces() == ""


def test_a_missing_user_or_program_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "which", lambda *programs: None)
    with pytest.raises(LabError, match=r"The program qemu-system-x86_64 is not installed; install its package: qemu-system-x86 \(Debian"):
        bench.run(record("mare"))
    monkeypatch.undo()
    monkeypatch.setattr(qemu, "USER", "nobody-of-that-name")
    with pytest.raises(LabError, match=r"The user 'nobody-of-that-name' that QEMU runs as does not exist"):
        bench.run(record("mare"))
    assert traces() == ""
