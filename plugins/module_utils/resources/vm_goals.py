# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VM records, as a lab's share or a module's options have them, as what the drivers want: disks, seeds, then VMs."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .._errors import LabErrors
from .._plan import Goal
from ..images import catalogue, store
from ..topology.backends import Backend, mistakes
from ..topology.names import GUEST_MAC, NIC, NIC_WORDS, macs
from ..topology.schema.backends import BACKEND
from ..transport import qemu
from . import _cloud_config
from ._netdev import scripts, words
from ._vm_model import RUNNING, Nic, Vm, files
from .disk import Disk, DiskDriver, disk
from .seed import Seed, SeedDriver, seed
from .vm import VmDriver

# It becomes part of paths and of unix sockets' names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
# COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h
_LONGEST_CMDLINE = 2047


@dataclass(frozen=True)
class Source:
    """What a VM starts from. Without cloud_init it is told what it needs on its kernel's command line."""

    disk: Path | None = None
    disk_format: str | None = None
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    boot: str = "disk"
    cloud_init: bool = True


def source(image: str, extra: Mapping[str, Any] | None = None) -> Source:
    """Return what an image of the catalogue (and extra, the user's own entries), or at an absolute path, offers. Raise LabError."""
    entry, found = catalogue.find(image, extra), store.artifacts(image)
    return Source(found.disk, found.disk_format, found.kernel, found.initrd, found.cmdline, entry.boot, entry.cloud_init)


def vm_goals(
    vms: Sequence[Mapping[str, Any]],
    lab: str,
    authorized_keys: Sequence[str] = (),
    purge: bool = False,
    look_up: Callable[[str], Source] | None = None,
    images: Mapping[str, Any] | None = None,
) -> list[Goal[Any]]:
    """Return the goals that VM records mean, in order; images are the user's own entries of the catalogue. Raise LabErrors.

    A VM that goes takes its disk and seed with it, so only VMs are ever purged.
    """
    problems = _mistakes(vms, lab)
    disks: list[Disk] = []
    seeds: list[Seed] = []
    wanted: list[Vm] = []
    absent = tuple(vm["name"] for vm in vms if vm.get("state") == "absent")
    for record in vms if not problems else ():
        if record["name"] in absent:
            continue
        try:
            _add(record, lab, authorized_keys, look_up or partial(source, extra=images), disks, seeds, wanted)
        except LabErrors as error:
            problems.extend(error.problems)
    if problems:
        raise LabErrors(problems)
    return [
        Goal(DiskDriver(), want=tuple(disks)),
        Goal(SeedDriver(), want=tuple(seeds)),
        Goal(VmDriver(), want=tuple(wanted), absent=absent, purge=purge),
    ]


def restart_needed(goals: Iterable[Goal[Any]]) -> dict[str, list[str]]:
    """Return what must wait for a restart, by VM, once the goals have been planned."""
    found: dict[str, set[str]] = {}
    for goal in goals:
        for name, fields in getattr(goal.driver, "restart_needed", {}).items():
            found.setdefault(name, set()).update(fields)
    return {name: sorted(fields) for name, fields in sorted(found.items())}


def notices(goals: Iterable[Goal[Any]]) -> list[str]:
    """Return what the user should know about how VMs were started."""
    return [notice for goal in goals for notice in getattr(goal.driver, "notices", ())]


def nics_of(record: Mapping[str, Any], lab: str) -> tuple[Nic, ...]:
    """Return a record's NICs, those without a MAC address with one derived from lab, VM and NIC: QEMU gives all the same."""
    return tuple(_nic(entry, lab, record["name"], number) for number, entry in enumerate(record.get("nics") or ()))


def _nic(entry: Mapping[str, Any], lab: str, vm: str, number: int) -> Nic:
    identity = entry.get("id") or f"eth{number}"
    backend = backend_of(entry, [])
    return Nic(
        id=identity,
        model=entry.get("model") or "virtio-net-pci",
        mac=(entry.get("mac") or next(macs(GUEST_MAC, lab, vm, identity))).lower(),
        tap=entry.get("tap"),
        netns=entry.get("netns") or "",
        backend=words(scripts(backend, identity, files(lab, vm).run)[0], entry.get("queues") or 1) if backend else None,
        uplink=words(backend["uplink"]) if backend and backend.get("uplink") else None,
        queues=entry.get("queues") or 1,
        vnet_hdr=None if backend else entry.get("vnet_hdr"),
        vhost=None if backend else entry.get("vhost"),
        up=entry.get("up"),
    )


def backend_of(entry: Mapping[str, Any], problems: list[str]) -> Backend | None:
    """Return the complete backend of a NIC's record; what is wrong with it is added to problems."""
    user, given = entry.get("user"), entry.get("backend")
    if user is not None and given is None:
        given = {"type": "user", **{key: value for key, value in user.items() if value}}
    if given is None:
        return None
    before = len(problems)
    backend: Backend | None = BACKEND.read(given, "backend", problems)
    if backend is not None:
        problems.extend(f"backend.{problem}" for problem in mistakes(backend))
    return backend if len(problems) == before else None


def _add(
    record: Mapping[str, Any],
    lab: str,
    authorized_keys: Sequence[str],
    look_up: Callable[[str], Source],
    disks: list[Disk],
    seeds: list[Seed],
    wanted: list[Vm],
) -> None:
    name, nics = record["name"], nics_of(record, lab)
    place = files(lab, name)
    start = look_up(record["image"]) if record.get("image") else Source(cloud_init=False)
    on_change = record.get("on_change") or "report"
    by_kernel = (record.get("boot") or start.boot) == "kernel"
    if by_kernel and start.kernel is None:
        raise LabErrors([f"VM '{name}' is to boot by a kernel, but its image '{record.get('image')}' has none; leave boot out."])
    if start.disk:
        disks.append(disk(name, lab, start.disk, start.disk_format, record.get("disk_size"), on_change))
        start = _kept(start, store.backing_file(place.disk)) if on_change == "report" else start
    path = record.get("seed") or ""
    if not path and start.cloud_init:
        path = str(place.seed)
        seeds.append(seed(path, lab, seed_files(record, nics, authorized_keys), 0, qemu.group(), "0640"))
    wanted.append(
        Vm(
            name=name,
            lab=lab,
            state=record.get("state") or RUNNING,
            memory=record.get("memory") or 512,
            cpus=record.get("cpus") or 1,
            machine=record.get("machine") or "q35",
            cpu_model=record.get("cpu_model") or "max",
            accel=None if record.get("accel") in (None, "auto") else record["accel"],
            nics=nics,
            disk=str(place.disk) if start.disk else "",
            seed=path,
            kernel=str(start.kernel) if by_kernel else "",
            initrd=str(start.initrd) if by_kernel and start.initrd else "",
            cmdline=_cmdline(start, record, nics, authorized_keys) if by_kernel else "",
            extra_args=tuple(record.get("extra_args") or ()),
            scripts=_scripts(record, place.run),
            on_change=on_change,
            stop_timeout=30.0 if record.get("stop_timeout") is None else record["stop_timeout"],
        )
    )


def _scripts(record: Mapping[str, Any], folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, entry in enumerate(record.get("nics") or ()):
        backend = backend_of(entry, [])
        found.update(scripts(backend, entry.get("id") or f"eth{number}", folder)[1] if backend else {})
    return found


def _kept(start: Source, base: Path | None) -> Source:
    """Return the source with the kernel of the base that a VM's disk is on, if that is an older version of the same image."""
    if base is None or start.disk is None or base == start.disk or base.parent != start.disk.parent or not base.exists():
        return start
    found = store.artifacts_on(base)
    return dataclasses.replace(start, kernel=found.kernel, initrd=found.initrd)


def seed_files(record: Mapping[str, Any], nics: Sequence[Nic], authorized_keys: Sequence[str]) -> dict[str, str]:
    """Return the documents of a VM's seed by the names that NoCloud gives them."""
    own = _cloud_config.text(_cloud_config.user_data(record, authorized_keys), _cloud_config.HEADER)
    network = _cloud_config.text(_cloud_config.network_config(_network(record, nics), record.get("domain")))
    meta = _cloud_config.meta_data((own, network), record.get("hostname") or record["name"])
    return {"user-data": own, "meta-data": _cloud_config.text(meta), "network-config": network}


def _network(record: Mapping[str, Any], nics: Sequence[Nic]) -> list[dict[str, Any]]:
    """Return a record's addressing: by DHCP where it says nothing."""
    given = {entry["interface"]: entry for entry in record.get("network") or ()}
    return [{"method": "dhcp", **given.get(nic.id, {}), "interface": nic.id, "mac": nic.mac} for nic in nics]


def _cmdline(start: Source, record: Mapping[str, Any], nics: Sequence[Nic], authorized_keys: Sequence[str]) -> str:
    """Return the kernel's command line; a guest without cloud-init reads its name, keys and addresses from it."""
    words = [start.cmdline]
    if not start.cloud_init:
        words.append(f"netvirt.hostname={record.get('hostname') or record['name']}")
        keys = dict.fromkeys(key for user in record.get("users") or () for key in user.get("authorized_keys") or ())
        keys.update(dict.fromkeys(authorized_keys))
        if keys:
            words.append("netvirt.key=" + base64.b64encode("".join(f"{key}\n" for key in keys).encode()).decode())
        words += [f"netvirt.name={nic.mac},{nic.id}" for place, nic in enumerate(nics) if nic.id != f"eth{place}"]
        for entry in _network(record, nics):
            words += _addresses(entry)
    line = " ".join(word for word in words if word)
    if len(line) > _LONGEST_CMDLINE:
        what = f"The kernel command line of VM '{record['name']}' has {len(line)} characters"
        raise LabErrors([f"{what}, more than {_LONGEST_CMDLINE}; give fewer or shorter keys, or call its interfaces eth0, eth1 and so on."])
    return line


def _addresses(entry: Mapping[str, Any]) -> list[str]:
    """Return what a guest without cloud-init is told of an interface's addresses and routes."""
    addresses = entry.get("addresses") or ()
    words = [f"netvirt.address={entry['mac']},{address},{_via(entry, address)}" for address in addresses]
    if addresses and entry["method"] == "dhcp":
        words.append(f"netvirt.dhcp={entry['mac']}")
    plain = [route for route in entry.get("routes") or () if route["to"] != "default"]
    return words + [f"netvirt.route={entry['mac']},{route['to']},{route['via']}" for route in plain]


def _via(entry: Mapping[str, Any], address: str) -> str:
    """Return the default gateway of an address's family."""
    routes = [{"to": "default", "via": entry.get("gateway")}, *(entry.get("routes") or ())]
    ways = (route["via"] for route in routes if route["to"] == "default" and route["via"])
    return next((via for via in ways if (":" in via) == (":" in address)), "")


def _mistakes(vms: Sequence[Mapping[str, Any]], lab: str) -> list[str]:
    """Say what is wrong with records as they are, all of it."""
    names = Counter(vm["name"] for vm in vms)
    problems = [
        f"The VM name '{name}' cannot be used: letters, digits, '-', '_' and '.' only." for name in names if not _NAME.fullmatch(name)
    ]
    problems += [f"The VM '{name}' is given {count} times; give each once." for name, count in names.items() if count > 1]
    owners: dict[str, str] = {}
    for record in vms:
        nics = nics_of(record, lab) if record.get("state") != "absent" else ()
        for entry, nic in zip(record.get("nics") or (), nics):
            where = f"{record['name']}:{nic.id}"
            if not NIC.fullmatch(nic.id):
                problems.append(f"The NIC name '{where}' cannot be used: {NIC_WORDS}.")
            if not _MAC.fullmatch(nic.mac):
                problems.append(f"The MAC address '{nic.mac}' of '{where}' is none of a single station, like 52:54:00:12:34:56.")
            wrong: list[str] = []
            given = [key for key in ("tap", "user", "backend") if entry.get(key) is not None]
            backend_of(entry, wrong)
            problems += [f"The NIC '{where}': {problem}." for problem in wrong]
            if len(given) != 1:
                problems.append(
                    f"The NIC '{where}' must have either a tap or a backend; with the backend 'none' there is nothing behind it."
                )
            other = owners.setdefault(nic.mac, where)
            if other != where:
                problems.append(f"The MAC address {nic.mac} is used twice, by '{other}' and '{where}'; give each NIC its own.")
        if len({nic.id for nic in nics}) < len(nics):
            problems.append(f"Two NICs of VM '{record['name']}' have the same id; give each its own.")
        unknown = {entry["interface"] for entry in record.get("network") or ()} - {nic.id for nic in nics}
        if unknown and nics:
            problems.append(f"The network of VM '{record['name']}' names '{min(unknown)}', which is none of its NICs.")
    return problems
