# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the routers of a lab, all together: for their neighbours, and for the routes that these bring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from ._adjacency import ASK, Router, problems
from ._errors import SHOWN
from ._paths import run_dir
from .transport.netlink import Netlink
from .transport.vty import ask

PATIENCE = 90.0  # seconds; a designated router is elected after 40
_PAUSE = 0.5  # seconds between two looks, or more: so much that looking takes a tenth of the time
_SETTLED = 1.0  # seconds in which no router has learnt or forgotten a route, where nobody knows which it must learn


class Routing:
    """What routers still lack. After patience seconds nobody waits any longer, and what is lacking becomes warnings."""

    def __init__(self, lab: str, routers: Sequence[Router], patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self._routers = {router.name: router for router in routers}
        self._sockets = run_dir(lab) / "frr"
        self._patience = patience
        self._now = now
        self._start = self._next = now()
        self._lacking = {name: ["its neighbours"] for name in self._routers}
        self._known: dict[str, frozenset[str]] = {}
        self._same_since: float | None = None
        self.warnings: list[str] = []

    def stages(self, name: str) -> Iterator[str]:
        """Yield what a router waits for, until it waits no longer."""
        while name in self._lacking:
            yield f"routing ({'; '.join(self._lacking[name]) or 'the routes of other routers'})"

    def look(self) -> None:
        """Look at the routers again, if it is time to."""
        now = self._now()
        if not self._lacking or now < self._next:
            return
        first = self._next == self._start
        # Who lacks something is asked until it does not; then all once more, as one that starts anew is noticed late by others.
        waiting = [name for name in self._routers if self._lacking[name]]
        for name in waiting or self._routers:
            self._lacking[name] = self._lack(self._routers[name])
        self._next = self._now() + max(_PAUSE, 9 * (self._now() - now))
        if not any(self._lacking.values()) and (first or self._settled(now)):
            self._lacking = {}
        elif now - self._start >= self._patience:
            self._give_up()

    def _lack(self, router: Router) -> list[str]:
        places = {session.protocol: ASK[session.protocol] for session in router.sessions}
        said = {protocol: ask(self._sockets / router.name / f"{daemon}.vty", words) for protocol, (daemon, words) in places.items()}
        found = problems(router.sessions, said)
        if found:
            return [f"{session}: {state}" for session, state in found.items()]
        with Netlink(router.netns) as kernel:
            known = kernel.destinations()
        if known != self._known.get(router.name):
            self._known[router.name] = known
            self._same_since = None
        missing = sorted(router.routes - known)
        return [f"no route to {', '.join(missing[:SHOWN])}"] if missing else []

    def _settled(self, now: float) -> bool:
        if self._same_since is None:
            self._same_since = now
        if all(router.routes for router in self._routers.values()):
            return True
        return now - self._same_since >= _SETTLED

    def _give_up(self) -> None:
        lines = [f"{name}, {lack}" for name, lacks in self._lacking.items() for lack in lacks if ": " in lack]
        # Without all neighbours, routes are missing everywhere, and it says nothing.
        lines = lines or [f"{name}: {lack}" for name, lacks in self._lacking.items() for lack in lacks]
        head = f"Routing is not complete after {self._patience:g} seconds"
        self.warnings = [f"{head}: {line}." for line in lines[:SHOWN]]
        self.warnings += [f"{head}: {len(lines) - SHOWN} more."] if len(lines) > SHOWN else []
        self.warnings = self.warnings or [f"{head}: routes come and go."]
        self._lacking = {}
