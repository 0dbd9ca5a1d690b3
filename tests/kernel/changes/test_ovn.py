# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs on OVN in one lab host: built, changed, mended, and two of them side by side on the same daemons, of which nothing is left."""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._fabric import wait_for_fabric
from ansible_collections.netvirt.lab.plugins.module_utils._paths import OVN, run_dir
from ansible_collections.netvirt.lab.plugins.module_utils._plan import diff
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import Lab as Reach
from ansible_collections.netvirt.lab.plugins.module_utils.reach.lab import checked
from ansible_collections.netvirt.lab.plugins.module_utils.topology import expect
from ansible_collections.netvirt.lab.plugins.module_utils.transport import ovn
from ansible_collections.netvirt.lab.plugins.module_utils.transport.shell import Shells

from ..ovs.conftest import run_module
from .conftest import Lab, shell

DATA: dict[str, Any] = {
    "fabric": "ovn",
    "uplink": "uplink0",
    "nodes": {
        "left": {"kind": "ovs", "ipv4": "10.84.1.1/24", "dhcp": True},
        "right": {"kind": "ovs", "ipv4": "10.84.2.1/24", "acls": [{"match": 'outport == "c" && ip4.src == 10.84.1.0/24'}]},
        "r": {"kind": "logical_router"},
        "out": {"kind": "ovs", "ipv4": "10.84.3.1/24", "nat": True},
        "a": None,
        "b": {"ipv4": "10.84.2.2"},
        "c": {"ipv4": "10.84.2.3"},
        "d": {"ipv4": "10.84.3.2"},
    },
    "links": ["a left", "b right", "c right", "r left", "r right", "d out"],
}
OTHER: dict[str, Any] = {
    "fabric": "ovn",
    "nodes": {"left": {"kind": "ovs", "ipv4": "10.85.1.1/24"}, "a": {"ipv4": "10.85.1.2"}, "b": {"ipv4": "10.85.1.3"}},
    "links": ["a left", "b left"],
}


def nbctl(arguments: str) -> str:
    return shell(f"ovn-nbctl --db=unix:{OVN}/nb.sock {arguments}").strip()


def daemons() -> list[str]:
    return sorted(path.stem for path in OVN.glob("*.pid"))


def end(pid: int) -> None:
    shell(f"kill -9 {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.05; done")


def settled(lab: Lab, data: dict[str, Any]) -> None:
    wait_for_fabric(lab.share(data).get("ovn"), None, 60)


def ping(lab: Lab, node: str, address: str, count: int = 3) -> bool:
    said = shell(f"ip netns exec {lab.name}.{node} ping -q -c {count} -i 0.2 -W 2 {address} || :")
    return " 0 received" not in said and "unreachable" not in said


def address(lab: Lab, node: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        said = shell(f"ip -n {lab.name}.{node} -4 -o addr show dev eth0 scope global").split()
        if said:
            return said[3].partition("/")[0]
        time.sleep(0.1)
    raise AssertionError(f"{node} has no address")


def ovs_leftovers() -> str:
    return shell("ovs-vsctl --bare --columns=external_ids,datapaths list Open_vSwitch; ovs-vsctl list Datapath; ovs-vsctl list-br")


@pytest.fixture(scope="module")
def lab(lab_of: Callable[[str], Lab]) -> Iterator[Lab]:
    one = lab_of("heath")
    before = ovs_leftovers()
    one.changed(DATA)
    settled(one, DATA)
    yield one
    one.changed(None)
    assert not OVN.exists()
    assert ovs_leftovers() == before


def test_nodes_have_their_addresses_from_ovn_and_reach_what_is_routed(lab: Lab) -> None:
    assert address(lab, "a").startswith("10.84.1.")
    assert ping(lab, "a", "10.84.2.2")
    assert ping(lab, "b", address(lab, "a"))
    assert "10.84.1.1" in shell(f"ip -n {lab.name}.a route show default")


def test_an_acl_keeps_back_what_it_names_only(lab: Lab) -> None:
    address(lab, "a")
    assert not ping(lab, "a", "10.84.2.3", 2)
    assert ping(lab, "b", "10.84.2.3")


def test_the_lab_host_reaches_the_nodes_and_lets_out_who_may(lab: Lab) -> None:
    shell("ping -q -c 2 -W 5 10.84.2.2")
    (behind,) = [node["interfaces"][0]["behind"] for node in lab.share(DATA)["nodes"] if node["name"] == "right"]
    assert behind in shell("ip -4 -o addr show")
    assert ping(lab, "b", behind)
    shell(f"ip netns exec {lab.name}.b sh -c 'echo heather | timeout 60 socat -u - TCP-LISTEN:7000 >/dev/null 2>&1 &'")
    assert shell("socat -u TCP:10.84.2.2:7000,retry=50,interval=0.1 -") == "heather\n"
    fetched = shell(f"ip netns exec {lab.name}.d curl -sS --max-time 10 http://198.51.100.10/")
    assert fetched.strip() == "203.0.113.2"
    assert not ping(lab, "b", "10.84.3.2", 1)


def test_names_are_answered(lab: Lab) -> None:
    address(lab, "a")
    assert "10.84.2.2" in shell(f"ip netns exec {lab.name}.a getent hosts b.heath.internal")


def test_what_is_undone_by_hand_is_seen_and_mended(lab: Lab) -> None:
    address(lab, "a")
    nbctl("lsp-del heath.b.eth0")
    nbctl("set logical_switch_port heath.c.eth0 addresses=unknown")
    nbctl("acl-del heath.right")
    nbctl("clear logical_router heath.r ports")
    shell("ovs-vsctl remove Open_vSwitch . external_ids ovn-encap-ip-netvirt-127.0.0.1")
    end(ovn.running()["controller"].pid)
    changes = lab.changed(DATA)
    assert {"ovn", "ovn_row"} == changes["after"].keys()
    assert "Logical_Switch_Port heath.b.eth0" in changes["after"]["ovn_row"]
    settled(lab, DATA)
    assert ping(lab, "a", "10.84.2.2")
    assert not ping(lab, "a", "10.84.2.3", 1)


def test_a_killed_database_comes_back_with_what_it_had(lab: Lab) -> None:
    for name in ("nb", "northd"):
        end(ovn.running()[name].pid)
    assert lab.changed(DATA)["after"].keys() == {"ovn"}
    settled(lab, DATA)


def test_a_controller_that_is_earlier_than_northd_goes_on(lab: Lab) -> None:
    ended = ovn.running()
    for one in ended.values():
        end(one.pid)
    (OVN / "sb.db").unlink()
    for name in ("nb", "sb", "controller"):
        ovn.start(name, ended[name].argv)
    shell(f"timeout 60 sh -c 'until ovn-sbctl --db=unix:{OVN}/sb.sock list Encap | grep -q geneve; do sleep 0.05; done'")
    ovn.start("northd", ended["northd"].argv)
    settled(lab, DATA)
    assert ping(lab, "a", "10.84.2.2")


def test_what_outlives_a_reboot_goes_with_the_lab(lab: Lab) -> None:
    for one in ovn.running().values():
        end(one.pid)
    shutil.rmtree(OVN)
    run_dir(lab.name).joinpath("ovn.json").unlink()
    assert lab.bring(None, check=True) == (gone := lab.bring(None))
    assert gone["before"]["ovn"] == {"heath": {"chassis": "netvirt-127.0.0.1"}}
    assert not re.search("netvirt-ovn|-netvirt-|br-netvirt", ovs_leftovers())
    assert lab.bring(None) == diff([])
    OVN.mkdir(parents=True)  # by a run that was killed when all else was gone
    assert lab.bring(None, check=True) == lab.bring(None) != diff([])
    assert not OVN.exists()
    lab.changed(DATA)
    settled(lab, DATA)


def test_a_change_of_the_file_changes_what_differs(lab: Lab) -> None:
    changed = {**DATA, "nodes": {**DATA["nodes"], "right": {"kind": "ovs", "ipv4": "10.84.2.1/24"}}}
    changes = lab.changed(changed)
    assert changes["after"] == {}
    assert changes["before"].keys() == {"ovn_row"}
    assert list(changes["before"]["ovn_row"]) == ["ACL heath.right.acls[0]"]
    settled(lab, changed)
    address(lab, "a")
    assert ping(lab, "a", "10.84.2.3")
    lab.changed(DATA)


def test_a_machine_that_does_not_carry_out_what_ovn_says_is_named(lab: Lab) -> None:
    share = lab.share(DATA)["ovn"]
    stranger = {**share, "machines": {**share["machines"], "elm": "netvirt-192.0.2.9"}}
    with pytest.raises(LabErrors, match=r"lab host 'elm' \(netvirt-192.0.2.9\) has not joined OVN"):
        wait_for_fabric(stranger, None, 0.5)
    wait_for_fabric(stranger, [""], 30)


@pytest.mark.parametrize("name", ["controller", "northd"])
def test_a_daemon_that_has_ended_is_not_waited_for(lab: Lab, name: str) -> None:
    end(ovn.running()[name].pid)
    with pytest.raises(LabErrors, match=rf"OVN's daemon '{name}' has ended; look into {OVN}/{name}.log"):
        settled(lab, DATA)
    lab.changed(DATA)
    settled(lab, DATA)


def test_a_port_that_is_still_where_it_was_is_named(lab: Lab) -> None:
    share = lab.share(DATA)["ovn"]
    moving = {**share, "machines": {**share["machines"], "elm": "netvirt-192.0.2.9"}, "ports": {**share["ports"], "heath.d.eth0": "elm"}}
    sbctl = f"ovn-sbctl --db=unix:{OVN}/sb.sock"
    row = shell(f"{sbctl} create Chassis_Private name=netvirt-192.0.2.9").strip()
    try:
        with pytest.raises(LabErrors) as raised:
            wait_for_fabric(moving, None, 0.5)
        assert raised.value.problems == ("The port 'heath.d.eth0' of lab host 'elm' is not up in OVN after 0.5 seconds.",)
    finally:
        shell(f"{sbctl} destroy Chassis_Private {row}")


def test_two_labs_share_the_daemons_and_nothing_else(lab: Lab, lab_of: Callable[[str], Lab]) -> None:
    other = lab_of("fen")
    running = (OVN / "controller.pid").read_text()
    other.changed(OTHER)
    settled(other, OTHER)
    assert ping(other, "a", "10.85.1.3")
    assert lab.bring(DATA) == diff([])
    other.changed(None)
    assert (OVN / "controller.pid").read_text() == running
    assert "fen" not in nbctl("show")
    assert lab.bring(DATA) == diff([])


def test_a_lab_host_that_gets_company_keeps_what_ovn_has(lab: Lab) -> None:
    share = lab.share(DATA)
    new = {"chassis": "netvirt-127.0.0.2", "address": "127.0.0.2", "remote": "tcp:127.0.0.2:6642", "port": 6642}
    share["ovn"] = {**share["ovn"], **new, "machines": {"": new["chassis"]}}
    assert lab.bring_share(share)["after"] == {"ovn": {"heath": new}}
    wait_for_fabric(share["ovn"], None, 60)
    assert lab.bring_share(share) == diff([])
    assert "127.0.0.1" not in shell(f"ovn-sbctl --db=unix:{OVN}/sb.sock show; ovs-vsctl list Open_vSwitch")
    lab.changed(DATA)
    settled(lab, DATA)


def test_some_nodes_come_and_leave_the_others_alone(lab: Lab) -> None:
    assert lab.bring_nodes(DATA, "b") == diff([])
    shell("ip netns del heath.c")
    assert lab.bring_nodes(DATA, "b") == diff([])
    assert "heath.c" in lab.bring_nodes(DATA, "c")["after"]["netns"]
    assert lab.bring(DATA) == diff([])


def failures(lab: Lab, *expectations: dict[str, Any]) -> list[str]:
    """Check what is expected, and return what is told."""
    problems: list[str] = []
    reach = Reach(lab.share(DATA), expect.read(list(expectations), problems))
    assert problems == []
    results, reasons = checked(reach, reach.checks("none", None), Shells("/dev/null"), 2)
    failed = [check for check, problem in results.items() if problem and check.column != "gateway"]
    return [f"{check.node} {check.target} ({reasons.paths[check]}): {'; '.join(reasons.causes[check])}" for check in failed]


def test_what_keeps_nodes_from_each_other_is_told(lab: Lab) -> None:
    own = address(lab, "a")
    ends = [{"from": "a", "to": "b"}, {"from": "localhost", "to": "b"}]
    assert failures(lab, *ends) == []
    acl = 'outport == "c:eth0" && ip4.src == 10.84.1.0/24'
    assert failures(lab, {"from": "a", "to": "c"}, {"from": "c", "to": "a"}) == [
        f"a 10.84.2.3 (a:eth0 - left - r:eth0 - r:eth1 - right - c:eth0): an ACL of right drops it: {acl}",
        f"c {own} (c:eth0 - right - r:eth1 - r:eth0 - left - a:eth0): an ACL of right drops the answer: {acl}",
    ]
    own = next(link["name"] for link in lab.share(DATA)["links"] if link.get("altname") == "heath.r")
    ways = [
        "a 10.84.2.2 (a:eth0 - left - r:eth0 - r:eth1 - right - b:eth0)",
        f"localhost 10.84.2.2 (the lab host:{own} - r - r:eth1 - right - b:eth0)",
    ]
    port = lab.port(DATA, "b")
    shell(f"ip link set {port} down")
    assert failures(lab, *ends) == [f"{way}: right's port {port} is down" for way in ways]
    shell(f"ip link set {port} up; ovs-vsctl set interface {port} external_ids:iface-id=elm")
    assert failures(lab, *ends) == [f"{way}: right's port {port} is not known to OVN as heath.b.eth0 (its iface-id)" for way in ways]
    assert lab.changed(DATA)["after"].keys() == {"ovs_port"}
    settled(lab, DATA)
    nbctl("--wait=hv lsp-set-enabled heath.b.eth0 disabled")
    (told,) = failures(lab, ends[0])
    assert told.startswith(f"{ways[0]}: OVN drops it at right (ls_")
    assert lab.changed(DATA)["after"].keys() == {"ovn_row"}
    settled(lab, DATA)
    assert failures(lab, *ends) == []


def run(module: str, lab: Lab, **options: Any) -> dict[str, Any]:
    result = run_module(module, share=lab.share(DATA), **options)
    assert "failed" not in result, result
    return result


def test_what_is_captured_and_sent_at_ports_of_logical_switches(lab: Lab) -> None:
    """A frame of one node comes to all of its switch, and nobody else."""
    places = ["b:eth0", "right c", "left a"]
    run("capture", lab, links=places, filter="ether proto 0x88b5")
    frame = "ffffffffffff 020000000042 88b5 " + "61" * 50
    assert run("replay", lab, link="b", frames=[frame], loops=3)["frames"] == 3
    found = run("capture", lab, state="stopped", links=places)["captures"]
    names = ("b.eth0", f"right.{lab.port(DATA, 'c')}", f"left.{lab.port(DATA, 'a')}")
    assert {one["name"]: one["packets"]["captured"] for one in found} == dict(zip(names, (3, 3, 0)))
    run("capture", lab, state="absent")


def test_what_is_inside_of_ovn_is_no_place_to_capture_at_or_to_send(lab: Lab) -> None:
    for module, key in (("capture", "links"), ("replay", "link")):
        options = {"links": ["right"]} if module == "capture" else {"link": "right", "frames": ["00"]}
        said = run_module(module, share=lab.share(DATA), **options)["msg"]
        assert said == f"{key}: 'right' is inside of OVN, without an interface; name an end that has one: b:eth0, c:eth0."


def test_a_running_lab_changes_its_fabric(lab: Lab, lab_of: Callable[[str], Lab]) -> None:
    other = lab_of("tarn")
    plain = {key: value for key, value in OTHER.items() if key != "fabric"}
    for data in (plain, OTHER, plain):
        other.changed(data)
        settled(other, data)
        assert ping(other, "a", "10.85.1.3")
        assert ping(other, "a", "10.85.1.1")
    other.changed(None)
    assert lab.bring(DATA) == diff([])


def test_another_central_than_another_labs_is_refused(lab: Lab, lab_of: Callable[[str], Lab]) -> None:
    other = lab_of("mire")
    share = other.share(OTHER)
    share["ovn"] = {**share["ovn"], "remote": "tcp:192.0.2.7:6642", "central": False, "rows": []}
    with pytest.raises(LabErrors, match="The lab 'heath' uses OVN on this machine with another remote"):
        other.bring_share(share)


def test_a_port_that_somebody_else_has_is_refused(lab: Lab, lab_of: Callable[[str], Lab]) -> None:
    other = lab_of("mere")
    share = other.share(OTHER)
    share["ovn"] = {**share["ovn"], "remote": "tcp:127.0.0.1:6642", "port": 6642}
    assert "6642" not in shell("ss -Hltn")
    with socket.create_server(("", 6642)), pytest.raises(LabErrors, match=r"TCP port 6642 of 127.0.0.1, .*, is in use"):
        other.bring_share(share)
    with pytest.raises(LabErrors) as raised:
        other.bring_share(share)
    assert "6642 of" not in str(raised.value)


def test_an_ovn_of_the_machine_goes_on(lab: Lab) -> None:
    assert daemons() == ["controller", "nb", "northd", "sb"]
    assert not list(Path("/run/ovn").glob("*.pid"))
