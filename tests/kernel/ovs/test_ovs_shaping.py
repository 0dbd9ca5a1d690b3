# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of Open vSwitch that are shaped by traffic control, pairs of patch ports, and interfaces that it must not take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import OvsDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.shaping import ShapingDriver, shapings_from

from .conftest import Lab, PrivateSwitch, shell


def disciplines(device: str) -> list[str]:
    return [one["kind"] for one in json.loads(shell(f"tc -j qdisc show dev {device}")) if "root" in one]


class Shaped(Lab):
    """A lab whose goals end with the shaping of its ports."""

    wanted: tuple[dict[str, Any], ...] = ()

    def run(self, *items: dict[str, Any], check: bool = False, **options: Any) -> Any:
        goals: list[Goal[Any]] = [
            Goal(OvsDriver(), tuple(bridge_from(item, self.name) for item in items), **options),
            Goal(ShapingDriver(), shapings_from(self.wanted, self.name), purge=True),
        ]
        return diff(converge(goals, Scope(self.name, self.adopt, check)))


def test_a_port_that_is_left_alone_stays_shaped(switch: PrivateSwitch) -> None:
    switch.tap("ta", "tb")
    lab = Shaped("slow")
    lab.wanted = ({"name": "ta", "rate": 5_000_000},)
    item = {"name": "br1", "ports": [{"name": "ta", "qos": "linux-noop"}, "tb"]}
    lab.converge(item)
    assert switch.find("QoS", "external_ids:netvirt-lab=slow", "type") == ["linux-noop"]
    assert disciplines("ta") == ["tbf"]
    # Changes of configuration, of others' ports and of this one's. The port that is not left alone shows what else would be.
    shell("tc qdisc add dev tb root handle 77: tbf rate 5mbit burst 20000 limit 30000")
    switch.tap("tc")
    switch.vsctl("add-port br1 tc -- set port ta tag=7 -- set interface ta external_ids:x=y")
    switch.vsctl("del-port br1 tc -- set interface ta mtu_request=1400")
    assert disciplines("ta") == ["tbf"]
    switch.stop("ovs-vswitchd")
    switch.start_daemon()
    assert "tbf" not in disciplines("tb")
    assert disciplines("ta") == ["tbf"]
    shell("tc qdisc del dev ta root")
    lab.converge(item)
    assert disciplines("ta") == ["tbf"]

    # The shaping ends: the row goes with its last user.
    lab.wanted = ()
    done = lab.converge({"name": "br1", "ports": ["ta", "tb"]}, purge=True)
    assert done["after"]["ovs_port"] == {"ta": {"qos": ""}}
    assert "tbf" not in disciplines("ta")
    assert switch.vsctl("--bare --columns=type list QoS") == ""


def test_one_row_serves_all_ports_and_none_is_left(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    foreign = switch.vsctl("create QoS type=linux-noop")
    ports = [{"name": name, "qos": "linux-noop"} for name in ("ta", "tb")]
    lab.converge({"name": "br1", "ports": ports})
    assert len(switch.find("QoS", "external_ids:netvirt-lab=green", "_uuid")) == 1
    lab.converge({"name": "br1", "ports": [ports[0]], "purge": "own"})
    assert len(switch.find("QoS", "external_ids:netvirt-lab=green", "_uuid")) == 1
    # Left out is not managed, unless the goal is all of the lab.
    assert lab.run({"name": "br1", "ports": ["ta"]}) == {"before": {}, "after": {}}
    switch.vsctl("del-br br1")
    assert lab.run(purge=True)["before"] == {"ovs_qos": {"linux-noop": {}}}
    assert switch.vsctl("--bare --columns=_uuid list QoS") == foreign


def test_other_queueing_is_made_by_others(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"'linux-sfq' is none of '', linux-noop"):
        lab.run({"name": "br1", "ports": [{"name": "ta", "qos": "linux-sfq"}]})


def test_patch_ports_of_both_bridges_in_one_go(switch: PrivateSwitch, lab: Lab) -> None:
    items = [
        {"name": near, "ports": [{"name": f"{near}-{far}", "type": "patch", "options": {"peer": f"{far}-{near}"}}]}
        for near, far in (("left", "right"), ("right", "left"))
    ]
    before = switch.transactions()
    lab.run(*items)
    assert switch.transactions() == before + 1
    for name in ("left-right", "right-left"):
        assert switch.get("Interface", name, "error") == "[]"
        assert int(switch.get("Interface", name, "ofport")) > 0
    assert lab.run(*items) == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ip addr add 10.45.0.1/24 dev ta", r"'ta' has addresses of its own \(10\.45\.0\.1/24\)"),
        ("ip link add theirs0 type bridge; ip link set ta master theirs0", "'ta' is a port of 'theirs0' already"),
    ],
)
def test_an_interface_that_somebody_uses_is_not_taken(switch: PrivateSwitch, lab: Lab, given: str, message: str) -> None:
    switch.tap("ta", "tb")
    shell(given)
    with pytest.raises(LabError, match=message):
        lab.run({"name": "br1", "ports": ["tb", "ta"]})
    assert switch.vsctl("list-br") == ""


def test_an_interface_that_is_a_port_already_may_have_an_address(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    lab.run({"name": "br1", "ports": ["ta"]})
    shell("ip addr add 10.45.0.1/24 dev ta")
    assert lab.run({"name": "br1", "ports": ["ta"]}) == {"before": {}, "after": {}}
