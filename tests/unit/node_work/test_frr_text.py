# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What FRR's daemons are told, and which of them a router needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.resources import frr
from ansible_collections.netvirt.lab.plugins.module_utils.resources._frr_text import configurations, network_entity, router_id

Golden = Callable[[str, str], None]

ROUTER: dict[str, Any] = {
    "netns": "hamlet.west",
    "node": "west",
    "router_id": "10.99.9.1",
    "loopbacks": ["10.99.9.1/32", "fd99:9::1/128"],
    "interfaces": [
        {"name": "eth1", "addresses": ["10.99.1.1/30", "fd99:1::1/126"]},
        {"name": "eth2", "addresses": ["10.99.2.1/24"]},
        {"name": "eth3", "addresses": ["fd99:3::1/64"]},
        {"name": "eth4", "addresses": []},
    ],
}
ROUTERS: dict[str, dict[str, Any]] = {
    "ospf": {"ospf": {}},
    "ospf-chosen": {
        "ospf": {
            "area": "0.0.0.7",
            "interfaces": ["eth1", "eth2"],
            "passive": ["eth2"],
            "cost": {"eth1": 10, "eth2": 5},
            "hello": 1,
            "dead": 4,
            "redistribute": ["connected"],
        }
    },
    "bgp": {
        "bgp": {
            "asn": 65001,
            "neighbors": [
                {"address": "10.99.1.2", "asn": 65002},
                {"address": "fd99:1::2", "asn": "65002"},
                {"address": "10.99.9.7", "asn": 65001},
                {"address": "192.0.2.7", "asn": 65003},
            ],
            "networks": ["198.51.100.0/24", "2001:db8::/32"],
            "redistribute": ["connected", "ospf"],
        }
    },
    "isis": {"isis": {"cost": {"eth1": 30}, "passive": ["eth2"]}},
    "isis-net": {"isis": {"net": "49.0002.0000.0000.0001.00", "level": 1, "interfaces": ["eth1"]}},
    "static": {
        "static": [{"to": "default", "via": "10.99.1.2"}, {"to": "default", "via": "fd99:1::2"}, {"to": "192.0.2.0/24", "via": "10.99.2.9"}]
    },
}


@pytest.mark.parametrize("name", ROUTERS)
def test_configuration(golden: Golden, name: str) -> None:
    told = configurations({**ROUTER, **ROUTERS[name]})
    golden(f"frr-{name}.txt", "\n".join(f"==> {daemon}\n{text}" for daemon, text in told.items()))


@pytest.mark.parametrize(
    ("own", "daemons"),
    [
        ("", ["zebra"]),
        ("router ospf\n ospf router-id 1.2.3.4", ["zebra", "ospfd"]),
        ("router ospf6\n", ["zebra", "ospf6d"]),
        ("router bgp 65000\nrouter isis x", ["zebra", "bgpd", "isisd"]),
        ("! no router rip\nip route 10.0.0.0/8 blackhole", ["zebra", "staticd"]),
        ("router ripng\n", ["zebra", "ripngd"]),
        ("bfd\n peer 10.0.0.1", ["zebra", "bfdd"]),
        ("ip prefix-list few permit any", ["zebra"]),
    ],
)
def test_somebodys_own_lines_bring_the_daemons_that_they_are_for(own: str, daemons: list[str]) -> None:
    assert list(configurations({**ROUTER, "config": own})) == daemons


def test_a_family_that_a_router_does_not_have_is_not_routed() -> None:
    only = {**ROUTER, "loopbacks": [], "interfaces": ROUTER["interfaces"][2:], "ospf": {}}
    assert list(configurations(only)) == ["zebra", "ospf6d"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "10.99.9.1"),
        ({"router_id": None}, "10.99.9.1"),
        ({"router_id": None, "loopbacks": ["fd99:9::1/128"]}, "10.99.1.1"),
        ({"router_id": None, "loopbacks": [], "interfaces": []}, "10.118.167.150"),
    ],
)
def test_router_id(change: dict[str, Any], expected: str) -> None:
    assert router_id({**ROUTER, **change}) == expected


def test_a_protocol_does_not_announce_its_own_routes() -> None:
    sources = ["ospf", "bgp", "connected"]
    told = configurations(
        {**ROUTER, "ospf": {"redistribute": sources}, "bgp": {"asn": 65001, "networks": ["10.0.0.0/8"], "redistribute": sources}}
    )
    assert [line.split()[1] for line in told["ospf6d"].splitlines() if "redistribute" in line] == ["bgp", "connected"]
    assert [line.split()[1] for line in told["bgpd"].splitlines() if "redistribute" in line] == ["ospf", "connected"]


def test_network_entity() -> None:
    assert network_entity("10.255.3.77") == "49.0001.0102.5500.3077.00"


def installed(*programs: str) -> Callable[[Path], bool]:
    return lambda path: path.parent == Path("/usr/libexec/frr") and path.name in programs


def test_services() -> None:
    services = frr.frr_services(
        {**ROUTER, "ospf": {}, "config": "ip route 10.0.0.0/8 blackhole\n"}, "hamlet", installed("zebra", "ospfd", "ospf6d", "staticd")
    )
    assert [service.key for service in services] == [f"hamlet.west/frr.{name}" for name in ("zebra", "ospfd", "ospf6d", "staticd")]
    assert [service.command[3] for service in services][:2] == ["/usr/libexec/frr/zebra", "/usr/libexec/frr/ospfd"]
    assert {service.files["own.conf"] for service in services} == {"ip route 10.0.0.0/8 blackhole\n"}
    assert [bool(service.check) for service in services] == [True, False, False, False]
    assert [service.shared for service in services] == ["/run/netvirt/hamlet/frr/west", "", "", ""]


def test_the_daemon_that_configures_others_is_told_theirs() -> None:
    services = frr.frr_services({**ROUTER, **ROUTERS["static"]}, "hamlet", installed("zebra", "mgmtd", "staticd"))
    assert [service.name for service in services] == ["frr.mgmtd", "frr.zebra", "frr.staticd"]
    assert "ip route 192.0.2.0/24 10.99.2.9" in services[0].files["generated.conf"]


def test_a_daemon_that_is_not_installed_is_named() -> None:
    with pytest.raises(LabErrors, match="The router 'west' needs the program /usr/libexec/frr/bgpd"):
        frr.frr_services({**ROUTER, **ROUTERS["bgp"]}, "hamlet", installed("zebra"))


def test_paths_of_sockets_are_short_enough() -> None:
    assert len(f"{frr.sockets('l' * 24, 'n' * 48)}/ospf6d.vty") <= 107
