# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key ``expect``: what it compiles to, and what is said of mistakes in it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils.topology import expect
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.topology.ranges import names_of

NODES = {"sw": {"kind": "bridge", "ipv4": "10.0.0.1/24", "dhcp": True}, "h1": None, "h2": None, "h3": None, "web": None}


def share(*expectations: Any) -> dict[str, Any]:
    links = [f"{name} sw" for name in NODES if name != "sw"]
    return compile_share(load({"name": "park", "nodes": NODES, "links": links, "expect": list(expectations)}))


PLAIN = {"from": ["h1"], "to": ["web"], "protocol": "icmp", "port": None, "family": None, "reach": True, "mtu": None}


@pytest.mark.parametrize(
    ("given", "compiled"),
    [
        ({"from": "h1", "to": "web"}, [PLAIN]),
        ({"from": ["h1"], "to": ["web"], "icmp": True}, [PLAIN]),
        ({"from": "h[1:3]", "to": "web"}, [{**PLAIN, "from": ["h1", "h2", "h3"]}]),
        (
            {"from": "h1", "to": ["web:eth0", "192.0.2.7", "fd01::7", "www.example.org"]},
            [{**PLAIN, "to": ["web:eth0", "192.0.2.7", "fd01::7", "www.example.org"]}],
        ),
        ({"from": "h1", "to": "web", "tcp": 80}, [{**PLAIN, "protocol": "tcp", "port": 80}]),
        (
            {"from": "h1", "to": "web", "tcp": [80, 443], "reach": False},
            [{**PLAIN, "protocol": "tcp", "port": port, "reach": False} for port in (80, 443)],
        ),
        ({"from": "h1", "to": "web", "udp": 53, "icmp": True}, [{**PLAIN, "protocol": "udp", "port": 53}, PLAIN]),
        ({"from": "h1", "to": "web", "mtu": 1400, "family": 6}, [{**PLAIN, "mtu": 1400, "family": 6}]),
    ],
)
def test_forms(given: dict[str, Any], compiled: list[dict[str, Any]]) -> None:
    assert share(given)["expect"] == compiled
    problems: list[str] = []
    # As an option of a module, every key is there.
    assert expect.read([{**dict.fromkeys(expect.EXPECT.keys), **given}], problems) == compiled
    assert not problems


def test_a_lab_that_expects_nothing_has_no_such_key() -> None:
    assert "expect" not in share()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"from": "wbe", "to": "h1"}, "expect[0].from: no node 'wbe' (did you mean 'web'?)"),
        ({"from": "h[1:9]", "to": "h1"}, "expect[0].from: no node 'h4'"),
        ({"from": "h1", "to": "wbe"}, "expect[0].to: no node 'wbe' (did you mean 'web'?)"),
        ({"from": "h1", "to": "web:eth1"}, "expect[0].to: node 'web' has no interface 'eth1' (did you mean 'eth0'?)"),
        ({"from": "h1", "to": "wbe:eth0"}, "expect[0].to: no node 'wbe' (did you mean 'web'?)"),
        ({"from": "h1"}, "expect[0]: the key 'to' is missing; it must be nodes, interfaces (node:eth0), addresses or names"),
        ({"from": "h1", "to": "web", "tcp": 0}, "expect[0].tcp: must be a whole number from 1 to 65535, not 0"),
        ({"from": "h1", "to": "web", "udp": [53, 65536]}, "expect[0].udp[1]: must be a whole number from 1 to 65535, not 65536"),
        ({"from": "h1", "to": "web", "mtu": 67}, "expect[0].mtu: must be a whole number from 68 to 65535 (bytes), not 67"),
        ({"from": "h1", "to": "web", "family": 5}, "expect[0].family: must be 4 or 6, not 5"),
        ({"from": "h[3:1]", "to": "web"}, "expect[0].from: the range [3:1] in 'h[3:1]' begins after its end"),
        ({"from": "h1", "to": "web", "prot": "tcp"}, "expect[0]: unknown key 'prot'"),
        ("h1 web", "expect[0]: must be a mapping with the keys from and to, not 'h1 web'"),
    ],
)
def test_mistakes(given: Any, problem: str) -> None:
    with pytest.raises(LabErrors) as caught:
        share(given)
    assert caught.value.problems[0].startswith(problem)


def test_mistakes_in_links_come_without_others_that_follow_from_them() -> None:
    with pytest.raises(LabErrors) as caught:
        load({"name": "park", "nodes": NODES, "links": ["h1 ws"], "expect": [{"from": "h1", "to": "web:eth0"}]})
    assert len(caught.value.problems) == 1


def test_ranges() -> None:
    assert names_of("web") == ["web"]
    assert names_of("h[1:3]") == ["h1", "h2", "h3"]
    assert names_of("h[08:10]") == ["h08", "h09", "h10"]
    assert names_of("r[1:2]p[3:4]x") == ["r1p3x", "r1p4x", "r2p3x", "r2p4x"]
