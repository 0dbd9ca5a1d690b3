# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own exceptions. Only a module's top turns them into ``fail_json``."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 20  # problems; what has more has one cause


class LabError(Exception):
    """One sentence: what failed on which object, what the system said, what to do."""


class LabErrors(LabError):
    """Every problem that one phase found, reported together."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        shown = self.problems if len(self.problems) <= SHOWN else (*self.problems[:SHOWN], f"... and {len(self.problems) - SHOWN} more.")
        super().__init__("\n".join(shown))
