# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ovs-ofctl(8) prints of flows and groups, read into values that compare. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Of a flow that stays; others belong to the one message that adds it.
_FLAGS = frozenset(("send_flow_rem", "no_packet_counts", "no_byte_counts"))
_PASSING = frozenset(("check_overlap", "reset_counts"))
_SHORT = {"idle": "idle_timeout", "hard": "hard_timeout"}
_LASTING = ("idle_timeout", "hard_timeout", "importance")
_SETTINGS = frozenset(("cookie", "duration", "table", "n_packets", "n_bytes", "idle_age", "hard_age", *_LASTING))


@dataclass(frozen=True)
class Flow:
    """A flow: what it is known by, and what is done with the packets that it matches."""

    table: int
    match: str
    actions: str
    settings: Mapping[str, str]
    flags: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return what no two flows of a bridge share."""
        return f"table={self.table}" + (f",{self.match}" if self.match else "")

    @property
    def value(self) -> str:
        """Return all else that somebody has said of it."""
        lasting = (f"{name}={self.settings[name]}" for name in _LASTING if name in self.settings)
        return ",".join((*lasting, *self.flags, f"actions={self.actions}"))

    @property
    def cookie(self) -> int:
        """Return the mark that whoever made it has given to it."""
        return int(self.settings.get("cookie", "0"), 0)


def flow(line: str) -> Flow:
    """Read a flow as 'dump-flows' prints it, or as parse-flows does ('ADD table:1 priority=5,ip actions=drop')."""
    head, _equals, actions = line.partition("actions=")
    settings: dict[str, str] = {}
    flags, match = [], ""
    for word in re.split(r",? +", head.removeprefix("ADD").strip(" ,")):
        name, separator, value = word.partition("=") if "=" in word and "," not in word else word.partition(":")
        if word in _FLAGS:
            flags.append(word)
        elif name == "table_id":  # as ovs-appctl calls it
            settings["table"] = value
        elif separator and (name in _SHORT or name in _SETTINGS) and "," not in word:
            settings[_SHORT.get(name, name)] = value
        elif word not in _PASSING:
            match = word
    return Flow(int(settings.pop("table", "0")), match, actions.strip(), settings, tuple(sorted(flags)))


def group(line: str) -> tuple[str, str]:
    """Return number and definition of a group, from 'dump-groups' or parse-group."""
    number, _comma, rest = line.removeprefix("ADD").strip().removeprefix("group_id=").partition(",")
    return number, re.sub(r"bucket_id:\d+,", "", rest)
