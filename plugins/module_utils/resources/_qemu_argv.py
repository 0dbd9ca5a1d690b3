# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM as QEMU's arguments, and back: what runs is what its arguments say, so nothing need be remembered elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._netdev import Words, escaped, joined, spawns, split
from ._vm_model import PAUSED, Files, Nic, Vm

# Free ports for NICs that are plugged into a running guest: q35's own bus takes none, and lets none go.
SPARE_PORTS = 2
# A NIC that has I/O ports needs 4 KiB of these for its own port, and SeaBIOS has 36 (pci_bios_init_root_regions_io in src/fw/pciinit.c).
_LEGACY_PORTS = 8
# Everything that QEMU's filter knows. -daemonize would need two of these (setsid, fork).
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# For each connection to a program QEMU forks and calls setsid(2), which counts as a privilege. The program gets none by that.
_SPAWNING = "on,obsolete=deny,resourcecontrol=deny"
# The scripts of a tap run as they would by hand.
_OPEN = "on,obsolete=deny"
# The id of a NIC's backend tells whether its tap was opened without the virtio header: nothing else of a passed descriptor does.
_NET, _PLAIN = ".net", ".plain"
UPLINK, HUB = ".uplink", ".hub"
# A switch that moves a guest's packets has to see its memory.
_MEMORY = "shared"
_SHARED = f",memory-backend={_MEMORY}"
# NICs that are not on a PCI bus: they have no place for a boot ROM and cannot be plugged.
NO_PCI = frozenset(("ne2k_isa", "usb-net", "virtio-net-device"))


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
    ports: tuple[str, ...] = ()


def build(vm: Vm, program: str, files: Files, cables: Mapping[str, Cables]) -> list[str]:
    """Return the argument vector of a VM whose fields are all given."""
    argv = [program, "-name", f"guest={escaped(f'{vm.lab}/{vm.name}')}", "-nodefaults", "-no-user-config", "-display", "none"]
    argv += ["-sandbox", _sandbox(vm), "-machine", _machine(vm), "-accel", f"{vm.accel}", "-cpu", f"{vm.cpu_model}"]
    argv += ["-smp", f"{vm.cpus}", "-m", f"{vm.memory}", "-device", "virtio-rng-pci"]
    if _shares(vm):
        argv += ["-object", f"memory-backend-memfd,id={_MEMORY},size={vm.memory}M,share=on"]
    ports = _ports(vm)
    for number, port in enumerate(ports):
        argv += ["-device", f"pcie-root-port,id={port},chassis={number + 1}"]
    for number, nic in enumerate(vm.nics or ()):
        own = ports[number] if len(ports) > SPARE_PORTS else None
        argv += [*backends(nic, cables.get(nic.id, Cables())), "-device", device(nic, has_system(vm), own)]
    for option, value in (("-kernel", vm.kernel), ("-initrd", vm.initrd), ("-append", vm.cmdline)):
        if value:
            argv += [option, value]
    if vm.disk:
        argv += ["-blockdev", _blockdev("disk", vm.disk), "-device", "virtio-blk-pci,id=vda,drive=disk,bootindex=1"]
    if vm.seed:
        argv += ["-blockdev", _blockdev("seed", vm.seed), "-device", "virtio-blk-pci,id=vdb,drive=seed"]
    console = f"socket,id=console,server=on,wait=off,path={escaped(files.console)},logfile={escaped(files.console_log)}"
    argv += ["-chardev", console, "-serial", "chardev:console", "-qmp", f"unix:{escaped(files.qmp)},server=on,wait=off"]
    if vm.state == PAUSED:
        argv.append("-S")
    # The user's own arguments are what follows the pidfile.
    return [*argv, "-pidfile", str(files.pid), *(vm.extra_args or ())]


def parse(argv: Sequence[str], lab: str, plugged: Sequence[str] = ()) -> Parsed:
    """Return the VM that build made argv for; its state is not in there. plugged are the options of NICs that have come since."""
    own, extra = _split(argv)
    own += [(option, value) for option, value, _place in _options(["", *plugged])]
    options = dict(own)
    guest = options.get("-name", "").partition("=")[2].replace(",,", ",")
    blockdevs = [json.loads(value) for option, value in own if option == "-blockdev"]
    disks = {device["node-name"]: device["file"]["filename"] for device in blockdevs}
    devices = {fields["id"]: fields for option, value in own if option == "-device" and "id" in (fields := _fields(value))}
    netdevs = _identified(value for option, value in own if option == "-netdev")
    chardevs = {name: words[1:] for name, words in _identified(value for option, value in own if option == "-chardev").items()}
    nics, descriptors = [], {}
    for fields in (fields for fields in devices.values() if "mac" in fields):
        nic, descriptor = _nic(fields, netdevs, chardevs)
        nics.append(nic)
        if descriptor is not None:
            descriptors[nic.id] = descriptor
    vm = Vm(
        name=guest.rpartition("/")[2],
        lab=lab,
        memory=int(options.get("-m", 0)),
        cpus=int(options.get("-smp", 0)),
        machine=options.get("-machine", "").partition(_SHARED)[0],
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
    return Parsed(vm, descriptors, tuple(name for name, fields in devices.items() if fields[""] == "pcie-root-port"))


def _ports(vm: Vm) -> list[str]:
    """Return the ports of a VM: one for each of its NICs, as far as there can be so many, and spare ones behind them."""
    if "q35" not in f"{vm.machine}":
        return []
    nics = vm.nics or ()
    legacy = sum(not nic.model.startswith("virtio-net") for nic in nics)
    return [f"port{number}" for number in range((len(nics) if legacy <= _LEGACY_PORTS else 0) + SPARE_PORTS)]


def has_system(vm: Vm) -> bool:
    """Say whether a VM starts from anything but its network."""
    return bool(vm.kernel or vm.disk)


def _machine(vm: Vm) -> str:
    return f"{vm.machine}{_SHARED if _shares(vm) else ''}"


def _shares(vm: Vm) -> bool:
    return any(words[0] == "vhost-user" for nic in vm.nics or () for words in nic.netdevs)


def _sandbox(vm: Vm) -> str:
    if vm.privileged:
        return _OPEN
    return _SPAWNING if any(spawns(words) for nic in vm.nics or () for words in nic.netdevs) else _SANDBOX


def pidfile(argv: Sequence[str]) -> str | None:
    """Return the pidfile that a QEMU was given: the one argument that names its VM without fail."""
    return next((value for option, value in zip(argv, argv[1:]) if option == "-pidfile"), None)


def backends(nic: Nic, cables: Cables) -> Iterator[str]:
    """Yield the options for what is behind a NIC."""
    if nic.tap is not None:
        yield from ("-netdev", _tap(nic, cables))
    elif nic.backend:
        yield from _netdev(backend(nic), nic.backend)
    for value in uplinks(nic):
        yield from ("-netdev", value)


def uplinks(nic: Nic) -> list[str]:
    """Return the backends of the way out of a NIC's hub."""
    if not nic.backend or not nic.uplink:
        return []
    kind, *rest = nic.uplink
    way = f"{nic.id}{UPLINK}"
    port = joined(("hubport", f"id={nic.id}{HUB}", *nic.backend[1:], f"netdev={way}"))
    return [joined((kind, f"id={way}", *rest)), port]


def _netdev(identity: str, words: Words) -> Iterator[str]:
    kind, *rest = words
    if kind == "vhost-user":
        socket = [word for word in rest if not word.startswith("queues=")]
        yield from ("-chardev", joined(("socket", f"id={identity}", *socket)))
        rest = [f"chardev={identity}", *(word for word in rest if word.startswith("queues="))]
    yield from ("-netdev", joined((kind, f"id={identity}", *rest)))


def _tap(nic: Nic, cables: Cables) -> str:
    several = len(cables.taps) > 1
    parts = ["tap", f"id={backend(nic)}", f"{'fds' if several else 'fd'}={_numbers(cables.taps)}"]
    if cables.vhosts:
        parts += ["vhost=on", f"{'vhostfds' if several else 'vhostfd'}={_numbers(cables.vhosts)}"]
    return ",".join(parts)


def backend(nic: Nic) -> str:
    """Return the name of a NIC's backend, which also says what neither QEMU nor the kernel tells: its header and its namespace."""
    kind = _PLAIN if nic.tap is not None and nic.vnet_hdr is False else _NET
    return f"{nic.id}{kind}.{nic.netns}" if nic.netns else f"{nic.id}{kind}"


def device(nic: Nic, booted: bool, port: str | None) -> str:
    """Return the option for a NIC itself; booted if its system comes from elsewhere than the network."""
    connected = nic.tap is not None or nic.backend is not None
    parts = [nic.model, f"id={nic.id}", *([f"netdev={backend(nic)}"] if connected else []), f"mac={nic.mac}"]
    if nic.queues > 1:
        # A vector per queue and direction, one for the configuration, one for the control queue.
        parts += ["mq=on", f"vectors={2 * nic.queues + 2}"]
    if booted and nic.model not in NO_PCI:
        # No boot ROM: the firmware would run it for nothing.
        parts.append("romfile=")
    if port and nic.model not in NO_PCI:
        parts.append(f"bus={port}")
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


def _nic(device: Mapping[str, str], netdevs: Mapping[str, Words], chardevs: Mapping[str, Words]) -> tuple[Nic, int | None]:
    key, identity = device["id"], device.get("netdev")
    if identity is None:
        return Nic(key, device[""], device["mac"], port=device.get("bus")), None
    kind, *rest = netdevs[identity]
    settings = dict(part.partition("=")[::2] for part in rest)
    numbers = (settings.get("fds") or settings.get("fd") or "").split(":")
    if kind != "tap" or not numbers[0]:
        words = _words(identity, netdevs, chardevs)
        uplink = _words(f"{key}{UPLINK}", netdevs, chardevs) if f"{key}{UPLINK}" in netdevs else None
        return Nic(key, device[""], device["mac"], backend=words, uplink=uplink, queues=_queues(device), port=device.get("bus")), None
    # A NIC's id has no dot; a namespace's name may.
    _key, header, netns = (*identity.split(".", 2), "")[:3]
    nic = Nic(
        id=key,
        model=device[""],
        mac=device["mac"],
        tap="",
        netns=netns,
        queues=len(numbers),
        vnet_hdr=f".{header}" != _PLAIN,
        vhost="vhost" in settings,
        port=device.get("bus"),
    )
    return nic, int(numbers[0])


def _words(identity: str, netdevs: Mapping[str, Words], chardevs: Mapping[str, Words]) -> Words:
    kind, *rest = netdevs[identity]
    if kind == "vhost-user":
        return kind, *chardevs[identity], *(word for word in rest if word.startswith("queues="))
    return kind, *rest


def _queues(device: Mapping[str, str]) -> int:
    return (int(device["vectors"]) - 2) // 2 if "vectors" in device else 1


def _identified(values: Iterable[str]) -> dict[str, Words]:
    """Return the words of options by the id in them."""
    found = {}
    for value in values:
        kind, identity, *rest = split(value)
        found[identity.partition("=")[2]] = (kind, *rest)
    return found


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
