# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shaped interfaces in the kernel of a simulated lab host, seen with tc(8) and by what gets through.

netem is in few of the kernels that tests run on: what is tried depends on this one's.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._interface import link_from
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Change, Goal, Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils.resources.address import AddressDriver, addressing
from ansible_collections.netvirt.lab.plugins.module_utils.resources.link import LinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.netns import Namespace, NamespaceDriver
from ansible_collections.netvirt.lab.plugins.module_utils.resources.shaping import ShapingDriver, shapings_from
from ansible_collections.netvirt.lab.plugins.module_utils.transport import features
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside

LAB, SPACES = "narrow", ("narrow-a", "narrow-b")
NETEM = features.has_qdisc("netem")
PAIR: list[dict[str, Any]] = [
    {"name": "eth0", "netns": here, "kind": "veth", "peer": [there, "eth0"], "up": True} for here, there in (SPACES, SPACES[::-1])
]
PLACES = tuple({"name": "eth0", "netns": netns, "addresses": [f"10.44.0.{n}/24"]} for n, netns in enumerate(SPACES, 1))


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def qdiscs(netns: str = "narrow-a", device: str = "eth0") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell(f"ip netns exec {netns} tc -j qdisc show dev {device}"))
    return found


def run(shaping: list[dict[str, Any]], items: list[dict[str, Any]] = PAIR, present: bool = True, **how: bool) -> list[Change[Any]]:
    goals: list[Goal[Any]] = [
        Goal(NamespaceDriver(), tuple(Namespace(name, LAB) for name in SPACES if present), purge=True),
        Goal(LinkDriver(), tuple(link_from(item, LAB) for item in items), purge=True),
        Goal(AddressDriver(), tuple(addressing(item, LAB) for item in PLACES if present)),
        Goal(ShapingDriver(), shapings_from(shaping, LAB), purge=True),
    ]
    return converge(goals, Scope(LAB, **how))


def settle(shaping: list[dict[str, Any]], items: list[dict[str, Any]] = PAIR) -> list[Change[Any]]:
    """Check, run and repeat; return the changes."""
    foretold = diff(run(shaping, items, check=True))
    changes = run(shaping, items)
    assert diff(changes) == foretold
    assert run(shaping, items) == []
    return changes


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before = shell("ip link show; ip netns list; tc qdisc show")
    yield
    run([], [], present=False)
    assert shell("ip link show; ip netns list; tc qdisc show") == before


def on(netns: str, **attributes: Any) -> dict[str, Any]:
    return {"name": "eth0", "netns": netns, **attributes}


def transfer(sender: str, receiver: str, address: str, size: int) -> float:
    """Send bytes by TCP from one namespace to another and return the bits per second that got through."""
    with inside(receiver):
        listener = socket.create_server((address, 0))
    with inside(sender):
        outgoing = socket.socket()
    done: list[float] = []

    def receive() -> None:
        peer, _where = listener.accept()
        with peer:
            seen = 0
            while chunk := peer.recv(1 << 16):
                seen += len(chunk)
            done.append(seen * 8 / (time.monotonic() - begin))

    # Before the first byte is sent: so a machine that is busy makes the rate look lower, never higher.
    begin = time.monotonic()
    thread = threading.Thread(target=receive)
    thread.start()
    with listener, outgoing:
        outgoing.connect(listener.getsockname())
        outgoing.sendall(bytes(size))
        outgoing.shutdown(socket.SHUT_WR)
        thread.join()
    return done[0]


def test_a_rate_limits_one_direction_and_changes_in_place() -> None:
    [change] = [change for change in settle([on("narrow-a", rate=8_000_000)]) if change.kind == "shaping"]
    assert (change.action, change.target.burst, change.target.queue) == ("create", 16384, 100)
    [told] = qdiscs()
    assert (told["kind"], told["options"]["rate"], told["root"]) == ("tbf", 1_000_000, True)
    # Far apart on purpose: machines that run tests are busy.
    assert 1e6 < transfer("narrow-a", "narrow-b", "10.44.0.2", 800_000) < 10e6
    assert transfer("narrow-b", "narrow-a", "10.44.0.1", 8_000_000) > 12e6

    [change] = settle([on("narrow-a", rate=80_000_000)])
    assert change.differing == {"rate", "burst", "queue"}
    assert qdiscs()[0]["handle"] == told["handle"]
    assert qdiscs()[0]["options"]["rate"] == 10_000_000
    [change] = settle([on("narrow-a", queue=30)])
    assert [(one["kind"], one["options"]["limit"]) for one in qdiscs()] == [("pfifo", 30)]
    [change] = settle([])
    assert change.action == "remove"
    assert [one["kind"] for one in qdiscs()] == ["noqueue"]


def test_a_change_of_the_rate_keeps_what_waits() -> None:
    settle([on("narrow-a", rate=1_000, burst=2000)])
    with inside("narrow-a"), socket.socket(type=socket.SOCK_DGRAM) as sender:
        for _number in range(30):
            sender.sendto(bytes(1000), ("10.44.0.2", 9))
    waiting = json.loads(shell("ip netns exec narrow-a tc -s -j qdisc show dev eth0"))[0]["qlen"]
    assert waiting > 5
    run([on("narrow-a", rate=1_100, burst=2000)])
    statistics = json.loads(shell("ip netns exec narrow-a tc -s -j qdisc show dev eth0"))[0]
    assert statistics["qlen"] > waiting - 4
    assert statistics["drops"] == 0


@pytest.mark.parametrize("rate", [1000, 9_999, 56_000, 1_000_001, 10**9, 33_333_333_333, 40 * 10**9, 10**12])
@pytest.mark.parametrize("more", [{}, {"burst": 123_457}, {"queue": 77}])
def test_what_the_kernel_rounds_is_no_change(rate: int, more: dict[str, Any]) -> None:
    settle([on("narrow-a", rate=rate, **more)])


@pytest.mark.parametrize(
    ("damage", "action"),
    [
        ("tc qdisc del dev eth0 root", "create"),
        ("tc qdisc change dev eth0 root handle {handle} tbf rate 1mbit burst 20000 limit 30000", "update"),
        ("tc qdisc replace dev eth0 root handle 1: pfifo limit 7", "create"),
    ],
)
def test_drift_is_repaired(damage: str, action: str) -> None:
    wanted = [on("narrow-a", rate=8_000_000)]
    settle(wanted)
    shell(f"ip netns exec narrow-a {damage.format(handle=qdiscs()[0]['handle'])}")
    assert [(change.kind, change.action) for change in settle(wanted)] == [("shaping", action)]
    assert [(one["kind"], one["options"]["rate"]) for one in qdiscs()] == [("tbf", 1_000_000)]


def test_what_is_made_anew_is_shaped_again() -> None:
    wanted = [on("narrow-a", rate=8_000_000), on("narrow-b", rate=9_000_000)]
    settle(wanted)
    shell("ip -n narrow-a link del eth0")
    assert sorted(change.key for change in settle(wanted) if change.kind == "shaping") == ["narrow-a/eth0", "narrow-b/eth0"]


def test_a_discipline_of_somebody_else_is_refused_or_left_alone() -> None:
    shell("ip link add theirs0 type ifb; tc qdisc add dev theirs0 root handle 7: pfifo limit 9")
    try:
        run([])
        assert run([]) == []
        with pytest.raises(LabError, match=r"'theirs0' has a queueing discipline \(pfifo\) that was not made for lab 'narrow'"):
            run([{"name": "theirs0", "rate": 1_000_000}])
        assert "limit 9p" in shell("tc qdisc show dev theirs0")
        run([{"name": "theirs0", "rate": 1_000_000}], adopt=True)
        assert run([{"name": "theirs0", "rate": 1_000_000}]) == []
        # An interface that is not the lab's own is set free, and stays.
        assert [change.action for change in run([])] == ["remove"]
        assert "pfifo" not in shell("tc qdisc show dev theirs0 root").replace("pfifo_fast", "")
        # What a neighbour shapes is a neighbour's.
        run([{"name": "theirs0", "rate": 1_000_000}])
        with pytest.raises(LabError, match="that was not made for lab 'other'"):
            converge([Goal(ShapingDriver(), shapings_from([{"name": "theirs0", "queue": 5}], "other"))], Scope("other"))
    finally:
        shell("ip link del theirs0")


def test_what_a_guest_sends_is_redirected_to_an_ifb() -> None:
    items = [*PAIR, {"name": "tap7", "kind": "tap", "up": True}, {"name": "funnel7", "kind": "ifb", "up": True}]
    wanted: list[dict[str, Any]] = [
        {"name": "tap7", "redirect": "funnel7"},
        {"name": "funnel7", "rate": 5_000_000},
        {"name": "tap7", "queue": 9},
    ]
    settle(wanted, items)
    assert re.search(r"Egress Redirect to device funnel7\) stolen", shell("tc filter show dev tap7 ingress"))
    index = json.loads(shell("ip -j link show tap7"))[0]["ifindex"]
    # Another ifb of the same name, or none.
    shell("ip link del funnel7")
    assert {(change.kind, change.key, change.action) for change in settle(wanted, items)} == {
        ("link", "funnel7", "create"),
        ("shaping", "tap7", "update"),
        ("shaping", "funnel7", "create"),
    }
    shell("tc qdisc del dev tap7 ingress")
    assert [change.key for change in settle(wanted, items)] == ["tap7"]
    with pytest.raises(LabError, match="There is no ifb 'nowhere' to redirect 'tap7' to"):
        run([{"name": "tap7", "redirect": "nowhere"}], items)
    # The ifb goes, the tap stays: nothing of the redirect is left, which would swallow everything.
    settle([], items[:-1])
    assert "ingress" not in shell("tc qdisc show dev tap7")
    assert json.loads(shell("ip -j link show tap7"))[0]["ifindex"] == index


def test_a_redirect_takes_packets_through_the_ifb() -> None:
    """A veth's end is redirected like a tap: what its other end sends passes the ifb and arrives."""
    items = [*PAIR, {"name": "funnel7", "netns": "narrow-b", "kind": "ifb", "up": True}]
    settle([on("narrow-b", redirect="funnel7"), {"name": "funnel7", "netns": "narrow-b", "rate": 8_000_000}], items)
    assert 1e6 < transfer("narrow-a", "narrow-b", "10.44.0.2", 800_000) < 10e6
    sent = json.loads(shell("ip netns exec narrow-b tc -s -j qdisc show dev funnel7"))[0]["bytes"]
    assert sent > 800_000


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"rate": 999}, r"rate: must be a whole number from 1000 to 1000000000000 \(bit/s\), not 999"),
        ({"loss": 101}, r"loss: must be a number from 0 to 100 \(percent\), not 101"),
        ({"jitter": 5000}, "jitter varies a delay; give the delay too"),
        ({"reorder": 5}, "reorder sends packets before others that are delayed"),
        ({"burst": 5000}, "burst belongs to a rate"),
        ({"rate": 10**6, "burst": 20000, "delay": 3}, "burst cannot be set where packets are delayed"),
        ({"rate": 10**6, "burst": 1000}, "The burst of 'narrow-a/eth0' must be 1518 bytes at least"),
        ({"colour": "red"}, "colour: there is no such attribute"),
    ],
)
def test_mistakes(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        run([on("narrow-a", **attributes)], check=False)


def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(LabError, match="There is no interface 'nic9' to shape; create it first"):
        run([{"name": "nic9", "rate": 1_000_000}])


@pytest.mark.skipif(NETEM, reason="this kernel has CONFIG_NET_SCH_NETEM")
def test_a_kernel_without_netem_is_told_before_anything_is_made() -> None:
    with pytest.raises(
        LabError, match=r"lacks CONFIG_NET_SCH_NETEM, which the shaping of 'narrow-a/eth0' needs; load the module sch_netem"
    ):
        run([on("narrow-a", delay=5000)])
    assert "narrow-a" not in shell("ip netns list")


@pytest.mark.skipif(not NETEM, reason="this kernel lacks CONFIG_NET_SCH_NETEM (module sch_netem)")
@pytest.mark.parametrize(
    "attributes",
    [
        {"delay": 40_000},
        {"delay": 40_000, "jitter": 3_333, "rate": 10_000_001, "queue": 50},
        {"loss": 0.3, "duplicate": 1, "corrupt": 0.123456},
        {"delay": 5_000_000, "reorder": 25.5, "rate": 40 * 10**9},
    ],
)
def test_what_netem_does_is_no_change_the_second_time(attributes: dict[str, Any]) -> None:
    settle([on("narrow-a", **attributes)])
    assert [one["kind"] for one in qdiscs()] == ["netem"]
    [change] = settle([on("narrow-a", **{**attributes, "delay": 7_000, "reorder": 0})])
    assert change.action == "update"
    assert "reorder" not in qdiscs()[0]["options"]
    settle([on("narrow-a", rate=1_000_000)])
    assert [one["kind"] for one in qdiscs()] == ["tbf"]


@pytest.mark.skipif(not NETEM, reason="this kernel lacks CONFIG_NET_SCH_NETEM (module sch_netem)")
def test_delay_and_loss() -> None:
    settle([on("narrow-a", delay=40_000)])
    said = shell("ip netns exec narrow-a ping -c 3 -i 0.2 10.44.0.2")
    assert 40 <= float(said.rpartition("= ")[2].split("/")[0]) < 80
    settle([on("narrow-a", loss=100)])
    assert subprocess.run(
        ["ip", "netns", "exec", "narrow-a", "ping", "-c1", "-W1", "10.44.0.2"], check=False, capture_output=True
    ).returncode
    settle([on("narrow-a", delay=1_000, rate=8_000_000)])
    assert 1e6 < transfer("narrow-a", "narrow-b", "10.44.0.2", 800_000) < 10e6
