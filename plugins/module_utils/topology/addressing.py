# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a topology that have to do with IP addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["dhcp", "static", "auto", "none", "user"]
Version = Literal[4, 6]


@dataclass(frozen=True)
class Ip:
    """How an interface gets its addresses of one family, in CIDR notation: one from DHCP is the reserved one.

    'user' is the DHCP of QEMU's own network, which has nothing to do with the lab's.
    """

    method: Method
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """A static route: ``to`` is 'default' or a network. In a node's own, before they are resolved, both may be names of nodes."""

    to: str
    via: str
