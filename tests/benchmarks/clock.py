# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long something takes, and how much of a processor: the latter is the same on a machine that others use too."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

DAEMONS = ("ovs-vswitchd", "ovsdb-server")


@dataclass(frozen=True)
class Moment:
    """A point in time: its difference to a later one is seconds, and seconds of CPU, Open vSwitch's daemons' included."""

    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=lambda: sum(os.times()[:4]) + sum(map(_used, DAEMONS)))

    def until(self, later: Moment, name: str) -> dict[str, float]:
        """Return both differences under a name."""
        return {name: later.wall - self.wall, f"{name} cpu": later.cpu - self.cpu}


def _used(daemon: str) -> float:
    """Return the seconds of CPU that a daemon has had so far; none if it does not run."""
    try:
        pid = Path(f"/run/openvswitch/{daemon}.pid").read_text(encoding="ascii").strip()
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
