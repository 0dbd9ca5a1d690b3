# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of Open vSwitch that pass nothing on to each other, as those of a mesh of tunnels must not."""

from __future__ import annotations

from ..wires import check_split_horizon
from .conftest import Lab, PrivateSwitch, shell


def test_what_comes_in_by_one_protected_port_goes_to_nodes_and_to_no_other(lab: Lab, switch: PrivateSwitch) -> None:
    switch.veths("ta", "tb", "tc")
    shell("for name in ta tb tc; do ip link set x$name up; done")
    lab.converge({"name": "br1", "ports": ["ta protected=true", "tb protected=true", "tc"]})
    check_split_horizon(["xta", "xtb", "xtc"])
