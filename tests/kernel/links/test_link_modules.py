# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules linux_bridge, linux_bridge_info and shaping, as processes of their own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ..ovs.conftest import run_module
from ..wires import Wire


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def twice(module: str, **options: Any) -> dict[str, Any]:
    """Run a module in check mode, for real, and again; return what the real run said."""
    foretold = run_module(module, check=True, **options)
    done = run_module(module, **options)
    assert "failed" not in done, done
    assert foretold["diff"] == done["diff"]
    assert run_module(module, **options)["changed"] is False
    return done


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before = shell("ip link show")
    yield
    names = [line.split()[1].partition("@")[0].rstrip(":") for line in shell("ip -o link show").splitlines()]
    for name in names:
        if f" {name}:" not in before and f" {name}@" not in before:
            subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
    assert shell("ip link show") == before


def look(name: str, **options: Any) -> dict[str, Any]:
    found = run_module("linux_bridge_info", name=name, **options)
    assert "failed" not in found, found
    [bridge] = found["bridges"]
    return dict(bridge)


def test_a_bridge_with_ports_of_ours_and_of_the_machine() -> None:
    run_module("veth", name="ours0", up=True, peer={"name": "ours1", "up": True}, lab="green")
    shell("ip link add nic0 type veth peer name nic1; ip link set nic1 up")
    wanted: dict[str, Any] = {"name": "br7", "lab": "green", "up": True, "ports": ["ours0", {"name": "nic0"}], "priority": 99}
    done = twice("linux_bridge", **wanted, addresses=["10.46.0.1/24"])
    assert set(done["diff"]["after"]) == {"link", "port", "address"}
    deadline = time.monotonic() + 30  # the kernel forwards once it has seen the carriers
    while {port["state"] for port in look("br7")["ports"]} != {"forwarding"}:
        assert time.monotonic() < deadline
    seen = look("br7", gather=["fdb"])
    assert {port["name"]: (port["state"], port["lab"]) for port in seen["ports"]} == {
        "ours0": ("forwarding", "green"),
        "nic0": ("forwarding", None),
    }
    assert (seen["priority"], seen["lab"], seen["root_id"][:4]) == (99, "green", "0063")
    assert {entry["port"] for entry in seen["fdb"] if entry["local"]} >= {"ours0", "nic0"}

    # Who was heard is remembered, and for how long already.
    visitor = "02:00:00:00:00:42"

    def age() -> float:
        heard = [entry for entry in look("br7", gather=["fdb"])["fdb"] if entry["mac"] == visitor and not entry["local"]]
        assert [entry["port"] for entry in heard] == ["nic0"]
        return float(heard[0]["age"])

    with ExitStack() as stack:
        Wire("nic1", stack).say("here I am", own=visitor)
    begin, first = time.monotonic(), age()
    time.sleep(1.5)
    assert first + 1 < age() < time.monotonic() - begin + first + 1

    # Some more by hand, which none keeps, own keeps too, and all takes out.
    shell("ip link add theirs0 type ifb; ip link set theirs0 master br7")
    for purge, left in (("none", {"ours0", "nic0", "theirs0"}), ("own", {"ours0", "theirs0"}), ("all", {"ours0"})):
        twice("linux_bridge", name="br7", lab="green", ports=["ours0"], purge_ports=purge)
        assert {port["name"] for port in look("br7")["ports"]} == left
    assert "state DOWN" in shell("ip link show nic0"), "as it was before"
    twice("linux_bridge", name="br7", lab="green", purge_ports="own")
    assert look("br7")["ports"] == []

    twice("linux_bridge", name="br7", lab="green", ports=["nic0"])
    twice("linux_bridge", name="br7", lab="green", state="absent")
    assert "state DOWN" in shell("ip link show nic0")
    assert "br7" not in shell("ip link show")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ports": ["nic9"]}, "There is no interface 'nic9' to put into a switch"),
        ({"ports": [{"name": "lo", "tag": 5000}]}, "the port 'lo', tag: must be a VLAN from 1 to 4094"),
        ({"ports": [{"name": "lo", "colour": 1}]}, "the port 'lo', colour: there is no such attribute"),
        ({"forward_delay": 31}, "forward_delay: must be a whole number from 0 to 30"),
        ({"stp": True, "forward_delay": 1}, "forward_delay: must be 2 to 30 seconds"),
        ({"trunks": ["x"]}, r"trunks[0]: must be a VLAN from 1 to 4094 or a range"),
    ],
)
def test_mistakes_at_a_bridge(options: dict[str, Any], message: str) -> None:
    said = run_module("linux_bridge", name="br7", **options)
    assert message in said["msg"]
    assert "br7" not in shell("ip link show")


def test_an_interface_is_shaped_and_set_free() -> None:
    shell("ip link add nic0 type veth peer name nic1")
    done = twice("shaping", name="nic0", rate="5mbit", burst="32kb")
    assert {key: done["diff"]["after"]["shaping"]["nic0"][key] for key in ("rate", "burst")} == {"rate": 5_000_000, "burst": 32_000}
    assert "rate 5Mbit burst 32000b" in shell("tc qdisc show dev nic0")
    twice("shaping", interface="nic0", rate="0.5gbit")
    twice("shaping", name="nic0", state="absent")
    assert "tbf" not in shell("tc qdisc show dev nic0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": "fast"}, "rate: must be a rate such as 10mbit, 1.5gbit or a number of bit/s, not 'fast'"),
        ({"delay": "5 minutes"}, "delay: must be a time such as 20ms"),
        ({"loss": "150%"}, "loss: must be a share such as 0.5%"),
        ({"rate": "1mbit"}, "There is no interface 'nic9' to shape"),
        ({}, "state is present but any of the following are missing: rate"),
    ],
)
def test_mistakes_at_shaping(options: dict[str, Any], message: str) -> None:
    assert message in run_module("shaping", name="nic9", **options)["msg"]


def test_bridges_are_interfaces_for_link_info() -> None:
    shell("ip link add span0 type bridge stp_state 1")
    [link] = run_module("link_info", name="span0")["links"]
    assert link["bridge"]["stp"] is True


def test_what_the_kernel_can_do() -> None:
    names = ["vlan", "vlan_filtering", "ifb", "netem", "tbf", "redirect", "openvswitch", "vhost_net", "kvm"]
    told = run_module("host_info", features=names)["features"]
    assert set(told) == set(names)
    tried = {
        "vlan": "ip link add probe0 type veth peer name probe1 && ip link add link probe0 name probe0.7 type vlan id 7",
        "vlan_filtering": "ip link add probe2 type bridge vlan_filtering 1",
        "ifb": "ip link add probe3 type ifb",
        "netem": "tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root",
        "tbf": "tc qdisc add dev lo root tbf rate 1mbit burst 20000 limit 30000 && tc qdisc del dev lo root",
        "vhost_net": "test -c /dev/vhost-net",
    }
    works = {name: subprocess.run(line, shell=True, check=False, capture_output=True).returncode == 0 for name, line in tried.items()}
    assert {name: told[name] for name in tried} == works
    assert run_module("host_info")["features"] == {}
