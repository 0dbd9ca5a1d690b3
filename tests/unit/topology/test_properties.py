# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every topology: nothing but LabErrors for nonsense, distinct names, addresses that stay where they are."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
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


def routed(chance: random.Random) -> dict[str, Any]:
    """Return a file of routers, hosts and switches in any combination, addressed from the pools."""
    switches = {
        f"s{n}": {"kind": chance.choice(["ovs", "bridge"]), "subnet": "auto", "subnet6": "auto"} for n in chance.sample(range(1, 90), 6)
    }
    switches["far"] = {"kind": "bridge", "subnet": "172.30.0.0/24", "ipv6": "fd00:7::1/64"}
    routers = {f"{chance.choice(['r', 'core'])}{n}": {"router": True, "loopback": "auto"} for n in range(12)}
    hosts = {f"h{n}": {"kind": chance.choice(["netns", "vm"])} for n in range(30)}
    links: list[Any] = [[host, switch] for host in hosts for switch in chance.sample(sorted(switches), chance.randint(0, 2))]
    links += [[router, chance.choice(sorted(switches))] for router in routers]
    for _link in range(20):
        ends = chance.sample(sorted({**routers, **hosts}), 2)
        links.append({"endpoints": ends, "ipv4": "auto", "ipv6": "auto", "rate": "10mbit"})
    bare = {name: {"kind": "bridge"} for name in ("bare", "naked", "plain")}
    links += [{"endpoints": [chance.choice(sorted(hosts)), name], "ipv4": "auto"} for name in (*bare, *bare)]
    chance.shuffle(links)
    # So small a pool has most of its choices made by giving way.
    pools = {"lan": {"ipv4": "172.16.0.0/20"}}
    return {"name": f"routed-{chance.randrange(99)}", "pools": pools, "nodes": {**switches, **bare, **routers, **hosts}, "links": links}


def places_of(data: dict[str, Any]) -> dict[tuple[str, str], tuple[str, list[str]]]:
    nodes = compile_share(load(data))["nodes"]
    found = {(node["name"], one["name"]): (one["network"], one["addresses"]) for node in nodes for one in node["interfaces"]}
    return {**found, **{(node["name"], "lo"): ("", node["loopbacks"]) for node in nodes}}


@pytest.mark.parametrize("seed", range(8))
def test_everything_that_is_chosen_is_chosen_once_and_again(seed: int) -> None:
    data = routed(random.Random(seed))
    found = places_of(data)
    assert places_of(copy.deepcopy(data)) == found
    addresses = [address.partition("/")[0] for _network, here in found.values() for address in here]
    assert len(set(addresses)) == len(addresses)
    subnets: dict[str, set[str]] = {}
    for network, here in found.values():
        for address in here if network else ():
            subnets.setdefault(str(ip_interface(address).network), set()).add(network)
    assert all(len(networks) == 1 for networks in subnets.values())
    ordered = sorted((ip_network(subnet) for subnet in subnets), key=lambda net: (net.version, net.network_address, net.prefixlen))
    assert not any(one.overlaps(other) for one, other in zip(ordered, ordered[1:]) if one.version == other.version)
    share = compile_share(load(data))
    devices = [(link["netns"], link["name"]) for link in share["links"]]
    assert len(set(devices)) == len(devices)
    shaped = [(item["netns"], item["name"]) for item in share["shaping"]]
    assert len(set(shaped)) == len(shaped)
    assert set(shaped) <= set(devices)
    assert {(item["netns"], item["redirect"]) for item in share["shaping"] if "redirect" in item} <= set(devices)
    macs = [link["mac"] for link in share["links"] if "mac" in link] + [nic["mac"] for vm in share["vms"] for nic in vm["nics"]]
    assert len(set(macs)) == len(macs)


@pytest.mark.parametrize("seed", range(8))
def test_who_comes_last_moves_nobody(seed: int) -> None:
    data = routed(random.Random(seed))
    before = places_of(data)
    data["nodes"].update({"s95": {"kind": "bridge", "subnet": "auto"}, "r77": {"router": True, "loopback": "auto"}, "newcomer": None})
    data["links"] += [
        "newcomer s95",
        "r77 s95",
        {"endpoints": ["r77", "h0"], "ipv4": "auto"},
        "r77 far",
        {"endpoints": ["newcomer", "far"]},
    ]
    assert places_of(data).items() >= before.items()


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
