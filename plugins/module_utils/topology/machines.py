# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab hosts as placement knows them: what each can take, and where the others find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from .tunnels import headers
from .values import Problems, Type
from .values.scalars import BOOLEAN, number


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1_000_000:
        raise ValueError
    return float(value)


def _address(value: Any) -> str:
    try:
        return str(ip_address(str(value)))
    except ValueError:
        raise ValueError from None  # Python's own words do not say what would be right


@dataclass(frozen=True)
class Machine:
    """A lab host. memory is in MiB; None means that nothing is known.

    underlay is its address among the lab hosts; central runs OVN's databases.
    """

    name: str
    underlay: str | None = None
    mtu: int = 1500
    memory: int | None = None
    cpus: int | None = None
    weight: float = 1.0
    central: bool = False

    def room(self, fabric: str) -> int:
        """Return how large a frame's content is that fits through a tunnel from here."""
        return self.mtu - headers(self.underlay or "", fabric)


# Host variable: the field that it sets, and what it may be.
VARIABLES = {
    "netvirt_underlay": ("underlay", Type("the IP address by which the other lab hosts reach this one", _address)),
    "netvirt_underlay_mtu": ("mtu", number(576, 65535, "bytes")),
    "netvirt_memory": ("memory", number(0, 2**31, "MiB")),
    "netvirt_cpus": ("cpus", number(0, 2**20)),
    "netvirt_ovn_central": ("central", BOOLEAN),
    "netvirt_weight": ("weight", Type("a number from 0 to 1000000", _weight)),
}


def machine_from(name: str, variables: Mapping[str, Any], problems: Problems) -> Machine:
    """Return what a lab host's variables say; mistakes are added to the problems."""
    read = {
        field: kind.read(variables[key], f"lab host '{name}': {key}", problems)
        for key, (field, kind) in VARIABLES.items()
        if variables.get(key) is not None
    }
    return Machine(name, **{field: value for field, value in read.items() if value is not None})
