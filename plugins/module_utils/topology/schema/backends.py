# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be behind a guest's NIC: each type of backend with its keys. The words are those of QEMU's option -netdev."""

from __future__ import annotations

from typing import Any

from ..values import Block, Key, ListOf, Type, Variant
from ..values.ip import ADDRESS, NETWORK
from ..values.scalars import BOOLEAN, CONTENTS, DEVICE, DOMAIN, TEXT, matching, number
from ..values.sockets import GROUP, GUEST_FORWARD, HOST_FORWARD, SOCKET, STREAM


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError
    return value


def _script(value: Any) -> str:
    text = CONTENTS.parse(value)
    if not text.startswith(("/", "#!")):
        raise ValueError("a script's text begins with #! and the program that reads it, as in #!/bin/sh")
    return str(text)


_PATH = Type("an absolute path", _path)
_SCRIPT = Type("an absolute path on the lab host, the text of a script, or {file: PATH} with a path as seen from this file", _script)
_HOSTNAME = matching("a host name", r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", 63)
_SESSION, _COOKIE = number(0, 2**32 - 1), number(0, 2**64 - 1)


def _ends(what: str, address: Type) -> dict[str, Key]:
    """Return the keys of a connection: one end listens, the other one connects."""
    return {
        "listen": Key(address, f"Wait for {what} here.", "127.0.0.1:4001"),
        "connect": Key(address, f"Connect to {what} that waits there.", "127.0.0.1:4001"),
    }


def _block(**keys: Key) -> Block:
    return Block("a mapping", keys)


_NETDEVS: dict[str, Block] = {
    "none": _block(),
    "user": _block(
        net=Key(NETWORK[4], "The network that the guest is in.", "10.7.0.0/24", None, "10.0.2.0/24"),
        host=Key(ADDRESS, "The address of the gateway, by which the lab host is reached.", "10.7.0.1", None, "10.0.2.2 moved into `net`"),
        dns=Key(ADDRESS, "The address of the name server.", "10.7.0.53", None, "10.0.2.3 moved into `net`"),
        dhcpstart=Key(ADDRESS, "What the guest gets by DHCP.", "10.7.0.40", None, "10.0.2.15 moved into `net`"),
        hostname=Key(_HOSTNAME, "The host name that DHCP tells the guest.", "web"),
        domainname=Key(DOMAIN, "The domain that DHCP tells the guest.", "lab.internal"),
        dnssearch=Key(ListOf("a list of domains", DOMAIN), "Where the guest looks for short names.", "[lab.internal]", ()),
        hostfwd=Key(
            ListOf("a list of rules", HOST_FORWARD),
            "Ports of the lab host that lead into the guest: protocol, address and port there, address and port in the guest.",
            '["tcp:127.0.0.1:2222-:22"]',
            (),
        ),
        guestfwd=Key(
            ListOf("a list of rules", GUEST_FORWARD),
            "Addresses in the guest's network that lead to a socket of the lab host, or with `cmd:` to a program, one for each connection.",
            '["tcp:10.0.2.100:80-tcp:127.0.0.1:8080"]',
            (),
        ),
        restrict=Key(BOOLEAN, "Keep the guest from all but `hostfwd` and `guestfwd`.", "true", False),
        ipv6=Key(BOOLEAN, "Whether there is IPv6 too.", "false", None, "true"),
        tftp=Key(_PATH, "A directory of the lab host, whose files the gateway serves by TFTP.", "/srv/tftp"),
        bootfile=Key(TEXT, "The file that DHCP tells the guest to boot from.", "pxelinux.0"),
    ),
    "tap": _block(
        script=Key(_SCRIPT, "What QEMU runs when it has made the tap; its argument is the tap's name.", "/etc/qemu-ifup"),
        downscript=Key(_SCRIPT, "What QEMU runs before the tap goes.", "/etc/qemu-ifdown"),
        device=Key(DEVICE, "The tap's name; in a link this is the port's `device`.", "tap7", None, "chosen by QEMU"),
    ),
    "bridge": _block(
        bridge=Key(DEVICE, "The bridge, an interface of the lab host; in a link it is the one of the switch.", "br0"),
        helper=Key(_PATH, "The program that makes the tap.", "/usr/lib/qemu/qemu-bridge-helper", None, "QEMU's own"),
    ),
    "socket": _block(**_ends("the other guest, by TCP,", SOCKET)),
    "mcast": _block(
        group=Key(GROUP, "The group that all guests of the network send to.", "239.1.2.3:4001"),
        local=Key(ADDRESS, "By which of the lab host's addresses; 127.0.0.1 keeps all within it.", "192.0.2.1", "127.0.0.1"),
    ),
    "udp": _block(
        local=Key(SOCKET, "Where this guest's packets come from.", "127.0.0.1:4001"),
        remote=Key(SOCKET, "Where they go.", "127.0.0.1:4002"),
    ),
    "stream": _block(**_ends("the other guest, by TCP or a unix socket,", STREAM)),
    "dgram": _block(
        local=Key(STREAM, "Where this guest's packets come from.", "127.0.0.1:4001"),
        remote=Key(STREAM, "Where they go; this may be a multicast address, without `local`.", "127.0.0.1:4002"),
    ),
    "l2tpv3": _block(
        src=Key(ADDRESS, "This end of the tunnel.", "192.0.2.1"),
        dst=Key(ADDRESS, "The other end.", "192.0.2.2"),
        udp=Key(BOOLEAN, "Whether L2TPv3 is carried in UDP; without, QEMU must run as root.", "false", True),
        srcport=Key(number(1, 65535), "This end's UDP port.", "1701"),
        dstport=Key(number(1, 65535), "The other end's UDP port.", "1701"),
        rxsession=Key(_SESSION, "The session that comes in.", "2", 1),
        txsession=Key(_SESSION, "The session that goes out.", "1", 1),
        cookie64=Key(BOOLEAN, "Whether cookies have 64 bits.", "true", False),
        rxcookie=Key(_COOKIE, "The cookie of what comes in.", "20"),
        txcookie=Key(_COOKIE, "The cookie of what goes out.", "10"),
        counter=Key(BOOLEAN, "Whether packets are numbered.", "true", False),
    ),
    "vhost-user": _block(
        path=Key(_PATH, "The unix socket to the switch that moves the packets.", "/run/vhost/vm1.sock", required=True),
        server=Key(BOOLEAN, "Whether QEMU makes that socket and the switch connects; else the other way round.", "true", False),
    ),
    "vde": _block(
        sock=Key(_PATH, "The directory of the switch's sockets.", "/run/vde/sw.ctl", required=True),
        port=Key(number(0, 65535), "The switch's port.", "3", None, "any free one"),
        group=Key(TEXT, "Which group of users may see the socket.", "netvirt"),
        mode=Key(matching("an octal number such as 0660", r"[0-7]{3,4}", 4), "Who may use the socket.", '"0660"'),
    ),
}
_UPLINK = Variant("a backend", {name: block for name, block in _NETDEVS.items() if name not in ("none", "tap", "bridge", "vhost-user")})
_HUB = _block(
    hub=Key(number(0, 65535), "The hub, by its number. Each guest has hubs of its own.", "1", 0),
    uplink=Key(_UPLINK, "A backend that is a port of the hub, too.", "{type: user}"),
)
BACKENDS: dict[str, Block] = {**_NETDEVS, "hubport": _HUB}
BACKEND = Variant(f"a type of backend, or a mapping with the key type ({', '.join(BACKENDS)})", BACKENDS)
