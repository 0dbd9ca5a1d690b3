# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of QEMU's machine protocol (qemu-qmp-ref(7)) on a unix socket."""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .._errors import LabError

# What connect(2) says when no QEMU listens: never started, or died and left its socket.
_NOBODY = (errno.ENOENT, errno.ECONNREFUSED)


class NotRunning(LabError):
    """Nobody listens on the socket."""


class NoAnswer(LabError):
    """QEMU is there, but does not answer in time: it hangs, is stopped by a signal, or talks to somebody else."""


class Refused(LabError):
    """QEMU answered with an error."""


class Qmp:
    """A connection that is ready for commands; every wait shares the budget of timeout seconds it was opened with."""

    def __init__(self, path: Path, timeout: float = 3.0) -> None:
        """Connect, read the greeting and negotiate. Raise NotRunning or NoAnswer."""
        self._path = path
        self._deadline = time.monotonic() + timeout
        self._buffer = b""
        self.events: list[Mapping[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect()
            self._message()
            self.execute("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Qmp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def execute(self, command: str, pass_descriptor: int | None = None, **arguments: Any) -> Any:
        """Run a command and return its answer; events that arrive meanwhile are kept. Underscores in argument names mean hyphens.

        A descriptor is passed along (unix(7), SCM_RIGHTS). Raise Refused, NoAnswer, or NotRunning when QEMU ends instead of answering.
        """
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self._socket.settimeout(self._left())
            line = json.dumps(request).encode() + b"\n"
            if pass_descriptor is not None:
                socket.send_fds(self._socket, [line], [pass_descriptor])
            else:
                self._socket.sendall(line)
        except socket.timeout:
            raise self._silent() from None
        except OSError:
            raise self._gone() from None
        while True:
            answer = self._message()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Refused(f"QEMU refused {command} on {self._path}: {answer['error'].get('desc', answer['error'])}.")

    def quit(self) -> None:
        """End QEMU at once; that it ends before it has answered is fine."""
        try:
            self.execute("quit")
        except NotRunning:
            pass

    def _connect(self) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.connect(str(self._path))
        except socket.timeout:
            raise self._silent() from None
        except OSError as error:
            # A full backlog (EAGAIN): others wait for it to answer as well.
            if error.errno == errno.EAGAIN:
                raise self._silent() from None
            if error.errno in _NOBODY:
                raise self._gone() from None
            raise LabError(f"Cannot connect to QEMU at {self._path}: {error.strerror}.") from error

    def _message(self) -> Mapping[str, Any]:
        """Return the next message that is not an event."""
        while True:
            message: Mapping[str, Any] = json.loads(self._line())
            if "event" not in message:
                return message
            self.events.append(message)

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            try:
                self._socket.settimeout(self._left())
                received = self._socket.recv(65536)
            except socket.timeout:
                raise self._silent() from None
            except ConnectionError:
                received = b""
            if not received:
                raise self._gone()
            self._buffer += received
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return line

    def _left(self) -> float:
        # Zero would mean non-blocking.
        return max(self._deadline - time.monotonic(), 0.001)

    def _silent(self) -> NoAnswer:
        return NoAnswer(f"QEMU at {self._path} does not answer; it hangs or is stopped: end it, or set its state to absent.")

    def _gone(self) -> NotRunning:
        return NotRunning(f"No QEMU is running at {self._path}.")
