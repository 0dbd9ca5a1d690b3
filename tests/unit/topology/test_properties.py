# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every topology: nothing but LabErrors for nonsense, distinct names, addresses that stay where they are."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.names import devices

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "topology"
NONSENSE: list[Any] = [
    None,
    True,
    0,
    -1,
    4096,
    1e300,
    "",
    " ",
    "dhcp",
    "none",
    "10.0.0.300",
    "a:b:c",
    "é\0",
    [],
    [None],
    [[]],
    {},
    {"a": {}},
    {3: 4},
]
NONSENSE += ["10.0.0.1/33", {"kind": "vm"}, ["x", "y"], 3.5, "tiny", b"bytes"]


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutate(data: Any, chance: random.Random) -> None:
    """Change one place: another value, a value from elsewhere in the file, another key, or nothing left there."""
    *path, last = chance.choice(list(places(data)))
    parent = data
    for key in path:
        parent = parent[key]
    kind = chance.randrange(4)
    if kind == 0:
        parent[last] = copy.deepcopy(chance.choice(NONSENSE))
    elif kind == 1:
        other = data
        for key in chance.choice(list(places(data))):
            other = other[key]
        parent[last] = copy.deepcopy(other)
    elif kind == 2 and isinstance(parent, dict):
        parent[chance.choice(["kind", "ipv4", "x", 7, None, True])] = parent.pop(last)
    else:
        del parent[last]


def problems_of(data: Any) -> tuple[str, ...]:
    try:
        compile_share(load(data))
    except LabErrors as error:
        return error.problems
    return ()


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.yml")))
def test_nonsense_never_ends_in_a_traceback(name: str) -> None:
    whole = yaml.safe_load((GOLDEN / f"{name}.yml").read_text(encoding="utf-8"))
    chance = random.Random(name)
    refused = 0
    for _round in range(500):
        data = copy.deepcopy(whole)
        for _change in range(chance.randint(1, 3)):
            mutate(data, chance)
        problems = problems_of(data)
        refused += bool(problems)
        assert all(": " in problem for problem in problems)
    assert refused > 200


def graph(chance: random.Random) -> dict[str, Any]:
    """Return a file with switches, namespaces and guests, linked by chance."""
    switches = {
        f"switch-{n}": {"kind": chance.choice(["ovs", "bridge"]), "ipv4": f"10.{n}.0.1/24", "dhcp": chance.random() < 0.7} for n in range(4)
    }
    nodes = {f"long-name-{n}": {"kind": chance.choice(["netns", "vm"])} for n in range(60)}
    links = [[node, switch] for node in nodes for switch in chance.sample(sorted(switches), chance.randint(0, 2))]
    links += [chance.sample(sorted(switches), 2) for _link in range(2)]
    chance.shuffle(links)
    return {"name": f"lab-{chance.randrange(99)}", "nodes": {**switches, **nodes}, "links": links}


@pytest.mark.parametrize("seed", range(8))
def test_names_and_addresses_are_distinct(seed: int) -> None:
    share = compile_share(load(graph(random.Random(seed))))
    names = [(link["netns"], link["name"]) for link in share["links"]]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 15 for _netns, name in names)
    long_names = [item["altname"] for item in (*share["links"], *share["bridges"]) if "altname" in item]
    assert len(set(long_names)) == len(long_names)
    interfaces = [interface for node in share["nodes"] for interface in node["interfaces"]]
    macs = [interface["mac"] for interface in interfaces if interface["mac"]]
    assert len(set(macs)) == len(macs)
    addresses = [address for interface in interfaces for address in interface["addresses"]]
    assert len(set(addresses)) == len(addresses)
    ports = {port["name"] for bridge in share["bridges"] for port in bridge["ports"] if port.get("type") != "patch"}
    assert ports <= {name for netns, name in names if not netns}


def reservations(data: dict[str, Any]) -> dict[str, str]:
    services = compile_share(load(data))["dnsmasq"]
    return {host["mac"]: host["address"] for network in services["networks"] for host in network["hosts"]}


@pytest.mark.parametrize("seed", range(8))
def test_a_node_at_the_end_moves_nobody(seed: int) -> None:
    data = graph(random.Random(seed))
    before = reservations(data)
    data["nodes"]["newcomer"] = None
    data["links"].append("newcomer switch-0")
    assert reservations(data).items() >= before.items()


@pytest.mark.parametrize("seed", range(8))
def test_a_node_that_goes_moves_hardly_anybody(seed: int) -> None:
    chance = random.Random(seed)
    data = graph(chance)
    before = reservations(data)
    gone = chance.choice([name for name in data["nodes"] if name.startswith("long")])
    del data["nodes"][gone]
    data["links"] = [link for link in data["links"] if gone not in link]
    after = reservations(data)
    assert after.keys() <= before.keys()
    # Only those move that found their first choice taken by the one that went, or by one who moves.
    assert sum(before[mac] != address for mac, address in after.items()) <= 3


def test_reservations_fill_a_range_to_the_last_address() -> None:
    names = [f"n{number}" for number in range(13)]
    sw = {"kind": "bridge", "ipv4": "10.9.0.1/28", "dhcp": True}
    data = {"name": "full", "nodes": {"sw": sw, **dict.fromkeys(names)}, "links": [[name, "sw"] for name in names]}
    assert sorted(reservations(data).values()) == sorted(f"10.9.0.{number}" for number in range(2, 15))


def test_two_labs_share_no_name() -> None:
    data = graph(random.Random(1))
    shares = [compile_share(load({**data, "name": name})) for name in ("east", "west")]
    first, second = ({(link["netns"], link["name"]) for link in share["links"]} for share in shares)
    assert first.isdisjoint(second)


def test_a_derived_name_gives_way_to_a_given_one() -> None:
    wished = next(devices("tenant", "flat", "tenant", "eth0"))
    data = {"name": "flat", "nodes": {"tenant": None, "sw": {"kind": "ovs", "device": wished}}, "links": ["tenant sw"]}
    share = compile_share(load(data))
    assert share["bridges"][0]["name"] == wished
    assert share["bridges"][0]["ports"][0]["name"] not in (wished, "")
