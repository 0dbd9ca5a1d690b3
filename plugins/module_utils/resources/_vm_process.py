# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running side of VMs: what their processes and QMP sockets tell, and how they start and end. Always many at a time."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from .._errors import LabError, LabErrors
from .._paths import make_public, run_dir, state_dir
from ..transport import macvtap, notes, processes, qemu, tap
from ..transport.namespaces import inside
from ..transport.processes import Process
from ..transport.qmp import NoAnswer, NotRunning, Qmp
from . import _vm_hotplug, _vm_network
from ._qemu_argv import Cables, build, parse, pidfile
from ._vm_model import PAUSED, RUNNING, SILENT, STOPPED, Files, Nic, Vm, files

T = TypeVar("T")
R = TypeVar("R")

_ANSWER = 2.0  # seconds for a QMP answer; a healthy QEMU takes 2 ms
_LETTING_GO = 20.0  # seconds for a guest to let go of a NIC; under TCG it takes less than one
_VHOST = Path("/dev/vhost-net")


def together(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do the work for all items at once, each in a thread that is in the caller's network namespace. Raise LabErrors."""
    results: list[R] = []
    problems: list[str] = []
    with ThreadPoolExecutor(max_workers=32) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                results.append(future.result())
            except LabErrors as error:
                problems.extend(error.problems)
            except LabError as error:
                problems.append(str(error))
    if problems:
        raise LabErrors(problems)
    return results


def running(lab: str) -> dict[str, list[Process]]:
    """Return the QEMU processes of a lab by VM; there are two for a moment while one starts or after a crash of ours."""
    home = run_dir(lab) / "vm"
    found: dict[str, list[Process]] = {}
    for process in processes.find([home]):
        path = pidfile(process.argv)
        if path and Path(path).parent.parent == home:
            found.setdefault(Path(path).parent.name, []).append(process)
    return found


def names(lab: str) -> set[str]:
    """Return the VMs of a lab that have a directory."""
    found: set[str] = set()
    for home in (run_dir(lab) / "vm", state_dir(lab)):
        with suppress(OSError):
            found.update(entry.name for entry in os.scandir(home) if entry.is_dir(follow_symlinks=False))
    return found


def look(lab: str, name: str, found: list[Process]) -> Vm | None:
    """Return a VM as it is; None if nothing is there of it."""
    place = files(lab, name)
    if not found:
        return Vm(name, lab, STOPPED) if place.state.is_dir() or place.run.is_dir() else None
    process = found[0]
    state = _settled(place, process.pid)
    if state == STOPPED:
        return Vm(name, lab, STOPPED)
    note = notes.read(place.plugged)
    try:
        parsed = parse(process.argv, lab, _vm_hotplug.words(note))
    except (KeyError, ValueError, IndexError):
        return Vm(name, lab, state, pid=process.pid)
    taps = dict(_taps(process.pid))
    nics = tuple(_seen(nic, place, taps, parsed.descriptors.get(nic.id)) for nic in parsed.vm.nics or ())
    if state != SILENT and (note or _vm_network.asks(nics)):
        with suppress(NotRunning, NoAnswer), Qmp(place.qmp, _ANSWER) as qmp:
            nics = _vm_hotplug.there(nics, note, qmp) if note else nics
            nics = _vm_network.as_told(nics, qmp)
    free = tuple(port for port in parsed.ports if port not in {nic.port for nic in nics})
    stale = tuple(kind for kind, path in (("disk", parsed.vm.disk), ("seed", parsed.vm.seed)) if path and not _holds(process.pid, path))
    return dataclasses.replace(parsed.vm, name=name, state=state, nics=nics, ports=free, stale=stale, pid=process.pid)


def _settled(place: Files, pid: int) -> str:
    """Return the state of a process that may have been started by a run that was killed, and be about to listen, or to end."""
    deadline = time.monotonic() + _ANSWER
    while (state := status(place)) is None and processes.alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return state or (SILENT if processes.alive(pid) else STOPPED)


def status(place: Files) -> str | None:
    """Return the state that QEMU reports, None when nobody listens."""
    try:
        with Qmp(place.qmp, _ANSWER) as qmp:
            reported = str(qmp.execute("query-status")["status"])
    except NotRunning:
        return None
    except NoAnswer:
        return SILENT
    return {"prelaunch": PAUSED, "suspended": RUNNING}.get(reported, reported)


def _seen(nic: Nic, place: Files, taps: Mapping[int, str], descriptor: int | None) -> Nic:
    interface = nic.tap if descriptor is None else taps.get(descriptor, "")
    uplink = nic.uplink
    with suppress(OSError):
        uplink = tuple(place.uplink(nic.id).read_text(encoding="utf-8").splitlines()) or None
    return dataclasses.replace(nic, tap=interface, up=not place.cut(nic.id).exists(), uplink=uplink)


def _taps(pid: int) -> Iterator[tuple[int, str]]:
    """Yield the process's descriptors of taps with the interface's name, '' if that has been deleted (drivers/net/tun.c)."""
    for number in _listed(f"/proc/{pid}/fdinfo"):
        with suppress(OSError), open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as info:
            for line in info:
                if line.startswith("iff:"):
                    yield int(number), line[4:].strip()
        with suppress(OSError):
            found = macvtap.seen(os.readlink(f"/proc/{pid}/fd/{number}"))
            if found is not None:
                yield int(number), found


def _holds(pid: int, path: str) -> bool:
    """Say whether the process has open what the path names now."""
    try:
        wanted = os.stat(path)
    except OSError:
        return False
    for number in _listed(f"/proc/{pid}/fd"):
        with suppress(OSError):
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), wanted):
                return True
    return False


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def start(vm: Vm) -> None:
    """Start a VM's QEMU as the unprivileged user. Raise LabError, with nothing left running."""
    place = files(str(vm.lab), vm.name)
    who = qemu.ROOT if vm.privileged else qemu.account()
    define(vm.name, str(vm.lab))
    shutil.rmtree(place.run, ignore_errors=True)
    make_public(place.run.parent)
    place.run.mkdir()
    os.chown(place.run, who.uid, who.gid)
    place.run.chmod(0o750)
    for path, text in vm.scripts.items():
        Path(path).write_text(text, encoding="utf-8")
        Path(path).chmod(0o755)
    shutil.rmtree(place.live, ignore_errors=True)
    place.console_log.unlink(missing_ok=True)
    os.close(os.open(place.console_log, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    os.chown(place.console_log, who.uid, who.gid)
    try:
        with _cables(vm.nics or ()) as cables:
            descriptors = [number for cable in cables.values() for number in (*cable.taps, *cable.vhosts)]
            qemu.start(build(vm, qemu.program(), place, cables), descriptors, who, place.qemu_log, place.qmp)
    except LabError as error:
        shutil.rmtree(place.run, ignore_errors=True)
        raise LabError(f"Cannot start VM '{vm.name}': {str(error).rstrip('.')}.") from error
    cut(vm, [nic for nic in vm.nics or () if nic.up is False])


def define(name: str, lab: str) -> None:
    """Make the directory by which a VM exists while it is stopped; QEMU may read what is in it, not change the directory."""
    state = files(lab, name).state
    make_public(state.parent)
    state.mkdir(mode=0o700, exist_ok=True)
    os.chown(state, 0, qemu.group())
    state.chmod(0o750)


@contextmanager
def _cables(nics: Iterable[Nic]) -> Iterator[dict[str, Cables]]:
    """Hold the descriptors of NICs' taps while the body runs."""
    with ExitStack() as held:

        def keep(numbers: list[int]) -> tuple[int, ...]:
            for number in numbers:
                held.callback(os.close, number)
            return tuple(numbers)

        cables = {}
        for nic in nics:
            if nic.tap:
                with inside(nic.netns):
                    taps = keep(tap.attach(nic.tap, nic.vnet_hdr is not False, nic.queues))
                vhosts = keep([os.open(_VHOST, os.O_RDWR | os.O_CLOEXEC) for _queue in taps]) if nic.vhost else ()
                cables[nic.id] = Cables(taps, vhosts)
        yield cables


def vhost_works() -> bool:
    """Say whether the kernel offers vhost-net; QEMU ends with an assertion when it is told to use it and cannot."""
    return _VHOST.exists()


def cut(vm: Vm, nics: Iterable[Nic]) -> None:
    """Set the links of a running VM's NICs up or down."""
    chosen = [nic for nic in nics if nic.up is not None]
    if not chosen:
        return
    place = files(str(vm.lab), vm.name)
    with Qmp(place.qmp, _ANSWER) as qmp:
        for nic in chosen:
            qmp.execute("set_link", name=nic.id, up=nic.up)
            if nic.up:
                place.cut(nic.id).unlink(missing_ok=True)
            else:
                make_public(place.live)
                place.cut(nic.id).touch()


def unplug(before: Vm, after: Vm) -> list[str]:
    """Take out of a running VM the NICs that it is not to have any more; return those that its guest does not let go of."""
    wanted = [nic.id for nic in after.nics or ()]
    gone = [nic for nic in before.nics or () if nic.id not in wanted]
    return _vm_hotplug.unplug(gone, wanted, files(str(after.lab), after.name), _LETTING_GO) if gone else []


def plug(before: Vm, after: Vm) -> None:
    """Put into a running VM the NICs that it has not had. Raise LabError."""
    known = {nic.id for nic in before.nics or ()}
    wanted = {nic.id for nic in after.nics or ()}
    ports = (*before.ports, *(nic.port for nic in before.nics or () if nic.port and nic.id not in wanted))
    nics = [nic for nic in after.nics or () if nic.id not in known]
    with _cables(nics) as cables:
        _vm_hotplug.plug(after, nics, ports, cables, files(str(after.lab), after.name), _LETTING_GO)
    cut(after, [nic for nic in nics if nic.up is False])


def rewire(before: Vm, after: Vm) -> None:
    """Have a running VM forward other ports to its guest, and give its hubs other uplinks."""
    known = {nic.id: nic for nic in before.nics or ()}
    changed = [(known[nic.id], nic) for nic in after.nics or () if nic.id in known and nic.netdevs != known[nic.id].netdevs]
    if not changed:
        return
    place = files(str(after.lab), after.name)
    with Qmp(place.qmp, _ANSWER) as qmp:
        for old, new in changed:
            if old.backend != new.backend:
                _vm_network.forward(old, new, qmp)
            if old.uplink != new.uplink:
                _vm_network.swap(old, new, qmp)
                notes.replace_text(place.uplink(new.id), "\n".join(new.uplink or ()))


def resume(vm: Vm) -> None:
    """Let a paused VM run, or pause a running one, as its wanted state says."""
    with Qmp(files(str(vm.lab), vm.name).qmp, _ANSWER) as qmp:
        qmp.execute("stop" if vm.state == PAUSED else "cont")


def stop(vms: Iterable[Vm], graceful: bool) -> None:
    """End VMs, all at once: by their guests within stop_timeout seconds if graceful, then by QEMU, then by signals."""
    chosen = list(vms)
    found: dict[str, dict[str, list[Process]]] = {str(vm.lab): running(str(vm.lab)) for vm in chosen}
    together(lambda vm: _stop(vm, found[str(vm.lab)].get(vm.name, []), graceful), chosen)
    for vm in chosen:
        shutil.rmtree(files(str(vm.lab), vm.name).run, ignore_errors=True)


def _stop(vm: Vm, found: list[Process], graceful: bool) -> None:
    pids = [process.pid for process in found]
    qmp_socket = files(str(vm.lab), vm.name).qmp
    try:
        if graceful and pids and vm.state == RUNNING:
            with Qmp(qmp_socket, _ANSWER) as qmp:
                qmp.execute("system_powerdown")
            pids = processes.lasting(pids, vm.stop_timeout)
        if pids:
            with Qmp(qmp_socket, _ANSWER) as qmp:
                qmp.quit()
            pids = processes.lasting(pids, _ANSWER)
    except (NotRunning, NoAnswer):
        pass
    processes.end(pids, patience=1.0)
