# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running QEMU tells of its own networks, and what it can be told of them: forwarded ports, and connections that are gone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .._errors import LabError
from ..transport.qmp import Qmp, Refused
from ._netdev import Words, meeting_point, needs_root, spawns, split
from ._qemu_argv import HUB, UPLINK, uplinks
from ._vm_model import Nic

LOST = "lost"
_FORWARD = "hostfwd="
# As 'info usernet' prints them: protocol, descriptor, address and port outside, and inside.
_LINE = re.compile(r"\s+(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s")


def asks(nics: Sequence[Nic]) -> bool:
    """Say whether there is anything to ask a running QEMU."""
    return any(words[0] in ("user", "socket", "stream") for nic in nics for words in nic.netdevs)


def as_told(nics: Sequence[Nic], qmp: Qmp) -> tuple[Nic, ...]:
    """Return NICs with the ports that are forwarded now, and with the mark of a connection whose other end has gone."""
    forwards = _forwards(monitor("info usernet", qmp))
    network = monitor("info network", qmp).splitlines()

    def told(words: Words | None, name: str) -> Words | None:
        if words and words[0] == "user":
            now = [f"{_FORWARD}{rule}" for rule in forwards.get(name, ())]
            return _ordered(words, now)
        point = meeting_point(words) if words else None
        if words and point and not point[1] and any(re.search(rf" {re.escape(name)}: .*,type=\w+,\s*$", line) for line in network):
            return (*words, LOST)
        return words

    return tuple(
        dataclasses.replace(nic, backend=told(nic.backend, f"{nic.id}.net"), uplink=told(nic.uplink, f"{nic.id}{UPLINK}")) for nic in nics
    )


def _ordered(words: Words, now: Sequence[str]) -> Words:
    """Return the words of a user network with the rules that there are now; those that it began with keep their places."""
    first = next((place for place, word in enumerate(words) if word.startswith(_FORWARD)), None)
    if first is None:
        first = next((place for place, word in enumerate(words) if word.startswith("guestfwd=")), len(words))
    kept = [word for word in words if word.startswith(_FORWARD) and word in now]
    others = [word for word in words if not word.startswith(_FORWARD)]
    return (*others[:first], *kept, *sorted(set(now).difference(kept)), *others[first:])


def _forwards(text: str) -> dict[str, list[str]]:
    """Return the forwarded ports of each user network by its name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        header = re.search(r"(?:\((\S+)\)|^(\S+)):\s*$", line.strip())
        if header:
            name = header[1] or header[2]
            continue
        rule = _LINE.match(line)
        if rule:
            protocol, host, port, guest, guest_port = rule.groups()
            found.setdefault(name, []).append(f"{protocol.lower()}:{'' if host == '*' else host}:{port}-{guest}:{guest_port}")
    return found


def same_but_forwards(current: Nic, target: Nic) -> bool:
    """Say whether two NICs differ in nothing but forwarded ports, which a running QEMU can be told."""
    if not (current.backend and target.backend and current.backend[0] == target.backend[0] == "user"):
        return False

    def without(nic: Nic) -> Nic:
        rest = tuple(word for word in nic.backend or () if not word.startswith(_FORWARD))
        return dataclasses.replace(nic, backend=rest, up=None)

    return without(current) == without(target)


def swappable(current: Nic, target: Nic) -> bool:
    """Say whether two NICs differ in the uplink of their hub alone, which a running QEMU can be given anew."""
    allowed = not target.uplink or not (needs_root(target.uplink) or spawns(target.uplink))
    return allowed and dataclasses.replace(current, uplink=None, up=None) == dataclasses.replace(target, uplink=None, up=None)


def swap(before: Nic, after: Nic, qmp: Qmp) -> None:
    """Plug another uplink into the hub of a NIC. Raise LabError."""
    for end in (HUB, UPLINK) if before.uplink else ():
        with suppress(Refused):  # gone already, by a run that was killed
            qmp.execute("netdev_del", id=f"{before.id}{end}")
    for value in uplinks(after):
        try:
            connect(value, qmp)
        except LabError as error:
            raise LabError(f"QEMU cannot plug '{after.uplink and after.uplink[0]}' into the hub of '{after.id}': {error}") from error


def connect(option: str, qmp: Qmp) -> None:
    """Give a running QEMU the backend that an option for its start describes. Raise LabError."""
    kind, *words = split(option)
    if kind not in ("stream", "dgram"):
        tell(f"netdev_add {option}", qmp)
        return
    # The older monitor takes no words with a dot (netdev_is_modern in net/net.c): QMP has these as mappings, with types.
    told: dict[str, Any] = {"type": kind}
    for name, _equals, value in (word.partition("=") for word in words):
        outer, _dot, inner = name.rpartition(".")
        (told.setdefault(outer, {}) if outer else told)[inner] = value == "on" if name == "server" else value
    qmp.execute("netdev_add", **told)


def tell(line: str, qmp: Qmp) -> None:
    """Give a command of QEMU's older monitor that says nothing when it succeeds. Raise LabError."""
    said = monitor(line, qmp).strip()
    if said:
        raise LabError(f"{said.rstrip('.')}.")


def forward(before: Nic, after: Nic, qmp: Qmp) -> None:
    """Have a running QEMU forward the ports of after instead of those of before. Raise LabError."""
    old, new = ([word[len(_FORWARD) :] for word in nic.backend or () if word.startswith(_FORWARD)] for nic in (before, after))
    # What goes first, as the new rule may be for the same port.
    for rule in old:
        if rule not in new:
            monitor(f"hostfwd_remove {before.id}.net {rule.partition('-')[0]}", qmp)
    for rule in new:
        if rule not in old:
            said = monitor(f"hostfwd_add {before.id}.net {rule}", qmp).strip()
            if said:
                raise LabError(f"QEMU cannot forward {rule} to '{before.id}': {said}; choose a port that is free.")


def monitor(line: str, qmp: Qmp) -> str:
    """Give a command of QEMU's older monitor, for what QMP has no word for."""
    return str(qmp.execute("human-monitor-command", command_line=line))
