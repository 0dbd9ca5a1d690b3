# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU as a program: where it is, what it can emulate, whom it runs as, and how it starts."""

from __future__ import annotations

import functools
import os
import pwd
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._errors import LabError
from .processes import attempt, which
from .qmp import NoAnswer, NotRunning, Qmp

USER = "netvirt"
BRIDGES = Path("/etc/qemu/bridge.conf")
# Enterprise Linux has QEMU under another name, outside PATH.
_PROGRAMS = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm")
_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86 (Debian, Ubuntu), qemu-kvm (Fedora, Enterprise Linux), qemu-x86 (openSUSE) or qemu-base (Arch)",
    "qemu-img": "qemu-utils (Debian, Ubuntu), qemu-img (Fedora, Enterprise Linux, Arch) or qemu-tools (openSUSE)",
}


@dataclass(frozen=True)
class Account:
    """Whom QEMU runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def user(self) -> tuple[int, int, Sequence[int]]:
        """Return what processes.attempt takes."""
        return self.uid, self.gid, self.groups


ROOT = Account(0, 0)


def program() -> str:
    """Return the path of QEMU. Raise LabError."""
    return _found("qemu-system-x86_64", *_PROGRAMS)


def image_tool() -> str:
    """Return the path of qemu-img. Raise LabError."""
    return _found("qemu-img", "qemu-img")


def _found(name: str, *programs: str) -> str:
    path = which(*programs)
    if path is None:
        raise LabError(f"The program {name} is not installed; install its package: {_PACKAGES[name]}.")
    return path


def account() -> Account:
    """Return the unprivileged user of all guests, with the group that may use KVM. Raise LabError."""
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise LabError(
            f"The user '{USER}' that QEMU runs as does not exist; "
            f"run the role netvirt.lab.host_prep, or 'useradd --system --user-group {USER}'."
        ) from None
    groups = {number for number in (_kvm_group(), *os.getgrouplist(USER, entry.pw_gid)) if number is not None}
    return Account(entry.pw_uid, entry.pw_gid, tuple(sorted(groups - {entry.pw_gid})))


def group() -> int:
    """Return the group that QEMU's files are shared with: that of its user, root's where there is none."""
    try:
        return pwd.getpwnam(USER).pw_gid
    except KeyError:
        return 0


def _kvm_group() -> int | None:
    try:
        device = os.stat("/dev/kvm")
    except OSError:
        return None
    # Never root's own group: it opens far more than KVM.
    return device.st_gid if device.st_gid and device.st_mode & 0o060 == 0o060 else None


@functools.cache
def nic_models(path: str) -> frozenset[str]:
    """Return the names and aliases of the network devices that the QEMU at path emulates."""
    done = attempt([path, "-device", "help"], timeout=10)
    section = done.stdout.partition("Network devices:")[2].partition("\n\n")[0]
    names = re.findall(r'(?:name|alias) "([^"]+)"', section)
    if not names:
        raise LabError(f"Cannot read the list of NIC models from '{path} -device help': {done.stderr.strip() or 'it is empty'}.")
    return frozenset(names)


def allows(bridge: str) -> bool:
    """Say whether QEMU's helper may plug taps into a bridge; what further files say is for itself to read (qemu-bridge-helper.c)."""
    try:
        lines = [line.split() for line in BRIDGES.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return False
    rules = {line[0] for line in lines if len(line) == 2 and (line[0] == "include" or line[1] in (bridge, "all"))}
    return "deny" not in rules and bool(rules)


def start(argv: Sequence[str], descriptors: Sequence[int], who: Account, log: Path, qmp: Path, timeout: float = 30.0) -> int:
    """Start QEMU, return its pid when it answers on its QMP socket; what it says goes to log. Raise LabError if it does not start.

    QEMU's own -daemonize forks, which the strict sandbox forbids; so the session and the streams are set up here.
    """
    deadline = time.monotonic() + timeout
    with open(log, "wb") as output:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            pass_fds=tuple(descriptors),
            start_new_session=True,
            user=who.uid,
            group=who.gid,
            extra_groups=list(who.groups),
            umask=0o007,
        )
    while process.poll() is None:
        try:
            with Qmp(qmp, timeout=max(deadline - time.monotonic(), 0.01)):
                return process.pid
        except NotRunning:
            time.sleep(0.01)
        except NoAnswer:
            break
        if time.monotonic() > deadline:
            break
    if process.poll() is None:
        process.kill()
        process.wait()
        raise LabError(f"it did not answer within {timeout:g} seconds")
    raise LabError(_said(log) or f"it ended with code {process.returncode}")


def _said(log: Path) -> str:
    """Return what QEMU said, without its own name in front."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "; ".join(re.sub(r"^qemu[\w-]*: ", "", line) for line in lines if "warning:" not in line)[-600:]
