# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind a NIC as the words of QEMU's option -netdev: the type, then its options. A small function for each type."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..topology.backends import Backend
from ..topology.user_network import forwards

Words = tuple[str, ...]
# QEMU's words (qemu(1), -netdev) for the keys that differ from them by name alone.
_USER = ("net", "host", "dns", "dhcpstart", "hostname", "domainname")
_VDE = ("sock", "port", "group", "mode")
_L2TPV3 = ("src", "dst", "srcport", "dstport", "rxsession", "txsession", "rxcookie", "txcookie")


def words(backend: Backend, queues: int = 1) -> Words | None:
    """Return the words for a backend, None for no backend at all; scripts are named by scripts()."""
    kind = backend["type"]
    if kind == "none":
        return None
    return tuple(_WORDS[kind]({**backend, "queues": queues}))


def scripts(backend: Backend, nic: str, folder: Path) -> tuple[Backend, dict[str, str]]:
    """Return a backend with its scripts' texts as files of a folder, and those by path: what is changed has another name."""
    texts, files = {**backend}, {}
    for key, end in (("script", "up"), ("downscript", "down")) if backend["type"] == "tap" else ():
        text = backend[key]
        if text and not text.startswith("/"):
            path = str(folder / f"{nic}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.{end}")
            texts[key], files[path] = path, text
    return texts, files


def _user(backend: Backend) -> Iterator[str]:
    yield "user"
    yield from _plain(backend, _USER)
    yield from (f"dnssearch={domain}" for domain in backend["dnssearch"])
    yield from _plain(backend, ("tftp", "bootfile"))
    if backend["ipv6"] is not None:
        yield f"ipv6={_switch(backend['ipv6'])}"
    if backend["restrict"]:
        yield "restrict=on"
    yield from (f"hostfwd={forward}" for forward in forwards(backend))
    yield from (f"guestfwd={rule}" for rule in backend["guestfwd"])


def _tap(backend: Backend) -> Iterator[str]:
    yield "tap"
    if backend["device"]:
        yield f"ifname={backend['device']}"
    # Without these words QEMU runs scripts of its own.
    yield f"script={backend['script'] or 'no'}"
    yield f"downscript={backend['downscript'] or 'no'}"


def _bridge(backend: Backend) -> Iterator[str]:
    yield "bridge"
    yield f"br={backend['bridge']}"
    yield from _plain(backend, ("helper",))


def _stream(backend: Backend) -> Iterator[str]:
    yield "stream"
    yield f"server={_switch(bool(backend['listen']))}"
    yield from _address("addr", backend["listen"] or backend["connect"])


def _dgram(backend: Backend) -> Iterator[str]:
    yield "dgram"
    # A group is joined by an address; QEMU wants a port beside it, which means nothing.
    yield from _address("local", backend["local"] or "127.0.0.1:0")
    yield from _address("remote", backend["remote"])


def _l2tpv3(backend: Backend) -> Iterator[str]:
    yield "l2tpv3"
    yield from _plain(backend, _L2TPV3)
    yield from (f"{key}=on" for key in ("udp", "cookie64", "counter") if backend[key])


def _vhost_user(backend: Backend) -> Iterator[str]:
    yield "vhost-user"
    yield f"path={backend['path']}"
    if backend["server"]:
        yield "server=on"
    if backend["queues"] > 1:
        yield f"queues={backend['queues']}"


_WORDS: Mapping[str, Callable[[Backend], Iterable[str]]] = {
    "user": _user,
    "tap": _tap,
    "bridge": _bridge,
    "socket": lambda backend: ("socket", *_plain(backend, ("listen", "connect"))),
    "mcast": lambda backend: ("socket", f"mcast={backend['group']}", f"localaddr={backend['local']}"),
    "udp": lambda backend: ("socket", f"udp={backend['remote']}", f"localaddr={backend['local']}"),
    "stream": _stream,
    "dgram": _dgram,
    "hubport": lambda backend: ("hubport", f"hubid={backend['hub']}"),
    "l2tpv3": _l2tpv3,
    "vhost-user": _vhost_user,
    "vde": lambda backend: ("vde", *_plain(backend, _VDE)),
}


def _plain(backend: Backend, keys: Sequence[str]) -> Iterator[str]:
    return (f"{key}={backend[key]}" for key in keys if backend[key] is not None)


def _address(prefix: str, address: str) -> Iterator[str]:
    kind, _colon, path = address.partition(":")
    if kind == "unix":
        yield from (f"{prefix}.type=unix", f"{prefix}.path={path}")
    else:
        host, _colon, port = address.rpartition(":")
        yield from (f"{prefix}.type=inet", f"{prefix}.host={host}", f"{prefix}.port={port}")


def _switch(on: bool) -> str:
    return "on" if on else "off"


def needs_root(backend: Words) -> bool:
    """Say whether QEMU must be root for this: to make a device, or to open a socket without a port."""
    return backend[0] in ("tap", "bridge") or (backend[0] == "l2tpv3" and "udp=on" not in backend)


def spawns(backend: Words) -> bool:
    """Say whether QEMU runs a program for this."""
    return backend[0] in ("tap", "bridge") or any(word.startswith("guestfwd=") and "-cmd:" in word for word in backend)


def meeting_point(backend: Words) -> tuple[str, bool] | None:
    """Return where two guests meet that are joined by a connection, and whether this one waits there; None for all else."""
    if backend[0] == "socket":
        for name, waits in (("listen=", True), ("connect=", False)):
            found = next((word[len(name) :] for word in backend if word.startswith(name)), None)
            if found:
                return f"0.0.0.0{found}" if found.startswith(":") else found, waits
    if backend[0] == "stream":
        return " ".join(word for word in backend if word.startswith("addr.")), "server=on" in backend
    return None


def escaped(text: object) -> str:
    """Return a value as an option of QEMU's takes it, where a comma ends it."""
    return str(text).replace(",", ",,")


def split(text: str) -> list[str]:
    """Return the parts of an option's value."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def joined(parts: Iterable[Any]) -> str:
    """Return an option's value of its parts."""
    return ",".join(escaped(part) for part in parts)
