# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which lab host nodes are: where the file says, near their neighbours, as much as there is room for, and where they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.machines import Machine, machine_from
from ansible_collections.netvirt.lab.plugins.module_utils.topology.model import Topology
from ansible_collections.netvirt.lab.plugins.module_utils.topology.place import recorded

NAMES = ("elm", "fir", "oak")


def machines(*names: str, **limits: Mapping[str, Any]) -> list[Machine]:
    return [Machine(name, f"198.18.0.{number}", **limits.get(name, {})) for number, name in enumerate(names or NAMES, 1)]


def homes(topology: Topology) -> dict[str, str]:
    return {name: carriers[0] for name, carriers in topology.carriers.items()}


def star(count: int) -> dict[str, Any]:
    nodes: dict[str, Any] = {"sw": {"kind": "bridge"}, **{f"h{number}": {} for number in range(count)}}
    return {"name": "wood", "nodes": nodes, "links": [f"h{number} sw" for number in range(count)]}


def problems(lab: dict[str, Any], hosts: Sequence[Machine]) -> list[str]:
    with pytest.raises(LabErrors) as raised:
        load(lab, machines=hosts)
    return list(raised.value.problems)


def test_one_lab_host_carries_everything_and_nothing_is_said_of_it() -> None:
    assert load(star(3), machines=machines("elm")).carriers == {}
    assert load(star(3)).carriers == {}


def test_the_work_is_shared_and_neighbours_stay_together() -> None:
    placed = homes(load({"name": "wood", "generate": [{"shape": "line", "nodes": 30}]}, machines=machines()))
    order = [placed[f"n{number}"] for number in range(1, 31)]
    assert Counter(order) == {"elm": 10, "fir": 10, "oak": 10}
    assert sum(one != other for one, other in zip(order, order[1:])) == 2  # links from machine to machine


def test_hosts_stay_with_their_switch() -> None:
    topology = load({"name": "wood", "generate": [{"shape": "leaf-spine", "leaves": 3, "spines": 1, "hosts": 8}]}, machines=machines())
    assert all(len(topology.carriers[leaf]) <= 2 for leaf in topology.carriers if leaf.startswith("leaf"))
    assert set(Counter(home for name, home in homes(topology).items() if name.startswith("h")).values()) == {8}


def test_weights_count() -> None:
    placed = homes(load(star(40), machines=machines("elm", "fir", elm={"weight": 3})))
    assert Counter(home for name, home in placed.items() if name != "sw") == {"elm": 30, "fir": 10}
    placed = homes(load(star(4), machines=machines("elm", "fir", elm={"weight": 0})))
    assert set(placed.values()) == {"fir"}


def test_the_file_says_where() -> None:
    lab = star(4)
    lab["nodes"]["h0"] = {"host": "oak"}
    lab["groups"] = {"wet": {"members": "h[1:3]", "host": "fir"}}
    lab["nodes"]["sw"]["gateway"] = "elm"
    topology = load(lab, machines=machines())
    assert homes(topology) == {"sw": "elm", "h0": "oak", "h1": "fir", "h2": "fir", "h3": "fir"}
    assert topology.carriers["sw"] == ("elm", "oak", "fir")
    assert recorded(topology) == {}


def test_what_is_placed_stays_when_nodes_and_lab_hosts_are_added() -> None:
    small = load(star(9), machines=machines("elm", "fir"))
    record = recorded(small)
    large = load(star(12), machines=machines(), record=record)
    assert {name: homes(large)[name] for name in record} == record
    assert {homes(large)[f"h{n}"] for n in (9, 10, 11)} == {"oak"}
    assert homes(load(star(12), machines=machines())) != homes(large)  # without the record it would have moved


def test_what_runs_on_one_lab_host_stays_when_a_second_one_joins_it() -> None:
    lab = {**star(6), "nodes": {**star(6)["nodes"], "pinned": {"host": "elm"}}}
    record = recorded(load(lab, machines=machines("elm")))
    assert record == dict.fromkeys(("sw", *(f"h{number}" for number in range(6))), "elm")
    grown = load(lab, machines=machines("elm", "fir"), record=record)
    assert set(homes(grown).values()) == {"elm"}
    assert recorded(grown) == record
    assert "fir" in homes(load(lab, machines=machines("elm", "fir"))).values()  # without the record some would have moved


def test_what_was_left_to_one_of_two_lab_hosts_stays_there_when_there_are_two_again() -> None:
    two = recorded(load(star(6), machines=machines("elm", "fir")))
    assert set(two.values()) == {"elm", "fir"}
    one = recorded(load(star(6), machines=machines("elm"), record=two))
    assert set(homes(load(star(6), machines=machines("elm", "fir"), record=one)).values()) == {"elm"}


def test_a_record_of_a_lab_host_that_is_gone_is_void() -> None:
    assert set(homes(load(star(3), machines=machines("elm", "fir"), record={"h0": "oak", "h9": "elm"})).values()) <= {"elm", "fir"}


def test_two_controllers_agree() -> None:
    assert load(star(20), machines=machines()).carriers == load(star(20), machines=machines()).carriers


def guests(count: int, **keys: Any) -> dict[str, Any]:
    return {"name": "wood", "nodes": {f"v{n}": {"kind": "vm", "image": "tiny", "memory": 512, **keys} for n in range(count)}}


def test_guests_go_where_there_is_room() -> None:
    limits = {"elm": {"memory": 500}, "fir": {"memory": 1100}, "oak": {"cpus": 1}}
    placed = homes(load(guests(3), machines=machines(**limits)))
    assert Counter(placed.values()) == {"fir": 2, "oak": 1}


def test_guests_that_fit_nowhere_are_reported_before_anything_happens() -> None:
    limits = {"elm": {"memory": 600}, "fir": {"cpus": 1, "memory": 512}}
    assert problems(guests(3), machines("elm", "fir", **limits)) == [
        "nodes.v2: no lab host has 512 MiB of memory and 1 processors left (elm: 88 MiB; fir: 0 MiB and 0 processors); "
        "give the lab hosts more (netvirt_memory, netvirt_cpus), or the lab another one"
    ]
    assert problems(guests(2, host="elm"), machines("elm", "fir", **limits)) == [
        "lab host 'elm': v0, v1 need 1024 MiB of memory, and it has 600 (netvirt_memory); move some by host"
    ]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"a": {"host": "ook"}}, "nodes.a.host: no lab host 'ook' (did you mean 'oak'?)"),
        ({"a": {"host": "pine"}}, "nodes.a.host: no lab host 'pine' (known: elm, fir, oak)"),
        ({"s": {"kind": "ovs", "gateway": "pine"}}, "nodes.s.gateway: no lab host 'pine' (known: elm, fir, oak)"),
        ({"me": {"kind": "host"}}, "nodes.me.host: say which lab host it is: elm, fir, oak"),
        ({"out": {"kind": "uplink", "device": "e1"}}, "nodes.out.host: say which lab host has it: elm, fir, oak"),
        (
            {"s": {"kind": "bridge", "host": "elm", "gateway": "fir"}},
            "nodes.s.gateway: the switch is on 'elm' alone (host); leave out one of the two",
        ),
    ],
)
def test_a_mistake_is_named_where_it_is(nodes: dict[str, Any], message: str) -> None:
    assert problems({"name": "wood", "nodes": nodes}, machines()) == [message]


def test_variables_of_lab_hosts_are_checked() -> None:
    found: list[str] = []
    machine_from("elm", {"netvirt_underlay": "eth1", "netvirt_cpus": -1, "netvirt_weight": "heavy"}, found)
    assert found == [
        "lab host 'elm': netvirt_underlay: must be the IP address by which the other lab hosts reach this one, not 'eth1'",
        "lab host 'elm': netvirt_cpus: must be a whole number from 0 to 1048576, not -1",
        "lab host 'elm': netvirt_weight: must be a number from 0 to 1000000, not 'heavy'",
    ]
    assert machine_from("elm", {"netvirt_memory": 7, "netvirt_underlay_mtu": 9000, "other": 1}, []) == Machine("elm", mtu=9000, memory=7)


def test_lab_hosts_need_addresses_for_each_other() -> None:
    assert problems(star(2), [Machine("elm", "198.18.0.1"), Machine("fir")]) == [
        "lab host 'fir': netvirt_underlay is missing: the address by which the other lab hosts reach it"
    ]
