# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which offloads a share gets on which datapath."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._share import crowd_notices, cured, with_passwords
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import HostDatapath

LINKS: list[dict[str, Any]] = [
    {"name": "blue-1", "netns": "", "peer": ["blue", "eth0"]},
    {"name": "eth0", "netns": "blue", "peer": ["", "blue-1"]},
    {"name": "eth0", "netns": "chosen", "peer": ["", "chosen-1"], "tx_offload": True},
    {"name": "eth9", "netns": "elsewhere", "peer": ["", "elsewhere-1"]},
]
VMS = [
    {
        "name": "deep",
        "nics": [{"tap": "deep-1", "vnet_hdr": None}, {"tap": "deep-2", "vnet_hdr": None}, {"tap": "deep-3", "vnet_hdr": True}],
    }
]


@pytest.mark.parametrize(
    ("host", "chosen", "cure"),
    [
        (HostDatapath("netdev", False), None, True),
        (HostDatapath("netdev", True), None, False),
        (HostDatapath("system", False), None, False),
        (HostDatapath("system", False), "netdev", True),
        (HostDatapath("netdev", False), "system", False),
    ],
)
def test_checksums_are_computed_where_no_one_else_does(host: HostDatapath, chosen: str | None, cure: bool) -> None:
    ports = [{"name": name} for name in ("blue-1", "chosen-1", "deep-1", "deep-3")]
    links, vms = cured(LINKS, VMS, [{"name": "plaza", "datapath_type": chosen, "ports": ports}], lambda: host)
    assert [link.get("tx_offload") for link in links] == [None, False if cure else None, True, None]
    assert [nic["vnet_hdr"] for nic in vms[0]["nics"]] == [False if cure else None, None, True]


def test_passwords_come_to_the_users_that_they_are_for() -> None:
    users = [{"name": "grace", "hashed_password": None}, {"name": "ada", "hashed_password": None}]
    vms = with_passwords([{"name": "deep", "users": users}, {"name": "blue", "users": users}], {"deep": {"ada": "$6$salt$hash"}})
    assert [[user["hashed_password"] for user in vm["users"]] for vm in vms] == [[None, "$6$salt$hash"], [None, None]]


def test_a_crowd_is_told_of_the_neighbour_table() -> None:
    share = {"namespaces": [{"name": f"n{number}"} for number in range(600)]}
    (notice,) = crowd_notices(share, "1024")
    assert "at least 1200 entries" in notice
    assert "to 9600 by" in notice
    assert crowd_notices(share, "1200") == crowd_notices(share, None) == crowd_notices({}, "1024") == []
