# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shaping is, and what the kernel makes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .._errors import LabErrors
from ..topology.values import Type
from ..topology.values.scalars import DEVICE, NAMESPACE, number
from ..transport import tc
from ._network import key_of

Discipline = Literal["", "tbf", "netem", "pfifo"]

# What a queue holds where nobody says: packets, and of a rate's queue at least what passes in a 20th of a second.
_QUEUE, _QUEUE_SHARE = 100, 20
_NETEM_QUEUE = 1000
# A rate's burst where nobody says: what passes in 4 ms, which is a tick of most kernels, but ten packets at least.
_BURST_SHARE, _BURST = 250, 16 * 1024
# The kernel counts a burst's duration in 2^32 ticks of 64 ns.
_LONGEST = 274
# Queues are counted in packets of this size, with their header.
_PACKET, HEADER = 1514, 18
MOST_PACKETS = 10**6
LOSSES = ("loss", "duplicate", "corrupt", "reorder")


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise ValueError
    return float(value)


PERCENT = Type("a number from 0 to 100 (percent)", _percent)
TYPES: Mapping[str, Type] = {
    "name": DEVICE,
    "netns": NAMESPACE,
    "rate": number(1000, 10**12, "bit/s"),
    "burst": number(1, 2**31, "bytes"),
    "delay": number(0, 600_000_000, "microseconds"),
    "jitter": number(0, 2_000_000, "microseconds"),  # more than INT_MAX nanoseconds the kernel cuts off
    **dict.fromkeys(LOSSES, PERCENT),
    "queue": number(1, MOST_PACKETS, "packets"),
    "redirect": DEVICE,
}


@dataclass(frozen=True)
class Shaping:
    """How an interface sends: rate in bit/s, burst in bytes, delay and jitter in microseconds, losses in percent, queue in packets.

    All of it is one thing: 0 is "none", and there is nothing that is not managed. What comes in goes to the ifb ``redirect``.
    kind is the discipline that the kernel has now.
    """

    name: str
    netns: str = ""
    lab: str | None = None
    rate: int = 0
    burst: int = 0
    delay: int = 0
    jitter: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    queue: int = 0
    redirect: str = ""
    kind: str = field(default="", compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return 'name' on the lab host, 'netns/name' elsewhere."""
        return key_of(self.netns, self.name)

    @property
    def discipline(self) -> Discipline:
        """Return the kernel's queueing discipline for it.

        netem paces packets by itself: a chain of two disciplines would have two queues, and be two things to change.
        """
        if self.delay or self.jitter or any(getattr(self, name) for name in LOSSES):
            return "netem"
        return "tbf" if self.rate else "pfifo" if self.queue else ""


def shaping_from(item: Mapping[str, Any], lab: str) -> Shaping:
    """Return what a share's item or a module's options mean. Raise LabErrors."""
    problems: list[str] = []
    where = f"the shaping of '{key_of(item.get('netns') or '', str(item.get('name')))}'"
    given = {name: value for name, value in item.items() if value not in (None, "")}
    unknown = sorted(given.keys() - TYPES.keys())
    problems += [f"{where}, {name}: there is no such attribute" for name in unknown]
    read = {name: TYPES[name].read(value, f"{where}, {name}", problems) for name, value in given.items() if name in TYPES}
    if problems:
        raise LabErrors(problems)
    shaping = Shaping(lab=lab, **read)
    problems = [f"{where}: {problem}" for problem in _contradictions(shaping)]
    if problems:
        raise LabErrors(problems)
    return shaping


def shapings_from(items: Sequence[Mapping[str, Any]], lab: str) -> tuple[Shaping, ...]:
    """Return the shapings of a share; items for one interface (what it sends, and a redirect) are one."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        merged.setdefault((item.get("netns") or "", item["name"]), {}).update(item)
    return tuple(shaping_from(item, lab) for item in merged.values())


def _contradictions(shaping: Shaping) -> Iterator[str]:
    if shaping.jitter and not shaping.delay:
        yield "jitter varies a delay; give the delay too."
    if shaping.reorder and not shaping.delay:
        yield "reorder sends packets before others that are delayed; give the delay too."
    if shaping.burst and not shaping.rate:
        yield "burst belongs to a rate; give the rate too."
    elif shaping.burst and shaping.discipline == "netem":
        yield "burst cannot be set where packets are delayed or lost as well; leave it out."


def completed(target: Shaping, mtu: int) -> Shaping:
    """Return a shaping with burst and queue as they are where nobody says."""
    burst, queue = target.burst, target.queue
    if target.discipline == "tbf":
        burst = burst or max(target.rate // 8 // _BURST_SHARE, _BURST, mtu + HEADER)
        burst = min(burst, target.rate // 8 * _LONGEST)
        queue = queue or min(max(target.rate // 8 // _QUEUE_SHARE // _PACKET, _QUEUE), MOST_PACKETS)
    elif target.discipline == "netem":
        queue = queue or _NETEM_QUEUE
    return replace(target, burst=burst, queue=queue)


def shape_of(target: Shaping) -> tc.Shape:
    """Return a completed shaping in the kernel's terms."""
    losses: dict[str, Any] = {name: getattr(target, name) for name in LOSSES}
    if target.discipline == "tbf":
        return tc.Shape(rate=target.rate, burst=target.burst, limit=target.queue * _PACKET)
    packets = target.queue + (_under_way(target) if target.discipline == "netem" else 0)
    return tc.Shape(rate=target.rate, packets=packets, delay=target.delay * 1000, jitter=target.jitter * 1000, **losses)


def shaping_as(known: Shaping, kind: str, shape: tc.Shape) -> Shaping:
    """Return what the kernel does, in our terms."""
    losses: dict[str, Any] = {name: getattr(shape, name) for name in LOSSES}
    found = replace(known, rate=shape.rate, delay=round(shape.delay / 1000), jitter=round(shape.jitter / 1000), **losses)
    if kind == "tbf":
        return replace(found, burst=shape.burst, queue=round(shape.limit / _PACKET))
    return replace(found, queue=shape.packets - (_under_way(found) if kind == "netem" else 0))


def _under_way(shaping: Shaping) -> int:
    """Return how many packets netem delays at a time: it counts them with those that wait. Without a rate, 10 Gbit/s is one."""
    rate = shaping.rate // 8 or 10**10 // 8
    return min(rate * (shaping.delay + shaping.jitter) // 10**6 // _PACKET, MOST_PACKETS)


def snapped(target: Shaping, current: Shaping) -> Shaping:
    """Return target with the values that the kernel has for it: it counts bytes per second, ticks of 64 ns, shares of 2^32."""
    burst_step = 2 + target.rate * 2 * 64 // (8 * 10**9)
    steps: dict[str, float] = {"rate": 7, "burst": burst_step, "queue": 1 if target.discipline == "netem" else 0}
    steps.update(dict.fromkeys(LOSSES, 1e-6))
    kernels = {name: getattr(current, name) for name in steps}
    close = {name: value for name, value in kernels.items() if value and abs(value - getattr(target, name)) <= steps[name]}
    return replace(target, **close)
