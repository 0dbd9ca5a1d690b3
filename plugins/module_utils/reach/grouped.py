# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How failures are told: what has one cause is told once, in lines that can be read. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Hashable, Iterable, Mapping, Sequence

from .checks import GATEWAY, Check, is_address

MOST = 20  # groups that are told
_NAMES = 12  # names that are listed
_WIDTH = 110
_INDENT = "    "


def told(results: Mapping[Check, str], why: Mapping[Check, Sequence[str]], paths: Mapping[Check, str], nets: Mapping[str, str]) -> str:
    """Return a paragraph for each group of failures: who cannot do what, the likely cause, the way there. nets: networks by address."""
    failed = [check for check, problem in results.items() if problem]
    groups: dict[Hashable, list[Check]] = {}
    for check in failed:
        shared = tuple(dict.fromkeys(_wide(cause, nets) for cause in why.get(check, ())))
        kind = "reach" if check.verb in ("ping", "tcp", "udp") else check.verb
        own = () if shared else (results[check], check.verb, check.port, check.size)
        groups.setdefault((check.reach, kind, shared, own), []).append(check)
    lines = [f"{len(failed)} of {len(results)} checks failed:"]
    for group in list(groups.values())[:MOST]:
        first = group[0]
        if len(group) == 1:
            lines += _wrapped(sentence(first, results[first]), why.get(first, ()), paths.get(first, ""))
        else:
            causes = dict.fromkeys(_wide(cause, nets) for cause in why.get(first, ()))
            lines += _wrapped(_sentence(group, results), list(causes), paths.get(first, ""), " of the first")
    rest = list(groups.values())[MOST:]
    return "\n".join(lines + ([f"... and {sum(map(len, rest))} more, of {len(rest)} other kinds."] if rest else []))


def sentence(check: Check, problem: str) -> str:
    """Return the sentence for one failure."""
    name = check.column.partition(" ")[0]
    named = f" ({name})" if name not in (GATEWAY, "lease", "outside", check.target) else ""
    return f"'{check.node}' {'cannot' if check.reach else 'can'} {check.meaning}{named}: {problem}."


def _sentence(group: Sequence[Check], results: Mapping[Check, str]) -> str:
    first = group[0]
    senders = listed(check.node for check in group)
    problems = " or ".join(list(dict.fromkeys(results[check] for check in group))[:3])
    pairs = {(check.node, check.column) for check in group}
    if first.reach and len(pairs) < len({node for node, _column in pairs}) * len({column for _node, column in pairs}):
        # Not each of them fails with each.
        return f"{len(group)} checks fail in which {senders} {_deed(group)}: {problems}."
    return f"{senders} {'cannot' if first.reach else 'can'} {_deed(group)} ({len(group)} checks): {problems}."


def _deed(group: Sequence[Check]) -> str:
    """Return what a group of checks is about: 'reach h1..h8 and web port 80/tcp over IPv4'."""
    verb = group[0].verb
    if verb == "lease":
        return "show a lease"
    if verb == "fetch":
        return f"fetch {listed(check.target for check in group)}"
    if verb == "resolve":
        return f"resolve {listed(check.target for check in group)}"
    ways: dict[str, list[str]] = {}
    for check in group:
        way = f" port {check.port}/{check.verb}" if check.port else f" by packets of {check.size} bytes" if check.size else ""
        name = check.column.partition(" ")[0]
        ways.setdefault(way, []).append(check.target if name == GATEWAY else name)
    families = sorted({"IPv6" if ":" in check.target else "IPv4" for check in group if is_address(check.target)})
    over = f" over {' and '.join(families)}" if families else ""
    return f"reach {' and '.join(f'{listed(names)}{way}' for way, names in ways.items())}{over}"


def listed(names: Iterable[str]) -> str:
    """Return names as text, those that are numbered on end as a range: 'h1..h8, web'."""
    stems: dict[str, list[int | None]] = {}
    for name in names:
        numbered = None if is_address(name) else re.fullmatch(r"(.*?)(0|[1-9][0-9]{0,8})", name)
        stems.setdefault(numbered[1] if numbered else name, []).append(int(numbered[2]) if numbered else None)
    words: list[str] = []
    for stem, numbers in stems.items():
        words += [stem] if None in numbers else []
        for low, high in _runs({number for number in numbers if number is not None}):
            words += [f"{stem}{low}..{stem}{high}"] if high - low > 1 else [f"{stem}{number}" for number in range(low, high + 1)]
    return ", ".join(words[:_NAMES]) + (f" and {len(words) - _NAMES} more" if len(words) > _NAMES else "")


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _wide(cause: str, nets: Mapping[str, str]) -> str:
    """Return a cause with the network in place of the address: the route that is missing is one for all its addresses."""
    return re.sub(r"( route (?:back )?to )(\S+)", lambda match: match[1] + nets.get(match[2], match[2]), cause)


def _wrapped(text: str, causes: Sequence[str], path: str, which: str = "") -> list[str]:
    parts = [text]
    parts += [f"{_INDENT}Likely: {'; '.join(causes)}."] if causes else []
    parts += [f"{_INDENT}Path{which}: {path}."] if path else []
    return [line for part in parts for line in textwrap.wrap(part, _WIDTH, subsequent_indent=2 * _INDENT, break_long_words=False)]
