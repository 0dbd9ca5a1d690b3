# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows, groups and meters in a real Open vSwitch: one bundle, exact comparison, and nothing of anybody else's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._paths import run_dir
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources._flow_model import table_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.flow import FlowDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.ovs import OvsDriver
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes

from .conftest import Lab, PrivateSwitch, run_module, shell

BRIDGE: dict[str, Any] = {"name": "br1", "fail_mode": "secure", "ports": ["ta", "tb", "tc"]}
FLOWS = (
    "priority=10,in_port=ta,ip,nw_dst=10.0.0.9/255.255.255.0,actions=mod_nw_dst:10.0.0.2,output:tb",
    "in_port=tb,actions=output:ta,output:tc",
    "table=3,udp,tp_dst=5,idle_timeout=600,actions=drop",
)
GROUP = "group_id=41,type=select,bucket=output:ta,bucket=weight:5,output:tb"
METER = "meter=3,burst,kbps,bands=type=drop,rate=1000,burst_size=100"


class Switched(Lab):
    """A lab whose goals end with the flows of its bridge br1."""

    flows: dict[str, Any] | None = None

    def run(self, *items: dict[str, Any], check: bool = False, **options: Any) -> Any:
        flows = () if self.flows is None else (table_from({"name": "br1", **self.flows}, self.name),)
        goals: list[Goal[Any]] = [
            Goal(OvsDriver(), tuple(bridge_from(item, self.name) for item in items), **options),
            Goal(FlowDriver(), flows, purge=True),
        ]
        return diff(converge(goals, Scope(self.name, self.adopt, check)))


def ofctl(words: str) -> str:
    return shell(f"ovs-ofctl -O OpenFlow14 {words}")


def dumped(bridge: str = "br1") -> list[str]:
    return sorted(line.strip() for line in ofctl(f"--no-stats --names dump-flows {bridge}").splitlines())


@pytest.fixture
def lab(switch: PrivateSwitch) -> Iterator[Switched]:
    switch.tap("ta", "tb", "tc")
    yield Switched("green")
    # Their notes go with the whole lab, which these goals are a part of.
    for name in ("green", "red"):
        shutil.rmtree(run_dir(name), ignore_errors=True)
    with suppress(OSError):
        run_dir("green").parent.rmdir()


def test_flows_come_with_the_bridge_and_are_compared_exactly(switch: PrivateSwitch, lab: Switched) -> None:
    lab.flows = {"flows": FLOWS, "groups": [GROUP], "meters": [METER]}
    done = lab.converge(BRIDGE)
    assert done["after"]["ovs_flow"]["br1"]["flows"] == {
        "table=0,priority=10,ip,in_port=ta,nw_dst=10.0.0.0/24": "actions=set_field:10.0.0.2->ip_dst,output:tb",
        "table=0,in_port=tb": "actions=output:ta,output:tc",
        "table=3,udp,tp_dst=5": "idle_timeout=600,actions=drop",
    }
    assert len(dumped()) == 3
    ofctl("mod-flows br1 in_port=tb,actions=drop")
    ofctl("del-flows br1 udp,table=3")
    assert lab.converge(BRIDGE)["before"] == {"ovs_flow": {"br1": {"flows": {"table=0,in_port=tb": "actions=drop"}}}}
    # What is the same keeps its counters; what is left out goes, with the group and the meter.
    lab.flows = {"flows": [FLOWS[1], "arp,actions=meter:4,normal"], "groups": [], "meters": [METER.replace("=3", "=4")]}
    lab.converge(BRIDGE)
    assert [line.partition("actions=")[2] for line in dumped()] == ["meter:4,NORMAL", "output:ta,output:tc"]
    assert "group_id" not in ofctl("dump-groups br1")
    assert "meter=3" not in ofctl("dump-meters br1")
    # A number that the lab has given up is anybody's.
    ofctl("add-group br1 group_id=41,type=all,bucket=output:tc")
    lab.converge(BRIDGE)
    assert "group_id=41" in ofctl("dump-groups br1")
    lab.flows = {"flows": []}
    lab.converge(BRIDGE)
    assert dumped() == []
    assert "meter=4" in ofctl("dump-meters br1")


def test_what_flushes_flows_is_made_good_in_the_same_run(switch: PrivateSwitch, lab: Switched) -> None:
    lab.flows = {"flows": FLOWS}
    lab.converge(BRIDGE)
    before = dumped()
    changes: tuple[dict[str, Any], ...] = (
        {"fail_mode": "standalone"},
        {"fail_mode": "secure"},
        {"controllers": ["tcp:127.0.0.1:6009"]},
        {"controllers": []},
    )
    for change in changes:
        lab.converge({**BRIDGE, **change})
        assert set(before) <= set(dumped()), change
    # Made anew, a port gets another number.
    switch.remake_tap("ta")
    lab.converge({**BRIDGE, "controllers": []})
    assert dumped() == before
    switch.stop("ovs-vswitchd")
    switch.start_daemon()
    assert dumped() == []
    lab.converge({**BRIDGE, "controllers": []})
    assert dumped() == before


def test_others_flows_stay_unless_they_are_purged(switch: PrivateSwitch, lab: Switched) -> None:
    lab.flows = {"flows": FLOWS[:1], "groups": [GROUP], "meters": [METER]}
    lab.run(BRIDGE)
    ofctl("add-flow br1 cookie=7,priority=5,arp,actions=normal")
    ofctl("add-group br1 group_id=42,type=all,bucket=output:tc")
    red = Switched("red")
    red.flows = {"flows": ["priority=6,arp,actions=flood"]}
    red.run({"name": "br1", "existing": True})
    foreign = [line for line in dumped() if "arp" in line]
    assert len(foreign) == 2
    lab.converge(BRIDGE)
    assert [line for line in dumped() if "arp" in line] == foreign
    # One of a user's is in the way of a wanted one: it is refused if it means something else.
    lab.flows = {"flows": ["priority=5,arp,actions=drop"]}
    with pytest.raises(LabError, match=r"the flow 'table=0,priority=5,arp' exists in bridge 'br1', was not made by netvirt.lab"):
        lab.run(BRIDGE)
    lab.flows = {"groups": ["group_id=42,type=all,bucket=output:ta"]}
    with pytest.raises(LabError, match=r"the group '42' exists"):
        lab.run(BRIDGE)
    # A lab that is no more leaves another's bridge without a trace of it.
    red.flows = None
    red.run()
    assert [line for line in dumped() if "arp" in line] == [line for line in foreign if "priority=5" in line]
    assert not (run_dir("red") / "flows.json").exists()
    lab.flows = {"flows": FLOWS[:1], "groups": [], "purge": True}
    lab.converge(BRIDGE)
    assert len(dumped()) == 1
    assert "group_id" not in ofctl("dump-groups br1")


def test_a_bundle_is_all_or_nothing(switch: PrivateSwitch, lab: Switched) -> None:
    lab.flows = {"flows": FLOWS}
    lab.run(BRIDGE)
    before = dumped()
    lab.flows = {"flows": ["priority=1,actions=drop", "priority=2,actions=group:99"]}
    with pytest.raises(LabError, match=r"flows of bridge 'br1', which are as before: the switch said OFPBAC_BAD_OUT_GROUP"):
        lab.run(BRIDGE)
    assert dumped() == before


def test_all_mistakes_are_told_before_anything_changes(switch: PrivateSwitch, lab: Switched) -> None:
    lab.flows = {
        "path": "nodes.s1",
        "flows": [
            "in_port=tz,actions=output:ta",
            "in_port=ta,actions=bogus",
            "nw_src=1.1.1.1,actions=drop",
            "udp,actions=drop",
            "udp,actions=output:tb",
        ],
        "groups": ["group_id=3,bucket=output:ta"],
        "meters": ["meter=3"],
    }
    with pytest.raises(LabError) as raised:
        lab.run({**BRIDGE, "protocols": ["OpenFlow10"]})
    assert str(raised.value).splitlines() == [
        "nodes.s1.flows[1]: ovs-ofctl cannot read 'in_port=ta,actions=bogus': unknown action bogus",
        "nodes.s1.flows[2]: ovs-ofctl cannot read 'nw_src=1.1.1.1,actions=drop': a part of 'nw_src=1.1.1.1' would be ignored; name the "
        "protocol that it belongs to too, such as arp, ip, ipv6, tcp or udp",
        "nodes.s1.flows[4]: has the same table, priority and match as flows[3]; leave out one of the two",
        "nodes.s1.groups[0]: must be a group as ovs-ofctl reads it (must specify a type), not 'group_id=3,bucket=output:ta'",
        "nodes.s1.meters[0]: needs the unit of its rates: kbps (kbit/s) or pktps (packets per second), not 'meter=3'",
        "nodes.s1: flows need one of the versions OpenFlow14, OpenFlow13, OpenFlow15; add it to its protocols",
        "nodes.s1: there is no port 'tz' in bridge 'br1', which 'in_port=tz,actions=output:ta' names",
    ]
    assert switch.vsctl("list-br") == ""


def test_flows_of_a_bridge_that_speaks_one_version_only(switch: PrivateSwitch, lab: Switched) -> None:
    for version in ("OpenFlow13", "OpenFlow15"):
        lab.flows = {"flows": FLOWS, "groups": [GROUP.replace("41", version[-2:])]}
        lab.converge({**BRIDGE, "protocols": [version]})


def test_bridges_without_flows_cost_nothing(switch: PrivateSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    switch.tap("ta", "tb", "tc")
    lab = Switched("grey")
    lab.run(BRIDGE)
    monkeypatch.setattr(processes, "attempt", None)
    lab.run(BRIDGE)


def test_ovs_flow_and_what_ovs_info_says(switch: PrivateSwitch) -> None:
    switch.tap("ta", "tb")
    run_module("ovs_bridge", name="br1", lab="blue", fail_mode="secure", ports=["ta", "tb"])
    number = switch.get("Interface", "ta", "ofport")
    options: dict[str, Any] = {
        "bridge": "br1",
        "lab": "blue",
        "flows": [f"in_port={number},ip,actions=meter:1,group:2"],
        "groups": ["group_id=2,type=ff,bucket=watch_port:tb,tb"],
        "meters": ["meter=1,pktps,bands=type=drop,rate=9"],
    }
    foretold = run_module("ovs_flow", check=True, **options)
    done = run_module("ovs_flow", **options)
    assert (done["changed"], done["bridge"], done["diff"]) == (True, "br1", foretold["diff"])
    assert run_module("ovs_flow", **options)["changed"] is False
    (bridge,) = run_module("ovs_info", name="br1", gather=["flows", "groups", "meters", "bonds"])["bridges"]
    flow = next(one for one in bridge["flows"] if one["lab"] == "blue")
    assert (flow["match"], flow["actions"], flow["n_packets"]) == ({"ip": "", "in_port": "ta"}, ["meter:1", "group:2"], 0)
    assert bridge["groups"] == [{"group_id": 2, "type": "ff", "buckets": [{"watch_port": "tb", "actions": ["output:tb"]}]}]
    assert bridge["meters"] == [{"meter_id": 1, "flags": ["pktps"], "bands": [{"type": "drop", "rate": 9}]}]
    assert bridge["bonds"] == {}
    assert run_module("ovs_flow", bridge="br9", lab="blue", flows=[])["msg"] == (
        "bridge 'br9': there is no bridge 'br9'; make it, or correct its name"
    )
    assert run_module("ovs_flow", bridge="br1", lab="blue", state="absent")["changed"] is True
    assert run_module("ovs_flow", bridge="br1", lab="blue", state="absent")["changed"] is False
    assert dumped() == []
    assert "group_id" not in ofctl("dump-groups br1")


def test_the_state_of_a_bond(switch: PrivateSwitch) -> None:
    switch.tap("ta", "tb")
    switch.vsctl("add-br br2 -- set bridge br2 datapath_type=netdev -- add-bond br2 lag ta tb bond_mode=active-backup")
    (bridge,) = run_module("ovs_info", name="br2", gather=["bonds"])["bridges"]
    bond = bridge["bonds"]["lag"]
    assert (bond["mode"], bond["lacp_status"], set(bond["members"])) == ("active-backup", "off", {"ta", "tb"})
