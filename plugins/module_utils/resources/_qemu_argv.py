# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM as QEMU's arguments, and back: what runs is what its arguments say, so nothing need be remembered elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._vm_model import PAUSED, Files, Nic, Vm

# Free slots for NICs that are plugged into a running guest: q35's own bus takes none.
SPARE_PORTS = 2
# Everything that QEMU's filter knows. -daemonize would need two of these (setsid, fork).
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# The id of a NIC's backend tells whether its tap was opened without the virtio header: nothing else of a passed descriptor does.
_NET, _PLAIN = ".net", ".plain"


@dataclass(frozen=True)
class Cables:
    """The descriptors that a NIC's backend is passed: one per queue."""

    taps: tuple[int, ...] = ()
    vhosts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Parsed:
    """A VM as its arguments tell it; the names of its taps are to be had by the descriptors."""

    vm: Vm
    descriptors: Mapping[str, int] = field(default_factory=dict)


def build(vm: Vm, program: str, files: Files, cables: Mapping[str, Cables]) -> list[str]:
    """Return the argument vector of a VM whose fields are all given."""
    argv = [program, "-name", f"guest={_escaped(f'{vm.lab}/{vm.name}')}", "-nodefaults", "-no-user-config", "-display", "none"]
    argv += ["-sandbox", _SANDBOX, "-machine", f"{vm.machine}", "-accel", f"{vm.accel}", "-cpu", f"{vm.cpu_model}"]
    argv += ["-smp", f"{vm.cpus}", "-m", f"{vm.memory}", "-device", "virtio-rng-pci"]
    if "q35" in f"{vm.machine}":
        for number in range(SPARE_PORTS):
            argv += ["-device", f"pcie-root-port,id=spare{number},chassis={number + 1}"]
    for nic in vm.nics or ():
        argv += ["-netdev", _netdev(nic, cables.get(nic.id, Cables())), "-device", _device(nic, bool(vm.kernel or vm.disk))]
    for option, value in (("-kernel", vm.kernel), ("-initrd", vm.initrd), ("-append", vm.cmdline)):
        if value:
            argv += [option, value]
    if vm.disk:
        argv += ["-blockdev", _blockdev("disk", vm.disk), "-device", "virtio-blk-pci,id=vda,drive=disk,bootindex=1"]
    if vm.seed:
        argv += ["-blockdev", _blockdev("seed", vm.seed), "-device", "virtio-blk-pci,id=vdb,drive=seed"]
    console = f"socket,id=console,server=on,wait=off,path={_escaped(files.console)},logfile={_escaped(files.console_log)}"
    argv += ["-chardev", console, "-serial", "chardev:console", "-qmp", f"unix:{_escaped(files.qmp)},server=on,wait=off"]
    if vm.state == PAUSED:
        argv.append("-S")
    # The user's own arguments are what follows the pidfile.
    return [*argv, "-pidfile", str(files.pid), *(vm.extra_args or ())]


def parse(argv: Sequence[str], lab: str) -> Parsed:
    """Return the VM that build made argv for; its state is not in there."""
    own, extra = _split(argv)
    options = dict(own)
    guest = options.get("-name", "").partition("=")[2].replace(",,", ",")
    blockdevs = [json.loads(value) for option, value in own if option == "-blockdev"]
    disks = {device["node-name"]: device["file"]["filename"] for device in blockdevs}
    devices = {fields["id"]: fields for option, value in own if option == "-device" and "id" in (fields := _fields(value))}
    nics, descriptors = [], {}
    for netdev in (value for option, value in own if option == "-netdev"):
        nic, descriptor = _nic(netdev, devices)
        nics.append(nic)
        if descriptor is not None:
            descriptors[nic.id] = descriptor
    vm = Vm(
        name=guest.rpartition("/")[2],
        lab=lab,
        memory=int(options.get("-m", 0)),
        cpus=int(options.get("-smp", 0)),
        machine=options.get("-machine", ""),
        cpu_model=options.get("-cpu", ""),
        accel=options.get("-accel", ""),
        nics=tuple(nics),
        disk=disks.get("disk", ""),
        seed=disks.get("seed", ""),
        kernel=options.get("-kernel", ""),
        initrd=options.get("-initrd", ""),
        cmdline=options.get("-append", ""),
        extra_args=extra,
    )
    return Parsed(vm, descriptors)


def pidfile(argv: Sequence[str]) -> str | None:
    """Return the pidfile that a QEMU was given: the one argument that names its VM without fail."""
    return next((value for option, value in zip(argv, argv[1:]) if option == "-pidfile"), None)


def _netdev(nic: Nic, cables: Cables) -> str:
    if nic.user is not None:
        return ",".join(("user", f"id={_backend(nic)}", *nic.user))
    several = len(cables.taps) > 1
    parts = ["tap", f"id={_backend(nic)}", f"{'fds' if several else 'fd'}={_numbers(cables.taps)}"]
    if cables.vhosts:
        parts += ["vhost=on", f"{'vhostfds' if several else 'vhostfd'}={_numbers(cables.vhosts)}"]
    return ",".join(parts)


def _backend(nic: Nic) -> str:
    """Return the name of a NIC's backend, which also says what neither QEMU nor the kernel tells: its header and its namespace."""
    kind = _PLAIN if nic.user is None and nic.vnet_hdr is False else _NET
    return f"{nic.id}{kind}.{nic.netns}" if nic.netns else f"{nic.id}{kind}"


def _device(nic: Nic, has_system: bool) -> str:
    parts = [nic.model, f"id={nic.id}", f"netdev={_backend(nic)}", f"mac={nic.mac}"]
    if nic.queues > 1:
        # A vector per queue and direction, one for the configuration, one for the control queue.
        parts += ["mq=on", f"vectors={2 * nic.queues + 2}"]
    if has_system:
        # No boot ROM: the firmware would run it for nothing.
        parts.append("romfile=")
    return ",".join(parts)


def _blockdev(node: str, path: str) -> str:
    file: dict[str, Any] = {"driver": "file", "filename": path}
    if node == "seed":
        return json.dumps({"node-name": node, "driver": "raw", "read-only": True, "file": file})
    # A lab's disk is thrown away and made again: it is not worth a flush to the platter at each fsync of a booting guest.
    # Only a crash of the lab host can hurt it; the guest's and QEMU's cannot, what they wrote is in the page cache.
    cache = {"direct": False, "no-flush": True}
    file = {**file, "cache": cache, "discard": "unmap"}
    return json.dumps({"node-name": node, "driver": "qcow2", "cache": cache, "discard": "unmap", "file": file})


def _nic(netdev: str, devices: Mapping[str, Mapping[str, str]]) -> tuple[Nic, int | None]:
    backend, identity, *rest = netdev.split(",")
    # A NIC's id has no dot; a namespace's name may.
    key, kind, netns = (*identity.partition("=")[2].split(".", 2), "")[:3]
    device = devices[key]
    settings = dict(part.partition("=")[::2] for part in rest)
    if backend == "user":
        return Nic(key, device[""], device.get("mac", ""), user=tuple(rest)), None
    numbers = (settings.get("fds") or settings["fd"]).split(":")
    nic = Nic(
        id=key,
        model=device[""],
        mac=device.get("mac", ""),
        tap="",
        netns=netns,
        queues=len(numbers),
        vnet_hdr=f".{kind}" != _PLAIN,
        vhost="vhost" in settings,
    )
    return nic, int(numbers[0])


def _split(argv: Sequence[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return the options that build gave, and the user's own after them."""
    options = list(_options(argv))
    end = next((place for option, _value, place in options if option == "-pidfile"), len(argv))
    return [(option, value) for option, value, place in options if place <= end], tuple(argv[end + 2 :])


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    place = 1
    while place < len(argv):
        alone = argv[place] in ("-nodefaults", "-no-user-config", "-S")
        yield argv[place], "" if alone or place + 1 >= len(argv) else argv[place + 1], place
        place += 1 if alone else 2


def _fields(device: str) -> dict[str, str]:
    """Return a device's properties; its model is the one without a name."""
    model, *rest = device.split(",")
    return {"": model, **{name: value for name, _equals, value in (part.partition("=") for part in rest)}}


def _numbers(descriptors: Sequence[int]) -> str:
    return ":".join(str(number) for number in descriptors)


def _escaped(text: object) -> str:
    # QemuOpts ends a value at a comma.
    return str(text).replace(",", ",,")
