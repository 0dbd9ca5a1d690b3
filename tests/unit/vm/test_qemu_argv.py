# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM as QEMU's arguments, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.resources._qemu_argv import Cables, build, parse, pidfile
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import Nic, Vm, files

PLAIN = Vm(
    name="alpha",
    lab="course",
    state="running",
    memory=256,
    cpus=1,
    machine="q35",
    cpu_model="max",
    accel="tcg",
    nics=(),
    disk="",
    seed="",
    kernel="",
    initrd="",
    cmdline="",
    extra_args=(),
)
E1000 = Nic("eth0", "e1000", "52:54:00:00:00:11", tap="alpha-1", vnet_hdr=True, vhost=False)
VIRTIO = Nic("lan", "virtio-net-pci", "52:54:00:00:00:12", tap="alpha-2", queues=2, vnet_hdr=False, vhost=True)
USER = Nic("out", "rtl8139", "52:54:00:00:00:13", user=("restrict=on", "hostfwd=tcp:127.0.0.1:2222-:22"))
CASES = {
    "bare": PLAIN,
    "kernel": dataclasses.replace(
        PLAIN, name="beta", nics=(E1000,), kernel="/img/vmlinux", initrd="/img/initrd", cmdline="console=ttyS0 netvirt.hostname=beta"
    ),
    "disk": dataclasses.replace(
        PLAIN,
        name="gamma",
        memory=1024,
        cpus=2,
        accel="kvm",
        nics=(E1000, VIRTIO, USER),
        disk="/var/lib/netvirt/course/gamma/disk.qcow2",
        seed="/srv/own, seed.iso",
        extra_args=("-device", "virtio-balloon-pci,id=spare,free-page-reporting=on", "-S"),
    ),
    "paused-pc": dataclasses.replace(PLAIN, name="delta", machine="pc", state="paused"),
}
CABLES = {"eth0": Cables((5,)), "lan": Cables((6, 7), (8, 9))}


@pytest.mark.parametrize("case", CASES)
def test_arguments_are_as_agreed(case: str, golden: Callable[[str, str], None]) -> None:
    vm = CASES[case]
    argv = build(vm, "/usr/bin/qemu-system-x86_64", files("course", vm.name), CABLES)
    golden(f"argv-{case}.txt", "".join(f"{word}\n" for word in argv))


@pytest.mark.parametrize("case", CASES)
def test_what_runs_can_be_read_back(case: str) -> None:
    vm = CASES[case]
    parsed = parse(build(vm, "/usr/bin/qemu", files("course", vm.name), CABLES), "course")
    unplugged = tuple(dataclasses.replace(nic, tap="") if nic.tap else nic for nic in vm.nics or ())
    assert parsed.vm == dataclasses.replace(vm, state=None, nics=unplugged)
    assert parsed.descriptors == {nic.id: CABLES[nic.id].taps[0] for nic in vm.nics or () if nic.tap}


@pytest.mark.parametrize("vnet_hdr", [True, False])
def test_a_namespace_can_be_read_back(vnet_hdr: bool) -> None:
    nic = Nic("eth0", "e1000", "52:54:00:00:00:17", tap="t", netns="far.pond-2", vnet_hdr=vnet_hdr)
    vm = dataclasses.replace(CASES["bare"], nics=(nic,))
    parsed = parse(build(vm, "/usr/bin/qemu", files("course", vm.name), {"eth0": Cables((5,))}), "course")
    assert [(nic.id, nic.netns, nic.vnet_hdr) for nic in parsed.vm.nics or ()] == [("eth0", "far.pond-2", vnet_hdr)]


def test_the_pidfile_names_the_vm() -> None:
    argv = build(CASES["disk"], "qemu", files("course", "gamma"), CABLES)
    assert pidfile(argv) == "/run/netvirt/course/vm/gamma/pid"
    assert pidfile(["qemu-img", "resize"]) is None


def test_a_comma_in_a_path_does_not_end_it() -> None:
    argv = build(CASES["bare"], "qemu", files("a,b", "alpha"), {})
    assert "unix:/run/netvirt/a,,b/vm/alpha/qmp.sock,server=on,wait=off" in argv
