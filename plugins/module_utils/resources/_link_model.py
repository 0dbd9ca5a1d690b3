# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interface is, and what of it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..topology.values import ListOf, Type
from ..topology.values.scalars import BOOLEAN, DEVICE, GROUPS, MAC, MTU, NAMESPACE, VLAN, choice, matching, number
from ..transport.bridge import VLAN_PROTOCOLS
from ..transport.rtnetlink import MACVLAN_MODES
from ._network import key_of


def _tag(value: Any) -> int:
    """Read a port's untagged VLAN; 0 is none."""
    if value in ("", "none", 0) and value is not False:
        return 0
    return int(VLAN.parse(value))


def _vlan_range(value: Any) -> tuple[int, ...]:
    first, dash, last = str(value).partition("-")
    if isinstance(value, bool) or not first.isdigit() or (dash and not last.isdigit()):
        raise ValueError
    ends = int(VLAN.parse(int(first))), int(VLAN.parse(int(last or first)))
    return tuple(range(ends[0], ends[1] + 1))


TAG = Type("a VLAN from 1 to 4094, or none", _tag)
TRUNKS = ListOf("a list of VLANs", Type("a VLAN from 1 to 4094 or a range such as 20-29", _vlan_range))
PROTOCOL = choice(*VLAN_PROTOCOLS)

# What the kernel would only refuse when half of a run is done.
TYPES: Mapping[str, Any] = {
    "name": DEVICE,
    "netns": NAMESPACE,
    "mac": MAC,
    "mtu": MTU,
    "altname": matching("an alternative name: up to 127 characters without spaces", r"\S+", 127),
    "parent": DEVICE,
    "base": DEVICE,
    "mode": choice(*MACVLAN_MODES),
    "vlan": VLAN,
    "protocol": PROTOCOL,
}
SETTINGS: Mapping[str, Any] = {
    "stp": BOOLEAN,
    "ageing_time": number(0, 1_000_000, "seconds"),
    "forward_delay": number(0, 30, "seconds"),
    "hello_time": number(1, 10, "seconds"),
    "max_age": number(6, 40, "seconds"),
    "priority": number(0, 65535),
    "vlan_filtering": BOOLEAN,
    "vlan_protocol": PROTOCOL,
    "mcast_snooping": BOOLEAN,
    "group_fwd_mask": GROUPS,
}


@dataclass(frozen=True)
class BridgeSettings:
    """What a Linux bridge can be told; times in seconds."""

    stp: bool | None = None
    ageing_time: float | None = None
    forward_delay: float | None = None
    hello_time: float | None = None
    max_age: float | None = None
    priority: int | None = None
    vlan_filtering: bool | None = None
    vlan_protocol: str | None = None
    mcast_snooping: bool | None = None
    group_fwd_mask: int | None = None


@dataclass(frozen=True)
class Link:
    """An interface. ``netns`` '' is the lab host; ``peer`` is (netns, name) of a veth's other end.

    owner and group are ids, -1 for nobody. On a silent interface, a switch's port, the host's own IP stack takes no part:
    Open vSwitch's userspace datapath only listens in, and the host would answer for its addresses a second time.
    Without link_local the kernel gives an interface no IPv6 address by itself, for which it would ask all of its network.
    A sub-interface of kind vlan sits on its parent, in the same namespace; one of kind macvlan or macvtap on base, an interface of the lab
    host, and mode says how those on the same one see each other. tag (0: none) and trunks are the VLANs of a
    bridge's port, or of the bridge's own. A tunnel has a number (vni), this machine's address and that of another machine (remote);
    a vxlan has those of all (remotes) that get a copy of each broadcast. Ports of a bridge that are its mesh pass nothing on to each other.
    """

    name: str
    netns: str = ""
    lab: str | None = None
    kind: str | None = None
    peer: tuple[str, str] | None = None
    mac: str | None = None
    mtu: int | None = None
    up: bool | None = None
    altname: str | None = None
    master: str | None = None
    owner: int | None = None
    group: int | None = None
    multi_queue: bool | None = None
    vnet_hdr: bool | None = None
    tx_offload: bool | None = None
    silent: bool | None = None
    link_local: bool | None = None
    parent: str | None = None
    vlan: int | None = None
    protocol: str | None = None
    vni: int | None = None
    local: str | None = None
    remotes: tuple[str, ...] | None = None
    remote: str | None = None
    mesh: bool | None = None
    base: str | None = None
    mode: str | None = None
    bridge: BridgeSettings | None = None
    tag: int | None = None
    trunks: tuple[int, ...] | None = None
    index: int = field(default=0, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return 'name' on the lab host, 'netns/name' elsewhere."""
        return key_of(self.netns, self.name)


def read_fields(given: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """Return an interface's fields in canonical form; what is wrong with them is added to the problems, under the path."""
    named = {name: given[name] for name in TYPES if given.get(name) is not None and (given[name] != "" or name == "name")}
    return {**given, **{name: TYPES[name].read(value, f"{path}{name}", problems) for name, value in named.items()}}


def read_settings(given: Mapping[str, Any], path: str, problems: list[str]) -> BridgeSettings:
    """Return a bridge's settings; what is wrong with them is added to the problems, under the path."""
    before = len(problems)
    read = {}
    for name, value in given.items():
        if name not in SETTINGS:
            problems.append(f"{path}{name}: there is no such setting of a bridge (known: {', '.join(sorted(SETTINGS))})")
        elif value is not None:
            read[name] = SETTINGS[name].read(value, f"{path}{name}", problems)
    if read.get("stp") and read.get("forward_delay") in (0, 1) and len(problems) == before:
        problems.append(f"{path}forward_delay: must be 2 to 30 seconds on a bridge with stp, not {read['forward_delay']}")
    return BridgeSettings(**read) if len(problems) == before else BridgeSettings()


def read_vlans(given: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """Return tag and trunks of a port: if one is given, the port has just these VLANs; problems as above."""
    tag, trunks = given.get("tag"), given.get("trunks")
    if tag is None and trunks is None:
        return {"tag": None, "trunks": None}
    ranges = TRUNKS.read(trunks, f"{path}trunks", problems) if trunks not in (None, "") else ()
    untagged = TAG.read(tag, f"{path}tag", problems) if tag is not None else 0
    tagged = {vlan for one in ranges if one for vlan in one}
    if untagged in tagged:
        problems.append(f"{path}trunks: VLAN {untagged} is the port's untagged one (tag); it cannot be tagged too")
    return {"tag": untagged, "trunks": tuple(sorted(tagged))}
