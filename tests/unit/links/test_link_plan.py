# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for interfaces that hang together."""

from __future__ import annotations

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link, LinkDriver

LAB = "knot"
NEAR = Link("near0", "", LAB, "veth", ("", "far0"))
FAR = Link("far0", "", LAB, "veth", ("", "near0"))
ON_FAR = Link("far0.5", "", LAB, "vlan", parent="far0", vlan=5, protocol="802.1Q")


def actions(have: list[Link], *want: Link) -> dict[str, str]:
    driver = LinkDriver()
    changes = driver.plan({link.key: link for link in have}, Goal(driver, want), Scope(LAB), ())
    return {change.key: change.action for change in changes}


def test_the_other_end_is_made_anew_too() -> None:
    assert actions([NEAR, FAR], NEAR, FAR) == {}
    assert actions([FAR], NEAR, FAR) == {"near0": "create", "far0": "replace"}
    taken = Link("near0", "", LAB, "bridge")
    assert actions([taken, FAR, ON_FAR], ON_FAR, FAR, NEAR) == {"near0": "replace", "far0": "replace", "far0.5": "replace"}


def test_one_end_alone_is_no_pair() -> None:
    with pytest.raises(LabErrors, match="'near0' cannot be made without 'far0', its other end; give both ends"):
        actions([], NEAR)
    assert actions([NEAR, FAR], NEAR) == {}
