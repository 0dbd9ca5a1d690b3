# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: what a VM is, what is wanted, and what is done about it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import Nic, Vm
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_plan import (
    after_earlier,
    by_need,
    cut_off,
    memory_problem,
    step,
    waiting_at,
)
from ansible_collections.netvirt.lab.plugins.module_utils.resources.disk import Disk, DiskDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace
from ansible_collections.netvirt.lab.plugins.module_utils.resources.seed import seed
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm import VmDriver

NIC = Nic("eth0", "e1000", "52:54:00:00:00:21", tap="kilo-1", vnet_hdr=True, vhost=False, up=True)
RUNS = Vm(
    name="kilo",
    lab="desk",
    state="running",
    memory=256,
    cpus=1,
    machine="q35",
    cpu_model="max",
    accel="tcg",
    nics=(NIC,),
    disk="/d",
    seed="/s",
    kernel="",
    initrd="",
    cmdline="",
    extra_args=(),
    pid=7,
)
STOPPED = Vm("kilo", "desk", "stopped")
WANT = dataclasses.replace(RUNS, accel=None, nics=(dataclasses.replace(NIC, vnet_hdr=None, vhost=None, up=None),), pid=None)


def but_nic(nic: Nic, **fields: Any) -> Nic:
    return dataclasses.replace(nic, **fields)


ETH1 = but_nic(NIC, id="eth1", mac="52:54:00:00:00:22", tap="kilo-2")
PORTS = dataclasses.replace(RUNS, ports=("port1",))


def but(vm: Vm, **fields: Any) -> Vm:
    return dataclasses.replace(vm, **fields)


def nic(**fields: Any) -> dict[str, Any]:
    return {"nics": (dataclasses.replace(NIC, **fields),)}


def user(*words: str) -> dict[str, Any]:
    return nic(tap=None, vnet_hdr=None, vhost=None, backend=("user", *words))


def hub(*words: str, number: int = 1) -> dict[str, Any]:
    return nic(tap=None, vnet_hdr=None, vhost=None, backend=("hubport", f"hubid={number}"), uplink=words)


def wire(*words: str) -> dict[str, Any]:
    return nic(tap=None, vnet_hdr=None, vhost=None, backend=("socket", *words))


def test_who_connects_comes_after_who_waits() -> None:
    def joined(name: str, *words: str) -> Vm:
        return but(WANT, name=name, nics=tuple(dataclasses.replace(NIC, id=f"e{n}", backend=("socket", w)) for n, w in enumerate(words)))

    ant, bee, cat = joined("ant", "connect=x:1", "connect=x:2"), joined("bee", "listen=x:1", "connect=x:3"), joined("cat", "listen=x:3")
    assert [[vm.name for vm in group] for group in by_need([ant, bee, cat])] == [["cat"], ["bee"], ["ant"]]
    circle = [joined("ant", "connect=x:1", "listen=x:2"), joined("bee", "listen=x:1", "connect=x:2")]
    assert [[vm.name for vm in group] for group in by_need(circle)] == [["ant", "bee"]]
    assert waiting_at(bee) == {"x:1"}
    assert [words.backend for words in cut_off(ant, {"x:1"}).nics or ()] == [("socket", "connect=x:1", "lost"), ("socket", "connect=x:2")]


# have, want -> action (None: nothing is done), what differs, what waits for a restart
TABLE: dict[str, tuple[Vm | None, Vm, str | None, set[str], set[str]]] = {
    "new": (None, WANT, "create", set(), set()),
    "new, stopped": (None, but(WANT, state="stopped"), "create", set(), set()),
    "died": (STOPPED, WANT, "update", {"state"}, set()),
    "stopped, as wanted": (STOPPED, but(WANT, state="stopped", memory=999), None, set(), set()),
    "as wanted": (RUNS, WANT, None, set(), set()),
    "to stop": (RUNS, but(WANT, state="stopped", memory=999), "replace", {"state"}, set()),
    "to pause": (RUNS, but(WANT, state="paused"), "update", {"state"}, set()),
    "to go on": (but(RUNS, state="paused"), WANT, "update", {"state"}, set()),
    "after an i/o error": (but(RUNS, state="io-error"), WANT, "update", {"state"}, set()),
    "panicked": (but(RUNS, state="guest-panicked"), WANT, None, set(), {"state"}),
    "panicked, restart": (but(RUNS, state="guest-panicked"), but(WANT, on_change="restart"), "replace", {"state"}, set()),
    "hangs": (but(RUNS, state="unresponsive"), WANT, None, set(), {"state"}),
    "hangs, to stop": (but(RUNS, state="unresponsive"), but(WANT, state="stopped"), "replace", {"state"}, set()),
    "more memory": (RUNS, but(WANT, memory=512), None, set(), {"memory"}),
    "more memory, restart": (RUNS, but(WANT, memory=512, on_change="restart"), "replace", {"memory"}, set()),
    "more memory and pause": (RUNS, but(WANT, memory=512, state="paused"), "update", {"state"}, {"memory"}),
    "cable out": (RUNS, but(WANT, **nic(up=False)), "update", {"nics"}, set()),
    "cable out of a paused one": (but(RUNS, state="paused"), but(WANT, state="paused", **nic(up=False)), "update", {"nics"}, set()),
    "another model": (RUNS, but(WANT, **nic(model="rtl8139")), None, set(), {"nics"}),
    "tap gone": (but(RUNS, **nic(tap="")), WANT, None, set(), {"nics"}),
    "tap gone, restart": (but(RUNS, **nic(tap="")), but(WANT, on_change="restart"), "replace", {"nics"}, set()),
    "no header": (RUNS, but(WANT, **nic(vnet_hdr=False)), None, set(), {"nics"}),
    "one more NIC": (RUNS, but(WANT, nics=(NIC, dataclasses.replace(NIC, id="eth1"))), None, set(), {"nics"}),
    "one more NIC, free port": (PORTS, but(WANT, nics=(NIC, ETH1)), "update", {"nics"}, set()),
    "one more NIC, hangs": (but(PORTS, state="unresponsive"), but(WANT, nics=(NIC, ETH1)), None, set(), {"nics", "state"}),
    "one more NIC, restart": (PORTS, but(WANT, nics=(NIC, ETH1), on_change="restart"), "replace", {"nics"}, set()),
    "two more NICs, free port": (PORTS, but(WANT, nics=(NIC, ETH1, but_nic(ETH1, id="eth2"))), "update", {"nics"}, {"nics"}),
    "one more NIC whose backend takes root": (
        PORTS,
        but(WANT, nics=(NIC, but_nic(ETH1, tap=None, backend=("bridge", "br=br0")))),
        None,
        set(),
        {"nics"},
    ),
    "a NIC less": (but(PORTS, nics=(but_nic(NIC, port="port0"), ETH1)), but(WANT, nics=(ETH1,)), "update", {"nics"}, set()),
    "a NIC less that cannot go": (but(PORTS, nics=(NIC, ETH1)), but(WANT, nics=(ETH1,)), None, set(), {"nics"}),
    "a NIC for another": (but(RUNS, nics=(but_nic(NIC, port="port0"),)), but(WANT, nics=(ETH1,)), "update", {"nics"}, set()),
    "other places": (but(PORTS, nics=(NIC, ETH1)), but(WANT, nics=(ETH1, NIC)), None, set(), {"nics"}),
    "another port": (
        but(RUNS, **user("hostfwd=tcp::1-10.0.2.15:1")),
        but(WANT, **user("hostfwd=tcp::2-10.0.2.15:2")),
        "update",
        {"nics"},
        set(),
    ),
    "another user network": (but(RUNS, **user("net=10.7.0.0/24")), but(WANT, **user("net=10.8.0.0/24")), None, set(), {"nics"}),
    "another uplink": (but(RUNS, **hub("user")), but(WANT, **hub("vde", "sock=/s")), "update", {"nics"}, set()),
    "an uplink that takes root": (but(RUNS, **hub("user")), but(WANT, **hub("l2tpv3", "src=a")), None, set(), {"nics"}),
    "another hub": (but(RUNS, **hub("user")), but(WANT, **hub("user", number=2)), None, set(), {"nics"}),
    "cut off": (but(RUNS, **wire("connect=:1", "lost")), but(WANT, **wire("connect=:1")), None, set(), {"nics"}),
    "old seed": (but(RUNS, stale=("seed",)), WANT, None, set(), {"stale"}),
    "no seed": (RUNS, but(WANT, seed=""), None, set(), {"seed"}),
    "KVM": (RUNS, but(WANT, accel="kvm"), None, set(), {"accel"}),
    "TCG": (RUNS, but(WANT, accel="tcg"), None, set(), set()),
    "arguments": (RUNS, but(WANT, extra_args=("-snapshot",)), None, set(), {"extra_args"}),
}


@pytest.mark.parametrize("case", TABLE)
def test_steps(case: str) -> None:
    have, want, action, differing, pending = TABLE[case]
    planned = step(have, want)
    assert (planned.change.action if planned.change else None) == action
    assert (set(planned.change.differing) if planned.change else set()) == differing
    assert set(planned.pending) == pending


def test_a_vm_that_starts_shows_its_state_only() -> None:
    change = step(STOPPED, WANT).change
    assert change
    assert diff([change]) == {"before": {"vm": {"kilo": {"state": "stopped"}}}, "after": {"vm": {"kilo": {"state": "running"}}}}


SEED = seed("/s", "desk", {"user-data": "#cloud-config\n{}"}, 0, 0, "0640")
DISK = Disk("kilo", "desk")
TAP = Link("kilo-1", lab="desk", kind="tap")
EARLIER: dict[str, tuple[Change[Any], dict[str, Any]]] = {
    "its tap is made anew": (Change("link", TAP, TAP, replace=True), nic(tap="")),
    "its tap goes": (Change("link", TAP, None), nic(tap="")),
    "its tap changes": (Change("link", TAP, dataclasses.replace(TAP, mtu=1400)), {}),
    "another tap goes": (Change("link", dataclasses.replace(TAP, name="lima-1"), None), {}),
    "its seed is written": (Change("seed", None, SEED), {"stale": ("seed",)}),
    "its seed says something else": (
        Change("seed", SEED, seed("/s", "desk", {"user-data": "#cloud-config\n{}\n", "meta-data": "x"}, 0, 0, "0640")),
        {"stale": ("seed",)},
    ),
    "its seed changes hands": (Change("seed", SEED, dataclasses.replace(SEED, owner=5, mode="0600")), {}),
    "another seed": (Change("seed", None, dataclasses.replace(SEED, path="/other")), {}),
    "its disk is made anew": (Change("disk", DISK, DISK, replace=True), {"stale": ("disk",)}),
    "its disk grows": (Change("disk", DISK, dataclasses.replace(DISK, size=9)), {}),
}


@pytest.mark.parametrize("case", EARLIER)
def test_what_earlier_changes_do_to_a_running_vm(case: str) -> None:
    change, fields = EARLIER[case]
    vm = dataclasses.replace(RUNS, disk=DISK.key)
    assert after_earlier(vm, [change]) == dataclasses.replace(vm, **fields)


def test_a_tap_in_a_namespace_is_not_the_one_of_its_name_elsewhere() -> None:
    vm = but(RUNS, **nic(netns="pond"))
    there = Link("kilo-1", "pond", "desk", "tap")
    assert after_earlier(vm, [Change("link", dataclasses.replace(there, netns=""), None)]) == vm
    cut = but(vm, **nic(netns="pond", tap=""))
    assert after_earlier(vm, [Change("link", there, there, replace=True)]) == cut
    assert after_earlier(vm, [Change("netns", Namespace("pond", "desk"), None)]) == cut
    assert after_earlier(vm, [Change("netns", Namespace("lake", "desk"), None)]) == vm


def test_memory_of_all_that_start_counts() -> None:
    vms = [but(WANT, name="m1", memory=600), but(WANT, name="m2", memory=500)]
    assert memory_problem(vms, 1100) is None
    assert memory_problem(vms, 1099) == (
        "The VMs to be started (m1, m2) want 1100 MiB of memory, but only 1099 MiB are free on this machine; "
        "give less memory, or stop something."
    )
    assert memory_problem(vms[:1], 5) == (
        "VM 'm1' wants 600 MiB of memory, but only 5 MiB are free on this machine; give less memory, or stop something."
    )


def test_purge_and_absent_take_only_what_is_not_wanted() -> None:
    driver = VmDriver()
    have = {name: but(RUNS, name=name) for name in ("kilo", "lima", "mike")}
    scope = Scope("desk")
    gone = driver.plan(have, Goal(driver, (WANT,), absent=("lima",)), scope, [])
    assert [(change.key, change.action) for change in gone] == [("lima", "remove")]
    gone = driver.plan(have, Goal(driver, (WANT,), purge=True), scope, [])
    assert [(change.key, change.action) for change in gone] == [("lima", "remove"), ("mike", "remove")]


def test_restart_needed_is_told_at_every_run() -> None:
    driver = VmDriver()
    goal = Goal(driver, (but(WANT, memory=512),))
    for _run in range(2):
        assert driver.plan({"kilo": RUNS}, goal, Scope("desk"), []) == []
        assert driver.restart_needed == {"kilo": ("memory",)}
    assert driver.plan({"kilo": RUNS}, Goal(driver, (WANT,)), Scope("desk"), []) == []
    assert driver.restart_needed == {}


HAVE = Disk("kilo", "desk", "/base", "raw", "1-1", 5 << 30)
DISKS: dict[str, tuple[Disk, Disk, str | None, dict[str, tuple[str, ...]]]] = {
    "as wanted": (HAVE, HAVE, None, {}),
    "size not managed": (HAVE, dataclasses.replace(HAVE, size=None), None, {}),
    "larger": (HAVE, dataclasses.replace(HAVE, size=6 << 30), "update", {}),
    "rebuilt base": (HAVE, dataclasses.replace(HAVE, base_version="2-2"), "replace", {}),
    "rebuilt base in use": (dataclasses.replace(HAVE, precious=True), dataclasses.replace(HAVE, base="/b2"), None, {"kilo": ("base",)}),
    "rebuilt base in use, restart": (
        dataclasses.replace(HAVE, precious=True),
        dataclasses.replace(HAVE, base="/b2", on_change="restart"),
        "replace",
        {},
    ),
}


@pytest.mark.parametrize("case", DISKS)
def test_disks(case: str) -> None:
    have, want, action, waiting = DISKS[case]
    driver = DiskDriver()
    changes = driver.plan({have.key: have}, Goal(driver, (want,)), Scope("desk"), [])
    assert [change.action for change in changes] == ([action] if action else [])
    assert driver.restart_needed == waiting


def test_a_disk_does_not_shrink() -> None:
    driver = DiskDriver()
    goal = Goal(driver, (dataclasses.replace(HAVE, size=4 << 30),))
    with pytest.raises(LabErrors, match=r"The disk of VM 'kilo' has 5 GiB and cannot shrink"):
        driver.plan({HAVE.key: HAVE}, goal, Scope("desk"), [])
