# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the nodes of a lab, all together: each tells the stage it is at until it is ready."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from ._ended import Dhcp
from ._errors import LabError, LabErrors
from ._paths import run_dir
from ._routing import Routing
from .resources._vm_hotplug import plugged_in
from .resources._vm_model import files
from .resources._vm_report import tail
from .resources.dnsmasq import leases
from .transport import processes
from .transport.netlink import Netlink
from .transport.shell import Node, Shells, stop

_TICK = 0.25  # seconds between two looks
_LOGIN_PAUSE = 1.0  # seconds between two attempts to log in: more often, they slow down the guest that boots
_LOG_LINES = 15
_APPEARANCE = 5.0  # seconds in which a guest's QEMU must have been seen
# A login while the guest boots costs it seconds, for systemd starts a session. So it is left alone until its console says that
# cloud-init has finished, or, as not every image's console does, until it has said nothing for this many seconds.
_UNDISTURBED = 30.0
_FINISHED = b"finished at"
_PANIC = "Kernel panic - not syncing"

# The boot is over when cloud-init has written its result; a guest without it is ready when one can log in.
_WAIT_FOR_CLOUD_INIT = "until [ -s /run/cloud-init/result.json ]; do sleep 1; done; cat /run/cloud-init/result.json"


@dataclass
class _Waiting:
    """A node that is not ready yet."""

    node: Node
    stages: Iterator[str]
    stage: str = ""


@dataclass
class Watch:
    """What all nodes of a lab have in common, read once per tick and not once per node.

    served are the subnets whose leases this lab host gives, None for all of the lab's. fallback is what some nodes are waited for as after
    patience seconds, which for a guest begin when it has booted: with less; who then was is in given_up.
    """

    lab: str
    shells: Shells
    routing: Routing | None = None
    served: Sequence[str] | None = None
    fallback: Mapping[str, Node] = field(default_factory=dict)
    patience: float = 0.0
    given_up: set[str] = field(default_factory=set)
    settled: dict[str, float] = field(default_factory=dict)
    macs: frozenset[str] = frozenset()
    dhcp: Dhcp = field(init=False)
    running: frozenset[str] = frozenset()
    attempts: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dhcp = Dhcp(self.lab)

    def knows(self, interface: Mapping[str, Any]) -> bool:
        """Say whether this lab host gives an interface its lease. Who has its address from elsewhere has none that is known here."""
        first = next((address for address in interface["addresses"] if ":" not in address), None)
        return first is not None and (self.served is None or str(ip_interface(first).network) in self.served)

    def gives_up(self, node: Node, now: float) -> bool:
        """Say whether it is time to be content with less of a node; a guest that boots has not asked for an address yet."""
        if node.name not in self.fallback or node.name in self.given_up or (node.kind == "vm" and _boots(node, self.lab)):
            return False
        return now - self.settled.setdefault(node.name, now) > self.patience

    def look(self) -> None:
        """Read leases and pids anew. The guests boot on the same cores: looking must cost nothing."""
        self.macs = frozenset(lease.mac for lease in leases(self.lab))
        homes = (file.parent for file in (run_dir(self.lab) / "vm").glob("*/pid"))
        self.running = frozenset(home.name for home in homes if processes.noted(home))
        if self.routing:
            self.routing.look()


def wait_until_ready(nodes: Sequence[Node], watch: Watch, timeout: float, now: Callable[[], float] = time.monotonic) -> dict[str, float]:
    """Return the seconds after which each node was ready. Raise LabErrors that say for each other one where it is stuck."""
    start = now()
    seconds: dict[str, float] = {}
    waiting = [_Waiting(node, _stages(node, watch)) for node in nodes]
    try:
        while waiting:
            watch.look()
            problems = []
            for entry in tuple(waiting):
                try:
                    entry.stage = next(entry.stages)
                except StopIteration:
                    seconds[entry.node.name] = round(now() - start, 1)
                    waiting.remove(entry)
                except LabError as error:
                    problems.append(str(error))
            if problems:
                raise LabErrors(problems)
            if late := [entry for entry in waiting if watch.gives_up(entry.node, now())]:
                for entry in late:
                    watch.given_up.add(entry.node.name)
                    entry.node = watch.fallback[entry.node.name]
                    entry.stages = _stages(entry.node, watch)
                continue
            if waiting and now() - start > timeout:
                raise LabErrors(_stuck(entry, watch.lab, timeout) for entry in waiting)
            if waiting:
                time.sleep(_TICK)
    finally:
        for attempt in watch.attempts:
            stop(attempt)
    return seconds


def _stages(node: Node, watch: Watch) -> Iterator[str]:
    """Yield the stage that a node is at, until there is none left. Raise LabError for what waiting does not mend."""
    if node.kind == "vm":
        place = files(watch.lab, node.name)
        dead = f"The guest '{node.name}' is not ready: its QEMU has ended."
        patience = time.monotonic() + _APPEARANCE
        for stage in _guest(node, watch):
            if node.name in watch.running:
                patience = 0.0
            elif node.here and time.monotonic() > patience:
                raise LabError(_quoting(dead, place.qemu_log, place.console_log))
            if any(_PANIC in line for line in tail(place.console_log, _LOG_LINES)):
                raise LabError(_quoting(f"The kernel of '{node.name}' has panicked.", place.console_log))
            yield stage
        if node.here and not processes.noted(place.run):
            raise LabError(_quoting(dead, place.qemu_log, place.console_log))
    elif node.netns:
        for stage in addressed(node):
            watch.dhcp.require_client(node)
            if any(interface["method"] == "dhcp" and watch.knows(interface) for interface in node.interfaces):
                watch.dhcp.require_server()
            yield stage
        if watch.routing:
            yield from watch.routing.stages(node.name)


def _started(node: Node, watch: Watch) -> Iterator[str]:
    """Yield the stages of a guest until it could be logged in to; from elsewhere its process cannot be seen, or its lease."""
    while node.here and node.name not in watch.running:
        yield "process (QEMU does not run)"
    for interface in _leased(node, watch.lab) if node.near else ():
        while interface["method"] == "dhcp" and watch.knows(interface) and interface["mac"] not in watch.macs:
            watch.dhcp.require_server()
            yield f"lease ({interface['mac']} on {interface['switch']} has none)"


def _leased(node: Node, lab: str) -> list[Mapping[str, Any]]:
    """Return the interfaces whose leases a guest gets when it starts, or when it is elsewhere, the one that it is logged in by."""
    if node.here:
        late = _late(node, lab)
        return [each for each in node.interfaces if each not in late]
    return [each for each in node.interfaces if node.address in _plain(each)]


def _late(node: Node, lab: str) -> list[Mapping[str, Any]]:
    """Return the cards that came while a guest ran: they get addresses when its system starts anew, or by hand.

    Only its own lab host knows them.
    """
    names = plugged_in(files(lab, node.name)) if node.here else set()
    return [each for each in node.interfaces if each["name"] in names]


def _plain(interface: Mapping[str, Any]) -> list[str]:
    return [address.partition("/")[0] for address in interface["addresses"]]


def _guest(node: Node, watch: Watch) -> Iterator[str]:
    yield from _started(node, watch)
    if not (node.address and node.near) or any(node.address in _plain(each) for each in _late(node, watch.lab)):
        return
    while node.cloud_init and _boots(node, watch.lab):
        yield "cloud-init"
    while True:
        attempt = watch.shells.start(node, _WAIT_FOR_CLOUD_INIT if node.cloud_init else "true")
        watch.attempts.append(attempt)
        began = time.monotonic()
        while attempt.poll() is None:
            # A login takes a second or two; what takes longer is the wait for cloud-init behind it.
            yield "cloud-init" if node.cloud_init and time.monotonic() - began > 5 else f"ssh ({node.user}@{node.address})"
        said, problem = attempt.communicate()
        watch.attempts.remove(attempt)
        if attempt.returncode == 0:
            break
        resume = time.monotonic() + _LOGIN_PAUSE
        while time.monotonic() < resume:
            yield f"ssh ({node.user}@{node.address}: {problem.strip() or 'connection closed'})"
    if node.cloud_init:
        errors = _cloud_init_errors(node, said)
        if errors:
            raise LabError(f"cloud-init failed in '{node.name}': {'; '.join(map(str, errors))}; see /var/log/cloud-init.log in the guest.")


def _boots(node: Node, lab: str) -> bool:
    """Say whether a guest's console has lately said something, the start counted in, but not that cloud-init has finished."""
    place = files(lab, node.name)
    try:
        said = max(file.stat().st_mtime for file in (place.pid, place.console_log))
        return time.time() - said < _UNDISTURBED and _FINISHED not in place.console_log.read_bytes()
    except OSError:
        return False


def _cloud_init_errors(node: Node, said: str) -> list[Any]:
    """Return the errors in cloud-init's result, which what the login shell prints may surround. Raise LabError."""
    try:
        result, _end = json.JSONDecoder().raw_decode(said, said.index("{"))
    except ValueError as error:
        raise LabError(
            f"Cannot read the result of cloud-init in '{node.name}': {error}; see /run/cloud-init/result.json in the guest."
        ) from error
    return list(result.get("v1", {}).get("errors", []))


def addressed(node: Node) -> Iterator[str]:
    """Yield what a namespace lacks until it has the addresses that come by DHCP."""
    wanted = {address for interface in node.interfaces if interface["method"] == "dhcp" for address in interface["addresses"]}
    foreign = {interface["name"] for interface in node.interfaces if interface["method"] == "dhcp" and not interface["addresses"]}
    while wanted or foreign:
        with Netlink(node.netns) as kernel:
            indexes = {link.index: link.name for link in kernel.links()} if foreign else {}
            found = kernel.addresses()
        foreign -= {indexes.get(record.index, "") for record in found}
        if wanted <= {record.address for record in found} and not foreign:
            return
        yield f"lease ({', '.join(sorted(wanted | foreign))} not given to {node.netns})"


def _stuck(entry: _Waiting, lab: str, timeout: float) -> str:
    node = entry.node
    message = f"'{node.name}' is not ready after {timeout:g} seconds; it is stuck at the stage: {entry.stage}."
    return _quoting(message, files(lab, node.name).console_log) if node.kind == "vm" else message


def _quoting(message: str, *logs: Path) -> str:
    said = [(log, tail(log, _LOG_LINES)) for log in logs]
    quotes = ["\n    ".join([f"The last lines of {log}:", *lines]) for log, lines in said if lines]
    return " ".join([message, "\n".join(quotes)]).rstrip()
