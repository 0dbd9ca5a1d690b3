# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for settings, packet filters, commands and services of nodes, and the script that keeps a service running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources._service_text import script
from ansible_collections.netvirt.lab.plugins.module_utils.resources.command import CommandDriver, Commands, pending
from ansible_collections.netvirt.lab.plugins.module_utils.resources.firewall import Firewall, FirewallDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import Link
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace
from ansible_collections.netvirt.lab.plugins.module_utils.resources.node_sysctl import NodeSysctlDriver, NodeSysctls, sysctls_from
from ansible_collections.netvirt.lab.plugins.module_utils.resources.resolver import Resolver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.service import Service, ServiceDriver, service_from
from ansible_collections.netvirt.lab.plugins.module_utils.transport import nft, sysctl

Golden = Callable[[str, str], None]

SCOPE = Scope("hamlet")
NODE_ANEW: list[Change[Any]] = [Change("netns", None, Namespace("mill"))]
LINK_ANEW: list[Change[Any]] = [Change("link", None, Link("eth3", netns="mill"))]

SETTINGS = NodeSysctls("mill", "hamlet", {"net/ipv4/ip_forward": "1", "net/ipv4/conf/eth3/rp_filter": "2"})
BY_NAME = Firewall("mill", "hamlet", "table inet a { chain b { iifname eth3 drop; }; }\n")
BY_NUMBER = Firewall("mill", "hamlet", "table inet a { chain b { iif eth3 drop; }; }\n")
COMMANDS = Commands("mill", "the-mill", "hamlet", ("date",))
WEB = Service("mill", "web", "hamlet", ("httpd",))
RESOLVER = Resolver("mill", "hamlet")


@pytest.mark.parametrize(
    ("driver", "have", "earlier", "planned"),
    [
        (NodeSysctlDriver(), SETTINGS, [], []),
        (NodeSysctlDriver(), SETTINGS, NODE_ANEW, [("create", set())]),
        (NodeSysctlDriver(), SETTINGS, LINK_ANEW, [("update", {"values"})]),
        (FirewallDriver(), BY_NAME, [], []),
        (FirewallDriver(), BY_NAME, LINK_ANEW, []),
        (FirewallDriver(), BY_NUMBER, LINK_ANEW, [("update", {"state"})]),
        (FirewallDriver(), BY_NAME, NODE_ANEW, [("create", set())]),
        (CommandDriver(), COMMANDS, [], []),
        (CommandDriver(), COMMANDS, LINK_ANEW, []),
        (CommandDriver(), COMMANDS, NODE_ANEW, [("create", set())]),
        (ServiceDriver(), WEB, [], []),
        (ServiceDriver(), WEB, LINK_ANEW, []),
        (ServiceDriver(), WEB, NODE_ANEW, [("update", {"state"})]),
        (ServiceDriver(), WEB, [Change("resolver", None, RESOLVER)], [("update", {"state"})]),
        (ServiceDriver(), WEB, [Change("resolver", RESOLVER, None)], [("update", {"state"})]),
        (ServiceDriver(), WEB, [Change("resolver", RESOLVER, Resolver("mill", "hamlet", ("nameserver 192.0.2.1",)))], []),
    ],
)
def test_what_is_made_anew_in_a_run_has_lost_what_it_had(
    driver: Any, have: Any, earlier: list[Change[Any]], planned: list[tuple[str, set[str]]]
) -> None:
    changes = driver.plan({have.key: have}, Goal(driver, want=(have,), purge=True), SCOPE, earlier)
    assert [(change.action, change.differing) for change in changes] == planned
    assert [change.action for change in driver.plan({have.key: have}, Goal(driver, purge=True), SCOPE, [])] == ["remove"]


@pytest.mark.parametrize(
    ("done", "wanted", "left"),
    [
        ((), ("a", "b"), ["a", "b"]),
        (("a",), ("a", "b"), ["b"]),
        (("a", "b"), ("b", "a"), []),
        (("a",), ("a", "b", "a"), ["b", "a"]),
        (("a", "z"), ("b",), ["b"]),
    ],
)
def test_commands_that_are_left_to_run(done: tuple[str, ...], wanted: tuple[str, ...], left: list[str]) -> None:
    assert pending(done, wanted) == left


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/10.forwarding", "net/ipv4/conf/eth0.10/forwarding"),
        ("net/ipv4/conf/eth0.10/forwarding", "net/ipv4/conf/eth0.10/forwarding"),
    ],
)
def test_names_of_settings(name: str, path: str) -> None:
    assert sysctl.path_of(name) == path


def test_all_settings_that_are_none_are_named_at_once() -> None:
    with pytest.raises(LabErrors) as caught:
        sysctls_from({"netns": "mill", "values": {"vm.swappiness": 1, "net.ipv4.tcp_ecn": 1, "fs/file-max": 9}}, "hamlet")
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["vm.swappiness", "fs/file-max"]


def test_a_services_mistakes_are_named_at_once() -> None:
    with pytest.raises(LabErrors) as caught:
        service_from(
            {"netns": "mill", "name": "../web", "command": [], "files": {"/etc/passwd": "", "a/../../b": "", "fine/er": ""}}, "hamlet"
        )
    assert len(caught.value.problems) == 4


# nft indents by tabs.
LISTING = """table inet gate {
    set seen {
        type ipv4_addr
        size 65535
        flags dynamic
%s    }

    set kept {
        type inet_service
        elements = { 22, 80 }
    }

    map lately {
        type ipv4_addr : mark
        flags timeout
%s    }

    chain input {
        type filter hook input priority filter; policy accept;
    }
}
""".replace("    ", "\t")


def test_what_packets_have_put_into_sets_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft, "which", lambda name: name)
    listings = [
        LISTING % ("", ""),
        LISTING % ("\t\telements = { 10.0.0.1,\n\t\t\t     10.0.0.2 }\n", "\t\telements = { 10.0.0.1 : 0x7 }\n"),
    ]
    monkeypatch.setattr(nft, "command", lambda *_words: listings.pop(0))
    assert [nft.listing(), nft.listing()] == [LISTING % ("", "")] * 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain", {"command": ["httpd", "-f"]}),
        (
            "all",
            {
                "command": ["sh", "-c", "echo $HOME 'and' \"more\""],
                "environment": {"Z": "last", "A": "it's first"},
                "directory": "/srv/the web",
                "user": "www-data",
                "restart": False,
            },
        ),
    ],
)
def test_the_script_of_a_service(golden: Golden, name: str, options: dict[str, Any]) -> None:
    given = {"environment": {}, "directory": "/run/netvirt/hamlet/services/mill/web/files", "user": "", "restart": True, **options}
    golden(f"service-{name}.sh", script("hamlet", "mill", "web", Path("/run/netvirt/hamlet/services/mill/web"), **given))
