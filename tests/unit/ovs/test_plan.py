# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: what there is, what is wanted -> what changes. Bridge names are b..., ports p..., labs are colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources import ovs
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_model import Bridge, Controller, Mirror, Port
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_plan import plan_bridges


@dataclass(frozen=True)
class FakeLink:
    key: str
    lab: str | None = "green"


def a_port(name: str, lab: str | None = "green", **fields: Any) -> Port:
    """Return a port as it is read: nothing is None but the mark."""
    empty: dict[str, Any] = {
        **dict.fromkeys(("type", "tag", "vlan_mode", "bond_mode", "lacp", "mac", "mtu_request", "ofport_request"), ""),
        **dict.fromkeys(("interfaces", "trunks"), ()),
        **{key: {} for key in ("options", "external_ids", "other_config", "interface_external_ids")},
    }
    return Port(name, lab, **{**empty, "protected": False, **fields})


def a_bridge(name: str, *ports: Port, lab: str | None = "green", **fields: Any) -> Bridge:
    """Return a bridge as it is read, with its own port."""
    inside = tuple(replace(port, bridge=name) for port in (a_port(name, lab, type="internal"), *ports))
    empty: dict[str, Any] = {
        **dict.fromkeys(("controllers", "protocols", "mirrors"), ()),
        **{key: {} for key in ("external_ids", "other_config")},
        **dict.fromkeys(("stp", "rstp", "mcast_snooping"), False),
        "datapath_type": "netdev",
        "fail_mode": "",
    }
    return Bridge(name, lab, **{**empty, **fields}, ports=inside)


def plan(
    have: list[Bridge],
    *items: dict[str, Any],
    absent: tuple[str, ...] = (),
    purge: bool = False,
    adopt: bool = False,
    earlier: tuple[Change[Any], ...] = (),
    devices: tuple[str, ...] = (),
) -> list[Change[Any]]:
    goal = Goal(ovs.OvsDriver(), tuple(bridge_from(item, "green") for item in items), absent, purge)
    return plan_bridges({bridge.name: bridge for bridge in have}, goal, Scope("green", adopt), earlier, devices)


def acts(changes: list[Change[Any]]) -> set[tuple[str, str]]:
    return {(change.action, change.key) for change in changes}


def refused(*arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(LabErrors) as raised:
        plan(*arguments, **options)
    return list(raised.value.problems)


HAVE = a_bridge(
    "b1",
    a_port("p1", tag=10, external_ids={"k": "1", "other": "2"}),
    a_port("pf", lab=None),
    fail_mode="secure",
    controllers=(Controller("tcp:c", "in-band", "", 1000),),
    other_config={"k": "1", "other": "2"},
)


@pytest.mark.parametrize(
    ("item", "before", "after"),
    [
        ({}, {}, {}),
        ({"ports": ["p1"]}, {}, {}),
        ({"ports": ["p1 tag=10"], "fail_mode": "secure", "other_config": {"k": "1"}, "controllers": ["tcp:c"]}, {}, {}),
        ({"fail_mode": ""}, {"ovs_bridge": {"b1": {"fail_mode": "secure"}}}, {"ovs_bridge": {"b1": {"fail_mode": ""}}}),
        ({"stp": True}, {"ovs_bridge": {"b1": {"stp": False}}}, {"ovs_bridge": {"b1": {"stp": True}}}),
        (
            {"datapath_type": "system"},
            {"ovs_bridge": {"b1": {"datapath_type": "netdev"}}},
            {"ovs_bridge": {"b1": {"datapath_type": "system"}}},
        ),
        (
            {"other_config": {"k": "", "new": "3"}},
            {"ovs_bridge": {"b1": {"other_config": {"k": "1"}}}},
            {"ovs_bridge": {"b1": {"other_config": {"new": "3"}}}},
        ),
        ({"other_config": {"unknown": ""}}, {}, {}),
        (
            {"controllers": [{"target": "tcp:c", "connection_mode": "out-of-band"}]},
            {
                "ovs_bridge": {
                    "b1": {"controllers": [{"target": "tcp:c", "connection_mode": "in-band", "inactivity_probe": "", "max_backoff": 1000}]}
                }
            },
            {
                "ovs_bridge": {
                    "b1": {
                        "controllers": [{"target": "tcp:c", "connection_mode": "out-of-band", "inactivity_probe": "", "max_backoff": 1000}]
                    }
                }
            },
        ),
        ({"ports": ["p1 tag=20"]}, {"ovs_port": {"p1": {"tag": 10}}}, {"ovs_port": {"p1": {"tag": 20}}}),
        ({"ports": ["p1 tag="]}, {"ovs_port": {"p1": {"tag": 10}}}, {"ovs_port": {"p1": {"tag": ""}}}),
        (
            {"ports": [{"name": "p1", "external_ids": {"k": "9"}}]},
            {"ovs_port": {"p1": {"external_ids": {"k": "1"}}}},
            {"ovs_port": {"p1": {"external_ids": {"k": "9"}}}},
        ),
        ({"ports": ["p2 tag=3"]}, {}, {"ovs_port": {"p2": {"bridge": "b1", "tag": 3}}}),
        ({"ports": ["b1 tag=4"]}, {"ovs_port": {"b1": {"tag": ""}}}, {"ovs_port": {"b1": {"tag": 4}}}),
    ],
)
def test_differences(item: dict[str, Any], before: Any, after: Any) -> None:
    assert diff(plan([HAVE], {"name": "b1", **item})) == {"before": before, "after": after}


PORTS = [a_bridge("b1", a_port("p1"), a_port("p2"), a_port("pf", lab=None), a_port("pr", lab="red"))]


@pytest.mark.parametrize(
    ("have", "items", "options", "expected"),
    [
        ([], [{"name": "b1", "ports": ["p1"]}], {}, {("create", "b1"), ("create", "p1")}),
        (PORTS, [{"name": "b1", "ports": ["p1"]}], {}, set()),
        (PORTS, [{"name": "b1", "ports": ["p1"], "purge": "own"}], {}, {("remove", "p2")}),
        (PORTS, [{"name": "b1", "ports": ["p1"]}], {"purge": True}, {("remove", "p2")}),
        (PORTS, [{"name": "b1", "ports": ["p1"], "purge": "all"}], {}, {("remove", "p2"), ("remove", "pf"), ("remove", "pr")}),
        (PORTS, [{"name": "b1", "ports": [{"name": "p2", "state": "absent"}]}], {}, {("remove", "p2")}),
        (PORTS, [{"name": "b1", "ports": [{"name": "p9", "state": "absent"}]}], {}, set()),
        (PORTS, [], {"absent": ("b1",)}, {("remove", name) for name in ("b1", "p1", "p2", "pf", "pr")}),
        (PORTS, [], {"absent": ("b9",)}, set()),
        (PORTS, [], {"purge": True}, {("remove", name) for name in ("b1", "p1", "p2", "pf", "pr")}),
        # Somebody else's bridge: it stays, our ports in it are ours.
        ([a_bridge("bf", a_port("p1"), a_port("pf", lab=None), lab=None)], [], {"purge": True}, {("remove", "p1")}),
        ([a_bridge("bf", lab=None)], [{"name": "bf", "ports": ["p1"]}], {"adopt": True}, {("create", "p1")}),
        ([a_bridge("bf", lab=None)], [{"name": "bf", "existing": True, "ports": ["p1"]}], {}, {("create", "p1")}),
        ([a_bridge("bf", a_port("p1"), lab=None)], [{"name": "bf", "existing": True}], {"purge": True}, {("remove", "p1")}),
        ([a_bridge("bf", lab=None)], [], {"absent": ("bf",), "adopt": True}, {("remove", "bf")}),
        # A link of the lab that now ends at another switch of the lab, be it one that is about to go.
        (
            [a_bridge("b1", a_port("p1")), a_bridge("b2")],
            [{"name": "b1"}, {"name": "b2", "ports": ["p1"]}],
            {},
            {("replace", "p1")},
        ),
        (
            [a_bridge("b1", a_port("p1")), a_bridge("b2")],
            [{"name": "b2", "ports": ["p1"]}],
            {"purge": True},
            {("remove", "b1"), ("replace", "p1")},
        ),
        # Drift: a port that carries nothing, or whose device an earlier driver makes anew.
        ([a_bridge("b1", a_port("p1", fault="gone"))], [{"name": "b1", "ports": ["p1"]}], {}, {("replace", "p1")}),
        ([a_bridge("b1", a_port("p1", fault="gone"))], [{"name": "b1"}], {}, set()),
        (
            [a_bridge("b1", a_port("p1"), a_port("p2"))],
            [{"name": "b1", "ports": ["p1", "p2"]}],
            {"earlier": (Change("link", FakeLink("p1"), FakeLink("p1"), True), Change("link", None, FakeLink("ns/p2")))},
            {("replace", "p1")},
        ),
    ],
)
def test_what_is_touched(have: list[Bridge], items: list[dict[str, Any]], options: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert acts(plan(have, *items, **options)) == expected


def test_adopted_bridge_keeps_its_owner() -> None:
    changes = plan([a_bridge("bf", lab="red")], {"name": "bf", "fail_mode": "secure", "ports": ["p1", "bf tag=3"]}, adopt=True)
    assert {change.key: change.after.lab for change in changes if change.after} == {"p1": "green", "bf": "red"}


def test_adopted_port_becomes_ours() -> None:
    (change,) = plan([a_bridge("b1", a_port("pf", lab=None))], {"name": "b1", "ports": ["pf"]}, adopt=True)
    assert change.action == "update"
    assert change.differing == {"lab"}


def test_repaired_port_keeps_what_is_not_managed() -> None:
    (change,) = plan([a_bridge("b1", a_port("p1", tag=7, other_config={"a": "b"}, fault="gone"))], {"name": "b1", "ports": ["p1 lacp=off"]})
    assert change.after is not None
    assert (change.after.tag, change.after.other_config, change.after.lacp, change.after.fault) == (7, {"a": "b"}, "off", "")


@pytest.mark.parametrize(
    ("have", "items", "options", "problem"),
    [
        ([a_bridge("bf", lab=None)], [{"name": "bf"}], {}, "The ovs_bridge 'bf' exists and was not made by netvirt.lab"),
        ([a_bridge("bf", lab="red")], [{"name": "bf"}], {}, "The ovs_bridge 'bf' exists and belongs to lab 'red'"),
        ([a_bridge("bf", lab="red")], [], {"absent": ("bf",)}, "The ovs_bridge 'bf' exists and belongs to lab 'red'"),
        (PORTS, [{"name": "b1", "ports": ["pf"]}], {}, "The ovs_port 'pf' exists and was not made by netvirt.lab"),
        (PORTS, [{"name": "b1", "ports": [{"name": "pr", "state": "absent"}]}], {}, "The ovs_port 'pr' exists and belongs to lab 'red'"),
        (PORTS, [{"name": "b2", "ports": ["p1"]}], {}, "Port 'p1' is wanted in bridge 'b2', but it is in bridge 'b1'"),
        (PORTS, [{"name": "b1"}, {"name": "b2", "ports": ["pf"]}], {"adopt": True}, "Port 'pf' is wanted in bridge 'b2', but it is in"),
        (PORTS, [{"name": "b2", "ports": ["b1"]}], {}, "Port 'b1' is wanted in bridge 'b2', but it is in bridge 'b1'"),
        ([], [{"name": "b1", "ports": ["p1"]}, {"name": "b2", "ports": ["p1"]}], {}, "Port 'p1' is wanted in the bridges 'b1' and 'b2'"),
        (PORTS, [{"name": "p1"}], {}, "Cannot make the bridge 'p1': bridge 'b1' has a port of that name"),
        ([], [{"name": "b1"}], {"devices": ("b1",)}, "Cannot make the bridge 'b1': a network device of that name exists"),
        (PORTS, [{"name": "b1", "ports": ["p9 type=internal"]}], {"devices": ("p9",)}, "Cannot make the internal port 'p9'"),
        ([], [{"name": "b9", "existing": True}], {}, "The bridge 'b9' does not exist"),
        ([], [{"name": "b1", "rstp": True, "ports": ["p1 type=patch options:peer=p2"]}], {}, "wants rstp and has the patch port 'p1'"),
        ([a_bridge("b1", rstp=True)], [{"name": "b1", "ports": ["p1 type=patch options:peer=p2"]}], {}, "wants rstp and has the patch"),
        ([a_bridge("b1", a_port("p1", type="patch"))], [{"name": "b1", "rstp": True}], {}, "wants rstp and has the patch port 'p1'"),
        (PORTS, [{"name": "b1", "mirrors": [{"name": "m", "output_port": "p8"}]}], {}, "Mirror 'm' of bridge 'b1' names 'p8'"),
    ],
)
def test_refused_before_any_change(have: list[Bridge], items: list[dict[str, Any]], options: dict[str, Any], problem: str) -> None:
    problems = refused(have, *items, **options)
    assert any(problem in said for said in problems), problems


def test_rstp_without_the_patch_port_that_goes() -> None:
    have = a_bridge("b1", a_port("p1", type="patch"))
    item = {"name": "b1", "rstp": True, "ports": [{"name": "p1", "state": "absent"}]}
    assert acts(plan([have], item)) == {("update", "b1"), ("remove", "p1")}


def test_device_that_an_earlier_change_removes() -> None:
    assert acts(plan([], {"name": "b1"}, devices=("b1",), earlier=(Change("link", FakeLink("b1"), None),))) == {("create", "b1")}


def test_unmanaged_mirror_selection_is_kept() -> None:
    have = a_bridge("b1", a_port("p1"), mirrors=(Mirror("m", False, ("p1",), (), (), "p1", ""),))
    assert plan([have], {"name": "b1", "mirrors": [{"name": "m", "output_port": "p1"}]}) == []


def test_what_goes_together_is_what_the_daemon_waits_for() -> None:
    ports = [replace(a_port(f"p{number}"), bridge="b1") for number in range(45)]
    patches = [replace(a_port(f"q{number}", type="patch"), bridge="b1") for number in range(100)]
    assert ovs._together([*ports, a_bridge("b1")], 20) == 20
    assert ovs._together([*ports[:5], a_bridge("b1")], 20) == 6
    assert ovs._together(patches, 20) == 100
    assert ovs._together([*patches, *ports], 20) == 120


def test_new_bridge_gets_the_best_datapath() -> None:
    driver = ovs.OvsDriver()
    driver._datapath = "netdev"
    (change, *_others) = driver.plan({}, Goal(driver, (bridge_from({"name": "b1"}, "green"),)), Scope("green"), ())
    assert change.after is not None
    assert change.after.datapath_type == "netdev"


@pytest.mark.parametrize(
    ("port", "devices", "listened", "fault"),
    [
        (a_port("p1"), {"b1": 2, "p1": 3}, {3}, ""),
        (a_port("p1"), {"b1": 2}, set(), "its network device is gone"),
        (a_port("p1"), {"b1": 2, "p1": 3}, {9}, "its network device was made anew, and ovs-vswitchd does not listen to it"),
        (a_port("p1", interfaces=("e1", "e2")), {"b1": 2, "e1": 3, "e2": 4}, {3}, "its network device was made anew, and"),
        (a_port("p1", type="internal"), {"b1": 2, "p1": 3}, set(), ""),
        (a_port("p1", fault="no"), {"b1": 2, "p1": 3}, {3}, "no"),
        # The daemon's devices are in another namespace.
        (a_port("p1"), {"p1": 3}, set(), ""),
    ],
)
def test_stale_ports(port: Port, devices: dict[str, int], listened: set[int], fault: str) -> None:
    seen = ovs._with_stale_ports(a_bridge("b1", port), devices, frozenset(listened))
    assert next(one for one in seen.ports if one.name == "p1").fault.startswith(fault)
    assert bool(next(one for one in seen.ports if one.name == "p1").fault) == bool(fault)
