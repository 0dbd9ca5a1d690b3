# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an uplink had before a switch got it: the note of it, and the way back, which whoever comes first goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .._paths import run_dir
from ..transport import belongings, notes, processes, sysctl
from ..transport.belongings import Belongings
from ..transport.netlink import Netlink
from ..transport.rtnetlink import LinkRecord, link_attributes, set_link

# What keeps the host's own IP stack from seeing a second time what a daemon in user space has from the port.
_QUIET = {"net/ipv4/conf/{}/arp_ignore": "8", "net/ipv4/conf/{}/rp_filter": "1", "net/ipv6/conf/{}/disable_ipv6": "1"}


@dataclass(frozen=True)
class Note:
    """Where an uplink's addresses and routes (netlink's, in hexadecimal digits) have gone, and when, as time.monotonic() has it.

    A pending one is undone when nobody has confirmed it timeout seconds after the run. answered are those that answered
    an echo request before, neighbours those that only told their MAC address.
    """

    to: str
    kind: str
    state: Literal["pending", "confirmed", "undone"]
    taken: float
    timeout: float
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def belongings(self) -> Belongings:
        """Return what the uplink had."""
        return Belongings(tuple(map(bytes.fromhex, self.addresses)), tuple(map(bytes.fromhex, self.routes)))

    def holding(self, things: Belongings) -> Note:
        """Return the note of these things."""
        return replace(self, addresses=tuple(data.hex() for data in things.addresses), routes=tuple(data.hex() for data in things.routes))


def path(lab: str) -> Path:
    """Return the file of the notes."""
    return run_dir(lab) / "uplinks.json"


def read(lab: str) -> dict[str, Note]:
    """Return the notes by uplink. They are lost with a reboot, as is what they tell of."""
    tuples = ("addresses", "routes", "answered", "neighbours")
    return {
        name: _note({key: tuple(value) if key in tuples else value for key, value in noted.items()})
        for name, noted in notes.read(path(lab)).items()
    }


def write(lab: str, noted: Mapping[str, Note]) -> None:
    """Note this, and nothing else."""
    if noted:
        notes.write(path(lab), {name: asdict(note) for name, note in noted.items()})
    else:
        path(lab).unlink(missing_ok=True)


def hand_over(name: str, note: Note) -> Note:
    """Give the switch what the uplink has and what the note says that it had; return the note of all that. Raise LabErrors."""
    with Netlink() as kernel:
        links = {link.name: link for link in kernel.links()}
        source, target = (links[one] for one in (name, note.to))
        here = belongings.read(kernel, source.index)
        whole = note.holding(note.belongings.merged(here))
        kernel.send(belongings.handed(whole.belongings, _end(kernel, source), _end(kernel, target)))
    if note.kind == "ovs":
        settings = {key.format(name): value for key, value in _QUIET.items()}
        before = {key: value for key in settings if (value := sysctl.read(key)) is not None}
        whole = replace(whole, settings={**before, **note.settings})
        for key in before:
            sysctl.settle(key, settings[key], f"of the uplink '{name}'")
    return whole


def give_back(name: str, note: Note) -> None:
    """Take an uplink out of its switch and give it back what it had, as far as it is there. Raise LabErrors."""
    if note.kind == "ovs" and processes.which("ovs-vsctl"):
        # Not by the library: its connection may wait for a daemon that has gone.
        processes.attempt(["ovs-vsctl", "--timeout=10", "--if-exists", "del-port", note.to, name])
    for key, value in note.settings.items():
        if sysctl.read(key) is not None:
            sysctl.settle(key, value, f"of the uplink '{name}'")
    with Netlink() as kernel:
        links = {link.name: link for link in kernel.links()}
        source, target = links.get(note.to), links.get(name)
        if target is None:
            return
        if target.master and source and target.master == source.index:
            kernel.send([set_link(link_attributes(name, master=0))])
        age = time.monotonic() - note.taken
        there = _end(kernel, source) if source else (note.to, 0, ())
        kernel.send(belongings.handed(note.belongings, there, _end(kernel, target), age))


def _note(values: dict[str, Any]) -> Note:
    return Note(**values)


def _end(kernel: Netlink, link: LinkRecord) -> tuple[str, int, Sequence[str]]:
    return link.name, link.index, [belongings.told(data) for data in belongings.read(kernel, link.index).addresses]
