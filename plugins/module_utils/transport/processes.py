# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs, and find, watch and end the processes of a lab.

A process belongs to a lab when one of its arguments names a path below one of the lab's directories; that is all the
bookkeeping there is, so a crash cannot lose it. What such a process starts in its turn has the path in its environment.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .._errors import LabError

OWNER = "NETVIRT_OWNER"  # the variable that names a directory of a lab
# What is started to stay gets nothing of the environment of whoever started it.
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


# Of the distribution, Debian's names, for what nobody looks for before it is started.
_PACKAGES = {
    "ip": "iproute2",
    "iptables-restore": "iptables",
    "ovs-ctl": "openvswitch-switch",
    "ovsdb-tool": "openvswitch-common",
    "ssh": "openssh-client",
    "systemctl": "systemd",
    "vtysh": "frr",
}


@dataclass(frozen=True)
class Process:
    """A running process: its pid and its argument vector."""

    pid: int
    argv: tuple[str, ...]

    @property
    def program(self) -> str:
        """Return the name it was started by, without the directory."""
        return os.path.basename(self.argv[0])


@dataclass(frozen=True)
class Completed:
    """What a program left behind."""

    code: int
    stdout: str
    stderr: str


def which(*programs: str) -> str | None:
    """Return the path of the first of programs that is installed, also when sbin is not on PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    return next((found for name in programs if (found := shutil.which(name, path=path))), None)


def attempt(
    argv: Sequence[str],
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    pass_fds: Sequence[int] = (),
    user: tuple[int, int, Sequence[int]] | None = None,
    cwd: str | None = None,
) -> Completed:
    """Run argv to its end and return what it left. ``user`` is (uid, gid, further groups). Raise LabError if it cannot start.

    A run that exceeds timeout seconds is killed and has the code 124, as timeout(1) has.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
            pass_fds=tuple(pass_fds),
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C", **(env or {})},
            **({} if user is None else {"user": user[0], "group": user[1], "extra_groups": list(user[2])}),  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired:
        return Completed(124, "", f"no end after {timeout:g} seconds")
    except OSError as error:
        raise _unstarted(argv[0], error) from error
    return Completed(done.returncode, done.stdout, done.stderr)


def command(argv: Sequence[str], purpose: str, **options: object) -> str:
    """Run argv and return its standard output; ``purpose`` completes "Cannot ..." if it fails. Options as in attempt."""
    done = attempt(argv, **options)  # type: ignore[arg-type]
    if done.code:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.code}"
        raise LabError(f"Cannot {purpose}: {os.path.basename(argv[0])} said: {said}")
    return done.stdout


def logged(argv: Sequence[str], env: Mapping[str, str], timeout: float) -> Completed:
    """Run argv to its end in a plain environment and return all that it said as its output, though it may leave something running.

    A run that exceeds timeout seconds is killed and has the code 124, as timeout(1) has.
    """
    # A file, because a pipe would be held open by what is left running.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env={**PLAIN, **env},
            )
        except OSError as error:
            raise _unstarted(argv[0], error) from error
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = 124
        output.seek(0)
        return Completed(code, output.read().decode("utf-8", "replace"), "")


def _unstarted(program: str, error: OSError) -> LabError:
    package = _PACKAGES.get(os.path.basename(program))
    return LabError(f"Cannot start '{program}': {error.strerror}; install the package {package or 'that has it'}.")


def find(directories: Iterable[Path]) -> list[Process]:
    """Return the processes of this machine that have an argument naming a path below one of directories.

    Only processes of our own pid and mount namespaces count: a simulated lab host on this machine has the same paths.
    """
    prefixes = tuple(f"{directory}/" for directory in directories)
    home = _home("self")
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                argv = tuple(cmdline.read().decode("utf-8", "replace").split("\0")[:-1])
            if argv and any(prefix in argument for argument in argv for prefix in prefixes) and _home(entry) == home:
                found.append(Process(int(entry), argv))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def owned(top: Path) -> dict[Path, list[Process]]:
    """Return the processes whose environment names a directory below top, by that directory, with all that they have started.

    Unlike find this looks into other mount namespaces, which 'ip netns exec' makes; not into other pid namespaces. A program
    that writes its title over its environment is known as long as its parent, or the leader of its session, is.
    """
    mark, home = f"{OWNER}={top}/".encode(), os.readlink("/proc/self/ns/pid")
    places: dict[int, Path] = {}
    others: dict[int, tuple[int, int]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            variables = _read(entry, "environ")
            value = next((part for part in variables.split(b"\0") if part.startswith(mark)), None) if mark in variables else None
            if int(entry) == os.getpid():
                continue
            if value is not None and os.readlink(f"/proc/{entry}/ns/pid") == home:
                places[int(entry)] = Path(value.decode("utf-8", "replace").partition("=")[2])
            else:
                fields = _read(entry, "stat").rpartition(b")")[2].split()
                others[int(entry)] = int(fields[1]), int(fields[3])  # parent and session (proc(5))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    while places:
        more = {
            pid: places.get(parent) or places[session] for pid, (parent, session) in others.items() if parent in places or session in places
        }
        if not more:
            break
        places.update(more)
        others = {pid: ids for pid, ids in others.items() if pid not in more}
    found: dict[Path, list[Process]] = {}
    for pid, directory in places.items():
        try:
            argv = tuple(_read(pid, "cmdline").decode("utf-8", "replace").split("\0")[:-1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.setdefault(directory, []).append(Process(pid, argv or ("",)))
    return found


def _read(pid: int | str, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def _home(pid: str) -> tuple[str, str]:
    return os.readlink(f"/proc/{pid}/ns/pid"), os.readlink(f"/proc/{pid}/ns/mnt")


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def names(pid: int, directory: Path) -> bool:
    """Say whether a process runs and has an argument naming a path below a directory."""
    try:
        return any(f"{directory}/".encode() in argument for argument in _read(pid, "cmdline").split(b"\0"))
    except (FileNotFoundError, ProcessLookupError):
        return False


def noted(home: Path) -> bool:
    """Say whether the process runs whose number a directory has in its file pid; the number may be another process's by now."""
    try:
        return names(int((home / "pid").read_text(encoding="ascii")), home)
    except (OSError, ValueError):
        return False


def borrowed(pid: int, descriptor: int) -> int:
    """Return a descriptor of what another process has open under a number of its own. Raise LabError."""
    # pidfd_getfd(2), since Linux 5.6; the number is the same on all architectures.
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.pidfd_open(pid)
    try:
        found = int(libc.syscall(438, handle, descriptor, 0))
        if found < 0:
            raise LabError(f"Cannot share what process {pid} has open: {os.strerror(ctypes.get_errno())}.")
        return found
    finally:
        os.close(handle)


def lasting(pids: Iterable[int], patience: float) -> list[int]:
    """Wait for processes that have been told to end; return those that have not within patience seconds."""
    left, deadline = list(pids), time.monotonic() + patience
    while (left := [pid for pid in left if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def end(pids: Iterable[int], patience: float = 3.0, unasked: Iterable[int] = ()) -> None:
    """Ask the processes to end, all together; kill those that have not after patience seconds, and the unasked ones at once."""
    left = list(pids)
    for pid in unasked:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 3.0)):
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        left = lasting(left, wait)
    if left:
        raise LabError(f"Process {min(left)} does not end, not even when killed; look at 'cat /proc/{min(left)}/wchan'.")
