# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Open vSwitch bridge has of flows, groups and mirrors while some of its ports are missing, or on another lab host. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from .flow_text import with_ports


def members(port: Mapping[str, Any]) -> list[str]:
    """Return the interfaces of a port: its own, or those of a bond."""
    return list(port.get("interfaces") or [port["name"]])


def mirrored(mirror: Mapping[str, Any]) -> list[str]:
    """Return the ports that a mirror names."""
    output = mirror.get("output_port")
    return [*(mirror.get("select_src_port") or ()), *(mirror.get("select_dst_port") or ()), *([output] if output else [])]


def possible(settings: Mapping[str, Any], interfaces: Collection[str], ports: Collection[str]) -> dict[str, Any]:
    """Return settings of a bridge without what names others than these ports and interfaces, which differ where there are bonds."""
    there = {name: name for name in interfaces}
    groups = [text for text in settings.get("groups") or () if not with_ports(text, there.get)[1]]
    lost = {number for text in settings.get("groups") or () if text not in groups for number in re.findall(r"\bgroup_id=(\w+)", text)}
    flows = [
        text
        for text in settings.get("flows") or ()
        if not with_ports(text, there.get)[1] and lost.isdisjoint(re.findall(r"\bgroup:(\w+)", text))
    ]
    mirrors = [mirror for mirror in settings.get("mirrors") or () if set(mirrored(mirror)) <= {*ports}]
    kept = {"flows": flows, "groups": groups, "mirrors": mirrors}
    return {**settings, **{key: value for key, value in kept.items() if settings.get(key)}}
