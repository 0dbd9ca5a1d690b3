# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether KVM runs a guest, which only a guest can tell: /dev/kvm and every ioctl may be fine and the guest hang."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from . import notes
from .processes import attempt
from .qemu import Account

_DEVICE = Path("/dev/kvm")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# mov al,0x21; out 0xf4,al; hlt; hlt - isa-debug-exit ends QEMU with (0x21 << 1) | 1.
_SECTOR = bytes.fromhex("b021e6f4f4").ljust(510, b"\0") + b"\x55\xaa"
_BOOTED = (0x21 << 1) | 1
_PATIENCE = 3.0  # seconds; a working KVM needs 0.2


@dataclass(frozen=True)
class Answer:
    """Whether KVM works, and if not, why."""

    works: bool
    reason: str = ""


def probe(program: str, who: Account, cache: Path | None = None) -> Answer:
    """Say whether guests of this user run on KVM; the answer is kept in the file cache until the machine boots or QEMU changes."""
    key = f"{_BOOT_ID.read_text(encoding='ascii').strip()} {program} {os.stat(program).st_mtime_ns} {who.uid} {_DEVICE.exists()}"
    if cache is None:
        return _try(program, who)
    kept = notes.read(cache)
    if kept.get("key") == key:
        return Answer(**kept["answer"])
    answer = _try(program, who)
    notes.write(cache, {"key": key, "answer": asdict(answer)})
    return answer


def _try(program: str, who: Account) -> Answer:
    if not _DEVICE.exists():
        return Answer(False, "there is no /dev/kvm")
    sector = os.memfd_create("probe")
    try:
        os.write(sector, _SECTOR)
        drive = f"file=/proc/self/fd/{sector},format=raw,if=ide,snapshot=on"
        argv = [program, "-accel", "kvm", "-cpu", "host", "-machine", "pc", "-m", "16", "-display", "none", "-nodefaults"]
        argv += ["-no-user-config", "-no-reboot", "-drive", drive, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        done = attempt(argv, timeout=_PATIENCE, pass_fds=[sector], user=who.user)
    finally:
        os.close(sector)
    if done.code == _BOOTED:
        return Answer(True)
    if done.code == 124:
        return Answer(False, f"a test guest hung for {_PATIENCE:g} seconds")
    said = done.stderr.strip().splitlines()
    return Answer(False, said[0].partition(": ")[2] or said[0] if said else f"a test guest ended QEMU with code {done.code}")
