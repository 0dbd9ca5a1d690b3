# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings that labs share, and plans for what a run does not see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _paths
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dhcp_client import DhcpClient, DhcpClientDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.dnsmasq import Dnsmasq, DnsmasqDriver, Network
from ansible_collections.netvirt.lab.plugins.module_utils.resources.forwarding import (
    Forwarding,
    ForwardingDriver,
    default_uplink,
    forwarding_from,
)
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace
from ansible_collections.netvirt.lab.plugins.module_utils.transport import sysctl

WITNESS = "net/ip_forward"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a /proc/sys in which everything is off."""
    tree = tmp_path / "sys"
    (tree / "net").mkdir(parents=True)
    for name in ("ip_forward", "up0", "up0.7"):
        (tree / "net" / name).write_text("0\n")
    monkeypatch.setattr(sysctl, "_TREE", tree)
    monkeypatch.setattr(_paths, "RUN", tmp_path / "run")
    return tree


def value(tree: Path, name: str) -> str:
    return (tree / "net" / name).read_text().strip()


def test_the_last_holder_restores(tree: Path) -> None:
    for lab in ("maple", "rowan"):
        sysctl.hold(lab, {"net/up0": "1"}, WITNESS)
    sysctl.release("maple")
    assert (value(tree, "up0"), sysctl.held("maple"), sysctl.held("rowan")) == ("1", {}, {"net/up0": "1"})
    sysctl.release("rowan")
    assert value(tree, "up0") == "0"
    assert not _paths.RUN.exists()


def test_holding_other_settings_lets_go_of_the_first(tree: Path) -> None:
    sysctl.hold("maple", {"net/up0": "1"}, WITNESS)
    sysctl.hold("maple", {"net/up0.7": "1"}, WITNESS)
    assert (value(tree, "up0"), value(tree, "up0.7")) == ("0", "1")


@pytest.mark.parametrize(
    ("before", "meanwhile", "after"),
    [
        ("0", {}, "0"),
        ("1", {}, "1"),
        ("0", {"up0": "0"}, "0"),
        ("0", {"up0": "2"}, "2"),
        ("0", {"ip_forward": "1"}, "1"),  # somebody has switched on forwarding for the whole machine
    ],
)
def test_what_others_have_written_stays(tree: Path, before: str, meanwhile: dict[str, str], after: str) -> None:
    (tree / "net" / "up0").write_text(before)
    sysctl.hold("maple", {"net/up0": "1"}, WITNESS)
    for name, text in meanwhile.items():
        (tree / "net" / name).write_text(text)
    sysctl.release("maple")
    assert value(tree, "up0") == after


def test_a_setting_that_is_gone_with_its_interface_is_forgotten(tree: Path) -> None:
    sysctl.hold("maple", {"net/up0": "1"}, WITNESS)
    (tree / "net" / "up0").unlink()
    sysctl.release("maple")
    assert not _paths.RUN.exists()


def test_it_is_noted_before_it_is_written(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(key: str, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sysctl, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        sysctl.hold("maple", {"net/up0": "1"}, WITNESS)
    assert json.loads((_paths.RUN / "sysctl.json").read_text())["net/up0"]["original"] == "0"


def test_a_setting_that_does_not_exist(tree: Path) -> None:
    with pytest.raises(LabError, match="no such setting"):
        sysctl.hold("maple", {"net/up9": "1"}, WITNESS)


HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("routes", "uplink"),
    [
        ([], None),
        (["up0 00000000 097100CB 0003 0 0 0 00000000 0 0 0"], "up0"),
        (["wlan 00000000 0 0003 0 0 600 00000000 0 0 0", "up0 00000000 0 0003 0 0 100 00000000 0 0 0"], "up0"),
        (["up0 0000000A 0 0001 0 0 0 000000FF 0 0 0"], None),
        (["up0 00000000 0 0001 0 0 0 00000080 0 0 0"], None),  # 0.0.0.0/1, as VPNs set it
        (["* 00000000 0 0201 0 0 0 00000000 0 0 0"], None),
        (["sw1 00000000 0 0003 0 0 0 00000000 0 0 0"], None),
    ],
)
def test_default_uplink(routes: list[str], uplink: str | None) -> None:
    assert default_uplink(["sw1"], HEADER + "\n".join(routes)) == uplink


def test_subnets_that_are_none() -> None:
    with pytest.raises(LabErrors) as caught:
        forwarding_from({"interfaces": [], "subnets": ["10.71.0.1/24", "ten", "10.72.0.0/16"], "uplink": "auto"}, "maple")
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["subnet '10.71.0.1/24'", "subnet 'ten'"]


SCOPE = Scope("maple")
ANEW = [Change("link", None, Namespace("sw1"))]


def test_a_switch_made_anew_has_lost_its_setting() -> None:
    have = Forwarding("maple", ("sw1",), ("10.71.0.0/24",), "up0")
    driver = ForwardingDriver()
    driver.present = frozenset({"sw1", "up0"})
    goal = Goal(driver, want=(have,))
    assert driver.plan({"maple": have}, goal, SCOPE, []) == []
    assert [change.differing for change in driver.plan({"maple": have}, goal, SCOPE, ANEW)] == [{"not_forwarding"}]


def test_a_switch_made_anew_is_served_anew() -> None:
    have = Dnsmasq("maple", networks=(Network("sw1", "10.71.0.1", "10.71.0.0/24"),))
    driver = DnsmasqDriver()
    driver.present = frozenset({"sw1"})
    goal = Goal(driver, want=(have,))
    assert driver.plan({"maple": have}, goal, SCOPE, []) == []
    assert [change.differing for change in driver.plan({"maple": have}, goal, SCOPE, ANEW)] == [{"state"}]


@pytest.mark.parametrize("driver", [ForwardingDriver(), DnsmasqDriver()])
def test_a_missing_interface_is_known_before_anything_changes(driver: Any) -> None:
    networks = (Network("sw1", "10.71.0.1", "10.71.0.0/24"),)
    want = Dnsmasq("maple", networks=networks) if driver.kind == "dnsmasq" else Forwarding("maple", ("sw1",))
    with pytest.raises(LabErrors, match="'sw1' for lab 'maple': there is no such interface"):
        driver.plan({}, Goal(driver, want=(want,)), SCOPE, [])
    assert driver.plan({}, Goal(driver, want=(want,)), SCOPE, ANEW), "an earlier change makes it"
    assert driver.plan({}, Goal(driver, want=(want,)), replace(SCOPE, check=True), []), "an earlier task would have made it"


@pytest.mark.parametrize("made", ["beech/eth3", "beech"])
def test_a_client_is_started_anew_with_its_interface(made: str) -> None:
    have = DhcpClient("beech", "eth3", "maple")
    driver = DhcpClientDriver()
    goal = Goal(driver, want=(have,))
    assert driver.plan({have.key: have}, goal, SCOPE, ANEW) == []
    assert [c.differing for c in driver.plan({have.key: have}, goal, SCOPE, [Change("link", None, Namespace(made))])] == [{"state"}]
