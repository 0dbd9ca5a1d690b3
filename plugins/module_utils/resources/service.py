# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of nodes: programs that are kept running as long as the lab is up. All are started together."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError, LabErrors
from .._paths import make_public, run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import namespaces, processes
from ..transport.namespaces import inside
from ._network import made_anew
from ._service_text import ENDED, script
from ._vm_report import tail

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")
# Seconds, for all services of a run together. One that has run for so long has started; one that has not by the end has not. It may take
# more than one start: an IPv6 address cannot be used for a second or two, and one by DHCP is not there at once.
_SETTLING, _BUDGET = 1.0, 6.0
_LINES = 15  # of the log of a service that ended at once
_RUN, _STATE, _LOG, _FILES = "run", "service.json", "log", "files"


@dataclass(frozen=True)
class Service:
    """A program in a namespace; failing if it ended and waits for its next start, stale if it is in a former namespace.

    It is stale, too, when the file that it has as resolv.conf is exchanged for another one. Files are there by name when it starts, in a
    directory of its own, which is the working directory unless there is another one; user is who it runs as, and owner who may read the
    files, if not the user.
    """

    netns: str
    name: str
    lab: str | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = ""
    user: str = ""
    owner: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    restart: bool = True
    state: Literal["running", "failing", "stopped", "stale"] = "running"
    # A directory that several services share, made with this one and removed with it.
    shared: str = field(default="", metadata={"hidden": True})
    # Whether it is killed and not asked to end.
    unasked: bool = field(default=False, metadata={"hidden": True})
    # The script that enters all namespaces of a container.
    enter: str = field(default="", metadata={"hidden": True})
    # A command that tells whether the files make sense, run where they are, before anything is changed.
    check: tuple[str, ...] = field(default=(), metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return the namespace and the name."""
        return f"{self.netns}/{self.name}"

    @property
    def home(self) -> Path:
        """Return the service's own directory."""
        return _top(self.lab or "") / self.netns / self.name


def service_from(item: Mapping[str, Any], lab: str) -> Service:
    """Return what a share's mapping asks for. Raise LabErrors."""
    files = {name: str(text) for name, text in (item.get("files") or {}).items()}
    what = f"The service '{item['name']}' of '{item['netns']}'"
    problems = []
    if not _NAME.fullmatch(item["name"]):
        problems.append(f"{what} cannot be called that: use letters, digits, '-', '_', '.' and '@'.")
    if not item["command"]:
        problems.append(f"{what} has no command.")
    for name in files:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            problems.append(f"{what} has a file '{name}': it must be a name below the service's directory.")
    if problems:
        raise LabErrors(problems)
    return Service(
        netns=item["netns"],
        name=item["name"],
        lab=lab,
        command=tuple(map(str, item["command"])),
        environment={key: str(value) for key, value in (item.get("environment") or {}).items()},
        directory=item.get("directory") or "",
        user=item.get("user") or "",
        owner=item.get("owner") or "",
        files=files,
        restart=item.get("restart") is not False,
        shared=item.get("shared") or "",
        unasked=bool(item.get("unasked")),
        enter=item.get("enter") or "",
        check=tuple(item.get("check") or ()),
    )


class ServiceDriver:
    """Keep services running: a script starts each one again when it ends, and a run of the lab starts the script again."""

    kind = "service"

    def observe(self, goal: Goal[Service], scope: Scope) -> Mapping[str, Service]:
        """Read what the lab's directory tells of services, and whether they run."""
        top = _top(scope.lab)
        running = processes.owned(top)
        homes = {file.parent for file in top.glob(f"*/*/{_STATE}")}
        have = {}
        for home in sorted(homes.union(running)):
            service = replace(_noted(home, scope.lab), state=_state(home, running.get(home, ())))
            have[service.key] = service
        _check(goal.want, have)
        return have

    def plan(self, have: Mapping[str, Service], goal: Goal[Service], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Service]]:
        """Compare; a service does not see that its namespace is made anew in this run, or that a resolv.conf comes or goes."""
        # It has mounted the one that was there when it was started.
        exchanged = (change.key for change in earlier if change.kind == "resolver" and change.action in ("create", "remove"))
        made = made_anew(earlier).union(exchanged)
        now = {key: replace(found, state="stale") if found.netns in made else found for key, found in have.items()}
        return compare(self.kind, now, goal, scope)

    def remove(self, changes: Sequence[Change[Service]], scope: Scope) -> None:
        """End services, all together, with everything that they have started, and remove their files."""
        services = [change.before for change in changes if change.before is not None]
        _end(services, scope.lab)
        for service in services:
            shutil.rmtree(service.home, ignore_errors=True)
            if service.shared and Path(service.shared).is_relative_to(run_dir(scope.lab)):
                shutil.rmtree(service.shared, ignore_errors=True)
                _remove_empty(Path(service.shared).parent)
            _remove_empty(service.home.parent, service.home.parent.parent)

    def apply(self, changes: Sequence[Change[Service]], scope: Scope) -> None:
        """End what runs with other settings, start all, and see that they stay. Raise LabErrors."""
        services = [change.target for change in changes]
        _end(services, scope.lab)
        for service in services:
            _write(service)
        dead = _unsettled([(service, _start(service)) for service in services])
        if dead:
            problems = [_told(service) for service in dead]
            _end(dead, scope.lab)
            raise LabErrors(problems)


def _top(lab: str) -> Path:
    return run_dir(lab) / "services"


def _write(service: Service) -> None:
    """Write all that a service is started with, its note first, so that a run killed in between leaves nothing unknown."""
    home = service.home
    uid, gid = _ids(service.owner or service.user, service)
    make_public(home)
    noted = {key: value for key, value in asdict(service).items() if key not in ("netns", "name", "lab", "state")}
    _private(home / _STATE, json.dumps(noted, indent=1) + "\n")
    if service.shared:
        make_public(Path(service.shared))
        os.chown(service.shared, uid, gid)
    directory = home / _FILES
    shutil.rmtree(directory, ignore_errors=True)
    _directory(directory, service)
    for name, text in service.files.items():
        path = directory / name
        for parent in list(path.relative_to(directory).parents)[-2::-1]:
            _directory(directory / parent, service)
        _private(path, text, gid)
    text = script(
        service.lab or "",
        service.netns,
        service.name,
        home,
        service.command,
        service.environment,
        service.directory or (str(directory) if service.files else "/"),
        service.user,
        service.restart,
        service.enter,
    )
    _private(home / _RUN, text)
    (home / ENDED).unlink(missing_ok=True)


def _private(path: Path, text: str, gid: int = 0) -> None:
    """Write a file that only root and one group may read: there may be a password or a key in it."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        os.fchown(file.fileno(), 0, gid)
        os.fchmod(file.fileno(), 0o640 if gid else 0o600)
        file.write(text)


def _directory(path: Path, service: Service) -> None:
    """Make a working directory, in which the service may write as the user that it runs as."""
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    if service.user:
        os.chown(path, *_ids(service.user, service))


def _ids(name: str, service: Service) -> tuple[int, int]:
    if not name:
        return 0, 0
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise LabError(f"Cannot start the service '{service.name}' in '{service.netns}': the lab host has no user '{name}'.") from None
    return found.pw_uid, found.pw_gid


def _start(service: Service) -> subprocess.Popen[bytes]:
    home = service.home
    with inside(service.netns), (home / _LOG).open("wb") as log:
        # It outlives this process, whose end nobody must wait for: no pipes, a session of its own.
        return subprocess.Popen(
            ["sh", str(home / _RUN)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**processes.PLAIN, processes.OWNER: str(home)},
        )


def _unsettled(started: Sequence[tuple[Service, subprocess.Popen[bytes]]]) -> list[Service]:
    """Return the services that do not run for a while within the budget."""
    begin = time.monotonic()
    since = {service.key: begin for service, _process in started}
    while True:
        time.sleep(0.05)
        now = time.monotonic()
        since.update((service.key, now) for service, process in started if (service.home / ENDED).exists() or process.poll() is not None)
        left = [(service, process) for service, process in started if now - since[service.key] < _SETTLING]
        if now - begin > _BUDGET or all(process.poll() is not None for _service, process in left):
            return [service for service, _process in left]


def _told(service: Service) -> str:
    said = "\n".join(f"    {line}" for line in tail(service.home / _LOG, _LINES))
    return f"The service '{service.name}' in '{service.netns}' does not keep running" + (
        f"; it said:\n{said}" if said else " and said nothing."
    )


def _end(services: Sequence[Service], lab: str) -> None:
    unasked = {service.home: service.unasked for service in services}
    for _round in range(3):  # one that was just starting another one may have been missed
        running = {home: [process.pid for process in found] for home, found in processes.owned(_top(lab)).items() if home in unasked}
        if not running:
            break
        processes.end(
            [pid for pids in running.values() for pid in pids],
            unasked=[pid for home, pids in running.items() if unasked[home] for pid in pids],
        )


def _noted(home: Path, lab: str) -> Service:
    """Return the service that a directory belongs to, as far as is known."""
    service = Service(home.parent.name, home.name, lab)
    try:
        noted = json.loads((home / _STATE).read_text(encoding="utf-8"))
        return replace(service, **{**noted, "command": tuple(noted["command"]), "check": tuple(noted["check"])})
    except (OSError, ValueError, TypeError, KeyError):
        return service


def _state(home: Path, found: Sequence[processes.Process]) -> Literal["running", "failing", "stopped", "stale"]:
    supervisor = next((process.pid for process in found if process.argv[1:] == (str(home / _RUN),)), None)
    if supervisor is None:
        return "stopped"
    try:
        there = os.stat(namespaces.NETNS / home.parent.name).st_ino
        if os.stat(f"/proc/{supervisor}/ns/net").st_ino != there:
            return "stale"
    except OSError:
        return "stale"
    return "failing" if (home / ENDED).exists() else "running"


def _check(wanted: Sequence[Service], have: Mapping[str, Service]) -> None:
    """Raise LabErrors for files that make no sense to the program that is to read them, where it is installed."""
    problems = []
    seen: set[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = set()
    for service in wanted:
        known = have.get(service.key)
        case = service.check, tuple(sorted(service.files.items()))
        if not service.check or case in seen or (known and known.files == service.files) or not processes.which(service.check[0]):
            continue
        seen.add(case)
        with tempfile.TemporaryDirectory() as place:
            for name, text in service.files.items():
                (Path(place) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(place) / name).write_text(text, encoding="utf-8")
            tested = processes.attempt(service.check, cwd=place)
        if tested.code:
            said = (tested.stdout + tested.stderr).strip() or f"exit code {tested.code}"
            what = f"The settings of '{service.name}' in '{service.netns}'"
            problems.append(f"{what} make no sense to {service.check[0]}: {said}; correct them.")
    if problems:
        raise LabErrors(problems)


def _remove_empty(*directories: Path) -> None:
    for directory in directories:
        with suppress(OSError):
            directory.rmdir()
