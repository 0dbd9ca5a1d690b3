# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces of a lab, brought about as a module does it."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils._interface import link_from
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import LinkDriver


def sh(script: str) -> str:
    return subprocess.run(["sh", "-euc", script], check=True, capture_output=True, text=True).stdout


class Links:
    """All interfaces that a lab has."""

    def __init__(self, lab: str) -> None:
        self.lab = lab

    def run(self, *items: dict[str, Any], **how: bool) -> list[Change[Any]]:
        """Bring the lab to have these and no others; return the changes."""
        wanted = tuple(link_from(item, self.lab) for item in items)
        return converge([Goal(LinkDriver(), wanted, purge=True)], Scope(self.lab, **how))

    def settle(self, *items: dict[str, Any]) -> list[Change[Any]]:
        """Check, run and repeat; return the changes."""
        foretold = diff(self.run(*items, check=True))
        changes = self.run(*items)
        assert diff(changes) == foretold
        assert self.run(*items) == []
        return changes
