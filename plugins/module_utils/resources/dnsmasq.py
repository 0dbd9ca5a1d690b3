# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's own dnsmasq: DHCP and DNS on its switches and nowhere else, beside whatever else the lab host runs."""

from __future__ import annotations

import pwd
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError
from .._marks import mark
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import listeners, notes, processes
from . import _firewall
from ._dnsmasq_conf import Dnsmasq, Host, Lease, Network, Record, config_text, dnsmasq_from, parse_leases, plain
from ._gates import service_rules
from ._network import Survey, made_anew, require_present

__all__ = ["Dnsmasq", "DnsmasqDriver", "Host", "Lease", "Network", "Record", "dnsmasq_from", "ended", "leases"]


def leases(lab: str) -> list[Lease]:
    """Return the leases that the lab's dnsmasq has given."""
    try:
        return parse_leases((_directory(lab) / "leases").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def ended(lab: str) -> Path | None:
    """Return the log of the lab's dnsmasq if it has been started and runs no more; this costs no look at all processes."""
    directory = _directory(lab)
    return directory / "log" if (directory / "state.json").exists() and not processes.noted(directory) else None


class DnsmasqDriver:
    """Keep a lab's dnsmasq running as configured."""

    kind = "dnsmasq"

    def __init__(self) -> None:
        self.present: frozenset[str] = frozenset()

    def observe(self, goal: Goal[Dnsmasq], scope: Scope) -> Mapping[str, Dnsmasq]:
        """Compare the process, its configuration and the packet filters with what the lab's last run noted."""
        self.present = frozenset(Survey.of(scope).devices())
        noted, indexes = _noted(scope.lab)
        gates = _firewall.gates("input")
        running = bool(_pids(scope.lab))
        for wanted in goal.want:
            _check(wanted, running)
        accepted = any(found.comment == mark(scope.lab) for gate in gates for found in gate.marked)
        if not (noted or running or accepted or _directory(scope.lab).exists()):
            return {}
        have = noted or Dnsmasq(scope.lab)
        intact = noted and _config(scope.lab) == _text(have) and indexes == _indexes(have.interfaces)
        state: Literal["running", "stopped", "stale"] = "stopped" if not running else "running" if intact else "stale"
        blocked_by = _firewall.shut(gates, mark(scope.lab), service_rules(have.interfaces))
        return {scope.lab: replace(have, state=state, blocked_by=blocked_by)}

    def plan(self, have: Mapping[str, Dnsmasq], goal: Goal[Dnsmasq], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Dnsmasq]]:
        """Compare; a process does not see that a switch is made anew in this run."""
        for target in goal.want:
            require_present(target.interfaces, "serve DHCP and DNS on", self.present, scope, earlier)
        made = made_anew(earlier)
        now = {
            lab: replace(found, state="stale") if found.state == "running" and made.intersection(found.interfaces) else found
            for lab, found in have.items()
        }
        return compare(self.kind, now, goal, scope)

    def remove(self, changes: Sequence[Change[Dnsmasq]], scope: Scope) -> None:
        """End the process and remove its files, leases included."""
        for change in changes:
            processes.end(_pids(change.key))
            _firewall.settle("input", mark(change.key), ())
            shutil.rmtree(_directory(change.key), ignore_errors=True)

    def apply(self, changes: Sequence[Change[Dnsmasq]], scope: Scope) -> None:
        """Write the configuration and start anew, which takes milliseconds and keeps the leases: they are in a file."""
        for change in changes:
            wanted = change.after
            if wanted is None:
                continue
            _firewall.settle("input", mark(wanted.lab), service_rules(wanted.interfaces))
            if change.differing != {"blocked_by"}:
                processes.end(_pids(wanted.lab))
                _start(wanted)


def _start(wanted: Dnsmasq) -> None:
    directory = _directory(wanted.lab)
    indexes = _indexes(wanted.interfaces)
    file = directory / "dnsmasq.conf"
    notes.replace_text(file, _text(wanted))
    processes.command([_program(), f"--conf-file={file}"], f"start dnsmasq for lab '{wanted.lab}'")
    state = {"wanted": plain(wanted), "indexes": indexes}
    notes.write(directory / "state.json", state)


def _check(wanted: Dnsmasq, running: bool) -> None:
    """Raise LabError for what would keep dnsmasq from starting."""
    text = _text(wanted)
    program = processes.which("dnsmasq")
    if program and text != _config(wanted.lab):
        tested = processes.attempt([program, "--test", "--conf-file=-"], stdin=text)
        if tested.code:
            said = tested.stderr.strip().removeprefix("dnsmasq: ")
            raise LabError(f"The DHCP and DNS settings of lab '{wanted.lab}' make no sense to dnsmasq: {said}; correct them.")
    if running:
        return
    for protocol, port, what in (("udp", 53, "DNS"), ("tcp", 53, "DNS")):
        for pid, name in listeners.everywhere(protocol, port):
            raise LabError(
                f"Cannot serve {what} for lab '{wanted.lab}': {name} (pid {pid}) listens on port {port} of every address; "
                f"have it listen on addresses of its own (dnsmasq: bind-interfaces; unbound: interface; named: listen-on), or stop it."
            )
    _check_dhcp(wanted)


def _check_dhcp(wanted: Dnsmasq) -> None:
    # Every DHCP server listens on the wildcard address: whether it lets others do so too, only trying tells.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", 67))
        except OSError:
            pid, name = next(iter(listeners.everywhere("udp", 67)), (0, "another DHCP server"))
            raise LabError(
                f"Cannot serve DHCP for lab '{wanted.lab}': {name} (pid {pid}) has port 67 to itself; stop it, "
                f"or have it share the port (dnsmasq: bind-interfaces or bind-dynamic)."
            ) from None


def _program() -> str:
    program = processes.which("dnsmasq")
    if not program:
        raise LabError("Cannot serve DHCP and DNS: there is no program 'dnsmasq'; install the package dnsmasq-base (elsewhere: dnsmasq).")
    return program


def _directory(lab: str) -> Path:
    return run_dir(lab) / "dnsmasq"


def _pids(lab: str) -> list[int]:
    directory = _directory(lab)
    found = processes.find([directory])
    return [process.pid for process in found if f"--conf-file={directory}/dnsmasq.conf" in process.argv]


def _text(wanted: Dnsmasq) -> str:
    return config_text(wanted, _directory(wanted.lab), _user())


def _user() -> str:
    """Return who the process runs as once it has its sockets."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "dnsmasq" if "dnsmasq" in known else "nobody"


def _config(lab: str) -> str | None:
    try:
        return (_directory(lab) / "dnsmasq.conf").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _noted(lab: str) -> tuple[Dnsmasq | None, dict[str, int]]:
    state = notes.read(_directory(lab) / "state.json")
    try:
        return dnsmasq_from(state["wanted"], lab), state["indexes"]
    except (KeyError, TypeError):  # none, or one of another version
        return None, {}


def _indexes(interfaces: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the interfaces that exist. DHCP is bound to a number: a new interface of that name has another."""
    found: dict[str, int] = {}
    for name in interfaces:
        with suppress(OSError):
            found[name] = socket.if_nametoindex(name)
    return found
