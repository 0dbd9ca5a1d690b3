# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges in names, in Ansible's own syntax: h[1:4], h[01:10], h[a:d], h[1:10:2]; several in one name are their product."""

from __future__ import annotations

import re
import string
from itertools import product

MOST = 20_000  # names of one pattern: far more than a lab host carries, far less than what fills the memory
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_PARTS = re.compile(r"([0-9]+|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?")


def is_range(text: object) -> bool:
    """Say whether a text means several names."""
    return isinstance(text, str) and ("[" in text or "]" in text)


def names_of(text: str) -> list[str]:
    """Return the names that a text means, the last range running fastest; raise ValueError."""
    if not is_range(text):
        return [text]
    between = _RANGE.split(text)  # text, range, text, range, ..., text
    if any(is_range(part) for part in between[::2]):
        raise ValueError(f"'{text}' has a bracket without its other one; write a range as in h[1:4]")
    spans = [_span(part, text) for part in between[1::2]]
    count = 1
    for span in spans:
        count *= len(span)
    if count > MOST:
        raise ValueError(f"'{text}' means {count} names; at most {MOST} are possible")
    pieces = [[between[0]]]
    for span, after in zip(spans, between[2::2]):
        pieces.append([f"{word}{after}" for word in span])
    return ["".join(parts) for parts in product(*pieces)]


def split_endpoint(text: str) -> tuple[str, str | None]:
    """Return the node and the interface of an endpoint such as h[1:4]:eth0; the colons inside of ranges separate nothing."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == ":" and depth == 0:
            return text[:place], text[place + 1 :]
    return text, None


def _span(part: str, text: str) -> list[str]:
    """Return what the inner part of one range means."""
    found = _PARTS.fullmatch(part)
    if not found:
        raise ValueError(f"'[{part}]' in '{text}' is no range; write one as in h[1:4], h[01:10], h[a:d] or h[1:10:2]")
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() != last.isdigit():
        raise ValueError(f"the range [{part}] in '{text}' goes from a number to a letter; take two numbers or two letters")
    if step < 1:
        raise ValueError(f"the range [{part}] in '{text}' has a step of 0; it must be at least 1")
    letters = string.ascii_letters
    low, high = (int(first), int(last)) if first.isdigit() else (letters.index(first), letters.index(last))
    if low > high:
        raise ValueError(f"the range [{part}] in '{text}' begins after its end; swap the two")
    if first[0] == "0" and len(first) > 1 and len(first) != len(last):
        raise ValueError(f"the range [{part}] in '{text}' begins with {len(first)} digits and ends with {len(last)}; write both alike")
    if (high - low) // step >= MOST:
        raise ValueError(f"the range [{part}] in '{text}' means {(high - low) // step + 1} names; at most {MOST} are possible")
    numbers = range(low, high + 1, step)
    if not first.isdigit():
        return [letters[number] for number in numbers]
    width = len(first) if first[0] == "0" else 0
    return [str(number).zfill(width) for number in numbers]
