# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges in names: 'h[1:3]' is h1, h2, h3."""

from __future__ import annotations

import re
from itertools import product

_RANGE = re.compile(r"\[(\d+):(\d+)\]")


def expand_names(text: str) -> list[str]:
    """Return the names that a text with ranges stands for, several ranges as their product. Raise ValueError."""
    parts = _RANGE.split(text)
    choices = []
    for first, last in zip(parts[1::3], parts[2::3]):
        if int(first) > int(last):
            raise ValueError(f"the range [{first}:{last}] ends before it begins")
        choices.append([str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)])
    return ["".join(word for pair in zip(parts[::3], (*chosen, "")) for word in pair) for chosen in product(*choices)]
