# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads what a module prints: the playbook that waits for its result, here or at the other end of a connection."""

from __future__ import annotations

import os
import select
import signal
import stat
import threading
from functools import cache

_OUTPUT = 1


@cache
def end_without() -> None:
    """Have this process end as soon as nobody reads its output any more, for a playbook that is killed does not end its modules."""
    mode = os.fstat(_OUTPUT).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    poll = select.poll()
    poll.register(_OUTPUT, 0)  # asked for nothing, it tells of errors and of the end only (poll(2))
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
