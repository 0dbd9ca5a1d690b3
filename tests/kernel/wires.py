# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames by hand: who hears what at the ports of a switch."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

_ETHERTYPE = 0x88B5  # for local experiments (IEEE 802)
_ALL, _SECOND, _NODE = "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:02", "02:00:00:00:00:03"


class Wire:
    """An interface as a program sees it that sends and hears frames of one type."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._socket = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE)))
        self._socket.bind((name, _ETHERTYPE))
        self._socket.settimeout(30)

    def say(self, word: str, to: str = _ALL, own: str = "02:00:00:00:00:01") -> None:
        addresses = bytes.fromhex((to + own).replace(":", ""))
        self._socket.send(addresses + _ETHERTYPE.to_bytes(2, "big") + word.encode().ljust(46))

    def hear(self) -> str:
        return self._socket.recv(2000)[14:60].decode().strip()


def check_split_horizon(names: Sequence[str]) -> None:
    """Check what the far ends of three ports hear: the first two pass nothing on to each other, all else goes everywhere."""
    with ExitStack() as stack:
        first, second, node = (Wire(name, stack) for name in names)
        second.say("here I am", own=_SECOND)
        assert node.hear() == "here I am"
        first.say("to all")
        assert node.hear() == "to all"
        first.say("to the second", to=_SECOND)
        node.say("from the node", own=_NODE)
        assert first.hear() == "from the node"
        assert second.hear() == "from the node", "before that it heard what the first said"
        second.say("to the node", to=_NODE, own=_SECOND)
        assert node.hear() == "to the node"
