# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenFlow by ovs-ofctl(8): what a bridge has, what a text means, and changes that happen together or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._errors import LabError
from . import ovsdb, processes

# Those with bundles and groups in which flows are written alike, the best first.
VERSIONS = ("OpenFlow14", "OpenFlow13", "OpenFlow15")
_LOG = re.compile(r"^\d{4}-\d\d-\d\dT\S+\|(?:WARN|INFO|DBG)\|.*\n?", re.MULTILINE)
_LOST = re.compile(r"\|ofp_match\|INFO\| *pre: (.*)\n.*\|ofp_match\|INFO\| *post: *(.*)\n")


@dataclass(frozen=True)
class Spelled:
    """What ovs-ofctl makes of texts: one line for each or, of the first it cannot read, the number and the reason."""

    lines: tuple[str, ...] = ()
    wrong: int | None = None
    reason: str = ""


def version(protocols: Collection[str]) -> str | None:
    """Return the version to talk to a bridge that accepts these, which may be none in particular; None if there is none."""
    return next((one for one in VERSIONS if not protocols or one in protocols), None)


def spell_flows(texts: Sequence[str]) -> Spelled:
    """Return flows as ovs-ofctl would send them."""
    done = processes.attempt([_tool(), "-O", VERSIONS[0], "parse-flows", "-"], stdin="".join(f"{text}\n" for text in texts))
    if done.code:
        said = re.search(r"-:(\d+): (.*)", done.stderr)
        return Spelled(wrong=int(said[1]) - 1 if said else 0, reason=said[2] if said else _said(done))
    lost = _LOST.search(done.stderr)
    if lost:
        wrong = next((number for number, text in enumerate(texts) if lost[1].partition("=")[0] in text), 0)
        reason = f"a part of '{lost[1]}' would be ignored; name the protocol that it belongs to too, such as arp, ip, ipv6, tcp or udp"
        return Spelled(wrong=wrong, reason=reason)
    return Spelled(tuple(line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("OFPT_FLOW_MOD")))


def spell_group(text: str) -> Spelled:
    """Return a group as ovs-ofctl would send it."""
    done = processes.attempt([_tool(), "-O", VERSIONS[0], "parse-group", text])
    return Spelled(wrong=0, reason=_said(done)) if done.code else Spelled((done.stdout.splitlines()[-1].strip(),))


def dump(database: str | None, bridge: str, protocol: str, what: str) -> list[str]:
    """Return a bridge's flows, groups or meters, a line each, with the numbers of ports. Raise LabError."""
    argv = [_tool(), "-O", protocol, "--no-names", f"dump-{what}", _socket(database, bridge)]
    text = processes.command(argv, f"read the {what} of bridge '{bridge}'")
    # A meter takes several lines.
    lines = [line for line in re.sub(r"\n(?=type=)", " ", text).splitlines() if line.strip() and not line.startswith(("OFPST_", "NXST_"))]
    return [line.strip() for line in lines]


def bundle(database: str | None, bridge: str, protocol: str, lines: Sequence[str]) -> None:
    """Carry out all lines, as for 'ovs-ofctl bundle', or none of them. Raise LabError."""
    done = processes.attempt(
        [_tool(), "-O", protocol, "bundle", _socket(database, bridge), "-"], stdin="".join(f"{line}\n" for line in lines)
    )
    if done.code:
        refused = re.search(r"Error (\S+) for: .*\): (.*)", done.stderr) or re.search(r"Error (\S+) for: .*\n (.*)", done.stderr)
        reason = f"the switch said {refused[1]} to '{refused[2]}'" if refused else f"ovs-ofctl said: {_said(done)}"
        raise LabError(f"Cannot change the flows of bridge '{bridge}', which are as before: {reason}.")


def meter(database: str | None, bridge: str, protocol: str, command: str, text: str) -> None:
    """Run add-meter, mod-meter or del-meter. Raise LabError."""
    processes.command([_tool(), "-O", protocol, command, _socket(database, bridge), text], f"set meter '{text}' of bridge '{bridge}'")


def _socket(database: str | None, bridge: str) -> str:
    kind, _colon, path = ovsdb.remote(database).partition(":")
    return f"unix:{Path(path).parent if kind == 'unix' else ovsdb.rundir()}/{bridge}.mgmt"


def _said(done: processes.Completed) -> str:
    return _LOG.sub("", done.stderr).strip().removeprefix("ovs-ofctl: ") or f"exit code {done.code}"


def _tool() -> str:
    found = processes.which("ovs-ofctl")
    if found is None:
        raise LabError("There is no ovs-ofctl on this machine; install the package openvswitch-switch (openvswitch on Fedora and SUSE).")
    return found
