# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be measured of a node: the one list of it."""

from __future__ import annotations

from typing import NamedTuple


class Measure(NamedTuple):
    """The unit, and what a column of it is called; between: where the other end may be any lab host or node."""

    unit: str
    title: str
    between: str


MEASURES = {
    "tcp_to_host": Measure("Mbit/s", "to the lab host", "there"),
    "tcp_from_host": Measure("Mbit/s", "from the lab host", "back"),
    "udp_to_host": Measure("Mbit/s", "UDP to it", "UDP there"),
    "udp_to_host_lost": Measure("%", "lost", "lost"),
    "udp_from_host": Measure("Mbit/s", "UDP from it", "UDP back"),
    "udp_from_host_lost": Measure("%", "lost", "lost"),
    "ping": Measure("ms", "round trip", "round trip"),
}
