# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of what a container has besides its network namespace, and of namespaces that are somebody else's."""

from __future__ import annotations

import re
from typing import Any

from ..values import Block, Key, ListOf, Type
from ..values.scalars import BOOLEAN, either, matching, number


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or ".." in value.split("/"):
        raise ValueError
    return value.rstrip("/") or "/"


def _source(value: Any) -> str:
    return value if value == "tmpfs" else _path(value)


def _places(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError
    try:
        return {_path(name): _source(source) for name, source in value.items()}
    except ValueError:
        raise ValueError from None


def _pid(value: Any) -> str:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise ValueError
    return f"/proc/{text}/ns/net"


def _cpus(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.01 <= value <= 1024:
        raise ValueError
    return float(value)


PATH = Type("an absolute path, without '..'", _path)
MAP = matching("a line of uid_map, three numbers such as '0 100000 65536'", r"\d{1,10} \d{1,10} \d{1,10}", 40)
CLOCKS = Block(
    "a mapping with the keys boottime and monotonic",
    {
        "boottime": Key(number(-(10**9), 10**9, "seconds"), "How much longer it seems to be up.", "86400", 0),
        "monotonic": Key(number(-(10**9), 10**9, "seconds"), "How much later the clock is that programs measure by.", "86400", 0),
    },
)
ADOPT = Block(
    "a mapping with the key pid or path",
    {
        "pid": Key(Type("the number of a process", _pid), "A process in the namespace, as the lab host counts processes.", "4711"),
        "path": Key(PATH, "The file of the namespace.", "/proc/4711/ns/net"),
    },
    make=lambda pid, path: pid or path or "",
)
CONTAINER = {
    "hostname": Key(
        matching("a host name", r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", 64), "Its host name.", "web.example", None, "the node's name"
    ),
    "rootfs": Key(PATH, "A directory of the lab host that is its tree of files.", "/srv/alpine", None, "the lab host's own files"),
    "overlay": Key(BOOLEAN, "Whether the `rootfs` stays as it is: what is written goes with the container.", "false", True),
    "mounts": Key(
        Type("a mapping of absolute paths, or tmpfs, by absolute paths", _places),
        "What only it has mounted, by place: a path of the lab host, or `tmpfs`.",
        "{/mnt: tmpfs, /srv/www: /var/www}",
        {},
    ),
    "uid_map": Key(
        ListOf("a list of lines of uid_map", MAP),
        "Gives it a user namespace: first number inside, first outside, how many.",
        '["0 100000 65536"]',
        (),
    ),
    "gid_map": Key(ListOf("a list of lines of gid_map", MAP), "The same for groups.", '["0 100000 65536"]', (), "that of `uid_map`"),
    "clocks": Key(CLOCKS, "Gives it a time namespace, with clocks of its own.", "{boottime: 86400}"),
    "cpus": Key(either("none", Type("a number of CPUs from 0.01 to 1024", _cpus)), "How much CPU time it may use at most.", "0.5"),
    "memory": Key(either("none", number(1, 2**24, "MiB")), "How much memory it may use at most.", "256"),
}
