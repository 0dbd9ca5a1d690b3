# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backend of a guest's NIC means: what does not go together in it, whom it reaches, and its other end. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import user_network
from .names import digest
from .values.sockets import is_group

Backend = Mapping[str, Any]  # its type and the values of that type's block in schema/backends.py


def mistakes(backend: Backend) -> list[str]:
    """Return what is wrong with the values of a backend that is complete, each beginning with the key."""
    check = _MISTAKES.get(backend["type"])
    return list(check(backend)) if check else []


def _one_of(*keys: str) -> Callable[[Backend], Iterator[str]]:
    def check(backend: Backend) -> Iterator[str]:
        given = [key for key in keys if backend[key] is not None]
        if len(given) != 1:
            yield f"{given[-1] if given else keys[0]}: give either {' or '.join(keys)}{', not both' if given else ''}"

    return check


def _all_of(*keys: str) -> Callable[[Backend], Iterator[str]]:
    return lambda backend: (f"{key}: is missing; '{backend['type']}' needs {' and '.join(keys)}" for key in keys if backend[key] is None)


def _of_dgram(backend: Backend) -> Iterator[str]:
    remote, local = backend["remote"], backend["local"]
    if remote is None:
        yield "remote: is missing; 'dgram' needs it"
    elif not is_group(remote) and local is None:
        yield "local: is missing; only a multicast group can do without it"
    elif local is not None and local.startswith("unix:") != remote.startswith("unix:"):
        yield "local: must be of the same kind as remote, an address or a unix socket"


def _of_l2tpv3(backend: Backend) -> Iterator[str]:
    needed = ("src", "dst", "srcport", "dstport") if backend["udp"] else ("src", "dst")
    yield from _all_of(*needed)(backend)
    if (backend["rxcookie"] is None) != (backend["txcookie"] is None):
        yield "rxcookie: goes with txcookie; give both or none"


_MISTAKES: dict[str, Callable[[Backend], Iterator[str]]] = {
    "user": user_network.mistakes,
    "bridge": _all_of("bridge"),
    "socket": _one_of("listen", "connect"),
    "stream": _one_of("listen", "connect"),
    "mcast": _all_of("group"),
    "udp": _all_of("local", "remote"),
    "dgram": _of_dgram,
    "l2tpv3": _of_l2tpv3,
    "hubport": lambda backend: (f"uplink.{problem}" for problem in (mistakes(backend["uplink"]) if backend["uplink"] else ())),
}


def is_plain(backend: Backend) -> bool:
    """Say whether a backend is the tap that the lab makes anyway."""
    return backend["type"] == "tap" and not any(backend[key] for key in ("script", "downscript", "device"))


def listens(backend: Backend) -> str | None:
    """Return the address that a backend waits at for the other guest."""
    return backend.get("listen")


def medium(backend: Backend) -> str | None:
    """Return a name for what a backend has in common with those of other guests, None if it is alone."""
    named = _MEDIA.get(backend["type"])
    return named(backend) if named else None


def _tunnel(backend: Backend) -> str:
    ends = sorted(
        (f"{backend['src']}:{backend['srcport']}/{backend['rxsession']}", f"{backend['dst']}:{backend['dstport']}/{backend['txsession']}")
    )
    return f"l2tpv3 {' '.join(ends)}"


_MEDIA: dict[str, Callable[[Backend], str | None]] = {
    "socket": lambda backend: f"socket {backend['listen'] or backend['connect']}",
    "stream": lambda backend: f"stream {backend['listen'] or backend['connect']}",
    "mcast": lambda backend: f"mcast {backend['group']}",
    "udp": lambda backend: f"udp {' '.join(sorted((backend['local'], backend['remote'])))}",
    "dgram": lambda backend: (
        f"dgram {backend['remote']}"
        if is_group(backend["remote"])
        else f"dgram {' '.join(sorted((backend['local'] or '', backend['remote'])))}"
    ),
    "l2tpv3": _tunnel,
    "vde": lambda backend: f"vde {backend['sock']}",
    "bridge": lambda backend: f"bridge {backend['bridge']}",
    "hubport": lambda backend: medium(backend["uplink"]) if backend["uplink"] else None,
}


# How the two ends of a link between guests find each other, where the file does not say: by ports of the loopback interface.
_HERE = "127.0.0.1"
PAIRS: dict[str, Callable[[int, int, tuple[str, ...]], tuple[dict[str, Any], dict[str, Any]]]] = {
    "socket": lambda first, _second, _names: ({"listen": f"{_HERE}:{first}"}, {"connect": f"{_HERE}:{first}"}),
    "stream": lambda first, _second, _names: ({"listen": f"{_HERE}:{first}"}, {"connect": f"{_HERE}:{first}"}),
    "mcast": lambda first, _second, names: ({"group": f"{_group(names)}:{first}"},) * 2,
    "udp": lambda first, second, _names: _crossed(f"{_HERE}:{first}", f"{_HERE}:{second}"),
    "dgram": lambda first, second, _names: _crossed(f"{_HERE}:{first}", f"{_HERE}:{second}"),
    "l2tpv3": lambda first, second, _names: (
        {"src": _HERE, "dst": _HERE, "srcport": first, "dstport": second},
        {"src": _HERE, "dst": _HERE, "srcport": second, "dstport": first},
    ),
}


def _crossed(first: str, second: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"local": first, "remote": second}, {"local": second, "remote": first}


def _group(names: tuple[str, ...]) -> str:
    """Return a multicast address of the local scope (RFC 2365)."""
    return "239.255.{}.{}".format(*digest(*names)[:2])
