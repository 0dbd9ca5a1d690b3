# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and ports in a real Open vSwitch: made, repeated, changed, repaired, removed."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError, LabErrors
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope
from ansible_collections.netvirt.lab.plugins.module_utils.resources import ovs
from ansible_collections.netvirt.lab.plugins.module_utils.resources._ovs_items import bridge_from
from ansible_collections.netvirt.lab.plugins.module_utils.transport import ovsdb, packets
from ansible_collections.netvirt.lab.plugins.module_utils.transport.ovs_rpc import Session

from .conftest import Lab, PrivateSwitch, shell

NOTHING: dict[str, Any] = {"before": {}, "after": {}}


def test_from_nothing_to_nothing(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    before = switch.transactions()
    lab.converge({"name": "br1", "ports": ["ta tag=10", "tb"]})
    assert switch.transactions() == before + 1
    assert switch.ports("br1") == {"ta", "tb"}
    assert switch.get("Port", "ta", "tag") == "10"
    assert switch.get("Bridge", "br1", "external_ids") == switch.get("Port", "ta", "external_ids") == "{netvirt-lab=green}"
    assert switch.get("Interface", "br1", "type") == "internal"

    lab.converge({"name": "br1", "ports": ["tb tag=7"], "purge": "own"})
    assert switch.ports("br1") == {"tb"}

    removed = lab.converge(absent=("br1",))
    assert set(removed["before"]["ovs_bridge"]) == {"br1"}
    assert set(removed["before"]["ovs_port"]) == {"tb"}
    assert switch.vsctl("list-br") == ""
    assert lab.converge(absent=("br1",)) == NOTHING


@pytest.mark.parametrize(
    ("first", "then", "table", "record", "column", "values"),
    [
        ({"fail_mode": "secure"}, {"fail_mode": ""}, "Bridge", "br1", "fail_mode", ("secure", "[]")),
        ({"fail_mode": "secure"}, {}, "Bridge", "br1", "fail_mode", ("secure", "secure")),
        ({"datapath_type": "system"}, {"datapath_type": "netdev"}, "Bridge", "br1", "datapath_type", ("system", "netdev")),
        ({"protocols": ["OpenFlow13"]}, {"protocols": []}, "Bridge", "br1", "protocols", ("[OpenFlow13]", "[]")),
        ({"stp": True}, {"stp": False}, "Bridge", "br1", "stp_enable", ("true", "false")),
        ({"rstp": True}, {"rstp": False}, "Bridge", "br1", "rstp_enable", ("true", "false")),
        ({"mcast_snooping": True}, {"mcast_snooping": False}, "Bridge", "br1", "mcast_snooping_enable", ("true", "false")),
        ({"other_config": {"a": 1, "b": 2}}, {"other_config": {"a": ""}}, "Bridge", "br1", "other_config", ('{a="1", b="2"}', '{b="2"}')),
        ({"other_config": {"a": 1}}, {"other_config": {"a": 3, "c": 4}}, "Bridge", "br1", "other_config", ('{a="1"}', '{a="3", c="4"}')),
        ({"external_ids": {"x": "y"}}, {"external_ids": {"x": ""}}, "Bridge", "br1", "external_ids:x", ("y", None)),
        ({"mac": "02:00:00:00:00:17"}, {"mac": ""}, "Bridge", "br1", "other_config", ('{hwaddr="02:00:00:00:00:17"}', "{}")),
        ({"mtu": 1400}, {"mtu": 1300}, "Interface", "br1", "mtu_request", ("1400", "1300")),
        ({"ports": ["br1 tag=4"]}, {"ports": ["br1 tag="]}, "Port", "br1", "tag", ("4", "[]")),
        ({"ports": ["ta tag=4"]}, {"ports": ["ta tag="]}, "Port", "ta", "tag", ("4", "[]")),
        ({"ports": ["ta trunks=1,2"]}, {"ports": ["ta trunks="]}, "Port", "ta", "trunks", ("[1, 2]", "[]")),
        ({"ports": ["ta vlan_mode=trunk"]}, {"ports": ["ta vlan_mode="]}, "Port", "ta", "vlan_mode", ("trunk", "[]")),
        ({"ports": ["ta protected=true"]}, {"ports": ["ta protected=false"]}, "Port", "ta", "protected", ("true", "false")),
        ({"ports": ["ta ofport_request=41"]}, {"ports": ["ta ofport_request=42"]}, "Interface", "ta", "ofport", ("41", "42")),
        ({"ports": ["ta mtu_request=1400"]}, {"ports": ["ta mtu_request="]}, "Interface", "ta", "mtu_request", ("1400", "[]")),
        ({"ports": ["ta external_ids:k=1"]}, {"ports": ["ta external_ids:k="]}, "Port", "ta", "external_ids:k", ('"1"', None)),
        ({"ports": ["ta other_config:k=1"]}, {"ports": ["ta other_config:k=2"]}, "Port", "ta", "other_config", ('{k="1"}', '{k="2"}')),
        (
            {"ports": ["ta interface_external_ids:iface-id=lp1"]},
            {"ports": ["ta interface_external_ids:iface-id="]},
            "Interface",
            "ta",
            "external_ids",
            ("{iface-id=lp1}", "{}"),
        ),
        (
            {"ports": ["pa type=patch options:peer=pb"]},
            {"ports": ["pa options:peer=pc"]},
            "Interface",
            "pa",
            "options",
            ("{peer=pb}", "{peer=pc}"),
        ),
        (
            {"ports": ["ia type=internal"]},
            {"ports": [{"name": "ia", "mac": "02:00:00:00:00:18"}]},
            "Interface",
            "ia",
            "mac",
            ("[]", '"02:00:00:00:00:18"'),
        ),
    ],
)
def test_every_attribute_is_set_and_changed(
    switch: PrivateSwitch,
    lab: Lab,
    first: dict[str, Any],
    then: dict[str, Any],
    table: str,
    record: str,
    column: str,
    values: tuple[str, str | None],
) -> None:
    switch.tap("ta")
    if "system" not in first.values() or ovs.best_datapath() == "system":
        lab.converge({"name": "br1", **first})
    else:
        # The database takes it, the daemon says why the kernel does not.
        with pytest.raises(LabErrors, match="Open vSwitch cannot use the bridge 'br1'"):
            lab.run({"name": "br1", **first})
    assert switch.get(table, record, column).strip('"') == values[0].strip('"')
    lab.converge({"name": "br1", **then})
    after = switch.vsctl(f"--if-exists get {table} {record} {column}").strip('"')
    assert after == (values[1] or "").strip('"')


def test_controllers(switch: PrivateSwitch, lab: Lab) -> None:
    lab.converge({"name": "br1", "controllers": [{"target": "tcp:127.0.0.1:6001", "connection_mode": "in-band"}, "tcp:127.0.0.1:6002"]})
    assert set(switch.vsctl("get-controller br1").split()) == {"tcp:127.0.0.1:6001", "tcp:127.0.0.1:6002"}
    lab.converge(
        {"name": "br1", "controllers": [{"target": "tcp:127.0.0.1:6001", "connection_mode": "out-of-band", "inactivity_probe": 9000}]}
    )
    assert switch.find("Controller", 'target="tcp\\:127.0.0.1\\:6001"', "connection_mode,inactivity_probe") == ["out-of-band", "9000"]
    lab.converge({"name": "br1", "controllers": []})
    assert switch.vsctl("get-controller br1") == ""


def test_mirrors(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    watch = {"name": "watch", "select_src_port": ["ta"], "select_dst_port": ["ta"], "output_port": "tb"}
    item = {"name": "br1", "ports": ["ta", "tb"], "mirrors": [watch]}
    lab.converge(item)
    assert switch.find("Mirror", "name=watch", "output_port") == [switch.get("Port", "tb", "_uuid")]
    # Taken out and put back, a port is forgotten by the mirror: it must be in it again after the same run.
    switch.remake_tap("ta")
    assert set(lab.converge(item)["after"]["ovs_port"]) == {"ta"}
    assert switch.find("Mirror", "name=watch", "select_src_port") == [switch.get("Port", "ta", "_uuid")]
    lab.converge({"name": "br1", "mirrors": []})
    assert switch.vsctl("list Mirror") == ""


def test_bond(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb", "tc")
    lab.converge({"name": "br1", "ports": ["bond1 interfaces=ta,tb bond_mode=active-backup lacp=off"]})
    assert switch.get("Port", "bond1", "bond_mode") == "active-backup"
    lab.converge({"name": "br1", "ports": ["bond1 interfaces=tb,tc"]})
    assert set(switch.vsctl("list-ifaces br1").split()) == {"tb", "tc"}


def test_foreign_things_are_left_alone(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tf")
    switch.vsctl("add-br brf -- set bridge brf datapath_type=netdev -- add-port brf tf")
    with pytest.raises(LabErrors, match=r"The ovs_bridge 'brf' exists and was not made by netvirt\.lab"):
        lab.run({"name": "brf", "ports": ["ta"]})
    with pytest.raises(LabErrors, match="The ovs_bridge 'brf' exists"):
        lab.run(absent=("brf",))
    lab.converge({"name": "brf", "existing": True, "ports": ["ta tag=3"]})
    assert switch.ports("brf") == {"ta", "tf"}
    assert switch.get("Bridge", "brf", "external_ids") == "{}"
    # Another lab's port there is no business of ours either.
    with pytest.raises(LabErrors, match="The ovs_port 'ta' exists and belongs to lab 'green'"):
        Lab("red").run({"name": "brf", "existing": True, "ports": ["ta"]})
    lab.converge(purge=True)
    assert switch.ports("brf") == {"tf"}


def test_adopted_bridge_outlives_the_lab(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    switch.vsctl("add-br brf -- set bridge brf datapath_type=netdev")
    Lab("green", adopt=True).converge({"name": "brf", "fail_mode": "secure", "ports": ["ta"]})
    assert switch.get("Bridge", "brf", "fail_mode") == "secure"
    lab.converge(purge=True)
    assert (switch.vsctl("list-br"), switch.ports("brf")) == ("brf", set())


def test_purge_of_everything_unlisted(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tf")
    lab.run({"name": "br1", "ports": ["ta"]})
    switch.vsctl("add-port br1 tf")
    lab.converge({"name": "br1", "purge": "own"})
    assert switch.ports("br1") == {"tf"}
    lab.converge({"name": "br1", "purge": "all"})
    assert switch.ports("br1") == set()


def test_port_in_another_bridge(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    lab.run({"name": "br1", "ports": ["ta"]})
    before = switch.transactions()
    with pytest.raises(LabErrors, match="Port 'ta' is wanted in bridge 'br2', but it is in bridge 'br1'"):
        lab.run({"name": "br2", "ports": ["ta"]})
    assert (switch.vsctl("list-br"), switch.transactions()) == ("br1", before)
    lab.converge({"name": "br1"}, {"name": "br2", "ports": ["ta tag=9"]})
    assert (switch.vsctl("port-to-br ta"), switch.get("Interface", "ta", "error")) == ("br2", "[]")


def test_missing_device_is_named(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    with pytest.raises(LabErrors) as raised:
        lab.run({"name": "br1", "ports": ["ta", "nodev7"]})
    (problem,) = raised.value.problems
    assert problem.startswith(
        "Open vSwitch cannot use port 'nodev7' of bridge 'br1': could not open network device nodev7 (No such device)"
    )
    # What could be done was done, and the rest is one device away.
    assert switch.get("Interface", "ta", "error") == "[]"
    switch.tap("nodev7")
    lab.converge({"name": "br1", "ports": ["ta", "nodev7"]})
    assert switch.get("Interface", "nodev7", "error") == "[]"


def test_name_of_a_network_device(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    with pytest.raises(LabErrors, match="Cannot make the bridge 'ta': a network device of that name exists"):
        lab.run({"name": "ta"})
    assert switch.vsctl("list-br") == ""


def test_remade_device_is_added_again(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    item = {"name": "br1", "ports": ["ta tag=5", "tb"]}
    lab.converge(item)
    number = switch.get("Interface", "ta", "ofport")
    switch.remake_tap("ta")
    # Open vSwitch itself sees nothing wrong.
    assert (switch.get("Interface", "ta", "error"), switch.get("Interface", "ta", "ofport")) == ("[]", number)
    repaired = lab.converge(item)
    assert repaired["before"]["ovs_port"]["ta"]["fault"].startswith("its network device was made anew")
    assert set(repaired["after"]["ovs_port"]) == {"ta"}
    assert switch.get("Port", "ta", "tag") == "5"


def test_missing_device_that_comes_back(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta")
    lab.converge({"name": "br1", "ports": ["ta"]})
    shell("ip link delete ta")
    with pytest.raises(LabErrors, match="cannot use port 'ta' of bridge 'br1': could not open network device ta"):
        lab.run({"name": "br1", "ports": ["ta"]})
    switch.tap("ta")
    lab.converge({"name": "br1", "ports": ["ta"]})


def test_patch_ports_wait_for_each_other(switch: PrivateSwitch, lab: Lab) -> None:
    lab.converge({"name": "br1", "ports": ["p12 type=patch options:peer=p21"]})
    lab.converge({"name": "br2", "ports": ["p21 type=patch options:peer=p12"]})
    assert switch.get("Interface", "p12", "error") == "[]"


def test_rstp_over_patch_ports_is_refused(switch: PrivateSwitch, lab: Lab) -> None:
    with pytest.raises(LabErrors, match=r"wants rstp and has the patch port 'p12'.*veth"):
        lab.run({"name": "br1", "rstp": True, "ports": ["p12 type=patch options:peer=p21"]}, {"name": "br2"})
    assert switch.vsctl("list-br") == ""


def test_traffic_passes(switch: PrivateSwitch, lab: Lab) -> None:
    """Two namespaces of a bridge with VLANs reach each other exactly if their tags are equal."""
    for number in (1, 2):
        shell(f"ip link add va{number} up type veth peer name vb{number}")
        shell(f"ip netns add ovst{number} && ip link set vb{number} netns ovst{number}")
        shell(f"ip -n ovst{number} addr add 10.77.0.{number}/24 dev vb{number} && ip -n ovst{number} link set vb{number} up")
    ping = "ip netns exec ovst1 ping -c1 -w{} -i0.2 10.77.0.2 >/dev/null && echo yes || echo no"
    try:
        lab.converge({"name": "br1", "ports": ["va1 tag=8", "va2 tag=8"]})
        assert shell(ping.format(20)) == "yes\n"
        lab.converge({"name": "br1", "ports": ["va2 tag=9"]})
        assert shell(ping.format(2)) == "no\n"
    finally:
        shell("ip netns del ovst1; ip netns del ovst2")


def test_five_hundred_ports_in_one_transaction(switch: PrivateSwitch, lab: Lab) -> None:
    names = [f"v{number}" for number in range(500)]
    switch.veths(*names)
    before = switch.transactions()
    assert len(lab.run({"name": "br1", "ports": [f"{name} tag=12" for name in names]})["after"]["ovs_port"]) == 500
    assert switch.transactions() == before + 1
    assert switch.ports("br1") == set(names)
    assert lab.run({"name": "br1", "ports": names}) == NOTHING
    assert lab.run({"name": "br1", "ports": [*names[:-1], "v499 tag=13"]})["after"] == {"ovs_port": {"v499": {"tag": 13}}}
    assert switch.transactions() == before + 2
    # In pieces where another bridge waits for the daemon, in one where none does, and all of it gone when it returns.
    lab.run({"name": "br2"})
    lab.run({"name": "br2"}, {"name": "br1", "ports": names[:400], "purge": "own"})
    pieces = switch.transactions() - before - 3
    assert pieces >= 3
    assert not packets.listened() & {socket.if_nametoindex(name) for name in names[400:]}
    lab.run(purge=True)
    assert switch.transactions() == before + 3 + pieces + 1
    assert switch.vsctl("list-br") == ""
    assert switch.get("Open_vSwitch", ".", "cur_cfg") == str(switch.transactions())


def test_bridge_that_somebody_removes_meanwhile(switch: PrivateSwitch, lab: Lab) -> None:
    lab.run({"name": "br1"})
    driver, scope = ovs.OvsDriver(), Scope(lab.name)
    goal = Goal(driver, (bridge_from({"name": "br1", "fail_mode": "secure"}, lab.name),))
    changes = driver.plan(driver.observe(goal, scope), goal, scope, ())
    switch.vsctl("del-br br1")
    with pytest.raises(LabError, match="somebody else has just removed 'br1'; run again"):
        driver.apply(changes, scope)
    assert switch.vsctl("list-br") == ""


def test_restarted_daemon(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    item = {"name": "br1", "ports": ["ta", "tb"]}
    lab.converge(item)
    switch.stop("ovs-vswitchd")
    switch.remake_tap("ta")
    switch.start_daemon()
    lab.converge(item)
    assert packets.listened() >= {socket.if_nametoindex(name) for name in ("ta", "tb")}


def test_daemon_that_does_not_run(switch: PrivateSwitch, lab: Lab) -> None:
    lab.run({"name": "br1"})
    switch.stop("ovs-vswitchd")
    with pytest.raises(LabError, match=r"The daemon ovs-vswitchd does not run .*; start it with 'systemctl start openvswitch-switch'"):
        lab.run({"name": "br1"})
    # A teardown needs no daemon.
    lab.run(purge=True)
    assert switch.vsctl("--no-wait list-br") == ""


def test_daemon_that_ends_meanwhile(switch: PrivateSwitch, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ovsdb, "PATIENCE", 0.3)
    monkeypatch.setattr(ovsdb, "PATIENCE_EACH", 0.0)
    monkeypatch.setattr(ovsdb.Database, "require_daemon", lambda self: None)
    switch.stop("ovs-vswitchd")
    with pytest.raises(LabError, match=r"ovs-vswitchd has not carried it out within 0.3 seconds; look into ovs-vswitchd.log"):
        lab.run({"name": "br1"})
    monkeypatch.undo()
    switch.start_daemon()
    lab.converge({"name": "br1"})


def test_open_vswitch_that_does_not_run(switch: PrivateSwitch, lab: Lab) -> None:
    lab.run({"name": "br1"})
    switch.stop("ovs-vswitchd")
    switch.stop("ovsdb-server")
    for wanted in (({"name": "br1"},), ()):
        with pytest.raises(LabError, match=rf"Open vSwitch does not run: nobody answers at {switch.socket}; start it with"):
            lab.run(*wanted, purge=True)
    # The file holds nothing of this one.
    assert Lab("red").run(purge=True) == NOTHING
    assert lab.run(absent=("br2",)) == NOTHING


def test_socket_that_nobody_serves(tmp_path: Path) -> None:
    path = tmp_path / "db.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(LabError, match=r"Open vSwitch does not run: nobody answers at .*/db.sock; start it"):
        ovsdb.Database(str(path), {})


def test_two_labs_side_by_side(switch: PrivateSwitch, lab: Lab) -> None:
    switch.tap("ta", "tb")
    other = Lab("red")
    lab.converge({"name": "br1", "ports": ["ta"]})
    other.converge({"name": "br2", "ports": ["tb"]}, purge=True)
    lab.converge(purge=True)
    assert (switch.vsctl("list-br"), switch.ports("br2")) == ("br2", {"tb"})


def test_host_datapath(switch: PrivateSwitch) -> None:
    assert ovs.host_datapath().userspace_tso is False
    switch.vsctl("--no-wait set Open_vSwitch . other_config:userspace-tso-enable=true")
    assert ovs.host_datapath() == ovs.HostDatapath(ovs.best_datapath(), True)
    switch.vsctl("--no-wait remove Open_vSwitch . other_config userspace-tso-enable")


def test_server_that_asks_whether_we_are_alive(tmp_path: Path) -> None:
    """It ends conversations in which nobody answers; the answers to questions come in between."""
    said: list[Any] = []

    def serve(listener: socket.socket) -> None:
        talk = listener.accept()[0]
        with talk, talk.makefile("r") as words:
            talk.sendall(b'{"id": "echo", "method": "echo", "params": ["still there?"]}')
            decoder, text = json.JSONDecoder(), ""
            while len(said) < 2:
                text += words.read(1)
                with suppress(ValueError):
                    said.append(decoder.raw_decode(text)[0])
                    text = ""
                    if said[-1].get("method") == "version":
                        talk.sendall(json.dumps({"id": said[-1]["id"], "result": "3.9.9", "error": None}).encode())

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "asks"))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        with Session(f"unix:{tmp_path}/asks") as session:
            assert session.call("version", []) == "3.9.9"
        server.join(timeout=60)
    assert {"id": "echo", "result": ["still there?"], "error": None} in said
