# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges: what each means, and what is none."""

from __future__ import annotations

import re

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.topology.ranges import names_of, split_endpoint

MEANINGS = {
    "plain": ["plain"],
    "h[1:3]": ["h1", "h2", "h3"],
    "h[8:11]x": ["h8x", "h9x", "h10x", "h11x"],
    "h[08:11]": ["h08", "h09", "h10", "h11"],
    "h[0:2]": ["h0", "h1", "h2"],
    "h[1:10:4]": ["h1", "h5", "h9"],
    "r[b:d]": ["rb", "rc", "rd"],
    "r[a:g:3]": ["ra", "rd", "rg"],
    "r[y:B]": ["ry", "rz", "rA", "rB"],
    "l[1:2]p[3:4]": ["l1p3", "l1p4", "l2p3", "l2p4"],
    "h[7:7]": ["h7"],
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_range_means_names(text: str) -> None:
    assert names_of(text) == MEANINGS[text]


NONE = {
    "h[1:": "'h[1:' has a bracket without its other one; write a range as in h[1:4]",
    "h1]": "'h1]' has a bracket without its other one; write a range as in h[1:4]",
    "h[1:[2:3]]": "'h[1:[2:3]]' has a bracket without its other one; write a range as in h[1:4]",
    "h[]": "'[]' in 'h[]' is no range; write one as in h[1:4], h[01:10], h[a:d] or h[1:10:2]",
    "h[1-4]": "'[1-4]' in 'h[1-4]' is no range; write one as in h[1:4], h[01:10], h[a:d] or h[1:10:2]",
    "h[1:b]": "the range [1:b] in 'h[1:b]' goes from a number to a letter; take two numbers or two letters",
    "h[9:3]": "the range [9:3] in 'h[9:3]' begins after its end; swap the two",
    "h[1:9:0]": "the range [1:9:0] in 'h[1:9:0]' has a step of 0; it must be at least 1",
    "h[01:100]": "the range [01:100] in 'h[01:100]' begins with 2 digits and ends with 3; write both alike",
    "h[1:999999999999]": "the range [1:999999999999] in 'h[1:999999999999]' means 999999999999 names; at most 20000 are possible",
    "h[1:999]x[1:999]": "'h[1:999]x[1:999]' means 998001 names; at most 20000 are possible",
}


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_range_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(NONE[text])}$"):
        names_of(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a", None)),
        ("a:eth0", ("a", "eth0")),
        ("h[1:4]", ("h[1:4]", None)),
        ("h[1:4:2]:eth0", ("h[1:4:2]", "eth0")),
        ("s1:p[1:4]", ("s1", "p[1:4]")),
        ("l[1:4]a[b:c]:p[1:2]", ("l[1:4]a[b:c]", "p[1:2]")),
    ],
)
def test_a_colon_within_a_range_separates_nothing(text: str, parts: tuple[str, str | None]) -> None:
    assert split_endpoint(text) == parts
