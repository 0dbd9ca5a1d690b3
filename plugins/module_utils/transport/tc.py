# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic control's messages (tc(8)): queueing disciplines that shape what an interface sends, and the redirect of what comes in.

The handle of a root discipline is the mark: each lab has a major number of its own.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from socket import htons

from .attributes import attribute, attributes, each, number, text, whole, word
from .rtnetlink import Request, message

# linux/rtnetlink.h, linux/pkt_sched.h
_REPLACE, _EXCL, _CREATE = 0x100, 0x200, 0x400
_NEWQDISC, _DELQDISC, _NEWTFILTER, _DELTFILTER = 36, 37, 44, 45
_ROOT, _INGRESS, _INGRESS_HANDLE = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
_KIND, _OPTIONS = 1, 2
_ETH_P_ALL = 3
_TICK = 64  # nanoseconds (PSCHED_SHIFT in net/pkt_sched.h)
_NESTED = 0x8000
_TBF_PARMS, _TBF_RATE64, _TBF_BURST = 1, 4, 6
_NETEM_CORR, _NETEM_REORDER, _NETEM_CORRUPT, _NETEM_RATE, _NETEM_RATE64, _NETEM_LATENCY64, _NETEM_JITTER64 = 1, 3, 4, 6, 8, 10, 11
_LINKLAYER_ETHERNET = 1
_U32_MAX = 0xFFFFFFFF
# linux/pkt_cls.h, linux/tc_act/tc_mirred.h
_U32_SEL, _U32_ACT, _U32_TERMINAL = 5, 7, 1
_ACT_KIND, _ACT_OPTIONS, _MIRRED_PARMS = 1, 2, 2
_ACT_STOLEN, _EGRESS_REDIRECT = 4, 1
# Majors from 0x8000 are those that the kernel gives by itself.
_MAJORS, _OURS = 0x6000, 0x0FFF

KINDS = ("tbf", "netem", "pfifo")


@dataclass(frozen=True)
class Shape:
    """What a root discipline does, whatever its kind: rate in bit/s, burst and limit in bytes, times in nanoseconds, shares in percent.

    limit is tbf's queue in bytes, packets that of the others.
    """

    rate: int = 0
    burst: int = 0
    limit: int = 0
    packets: int = 0
    delay: int = 0
    jitter: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0


@dataclass(frozen=True)
class QdiscRecord:
    """A discipline at an interface's root or ingress; shape is None for a kind that is none of KINDS."""

    index: int
    kind: str
    handle: int
    ingress: bool
    shape: Shape | None


def major(lab: str) -> int:
    """Return the major number that marks a lab's disciplines and filters."""
    return _MAJORS | (int.from_bytes(hashlib.sha256(lab.encode()).digest()[:2], "big") & _OURS)


def set_shape(index: int, name: str, kind: str, shape: Shape, lab: str) -> Request:
    """Ask for a root discipline, which is changed in place if it is there already, of the same kind and lab."""
    options = {"tbf": _tbf, "netem": _netem, "pfifo": _pfifo}[kind](shape)
    body = _tcmsg(index, major(lab) << 16, _ROOT) + text(_KIND, kind) + options
    return Request(f"shape '{name}' by the queueing discipline {kind}", (message(_NEWQDISC, _CREATE | _REPLACE, body),))


def drop_shape(index: int, name: str, lab: str) -> Request:
    """Ask for the end of a lab's root discipline."""
    return Request(f"stop shaping '{name}'", (message(_DELQDISC, 0, _tcmsg(index, major(lab) << 16, _ROOT)),))


def set_redirect(index: int, name: str, target: int, lab: str) -> list[Request]:
    """Ask that what comes in at an interface goes to the interface with index target, as if that were to send it."""
    ingress = message(_NEWQDISC, _CREATE | _EXCL, _tcmsg(index, _INGRESS_HANDLE, _INGRESS) + text(_KIND, "ingress"))
    # One key with an empty mask matches every packet; u32 is in kernels that matchall is not in.
    selector = struct.pack("BBBxHHhhI", _U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + bytes(16)
    parameters = struct.pack("IIiii", 0, 0, _ACT_STOLEN, 0, 0) + struct.pack("iI", _EGRESS_REDIRECT, target)
    action = text(_ACT_KIND, "mirred") + attribute(_ACT_OPTIONS | _NESTED, attribute(_MIRRED_PARMS, parameters))
    options = attribute(_U32_SEL, selector) + attribute(_U32_ACT | _NESTED, attribute(1, action))
    body = _tcmsg(index, 0, _INGRESS_HANDLE, _filter_info(lab)) + text(_KIND, "u32") + attribute(_OPTIONS | _NESTED, options)
    purpose = f"redirect what comes in at '{name}'"
    return [Request(purpose, (ingress,)), Request(purpose, (message(_NEWTFILTER, _CREATE | _EXCL, body),))]


def drop_redirect(index: int, name: str) -> Request:
    """Ask for the end of an interface's ingress discipline, and so of its filters."""
    return Request(f"stop the redirect at '{name}'", (message(_DELQDISC, 0, _tcmsg(index, _INGRESS_HANDLE, _INGRESS)),))


def probe_qdisc(index: int, kind: str) -> Request:
    """Ask for a discipline without its parameters, for an interface that nobody needs: ENOENT says that the kernel does not know it."""
    return Request(f"ask for {kind}", (message(_NEWQDISC, _CREATE | _EXCL, _tcmsg(index, 0, _ROOT) + text(_KIND, kind)),))


def dump_qdiscs() -> bytes:
    """Return the body that asks for all disciplines."""
    return _tcmsg(0, 0, 0)


def dump_filters(index: int) -> bytes:
    """Return the body that asks for the filters of what comes in at an interface."""
    return _tcmsg(index, 0, _INGRESS_HANDLE)


def qdisc_record(data: bytes) -> QdiscRecord | None:
    """Decode a discipline, None for one that is neither at an interface's root nor at its ingress."""
    index, handle, parent = struct.unpack_from("iII", data, 20)
    if parent not in (_ROOT, _INGRESS):
        return None
    found = attributes(data, 36)
    kind, options = word(found.get(_KIND, b"")), found.get(_OPTIONS, b"")
    decode = {"tbf": _tbf_shape, "netem": _netem_shape, "pfifo": _pfifo_shape}.get(kind)
    return QdiscRecord(index, kind, handle, parent == _INGRESS, decode(options) if decode and options else None)


def redirect_record(data: bytes, lab: str) -> int | None:
    """Decode a filter: the index that the lab's redirect goes to, 0 if that interface is gone, None for any other filter."""
    (info,) = struct.unpack_from("I", data, 32)
    options = attributes(attributes(data, 36).get(_OPTIONS, b""))
    if info >> 16 != major(lab) or _U32_ACT not in options:
        return None
    for _number, action in each(options[_U32_ACT]):
        parameters = attributes(attributes(action).get(_ACT_OPTIONS, b"")).get(_MIRRED_PARMS)
        if parameters:
            return int(struct.unpack_from("I", parameters, 24)[0])
    return None


def _tcmsg(index: int, handle: int, parent: int, info: int = 0) -> bytes:
    return struct.pack("BxxxiIII", 0, index, handle, parent, info)


def _filter_info(lab: str) -> int:
    """Return a filter's preference, which is the mark, and the protocol that it is for."""
    return major(lab) << 16 | htons(_ETH_P_ALL)


def _ratespec(rate: int) -> bytes:
    """Pack struct tc_ratespec: bytes per second, counted with Ethernet's header."""
    return struct.pack("BBHhHI", 0, _LINKLAYER_ETHERNET, 0, 0, 0, min(rate // 8, _U32_MAX))


def _rate64(kind: int, rate: int) -> bytes:
    return number(kind, rate // 8, "Q") if rate // 8 >= _U32_MAX else b""


def _tbf(shape: Shape) -> bytes:
    ticks = min(shape.burst * 8 * 10**9 // max(shape.rate, 1) // _TICK, _U32_MAX)
    parameters = _ratespec(shape.rate) + bytes(12) + struct.pack("III", shape.limit, ticks, 0)
    options = attribute(_TBF_PARMS, parameters) + number(_TBF_BURST, shape.burst) + _rate64(_TBF_RATE64, shape.rate)
    return attribute(_OPTIONS | _NESTED, options)


def _tbf_shape(options: bytes) -> Shape:
    found = attributes(options)
    parameters = found.get(_TBF_PARMS, bytes(36))
    (rate,) = struct.unpack_from("I", parameters, 8)
    limit, ticks = struct.unpack_from("II", parameters, 24)
    bytes_per_second = whole(found.get(_TBF_RATE64, b"")) or rate
    return Shape(rate=bytes_per_second * 8, burst=round(ticks * _TICK * bytes_per_second / 10**9), limit=limit)


def _netem(shape: Shape) -> bytes:
    # Every attribute, or the kernel keeps what the discipline had.
    ticks = [min(time // _TICK, _U32_MAX) for time in (shape.delay, shape.jitter)]
    gap = 1 if shape.reorder else 0
    head = struct.pack("IIIIII", ticks[0], shape.packets, _share(shape.loss), gap, _share(shape.duplicate), ticks[1])
    options = [
        attribute(_NETEM_CORR, bytes(12)),
        attribute(_NETEM_REORDER, struct.pack("II", _share(shape.reorder), 0)),
        attribute(_NETEM_CORRUPT, struct.pack("II", _share(shape.corrupt), 0)),
        attribute(_NETEM_RATE, struct.pack("IiIi", min(shape.rate // 8, _U32_MAX), 0, 0, 0)),
        _rate64(_NETEM_RATE64, shape.rate),
        number(_NETEM_LATENCY64, shape.delay, "q"),
        number(_NETEM_JITTER64, shape.jitter, "q"),
    ]
    return attribute(_OPTIONS, head + b"".join(options))


def _netem_shape(options: bytes) -> Shape:
    delay, packets, loss, gap, duplicate, jitter = struct.unpack_from("IIIIII", options)
    found = attributes(options, 24)
    reorder = whole(found.get(_NETEM_REORDER, b"")[:4])
    rate = whole(found.get(_NETEM_RATE64, b"")) or whole(found.get(_NETEM_RATE, b"")[:4])
    return Shape(
        rate=rate * 8,
        packets=packets,
        delay=whole(found.get(_NETEM_LATENCY64, b"")) or delay * _TICK,
        jitter=whole(found.get(_NETEM_JITTER64, b"")) or jitter * _TICK,
        loss=_percent(loss),
        duplicate=_percent(duplicate),
        corrupt=_percent(whole(found.get(_NETEM_CORRUPT, b"")[:4])),
        reorder=_percent(reorder) if gap else 0.0,
    )


def _pfifo(shape: Shape) -> bytes:
    return number(_OPTIONS, shape.packets)


def _pfifo_shape(options: bytes) -> Shape:
    return Shape(packets=whole(options[:4]))


def _share(percent: float) -> int:
    return round(percent / 100 * _U32_MAX)


def _percent(share: int) -> float:
    return round(share / _U32_MAX * 100, 6)
