# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemons of OVN: its two databases and ovn-northd on one machine, ovn-controller on each (ovn-architecture(7)).

They are started by us, with files of their own, and not as the distribution's services, which may serve another OVN.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .._errors import LabError
from .._paths import OVN, make_public
from . import ovsdb, processes

NORTHBOUND, SOUTHBOUND = f"unix:{OVN}/nb.sock", f"unix:{OVN}/sb.sock"
CENTRAL, CONTROLLER = ("nb", "sb", "northd"), "controller"  # the daemons, as their files are called
_SCHEMAS = Path("/usr/share/ovn")
_PACKAGES = {"ovn-northd": "ovn-central", "ovn-controller": "ovn-host", "ovsdb-server": "openvswitch-switch"}
_ENVIRONMENT = {"OVN_RUNDIR": str(OVN), "OVS_RUNDIR": str(ovsdb.rundir())}
_FAREWELL = 3.0  # seconds; ovn-controller takes leave of the southbound database, which may have gone before
_START = 30.0
# A controller that finds no such row, because it is earlier than ovn-northd, crashes (seen with OVN 23.03).
_FIRST = {"sb": '["OVN_Southbound", {"op": "insert", "table": "SB_Global", "row": {}}]'}
_TRACKED = 8  # how often a packet may pass connection tracking; what ovn-trace is not told of it, it takes for established


def central(address: str, port: int) -> dict[str, list[str]]:
    """Return the command lines of the central's daemons by name, in the order in which they start; without a port no others reach it."""
    outside = [_listening(address, port)] if port else []

    def database(name: str, *more: str) -> list[str]:
        remotes = [f"--remote={one}" for one in (f"punix:{OVN}/{name}.sock", *more)]
        return _daemon("ovsdb-server", name, _control(name), *remotes, f"{OVN}/{name}.db")

    northd = _daemon("ovn-northd", "northd", _control("northd"), f"--ovnnb-db={NORTHBOUND}", f"--ovnsb-db={SOUTHBOUND}")
    return {"nb": database("nb"), "sb": database("sb", *outside), "northd": northd}


def controller(chassis: str) -> dict[str, list[str]]:
    """Return the command line of a machine's controller by its name."""
    return {CONTROLLER: _daemon("ovn-controller", CONTROLLER, "-n", chassis, ovsdb.remote(None))}


def _listening(address: str, port: int) -> str:
    return f"ptcp:{port}:{f'[{address}]' if ':' in address else address}"


def taken(address: str, port: int) -> list[str]:
    """Say if somebody else has the southbound database's port: controllers would join another OVN."""
    own = running().get("sb")
    if own and f"--remote={_listening(address, port)}" in own.argv:
        return []
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                what = f"TCP port {port} of {address}, which OVN's southbound database needs, is in use"
                return [f"{what}, perhaps by an OVN of this machine's own ('ss -ltnp' tells); end that, or choose another central."]
    return []


def _daemon(program: str, name: str, *arguments: str) -> list[str]:
    return [program, "--detach", "--no-chdir", f"--pidfile={OVN}/{name}.pid", f"--log-file={OVN}/{name}.log", *arguments]


def _control(name: str) -> str:
    return f"--unixctl={OVN}/{name}.ctl"  # an option that ovn-controller has not


def running() -> dict[str, processes.Process]:
    """Return the daemons of ours that run, by name."""
    found = processes.find([OVN])
    marks = {f"--pidfile={OVN}/{name}.pid": name for name in (*CENTRAL, CONTROLLER)}
    return {marks[word]: one for one in found for word in one.argv if word in marks}


def missing(commands: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which programs are not installed."""
    absent = dict.fromkeys(argv[0] for argv in commands.values() if processes.which(argv[0]) is None)
    return [f"The program '{name}' is not there, which logical switches need; install the package {_PACKAGES[name]}." for name in absent]


def schema(name: str) -> Path:
    """Return the file that describes a database."""
    return _SCHEMAS / f"ovn-{name}.ovsschema"


def start(name: str, argv: Sequence[str]) -> None:
    """Start a daemon; when this returns it listens. Raise LabError."""
    make_public(OVN)
    database = OVN / f"{name}.db"
    if str(database) in argv and not database.exists():
        _create(name, database)
    processes.command(argv, f"start OVN's daemon {argv[0]}", timeout=_START, env=_ENVIRONMENT)


def _create(name: str, database: Path) -> None:
    """Make a database, as a whole or not at all. Raise LabError."""
    fresh = database.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    purpose = f"make OVN's database {database}"
    processes.command(["ovsdb-tool", "create", str(fresh), str(schema(name))], purpose)
    if name in _FIRST:
        processes.command(["ovsdb-tool", "transact", str(fresh), _FIRST[name]], purpose)
    fresh.rename(database)


def stop(daemons: Mapping[str, processes.Process]) -> None:
    """End daemons; a controller takes leave first, so that the others no longer count on its machine."""
    own = daemons.get(CONTROLLER)
    if own:
        with suppress(LabError):
            processes.attempt(["ovn-appctl", "-t", f"{OVN}/ovn-controller.{own.pid}.ctl", "exit"], timeout=_FAREWELL)
            processes.lasting([own.pid], _FAREWELL)
    processes.end(one.pid for one in daemons.values())


def trace(database: str, switch: str, flow: str, new: bool, timeout: float) -> str:
    """Return how a packet would go through the logical network, '' if that cannot be asked; new says that it begins a connection."""
    program = processes.which("ovn-trace")
    if program is None:
        return ""
    states = ["--ct=new"] * _TRACKED if new else []
    done = processes.attempt([program, f"--db={database}", "--detailed", *states, switch, flow], timeout=timeout, env=_ENVIRONMENT)
    return "" if done.code else done.stdout


def answers(address: str) -> bool:
    """Say whether somebody listens at a database's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address.partition(":")[2]) not in (errno.ENOENT, errno.ECONNREFUSED)
