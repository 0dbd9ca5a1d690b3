# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice that a lease will never come, as what gives it or asks for it has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ._errors import LabError
from .resources import dhcp_client, dnsmasq
from .transport.shell import Node

_PAUSE = 2.0  # seconds between two looks at all processes of the machine, while somebody waits for a lease


class Dhcp:
    """What becomes of a lab's dnsmasq and of the DHCP clients in its namespaces."""

    def __init__(self, lab: str) -> None:
        self._lab = lab
        self._next = 0.0
        self._ended: Sequence[Path] = ()

    def require_server(self) -> None:
        """Raise LabError if the lab's dnsmasq has ended."""
        log = dnsmasq.ended(self._lab)
        if log:
            raise LabError(f"The lab's dnsmasq has ended, so leases are missing; see its log {log}.")

    def require_client(self, node: Node) -> None:
        """Raise LabError if a DHCP client of a namespace has ended."""
        if time.monotonic() >= self._next:
            self._ended = dhcp_client.ended(self._lab)
            self._next = time.monotonic() + _PAUSE
        for log in self._ended:
            if log.parent.name == node.netns:
                raise LabError(f"'{node.name}' is not ready: the DHCP client of its interface '{log.stem}' has ended; see {log}.")
