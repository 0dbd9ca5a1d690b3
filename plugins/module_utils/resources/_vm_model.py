# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM is, and where its files are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .._paths import run_dir, state_dir
from ._netdev import needs_root
from ._network import key_of

# The states that QEMU's run states (qapi/run-state.json) are reported as; others are shown as they are.
RUNNING, PAUSED, STOPPED, SILENT = "running", "paused", "stopped", "unresponsive"


@dataclass(frozen=True)
class Nic:
    """A guest's interface, with a tap of the lab's, or with ``backend``, the words of QEMU's -netdev, or with nothing behind it.

    ``tap`` '' is one whose device is gone; ``netns`` is the namespace that it is in, '' the lab host's. ``uplink`` is a backend
    that is a port of the NIC's hub. ``port`` is where it is plugged in and can be unplugged, None where it cannot.
    """

    id: str
    model: str
    mac: str
    tap: str | None = None
    netns: str = ""
    backend: tuple[str, ...] | None = None
    uplink: tuple[str, ...] | None = None
    queues: int = 1
    vnet_hdr: bool | None = None
    vhost: bool | None = None
    up: bool | None = None
    port: str | None = field(default=None, compare=False, metadata={"hidden": True})

    @property
    def cable(self) -> str | None:
        """Return the name by which plans know its tap."""
        return key_of(self.netns, self.tap) if self.tap else self.tap

    @property
    def netdevs(self) -> tuple[tuple[str, ...], ...]:
        """Return the words of all its backends of QEMU's own."""
        return tuple(words for words in (self.backend, self.uplink) if words)


@dataclass(frozen=True)
class Vm:
    """A QEMU process, or the place of one that is stopped: then all but the state is None.

    ``stale`` names what it holds open that has been replaced since: 'disk', 'seed'. ``scripts`` are texts by the path that QEMU
    runs them by. ``ports`` are those that a NIC can be plugged into while it runs.
    """

    name: str
    lab: str | None = None
    state: str | None = None
    memory: int | None = None  # MiB
    cpus: int | None = None
    machine: str | None = None
    cpu_model: str | None = None
    accel: str | None = None
    nics: tuple[Nic, ...] | None = None
    disk: str | None = None
    seed: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    extra_args: tuple[str, ...] | None = None
    stale: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict, compare=False, metadata={"hidden": True})
    ports: tuple[str, ...] = field(default=(), compare=False, metadata={"hidden": True})
    pid: int | None = field(default=None, compare=False, metadata={"hidden": True})
    on_change: str = field(default="report", compare=False, metadata={"hidden": True})
    stop_timeout: float = field(default=30.0, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the name; labs have directories of their own, so it is the lab's business alone."""
        return self.name

    @property
    def privileged(self) -> bool:
        """Say whether QEMU must run as root, for one of its NICs."""
        return any(needs_root(words) for nic in self.nics or () for words in nic.netdevs)

    @property
    def runs(self) -> bool:
        """Say whether there is a process."""
        return self.state not in (None, STOPPED)


@dataclass(frozen=True)
class Files:
    """Where a VM's files are: all of them below two directories of its own."""

    run: Path
    state: Path

    @property
    def qmp(self) -> Path:
        """Return the socket that this collection talks to QEMU on."""
        return self.run / "qmp.sock"

    @property
    def console(self) -> Path:
        """Return the socket of the serial console."""
        return self.run / "console.sock"

    @property
    def pid(self) -> Path:
        """Return the file that QEMU writes its pid to."""
        return self.run / "pid"

    @property
    def console_log(self) -> Path:
        """Return what the guest has said on its console since it was started."""
        return self.state / "console.log"

    @property
    def qemu_log(self) -> Path:
        """Return what QEMU itself has said since it was started."""
        return self.state / "qemu.log"

    @property
    def disk(self) -> Path:
        """Return the overlay image."""
        return self.state / "disk.qcow2"

    @property
    def seed(self) -> Path:
        """Return the NoCloud image."""
        return self.state / "seed.iso"

    @property
    def live(self) -> Path:
        """Return the directory of what has changed since the start and QEMU does not tell; unlike run, it is not QEMU's to write."""
        return self.state / "live"

    @property
    def plugged(self) -> Path:
        """Return the note on what has been plugged in and unplugged."""
        return self.live / "plugged.json"

    def cut(self, nic: str) -> Path:
        """Return the file that is there while a NIC's link is set down."""
        return self.live / f"{nic}.down"

    def uplink(self, nic: str) -> Path:
        """Return the file that has the words of the uplink of a NIC's hub, if it is another one than at the start."""
        return self.live / f"{nic}.uplink"


def files(lab: str, name: str) -> Files:
    """Return where a VM's files are."""
    return Files(run_dir(lab) / "vm" / name, state_dir(lab) / name)


def filled(target: Vm, current: Vm) -> Vm:
    """Return target with what it does not manage filled from current, NIC by NIC."""
    missing = {f.name: getattr(current, f.name) for f in dataclasses.fields(target) if getattr(target, f.name) is None}
    if target.nics is not None and current.nics is not None:
        known = {nic.id: nic for nic in current.nics}
        missing["nics"] = tuple(_filled_nic(nic, known.get(nic.id)) for nic in target.nics)
    return dataclasses.replace(target, **missing)


def _filled_nic(target: Nic, current: Nic | None) -> Nic:
    if current is None:
        return target
    # tap and backend exclude each other: one that is None is meant to be.
    names = ("vnet_hdr", "vhost", "up")
    return dataclasses.replace(target, **{name: getattr(current, name) for name in names if getattr(target, name) is None})
