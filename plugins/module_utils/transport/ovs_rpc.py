# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One conversation with a server of Open vSwitch's: JSON-RPC (ovsdb-server(7), ovs-vswitchd(8))."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from typing import Any

from .._errors import LabError
from .._library import require

PACKAGE = "python3-openvswitch"
START = "start it with 'systemctl start openvswitch-switch' ('openvswitch' on Fedora and SUSE) or 'ovs-ctl start'"
_ANSWER = 60.0  # seconds; a daemon that lets go of hundreds of ports, on a busy machine, is silent for long


class Session:
    """A connection on which methods are called; what the server tells of its own accord is kept until it is asked for."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._library = require("ovs.jsonrpc", PACKAGE)
        stream = require("ovs.stream", PACKAGE).Stream
        error, opened = stream.open_block(stream.open(address), int(_ANSWER * 1000))
        if error:
            hint = "run as root" if error in (errno.EACCES, errno.EPERM) else START
            raise LabError(f"Cannot reach Open vSwitch at {address}: {os.strerror(error)}; {hint}.")
        self._connection = self._library.Connection(opened)
        self._told: list[Any] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        self._connection.close()

    def call(self, method: str, params: Sequence[Any], patience: float = _ANSWER) -> Any:
        """Return the result of one method. Raise LabError."""
        request = self._library.Message.create_request(method, list(params))
        self._connection.send(request)
        deadline = time.monotonic() + patience
        while True:
            message = self._received(deadline)
            if message is None:
                raise LabError(
                    f"Open vSwitch at {self._address} has not answered '{method}' within {patience:g} seconds; is its daemon stuck?"
                )
            if message.method is not None:
                self._told.append(message)
            elif message.id == request.id:
                if message.error is not None:
                    raise LabError(f"Open vSwitch at {self._address} refuses '{method}': {message.error}")
                return message.result

    def told(self, deadline: float = 0.0) -> Sequence[Any]:
        """Return the parameters of the updates that have come, in order; if there are none, wait for the next until the deadline."""
        if not self._told and (message := self._received(deadline)) is not None:
            self._told.append(message)
        while self._told and (message := self._received(0.0)) is not None:
            self._told.append(message)
        told, self._told = self._told, []
        return [message.params for message in told if message.method == "update"]

    def _received(self, deadline: float) -> Any:
        """Return the next message, None if there is none by the deadline. An echo, by which the server asks who is alive, is answered."""
        while True:
            self._connection.run()
            error, message = self._connection.recv()
            if message is not None and message.method == "echo" and message.id is not None:
                self._connection.send(self._library.Message.create_reply(message.params, message.id))
            elif message is not None:
                return message
            elif error not in (0, errno.EAGAIN):
                said = os.strerror(error) if error > 0 else "end of file"
                raise LabError(f"Open vSwitch at {self._address} ended the conversation: {said}.")
            elif error:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                poller = require("ovs.poller", PACKAGE).Poller()
                self._connection.wait(poller)
                self._connection.recv_wait(poller)
                poller.timer_wait(int(left * 1000) + 1)
                poller.block()
