# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome means for a check."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.checks import Check
from ansible_collections.netvirt.lab.plugins.module_utils.reach.run import judged
from ansible_collections.netvirt.lab.plugins.module_utils.transport.probes import SILENT, Outcome

ANSWERED, CLOSED, SKIPPED = Outcome("answered"), Outcome("closed", "connection refused"), Outcome("skipped", "too late")


@pytest.mark.parametrize(
    ("verb", "reach", "outcome", "ping", "problem"),
    [
        ("ping", True, ANSWERED, SILENT, ""),
        ("ping", True, SILENT, SILENT, "no answer"),
        ("ping", True, Outcome("unreachable", "host unreachable, says 10.8.0.1"), SILENT, "host unreachable, says 10.8.0.1"),
        ("ping", True, SKIPPED, SILENT, "too late"),
        ("ping", False, SKIPPED, SILENT, "too late"),
        ("ping", False, SILENT, SILENT, ""),
        ("ping", False, ANSWERED, SILENT, "it does, and should not"),
        ("tcp", True, CLOSED, ANSWERED, "connection refused"),
        ("tcp", False, CLOSED, ANSWERED, ""),
        ("tcp", True, SILENT, ANSWERED, "no answer"),
        ("udp", True, CLOSED, ANSWERED, "connection refused"),
        ("udp", True, SILENT, ANSWERED, ""),
        ("udp", True, SILENT, SILENT, "no answer"),
        ("udp", False, SILENT, ANSWERED, ""),
        ("udp", False, ANSWERED, ANSWERED, "it does, and should not"),
    ],
)
def test_judgement(verb: Any, reach: bool, outcome: Outcome, ping: Outcome, problem: str) -> None:
    assert judged(Check("ann", "bob", verb, "10.8.0.9", port=7, reach=reach), outcome, ping) == problem


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (Outcome("answered", "10.8.0.9"), ""),
        (ANSWERED, ""),  # by a script, which has compared them
        (Outcome("answered", "10.8.0.6 10.8.0.5"), "it is 10.8.0.6, 10.8.0.5"),
        (Outcome("closed", "there is no such name"), "there is no such name"),
    ],
)
def test_names(outcome: Outcome, problem: str) -> None:
    assert judged(Check("ann", "bob", "resolve", "bob", answer="10.8.0.9"), outcome) == problem
