# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a way leads over lab hosts that are not there: not reached by the playbook, or silent in the underlay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..topology.tunnels import KINDS
from .checks import Check
from .paths import Wiring


def machines(check: Check, wiring: Wiring) -> list[str]:
    """Return the other lab hosts that the way of a check leads over, in its order."""
    steps = wiring.path_to(check.node, check.target)
    passed = [end.machine for step in steps for end in step]
    return [name for name in dict.fromkeys((*passed, wiring.home(check.target))) if name and name != wiring.machine]


def missing(
    checks: Sequence[Check],
    wiring: Wiring,
    others: Sequence[Mapping[str, Any]],
    lost: Collection[str],
    silent: Callable[[list[str]], set[str]],
) -> dict[Check, list[str]]:
    """Return for each check that a lab host is missing for a sentence about each; silent says which addresses answer no ping."""
    ways = {check: machines(check, wiring) for check in checks}
    passed = dict.fromkeys(name for names in ways.values() for name in names)
    addresses = {name: address for name, address in _underlay(others).items() if name in passed and name not in lost}
    quiet = silent(list(addresses.values()))
    words = {name: f"the lab host '{name}', which the way leads over, was not reached in this run" for name in lost}
    words |= {
        name: f"the lab host '{name}', which the way leads over, does not answer at {address}, its address in the underlay"
        for name, address in addresses.items()
        if address in quiet
    }
    return {check: [words[name] for name in names if name in words] for check, names in ways.items() if words.keys() & names}


def _underlay(shares: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return by which address tunnels reach each lab host that has any."""
    found = {share["machine"]: link["local"] for share in shares for link in share.get("links") or () if link["kind"] in KINDS}
    return found | {share["machine"]: share["ovn"]["address"] for share in shares if "ovn" in share}
