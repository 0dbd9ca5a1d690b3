# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP clients inside namespaces. They are started together and not waited for."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError, LabErrors
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces, notes, processes
from ..transport.namespaces import NETNS, inside
from ..transport.netlink import Netlink
from ._dhcp_text import PROGRAMS, argv, files, is_ours
from ._network import key_of, made_anew
from ._vm_report import tail

_ETC = Path("/etc/netns")
_FIRST = 0.1  # seconds in which a client that cannot run at all has ended; waited for once, and not for each client
# The files that a client is started with, and nobody else who reads its log or lease.
_NAMED = frozenset((".script", ".pid", ".run"))
# A client lives long and runs a script as root: it gets nothing of the environment of whoever started it.
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True)
class DhcpClient:
    """A DHCP client on an interface; stale if it runs on an interface or in a namespace that is no more, or its address was taken away.

    request is the address that it asks for, where a server that does not know of its reservation yet could give it another one.
    """

    netns: str
    interface: str
    lab: str | None = None
    state: Literal["running", "stopped", "stale"] = "running"
    request: str | None = None

    @property
    def key(self) -> str:
        """Return the interface as plans know it."""
        return key_of(self.netns, self.interface)


class DhcpClientDriver:
    """Keep a DHCP client running on each interface that asks for it."""

    kind = "dhcp_client"

    def observe(self, goal: Goal[DhcpClient], scope: Scope) -> Mapping[str, DhcpClient]:
        """Read what the lab's directory tells of clients, and whether they are well."""
        if goal.want and not scope.check:
            _program()
        home = run_dir(scope.lab) / "dhcp"
        known = {(file.parent.name, file.stem): file for file in home.glob("*/*.json")}
        running = _running(home) if known else {}
        clients = [
            DhcpClient(netns, interface, scope.lab, _state(netns, interface, file, running.get((netns, interface), ())), _asked(file))
            for (netns, interface), file in known.items()
        ]
        return {client.key: client for client in clients}

    def plan(
        self, have: Mapping[str, DhcpClient], goal: Goal[DhcpClient], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[DhcpClient]]:
        """Compare; a client does not see that its interface or namespace is made anew in this run, or resolv.conf is its own again."""
        made = made_anew(earlier).union(change.key for change in earlier if change.kind == "resolver" and change.after is None)
        now = {
            key: replace(client, state="stale") if client.state == "running" and made & {key, client.netns} else client
            for key, client in have.items()
        }
        return compare(self.kind, now, goal, scope)

    def remove(self, changes: Sequence[Change[DhcpClient]], scope: Scope) -> None:
        """End the clients, all together, and take back what they have set."""
        clients = [change.before for change in changes if change.before is not None]
        _end(clients, scope.lab)
        for client in clients:
            _forget(client)
            directory = _directory(client, scope.lab)
            for file in list(directory.glob("*")):
                if file.stem == client.interface:
                    file.unlink()
            _remove_empty(directory, directory.parent)

    def apply(self, changes: Sequence[Change[DhcpClient]], scope: Scope) -> None:
        """Start clients; those that are stale are ended first."""
        program, path = _program()
        clients = [change.after for change in changes if change.after is not None]
        _end(clients, scope.lab)
        started = [_start(client, scope.lab, program, path) for client in clients]
        # A program has no arguments for some microseconds after its exec (fs/exec.c): by then nobody would know it again.
        while any(process.poll() is None and not _visible(process.pid, program) for process in started):
            time.sleep(0.001)
        deadline = time.monotonic() + _FIRST
        while any(process.poll() is None for process in started) and time.monotonic() < deadline:
            time.sleep(0.01)
        failed = [(client, process.returncode) for client, process in zip(clients, started) if process.returncode]
        if failed:
            raise LabErrors(_told(client, scope.lab, program, code) for client, code in failed)


def ended(lab: str) -> list[Path]:
    """Return the logs of the clients that have been started and run no more: DIRECTORY/NAMESPACE/INTERFACE.log."""
    home = run_dir(lab) / "dhcp"
    known = list(home.glob("*/*.json"))
    running = _running(home) if known else {}
    return [file.with_suffix(".log") for file in known if (file.parent.name, file.stem) not in running]


def _start(client: DhcpClient, lab: str, program: str, path: str) -> subprocess.Popen[bytes]:
    directory = _directory(client, lab)
    with inside(client.netns):
        index = _index(client.interface)
        if index is None:
            raise LabError(f"Cannot start {program} in the network namespace '{client.netns}': it has no interface '{client.interface}'.")
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, text in files(program, lab, client.netns, client.interface, directory, path, client.request or "").items():
            (directory / name).write_text(text, encoding="utf-8")
            (directory / name).chmod(0o755)
        (directory / f"{client.interface}.bound").unlink(missing_ok=True)
        # Noted before it is started, so that a run killed in between leaves nothing unknown.
        notes.write(
            directory / f"{client.interface}.json",
            {"program": program, "index": index, **({"request": client.request} if client.request else {})},
        )
        with (directory / f"{client.interface}.log").open("wb") as log:
            # It outlives this process, whose end nobody must wait for: no pipes, a session of its own.
            return subprocess.Popen(
                argv(program, client.interface, directory, path, client.request or ""),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=_ENVIRONMENT,
            )


def _told(client: DhcpClient, lab: str, program: str, code: int) -> str:
    log = _directory(client, lab) / f"{client.interface}.log"
    said = "".join(tail(log, 1)) or "nothing"
    return f"Cannot ask for an address of '{client.key}': {program} has ended with code {code} at its start and said: {said}; see {log}."


def _visible(pid: int, program: str) -> bool:
    """Say whether a process is past its last exec."""
    name = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    return name.endswith(b"sh" if program == "dhcpcd" else program.encode())


def _program() -> tuple[str, str]:
    """Return the name and the path of the client to use."""
    for name in PROGRAMS:
        path = processes.which(name)
        if path:
            return name, path
    raise LabError("A node asks for its address by DHCP, but no DHCP client is installed; install udhcpc, isc-dhcp-client or dhcpcd.")


def _directory(client: DhcpClient, lab: str) -> Path:
    # A directory per namespace: names may have any '-' in them.
    return run_dir(lab) / "dhcp" / client.netns


def _running(home: Path) -> dict[tuple[str, str], list[int]]:
    """Return the processes of each client, by namespace and interface."""
    found: dict[tuple[str, str], list[int]] = {}
    for process in processes.find([home]):
        for argument in process.argv:
            path = Path(argument)
            if path.parent.parent == home and path.suffix in _NAMED:
                found.setdefault((path.parent.name, path.stem), []).append(process.pid)
                break
    return found


def _state(netns: str, interface: str, file: Path, pids: Sequence[int]) -> Literal["running", "stopped", "stale"]:
    # A script that has just ended is none that runs elsewhere.
    homes = [home for home in map(_home, pids) if home is not None]
    if not homes:
        return "stopped"
    try:
        index = notes.read(file).get("index")
        there = os.stat(NETNS / netns).st_ino
        with inside(netns):
            same = _index(interface) == index and (not file.with_suffix(".bound").exists() or _has_address(index))
        return "running" if same and all(home == there for home in homes) else "stale"
    except (OSError, LabError):
        return "stale"


def _asked(file: Path) -> str | None:
    try:
        request = notes.read(file).get("request")
    except LabError:
        return None
    return request if isinstance(request, str) else None


def _home(pid: int) -> int | None:
    """Return the number of the namespace that a process is in, None if it has ended."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def _index(interface: str) -> int | None:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None


def _has_address(index: int | None) -> bool:
    """Say whether an interface of the namespace that this process is in has an IPv4 address."""
    with Netlink() as kernel:
        return any(record.index == index and ":" not in record.address for record in kernel.addresses())


def _end(clients: Sequence[DhcpClient], lab: str) -> None:
    running = _running(run_dir(lab) / "dhcp")
    processes.end(pid for client in clients for pid in running.get((client.netns, client.interface), ()))


def _forget(client: DhcpClient) -> None:
    """Remove the lease's address, the route by it, and the resolver's file."""
    if namespaces.exists(client.netns):
        with inside(client.netns):
            if _index(client.interface) is not None:
                ip = processes.which("ip") or "ip"
                processes.attempt([ip, "-4", "route", "flush", "dev", client.interface, "proto", "dhcp"])
                processes.attempt([ip, "-4", "addr", "flush", "dev", client.interface, "dynamic"])
    (_ETC / f".{client.netns}.resolv.conf").unlink(missing_ok=True)
    resolver = _ETC / client.netns / "resolv.conf"
    with suppress(FileNotFoundError):
        if is_ours(resolver.read_text(encoding="utf-8", errors="replace")):
            resolver.unlink()
    _remove_empty(resolver.parent, _ETC)  # also if a run that was killed has removed the file only


def _remove_empty(*directories: Path) -> None:
    for directory in directories:
        with suppress(OSError):
            directory.rmdir()
