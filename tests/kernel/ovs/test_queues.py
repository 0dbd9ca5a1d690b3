# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues of ports: made, changed and gone with all their rows, and refused where nothing would come into them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features

from .conftest import Lab, PrivateSwitch, shell


def ceilings(device: str) -> set[int]:
    """Return what each class of a device sends at most, in bit/s."""
    units = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
    found = re.findall(r"ceil (\d+)([KMG]?)bit", shell(f"tc class show dev {device}"))
    return {int(number) * units[unit] for number, unit in found}


def bridge(**port: Any) -> dict[str, Any]:
    return {"name": "br1", "ports": [{"name": "ta", **port}, "tb"]}


def test_a_queue_comes_changes_and_goes(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    item = bridge(qos="linux-htb", qos_rate=20_000_000, queues=[{"number": 0, "rate": 8_000_000}])
    lab.converge(item)
    assert ceilings("ta") == {20_000_000, 8_000_000}
    done = lab.converge(bridge(qos="linux-htb", qos_rate=20_000_000, queues=[{"number": 0, "rate": 4_000_000, "burst": 80_000}]))
    assert done["after"]["ovs_port"]["ta"].keys() == {"queues"}
    assert ceilings("ta") == {20_000_000, 4_000_000}
    assert len(switch.find("QoS", "type=linux-htb", "_uuid")) == len(switch.find("Queue", "external_ids:netvirt-lab=green", "_uuid")) == 1
    # Somebody else's hand.
    switch.vsctl("clear port ta qos")
    lab.converge(item)
    assert ceilings("ta") == {20_000_000, 8_000_000}
    lab.converge(bridge(qos=""))
    assert ceilings("ta") == set()
    lab.converge(item)
    # All of the lab without it.
    lab.converge(bridge(), purge=True)
    assert ceilings("ta") == set()
    lab.converge(item)
    lab.converge(purge=True)
    assert switch.find("QoS", "", "_uuid") == switch.find("Queue", "", "_uuid") == []


def test_queues_in_vain_are_refused(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    queues = [{"number": 0}, {"number": 3, "rate": 1_000_000}]
    with pytest.raises(LabError, match=r"Port 'ta' of bridge 'br1' cannot use queue 3: Open vSwitch's userspace datapath sends everything"):
        lab.run({**bridge(qos="linux-htb", queues=queues), "datapath_type": "netdev"})
    with pytest.raises(LabError, match=r"port 'ta': queues and qos_rate need 'qos: linux-htb'"):
        lab.run(bridge(queues=queues))
    if not features.has_qdisc("hfsc"):
        with pytest.raises(LabError, match=r"This kernel lacks CONFIG_NET_SCH_HFSC, which the queueing of port 'ta' needs"):
            lab.run(bridge(qos="linux-hfsc"))
    assert switch.vsctl("list-br") == ""
