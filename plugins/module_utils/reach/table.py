# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the results of checks are told: a table for few nodes, a summary for many. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .checks import Check

MOST = 24  # rows or columns of a table that can still be read
SHOWN = 30  # pairs that are told one by one
_WORST = ("FAILED", "no name", "ok", "apart")  # apart is what must not be reached, and is not


def table(results: Mapping[Check, str]) -> list[str]:
    """Render results as lines of text: a row per node and a column per thing to reach, or for many nodes a count."""
    if not results:
        return ["nothing to check: no two nodes share a network"]
    columns = list(dict.fromkeys(check.column for check in results))
    rows = list(dict.fromkeys(check.node for check in results))
    if max(len(columns), len(rows)) > MOST:
        return _summary(results)
    cells: dict[tuple[str, str], str] = {}
    for check, problem in results.items():
        word = ("ok" if check.reach else "apart") if not problem else "no name" if check.verb == "resolve" else "FAILED"
        cells[check.node, check.column] = min(word, cells.get((check.node, check.column), word), key=_WORST.index)
    widths = [max(len(column), 7) for column in columns]
    first = max(map(len, ("from", *rows)))
    lines = ["  ".join(["from".ljust(first), *(column.ljust(width) for column, width in zip(columns, widths))]).rstrip()]
    for row in rows:
        shown = (cells.get((row, column), "-").ljust(width) for column, width in zip(columns, widths))
        lines.append("  ".join([row.ljust(first), *shown]).rstrip())
    return lines


def _summary(results: Mapping[Check, str]) -> list[str]:
    """Count by pairs, as a table of hundreds of nodes says nothing; then name the pairs that failed."""
    whole: dict[tuple[str, str], bool] = {}
    for check, problem in results.items():
        pair = check.node, check.column
        whole[pair] = whole.get(pair, True) and not problem
    good = sum(whole.values())
    nodes = len({check.node for check in results})
    lines = [f"{good} of {len(whole)} pairs ok, from {nodes} nodes, by {len(results)} checks"]
    bad = [pair for pair, held in whole.items() if not held]
    lines += [f"FAILED  {node} -> {column}" for node, column in bad[:SHOWN]]
    return lines + ([f"... and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else [])


def records(results: Mapping[Check, str], why: Mapping[Check, Sequence[str]], paths: Mapping[Check, str]) -> list[dict[str, Any]]:
    """Return all checks in plain types."""
    return [
        {
            "node": check.node,
            "to": check.column,
            "check": check.meaning,
            "problem": problem,
            **({"path": paths.get(check, ""), "causes": list(why.get(check, ()))} if problem else {}),
        }
        for check, problem in results.items()
    ]
