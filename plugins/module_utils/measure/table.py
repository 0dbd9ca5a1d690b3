# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .measures import MEASURES


def table(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Render medians, and where something was measured more than once, half the way from least to most in percent of it."""
    keys = list(results[0]["measures"]) if results else []
    spread = any("machine" in result for result in results)
    titles = ["node", "on", "to"] if spread else ["node"]
    rows = [[*titles, "model", *(MEASURES[key].between if spread else MEASURES[key].title for key in keys)]]
    for result in results:
        own = [_name(result, results), *([result["machine"], result["to"]] if spread else [])]
        rows.append([*own, result["model"], *(_cell(result["measures"][key]) for key in keys)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    sides = [*("<" for _title in titles), "<", *(">" for _key in keys)]
    return ["  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths)).rstrip() for row in rows]


def _name(result: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    """Return the node's name, with the interface's where the node has several."""
    alone = {other["interface"] for other in results if other["node"] == result["node"]} == {result["interface"]}
    return str(result["node"] if alone else f"{result['node']}:{result['interface']}")


def _cell(measured: Mapping[str, Any]) -> str:
    digits = 2 if measured["unit"] == "ms" else 1
    reach = (measured["most"] - measured["least"]) / (measured["median"] or 1)
    spread = f" ±{50 * reach:.0f}%" if len(measured["values"]) > 1 and measured["unit"] != "%" else ""
    return f"{measured['median']:.{digits}f} {measured['unit']}{spread}"
