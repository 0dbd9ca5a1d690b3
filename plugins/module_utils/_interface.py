# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every interface module has, as what the drivers want."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping
from typing import Any

from ._errors import LabError, LabErrors
from .resources._link_model import Link, read_fields, read_settings, read_vlans
from .resources.address import ADDRESSES, Addressing, addressing

# Documented in the fragment netvirt.lab.interface.
INTERFACE_OPTIONS: dict[str, Any] = {
    "netns": {"type": "str", "default": ""},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "up": {"type": "bool"},
    "addresses": {"type": "list", "elements": "str"},
    "altname": {"type": "str"},
    "tx_offload": {"type": "bool"},
}


# Fields of a link that an item has in the same form.
_PLAIN: tuple[str, ...] = (
    *("name", "netns", "kind", "mac", "mtu", "up", "altname", "master", "multi_queue", "vnet_hdr", "tx_offload", "silent"),
    "link_local",
    *("parent", "vlan", "protocol", "vni", "local", "remote", "mesh", "base", "mode"),
)


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's options with those of its interface, and of a veth's peer, in canonical form. Raise LabErrors."""
    problems: list[str] = []
    read, peer = _read(options, "", problems), options.get("peer")
    if peer:
        read["peer"] = _read(peer, "peer.", problems)
        if (peer["netns"], peer["name"]) == (options["netns"], options["name"]):
            problems.append(f"peer.name: must not be '{peer['name']}', the name of the near end in the same network namespace")
    if problems:
        raise LabErrors(problems)
    return read


def interface(options: Mapping[str, Any], lab: str, **fields: Any) -> tuple[Link, Addressing]:
    """Return what a module's checked options want of an interface; fields are those of its kind."""
    common = {name: options[name] for name in ("name", "netns", "mtu", "up", "altname", "tx_offload")}
    return Link(lab=lab, mac=options["mac"] or None, **common, **fields), addressing(
        {"name": options["name"], "netns": options["netns"], "addresses": options["addresses"]}, lab
    )


def link_from(item: Mapping[str, Any], lab: str) -> Link:
    """Return the interface that a share's item means. Raise LabErrors."""
    problems: list[str] = []
    path = f"the link '{item['name']}', "
    known = {name: item[name] for name in _PLAIN if name in item}
    peer, settings = item.get("peer"), item.get("bridge")
    link = Link(
        lab=lab,
        peer=tuple(peer) if peer else None,
        remotes=tuple(item["remotes"]) if "remotes" in item else None,
        owner=user_id(item.get("owner")),
        group=group_id(item.get("group")),
        bridge=read_settings(settings, f"{path}bridge.", problems) if settings else None,
        **known,
        **read_vlans(item, path, problems),
    )
    if problems:
        raise LabErrors(problems)
    return link


def user_id(user: str | None) -> int | None:
    """Return the number of a user given by name or number: None for None, -1 (nobody) for ''. Raise LabError."""
    return _number(user, "user", lambda name: pwd.getpwnam(name).pw_uid)


def group_id(group: str | None) -> int | None:
    """Return the number of a group given by name or number: None for None, -1 (nobody) for ''. Raise LabError."""
    return _number(group, "group", lambda name: grp.getgrnam(name).gr_gid)


def _read(options: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    read = read_fields(options, path, problems)
    if options["addresses"] is not None:
        read["addresses"] = ADDRESSES.read(options["addresses"], f"{path}addresses", problems)
    return read


def _number(name: str | None, kind: str, find: Any) -> int | None:
    if name is None:
        return None
    if not name or name.isdigit():
        return int(name or -1)
    try:
        return int(find(name))
    except KeyError:
        raise LabError(f"There is no {kind} '{name}' on this machine; create it first, or give the number of one.") from None
