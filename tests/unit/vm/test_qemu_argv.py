# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM as QEMU's arguments, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.resources._qemu_argv import Cables, build, parse, pidfile
from ansible_collections.netvirt.lab.plugins.module_utils.resources._vm_model import Nic, Vm, files
from ansible_collections.netvirt.lab.plugins.module_utils.resources.vm_goals import nics_of
from ansible_collections.netvirt.lab.plugins.module_utils.topology.schema import backends as schema

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
USER = Nic("out", "rtl8139", "52:54:00:00:00:13", backend=("user", "restrict=on", "hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22"))
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


def test_what_was_plugged_in_is_read_with_the_rest() -> None:
    argv = build(CASES["disk"], "/usr/bin/qemu", files("course", "gamma"), CABLES)
    later = ["-netdev", "tap,id=out.net.pond.x,fd=33", "-device", "e1000,id=out,netdev=out.net.pond.x,mac=52:54:00:00:00:14,bus=port4"]
    parsed = parse(argv, "course", later)
    assert [(nic.id, nic.port) for nic in parsed.vm.nics or ()] == [("eth0", "port0"), ("lan", "port1"), ("out", "port4")]
    assert (parsed.vm.nics or ())[2] == Nic("out", "e1000", "52:54:00:00:00:14", tap="", netns="pond.x", vnet_hdr=True, vhost=False)
    assert (parsed.descriptors["out"], parsed.ports) == (33, ("port0", "port1", "port2", "port3", "port4"))
    assert parsed.vm.extra_args == CASES["disk"].extra_args


def test_old_cards_beyond_the_room_for_their_ports_have_none() -> None:
    def ports(model: str, count: int) -> int:
        nics = tuple(dataclasses.replace(USER, id=f"e{number}", model=model) for number in range(count))
        argv = build(dataclasses.replace(PLAIN, nics=nics), "/usr/bin/qemu", files("course", "alpha"), {})
        return sum(word.startswith("pcie-root-port") for word in argv)

    assert [ports("e1000", 8), ports("e1000", 9), ports("virtio-net-pci", 12)] == [10, 2, 14]


def plugged(case: str) -> Vm:
    """Return a VM with a NIC of each kind of backend that a line of BACKENDS names, as its record has it."""
    nics = [{"model": "e1000", "mac": f"52:54:00:00:01:{number:02x}", "backend": each} for number, each in enumerate(BACKENDS[case])]
    return dataclasses.replace(PLAIN, name="echo", nics=nics_of({"name": "echo", "nics": nics}, "course"))


BACKENDS: dict[str, list[Any]] = {
    "none": ["none"],
    "user": [
        "user",
        {
            "type": "user",
            "net": "10.7.0.0/24",
            "host": "10.7.0.1",
            "dns": "10.7.0.53",
            "dhcpstart": "10.7.0.40",
            "hostname": "web",
            "domainname": "lab.internal",
            "dnssearch": ["one.test", "two.test"],
            "hostfwd": ["tcp:127.0.0.1:2222-:22", "udp::5353-10.7.0.41:53", "tcp:0.0.0.0:8080-:80"],
            "guestfwd": ["tcp:10.7.0.100:80-cmd:printf a,b"],
            "restrict": True,
            "ipv6": False,
            "tftp": "/srv/a, b",
            "bootfile": "boot.0",
        },
    ],
    "tap": [
        "tap",
        {"type": "tap", "device": "tap7", "script": "/etc/up"},
        {"type": "tap", "device": "tap8", "script": "#!/bin/sh\n:\n", "downscript": "/etc/down"},
    ],
    "bridge": [{"type": "bridge", "bridge": "br7"}, {"type": "bridge", "bridge": "br8", "helper": "/opt/helper"}],
    "socket": [{"type": "socket", "listen": ":4001"}, {"type": "socket", "connect": "192.0.2.7:4001"}],
    "mcast": [{"type": "mcast", "group": "239.1.2.3:4001"}, {"type": "mcast", "group": "239.1.2.4:4001", "local": "192.0.2.7"}],
    "udp": [{"type": "udp", "local": "127.0.0.1:4001", "remote": "127.0.0.1:4002"}],
    "stream": [{"type": "stream", "listen": "127.0.0.1:4001"}, {"type": "stream", "connect": "unix:/run/a"}],
    "dgram": [
        {"type": "dgram", "local": "127.0.0.1:4001", "remote": "127.0.0.1:4002"},
        {"type": "dgram", "local": "unix:/run/a", "remote": "unix:/run/b"},
        {"type": "dgram", "remote": "239.1.2.3:4001"},
    ],
    "hubport": [{"type": "hubport", "hub": 3}, {"type": "hubport", "hub": 3, "uplink": {"type": "user", "net": "10.7.0.0/24"}}],
    "l2tpv3": [
        {"type": "l2tpv3", "src": "192.0.2.1", "dst": "192.0.2.2", "udp": False, "rxsession": 5, "txsession": 6},
        {
            "type": "l2tpv3",
            "src": "127.0.0.1",
            "dst": "127.0.0.1",
            "srcport": 4001,
            "dstport": 4002,
            "cookie64": True,
            "rxcookie": 7,
            "txcookie": 8,
            "counter": True,
        },
    ],
    "vhost-user": [{"type": "vhost-user", "path": "/run/v1"}, {"type": "vhost-user", "path": "/run/v2", "server": True}],
    "vde": [{"type": "vde", "sock": "/run/vde"}, {"type": "vde", "sock": "/run/vde", "port": 3, "group": "users", "mode": "0660"}],
}


def test_every_backend_is_tried() -> None:
    assert BACKENDS.keys() == schema.BACKENDS.keys()


@pytest.mark.parametrize("case", BACKENDS)
def test_a_backend_is_as_agreed_and_can_be_read_back(case: str, golden: Callable[[str, str], None]) -> None:
    vm = plugged(case)
    argv = build(vm, "/usr/bin/qemu", files("course", "echo"), {})
    chosen = ("-netdev", "-chardev", "-device", "-object", "-machine", "-sandbox")
    golden(f"backend-{case}.txt", "".join(f"{option} {value}\n" for option, value in zip(argv, argv[1:]) if option in chosen))
    assert parse(argv, "course").vm == dataclasses.replace(vm, state=None)


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
