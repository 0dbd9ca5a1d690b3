# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module replay refuses before it sends the first frame, and what it makes of frames."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._replay import replay_from

FRAME = "ff:ff:ff:ff:ff:ff 020000000001 88b5 6869"
OPTIONS: dict[str, Any] = {
    "link": "dock/eth0",
    "path": None,
    "frames": [FRAME],
    "via": "interface",
    "speed": 1.0,
    "rate": None,
    "loops": 1,
    "source_mac": None,
    "destination_mac": None,
}

MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "frames": (
        {"frames": [FRAME, "ffff zz", "fff"]},
        [
            "frames[1]: must be a frame in hexadecimal digits, not 'ffff zz'",
            "frames[2]: must be a frame in hexadecimal digits, not 'fff'",
        ],
    ),
    "addresses": (
        {"source_mac": "03:00:00:00:00:01", "destination_mac": "02:00:00:00:01"},
        [
            "destination_mac: must be a MAC address such as \"52:54:00:12:34:56\", not '02:00:00:00:01'",
            "source_mac: '03:00:00:00:00:01' is a group address; the first byte of an interface's MAC address is even",
        ],
    ),
    "times": (
        {"speed": -0.5, "loops": 0, "rate": 0.0},
        [
            "speed: must be 0 or more, not -0.5",
            "loops: must be 1 or more, not 0",
            "rate: must be more than 0 frames/s, not 0",
        ],
    ),
    "all at once": (
        {"frames": ["x"], "loops": -1, "rate": -2.5, "link": "pier:eth0"},
        [
            "frames[0]: must be a frame in hexadecimal digits, not 'x'",
            "loops: must be 1 or more, not -1",
            "rate: must be more than 0 frames/s, not -2.5",
            "link",
        ],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_all_named(case: str) -> None:
    options, expected = MISTAKES[case]
    with pytest.raises(LabErrors) as caught:
        replay_from({**OPTIONS, **options}, {})
    found = list(caught.value.problems)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected):
        assert problem.startswith(start), found


def test_addresses_are_put_in_place_of_those_of_the_frame() -> None:
    (frame,) = replay_from({**OPTIONS, "destination_mac": "01:80:C2:00:00:00"}, {}).frames()
    assert frame.data.hex(" ", 2) == "0180 c200 0000 0200 0000 0001 88b5 6869"
    (frame,) = replay_from({**OPTIONS, "source_mac": "02:00:00:00:00:08"}, {}).frames()
    assert frame.data[:14].hex() == "ffffffffffff" + "020000000008" + "88b5"
