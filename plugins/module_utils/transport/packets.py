# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network devices somebody listens to, in the namespace of this thread."""

from __future__ import annotations


def listened() -> frozenset[int]:
    """Return the indexes of the devices that a packet socket is bound to (packet(7), net/packet/af_packet.c)."""
    with open("/proc/thread-self/net/packet", encoding="ascii") as table:
        next(table)
        return frozenset(int(line.split()[4]) for line in table)
