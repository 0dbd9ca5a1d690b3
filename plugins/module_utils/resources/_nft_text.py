# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a lab's own nftables table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, collapse_addresses

FAMILY = "ip"


def table_name(lab: str) -> str:
    """Return the name of the lab's table."""
    return f"netvirt-{lab}"


def table_text(lab: str, subnets: Sequence[str], uplink: str) -> str:
    """Return the nft commands that put the lab's table in place of an older one, in one transaction."""
    name = table_name(lab)
    # 'table' before 'delete table': deleting what is not there would fail.
    lines = [f"table {FAMILY} {name}", f"delete table {FAMILY} {name}", f"table {FAMILY} {name} {{"]
    if uplink and subnets:
        # nft refuses a set whose intervals overlap.
        inside = ", ".join(str(subnet) for subnet in collapse_addresses(IPv4Network(subnet) for subnet in subnets))
        lines += [
            "    chain postrouting {",
            "        type nat hook postrouting priority srcnat; policy accept;",
            f'        oifname "{uplink}" ip saddr {{ {inside} }} ip daddr != {{ {inside} }} masquerade',
            "    }",
        ]
    return "\n".join([*lines, "}", ""])


def removal_text(lab: str) -> str:
    """Return the nft commands that remove the lab's table, whether it is there or not."""
    name = table_name(lab)
    return f"table {FAMILY} {name}\ndelete table {FAMILY} {name}\n"
