# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send captured frames again, in their own time or another. Nothing of the machine changes, so there is no driver."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._ends import Interface, interfaces
from ._errors import LabErrors
from .resources.capture import holder
from .topology.values.scalars import ANY_MAC, MAC
from .transport.frames import Sender, inward, outward
from .transport.pcap import Frame, frames


@dataclass(frozen=True)
class Replay:
    """What is sent where. speed divides the time between frames (0: none is waited), rate is in frames/s and goes before it."""

    to: Interface
    via: str
    path: str
    given: tuple[bytes, ...]
    speed: float
    rate: float | None
    loops: int
    destination: bytes
    source: bytes

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of one loop with the addresses that they are sent with. Raise LabError."""
        found = frames(self.path) if self.path else (Frame(0, data, len(data)) for data in self.given)
        for frame in found:
            data = (self.destination or frame.data[:6]) + (self.source or frame.data[6:12]) + frame.data[12:]
            yield Frame(frame.time, data, frame.length)


def replay_from(options: Mapping[str, Any], share: Mapping[str, Any]) -> Replay:
    """Return what a module's options ask for. Raise LabErrors."""
    problems: list[str] = []
    given = [_octets(text, f"frames[{number}]", problems) for number, text in enumerate(options["frames"] or ())]
    # A frame may be for a group; nobody is one.
    types = {"destination_mac": ANY_MAC, "source_mac": MAC}
    macs = {key: kind.read(options[key], key, problems) for key, kind in types.items() if options[key] is not None}
    for key, least in (("speed", 0), ("loops", 1)):
        if options[key] < least:
            problems.append(f"{key}: must be {least} or more, not {options[key]:g}")
    if options["rate"] is not None and options["rate"] <= 0:
        problems.append(f"rate: must be more than 0 frames/s, not {options['rate']:g}")
    try:
        ends = interfaces(share, [options["link"]])
    except LabErrors as error:
        problems.extend(problem.replace("links:", "link:", 1) for problem in error.problems)
    if problems:
        raise LabErrors(problems)
    destination, source = (bytes.fromhex(macs.get(key, "").replace(":", "")) for key in ("destination_mac", "source_mac"))
    same = {key: options[key] for key in ("via", "speed", "rate", "loops")}
    return Replay(ends[0], path=options["path"] or "", given=tuple(given), destination=destination, source=source, **same)


def replayed(replay: Replay, check: bool) -> dict[str, Any]:
    """Send the frames, or only read them to check; return how many went. Raise LabError, for what is damaged before the first."""
    count = {"frames": 0, "bytes": 0, "skipped": 0}
    for _frame in replay.frames():
        pass
    if check:
        return {**count, "seconds": 0.0}
    netns, name = replay.to.netns, replay.to.name
    with inward(netns, name, holder(netns, name)) if replay.via == "tap" else outward(netns, name) as sender:
        begin = time.monotonic()
        schedule = Schedule(replay.speed, replay.rate)
        for _loop in range(replay.loops):
            schedule.again()
            for frame in replay.frames():
                time.sleep(max(0.0, begin + schedule.due(frame) - time.monotonic()))
                _send(sender, frame, count)
    return {**count, "seconds": round(time.monotonic() - begin, 3)}


def _send(sender: Sender, frame: Frame, count: dict[str, int]) -> None:
    if frame.whole and sender.send(frame.data):
        count["frames"] += 1
        count["bytes"] += len(frame.data)
    else:
        count["skipped"] += 1


class Schedule:
    """When each frame is due, in seconds from the begin. What comes too late does not delay what follows. Pure."""

    def __init__(self, speed: float, rate: float | None) -> None:
        self._speed, self._rate = speed, rate
        self._sent = 0
        self._first: int | None = None
        self._begin = self._due = 0.0

    def again(self) -> None:
        """Begin a loop: its first frame follows the last one at once, unless there is a rate."""
        self._first, self._begin = None, self._due

    def due(self, frame: Frame) -> float:
        """Return when the next frame is due."""
        if self._rate:
            self._due = self._sent / self._rate
        elif self._speed:
            self._first = frame.time if self._first is None else self._first
            self._due = max(self._due, self._begin + (frame.time - self._first) / 1e9 / self._speed)
        self._sent += 1
        return self._due


def _octets(text: str, path: str, problems: list[str]) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        problems.append(f"{path}: must be a frame in hexadecimal digits, not '{text}'")
        return b""
