# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs over three lab hosts that are killed on one of them, by what killer.py does there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from ..playbooks import TOPOLOGY, on
from .conftest import MACHINES, Spread


def play(spread: Spread, lab: dict[str, Any] | None, *arguments: str) -> tuple[int, str]:
    """Bring a lab up, or down, and return the exit code and what was said."""
    if lab:
        spread.write(lab)
    done = spread.run(*(TOPOLOGY if lab else ["netvirt.lab.teardown"]), *arguments)
    return done.returncode, done.stdout + done.stderr


def converges(spread: Spread, lab: dict[str, Any] | None) -> None:
    """Bring a lab up, or down: it comes, and is complete."""
    code, said = play(spread, lab)
    assert code == 0, said
    if lab:
        assert spread.changed(*TOPOLOGY) == 0


class Victim:
    """A lab host whose Python counts the moments of each run, and can kill."""

    def __init__(self, spread: Spread, name: str, **variables: dict[str, Any]) -> None:
        self.spread, self.name = spread, name
        killer = (Path(__file__).parent / "killer.py").read_text(encoding="utf-8")
        python = '#!/bin/sh\nPYTHONPATH=/run/killer exec /usr/bin/python3 "$@"\n'
        on(
            name,
            f"mkdir /run/killer; printf %s {shlex.quote(killer)} >/run/killer/sitecustomize.py; "
            f"printf %s {shlex.quote(python)} >/run/killer/python; chmod 755 /run/killer/python",
        )
        spread.environment["ANSIBLE_PIPELINING"] = "false"  # a module that is piped to Python does not say its name
        spread.hosts(**{**variables, name: {**variables.get(name, {}), "ansible_python_interpreter": "/run/killer/python"}})

    def moments(self, lab: dict[str, Any] | None) -> int:
        """Bring a lab up, or down, and return how many moments that has."""
        self._aim("nobody", 0)
        code, said = play(self.spread, lab)
        assert code == 0, said
        found = int(on(self.name, "cat /run/killer/moments"))
        assert found > 20
        return found

    def killed(self, lab: dict[str, Any] | None, what: str, at: int) -> None:
        """Bring a lab up, or down, and kill it here at a moment. The others go on."""
        self._aim(what, at)
        code, said = play(self.spread, lab, "-e", "ansible_ssh_retries=0")  # it would go on by itself
        self._aim("nobody", 0)
        recap = said.rpartition("PLAY RECAP")[2]
        assert code == (2 if what == "module" else 4), f"nobody was killed\n{said}"
        assert all(re.search(rf"{name} .*unreachable=0 +failed=0", recap) for name in MACHINES if name != self.name), said
        if lab:
            assert f"{self.name} was not reached, or failed" in said

    def spare(self, **variables: dict[str, Any]) -> None:
        """Take away what counts and kills."""
        self.spread.hosts(**variables)
        on(self.name, "rm -r /run/killer")

    def _aim(self, what: str, at: int) -> None:
        on(self.name, f"echo {what} {at} >/run/killer/plan; rm -f /run/killer/moments")
