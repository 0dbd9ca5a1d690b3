# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send probes from many network namespaces by one process, all in flight together, and collect what comes back."""

from __future__ import annotations

import random
import resource
import select
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from .._errors import LabError
from ..transport import namespaces
from ..transport.neighbours import Neighbours
from ..transport.probes import SILENT, Channel, Dns, Echo, Outcome, Probe, Tcp, Udp

# How long answers are waited for after each round of sending. A lost packet (the first one after a neighbour was
# looked up, a full queue) is thus no failure, and the last round is over only when ARP has given up (3 seconds).
_WAITS = (0.3, 1.0, 2.2)
# The kernel has one neighbour table for all namespaces of the machine, and at most 1024 entries in it (gc_thresh3, arp(7)). Each
# pair needs two. So probes go out in flocks, and what a flock has put there is taken away again before the next.
_FLOCK = 200
_BLOCK = 10  # nodes: a flock is about all pairs between two blocks, so that a pair's two directions share their entries
_EAGER = 32  # probes after which answers are read, so that no socket's buffer overflows
_SKIPPED = Outcome("skipped", "the time was over before it was tried")


def probe_all(
    probes: Sequence[Probe], timeout: float, owners: Mapping[str, str] | None = None, waits: Sequence[float] = _WAITS
) -> list[Outcome]:
    """Return the outcome of each probe. timeout is for all, in seconds; owners tells the namespace that has an address."""
    if not probes:
        return []
    run = _Run(probes, owners or {}, time.monotonic() + timeout, waits)
    try:
        return run.result()
    finally:
        run.close()


class _Run:
    """The probes of one call, by number, their sockets and what has come of them."""

    def __init__(self, probes: Sequence[Probe], owners: Mapping[str, str], deadline: float, waits: Sequence[float]) -> None:
        self._probes = probes
        self._owners = owners
        self._deadline = deadline
        self._waits = waits
        self._outcomes: dict[int, Outcome] = {}
        self._identity = random.getrandbits(16)
        self._shared: dict[tuple[str, str], Channel] = {}
        self._single: dict[int, Channel] = {}
        self._channels: dict[int, tuple[Channel, tuple[str, str] | None]] = {}
        self._numbers: dict[tuple[str, str], list[int]] = {}  # a channel's numbers have 16 bits: they are places in this list
        self._places: dict[int, int] = {}
        self._poll = select.epoll()
        self._macs: dict[str, bytes] = {}
        self._indexes: dict[str, set[int]] = {}
        self._own: dict[tuple[str, int], list[str]] = {}
        for address, netns in owners.items():
            self._own.setdefault((netns, 6 if ":" in address else 4), []).append(address)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        spaces = filter(namespaces.exists, self._involved()) if self._crowded() else ()
        self._tables = {netns: Neighbours(netns) for netns in spaces}
        self._before = {netns: {(entry.index, entry.address) for entry in table.entries()} for netns, table in self._tables.items()}

    def _involved(self) -> set[str]:
        return {netns for probe in self._probes for netns in (probe.netns, self._owners.get(probe.address, "")) if netns}

    def _crowded(self) -> bool:
        # From the lab host alone there is nothing to tidy up: its own neighbours are not touched.
        return len({(probe.netns, probe.address) for probe in self._probes}) > _FLOCK

    def result(self) -> list[Outcome]:
        """Send, wait, and send again what was not answered."""
        order = self._order()
        # The first try has two parts, so that in its second part MAC addresses are known.
        rounds = [(self._waits[0], self._scouts(order)), *((wait, order) for wait in self._waits)]
        for count, (wait, numbers) in enumerate(rounds):
            left = [number for number in numbers if self._open(number)]
            for start in range(0, len(left), _FLOCK):
                flock = left[start : start + _FLOCK]
                if time.monotonic() > self._deadline:
                    for number in flock:
                        self._outcomes.setdefault(number, _SKIPPED)
                    continue
                if count == 1:
                    self._lend(flock)
                self._send(flock, wait)
                last = count == len(rounds) - 1 and start + _FLOCK >= len(left)
                if not last:  # what is left of the last ones is evidence for those who ask why
                    self._tidy(flock)
        return [self._outcomes[number] for number in range(len(self._probes))]

    def _order(self) -> list[int]:
        """Return the probes' numbers by blocks of namespaces, both directions of a pair side by side."""
        spaces = {netns: number for number, netns in enumerate(dict.fromkeys(probe.netns for probe in self._probes))}

        def place(number: int) -> tuple[bool, int, int, int, int]:
            probe = self._probes[number]
            here, there = spaces[probe.netns], spaces.get(self._owners.get(probe.address, "-"), -1)
            first, second = min(here, there), max(here, there)
            return probe.kind == "dns", first // _BLOCK, second // _BLOCK, first, second

        return sorted(range(len(self._probes)), key=place)

    def _open(self, number: int) -> bool:
        """Say whether a probe is worth another try. An error may come of tidying up: the packets that wait for a neighbour get it."""
        return self._outcomes.get(number, SILENT).kind in ("silent", "unreachable")

    def _send(self, flock: Sequence[int], wait: float) -> None:
        waiting = set(flock)
        for count, number in enumerate(flock, 1):
            self._outcomes.setdefault(number, SILENT)
            try:
                outcome = self._start(number)
            except LabError as error:  # no such namespace
                outcome = Outcome("unreachable", str(error).rstrip("."))
            except OSError as error:
                outcome = Outcome("unreachable", (error.strerror or str(error)).lower())
            if outcome:
                self._outcomes[number] = outcome
                waiting.discard(number)
            if count % _EAGER == 0:
                self._receive(waiting, 0)
        end = min(self._deadline, time.monotonic() + wait)
        while waiting and time.monotonic() < end:
            self._receive(waiting, max(0.0, end - time.monotonic()))
        for number in flock:
            channel = self._single.pop(number, None)
            if channel:
                channel.socket.close()  # which takes it from the poll set too

    def _start(self, number: int) -> Outcome | None:
        probe = self._probes[number]
        if probe.kind in ("tcp", "udp"):
            channel = self._single[number] = Tcp(probe) if probe.kind == "tcp" else Udp(probe)
            outcome = channel.send(number, probe)
            if outcome is None:  # a socket that has not begun to connect would count as hung up
                self._listen(channel, None)
            return outcome
        key = (probe.netns, str(probe.family) if probe.kind == "ping" else probe.address)
        shared = self._shared.get(key)
        if shared is None:
            ping = probe.kind == "ping"
            shared = self._shared[key] = Echo(probe.netns, probe.family, self._identity) if ping else Dns(probe.netns, probe.address)
            self._numbers[key] = []
            self._listen(shared, key)
        if number not in self._places:
            self._places[number] = len(self._numbers[key])
            self._numbers[key].append(number)
        return shared.send(self._places[number], probe)

    def _listen(self, channel: Channel, key: tuple[str, str] | None) -> None:
        self._channels[channel.socket.fileno()] = channel, key
        self._poll.register(channel.socket, select.EPOLLOUT if isinstance(channel, Tcp) else select.EPOLLIN)

    def _receive(self, waiting: set[int], wait: float) -> None:
        for descriptor, _event in self._poll.poll(wait):
            channel, key = self._channels[descriptor]
            for place, outcome in channel.receive():
                number = self._numbers[key][place] if key else place
                if self._open(number):
                    self._outcomes[number] = outcome
                waiting.discard(number)
            if key is None:
                self._poll.unregister(descriptor)  # a connection would tell for ever what became of it

    def _scouts(self, order: Sequence[int]) -> list[int]:
        """Return for each address the first probe to it, if there is a crowd."""
        first: dict[str, int] = {}
        for number in order if self._tables else ():
            first.setdefault(self._probes[number].address, number)
        return list(first.values())

    def _lend(self, flock: Sequence[int]) -> None:
        """Tell both ends of each pair the other's MAC address that somebody else has asked for.

        Otherwise every pair's ARP request goes to every node of the network, which is most of the work. A pair that does not
        work by what it was told is tried again, and then asks for itself.
        """
        told: dict[str, set[tuple[int, str, bytes]]] = {}
        for probe in (self._probes[number] for number in flock):
            owner = self._owners.get(probe.address, "")
            for netns, addresses in ((probe.netns, (probe.address,)), (owner, self._own.get((probe.netns, probe.family), ()))):
                indexes = self._indexes.get(netns, ())
                for address in addresses if len(indexes) == 1 and probe.kind != "dns" else ():
                    if address in self._macs:
                        told.setdefault(netns, set()).add((*indexes, address, self._macs[address]))
        for netns, entries in told.items():
            self._tables[netns].lend(entries)

    def _tidy(self, flock: Sequence[int]) -> None:
        probes = [self._probes[number] for number in flock]
        for netns in {netns for probe in probes for netns in (probe.netns, self._owners.get(probe.address, "")) if netns}:
            if netns in self._tables:
                for entry in self._tables[netns].forget(self._before[netns]):
                    if entry.known and not entry.lasting:
                        self._macs.setdefault(entry.address, entry.mac)
                        self._indexes.setdefault(netns, set()).add(entry.index)

    def close(self) -> None:
        """Close all sockets."""
        for channel in (*self._shared.values(), *self._single.values()):
            channel.socket.close()
        for table in self._tables.values():
            table.close()
        self._poll.close()
