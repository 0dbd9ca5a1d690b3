# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where sockets are: addresses with ports, paths of unix sockets, and the rules of forwarding between them, all in QEMU's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address
from typing import Any

from . import Type

_HOST_FORWARD = re.compile(r"(?:tcp|udp)?:([^-]+)-([^-]+)")
_GUEST_FORWARD = re.compile(r"tcp:([^-]+)-(?:(tcp|udp):(.+)|(unix|file):(/.+)|cmd:.+)", re.DOTALL)


def split_address(text: str) -> tuple[str, int]:
    """Return the host and the port of an address that a type of here has read."""
    host, _colon, port = text.rpartition(":")
    return host, int(port)


def _ipv4(text: str) -> IPv4Address:
    """Return what a text means; digits and dots that are no address are told so."""
    if not re.fullmatch(r"[0-9.]+", text):
        raise ValueError
    try:
        return IPv4Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is no IPv4 address") from None


def _check(text: str, *, lone: bool = False, names: bool = False) -> None:
    """Check a host and its port: with lone the port may stand alone, with names the host may be one."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[1-9][0-9]*", port):
        raise ValueError
    if int(port) > 65535:
        raise ValueError(f"'{text}' has a port above 65535")
    if not (lone and not host) and not (names and re.fullmatch(r"(?![0-9.]+$)[A-Za-z0-9][A-Za-z0-9.-]*", host)):
        _ipv4(host)


def _text(check: Callable[[str], None]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        check(value)
        return value

    return parse


def _stream(text: str) -> None:
    kind, _colon, path = text.partition(":")
    if kind != "unix":
        _check(text)
    elif not path.startswith("/"):
        raise ValueError


def _group(text: str) -> None:
    _check(text)
    if not is_group(text):
        raise ValueError


def _host_forward(text: str) -> None:
    match = _HOST_FORWARD.fullmatch(text)
    if not match:
        raise ValueError
    for end in match.groups():
        _check(end, lone=True)


def _guest_forward(text: str) -> None:
    match = _GUEST_FORWARD.fullmatch(text)
    if not match:
        raise ValueError
    _check(match[1])
    if match[3]:
        _check(match[3], names=True)


def is_group(address: str) -> bool:
    """Say whether an address that a type of here has read is one of a multicast group."""
    host = split_address(address)[0] if not address.startswith("unix:") else ""
    return bool(host) and ip_address(host).is_multicast


SOCKET = Type("an address and a port such as 127.0.0.1:4001", _text(lambda text: _check(text, lone=True)))
STREAM = Type("an address and a port such as 127.0.0.1:4001, or unix: and a path", _text(_stream))
GROUP = Type("a multicast address and a port such as 239.1.2.3:4001", _text(_group))
HOST_FORWARD = Type("a rule such as 'tcp:127.0.0.1:2222-:22'", _text(_host_forward))
GUEST_FORWARD = Type("a rule such as 'tcp:10.0.2.100:80-tcp:127.0.0.1:8080'", _text(_guest_forward))
