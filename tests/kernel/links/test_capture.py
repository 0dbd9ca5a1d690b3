# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules capture and replay, as processes of their own, at a veth pair and a tap."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import frames

from ..ovs.conftest import run_module

FRAME = "ffffffffffff 020000000042 88b5 " + "61" * 60
TOP = Path("/run/netvirt/maple")


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def done(module: str, **options: Any) -> dict[str, Any]:
    result = run_module(module, **options)
    assert "failed" not in result, result
    return result


def capture(**options: Any) -> dict[str, Any]:
    return done("capture", lab="maple", **options)


def replay(link: str, **options: Any) -> dict[str, Any]:
    return done("replay", link=link, **options)


def taken(**options: Any) -> list[bytes]:
    """Stop captures and return what they have."""
    found = capture(state="stopped", **options)["captures"]
    return [frame.data for one in found for path in one["files"] for frame in frames(path)]


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """Give near0 on the lab host, far0 in namespace leaf, and the tap cable0; see that nothing is left of captures."""
    shell("ip netns add leaf; ip link add near0 type veth peer name far0 netns leaf")
    shell("ip tuntap add cable0 mode tap")
    for name in ("near0", "cable0"):
        shell(f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1; ip link set {name} up")
    shell("ip netns exec leaf sysctl -qw net.ipv6.conf.far0.disable_ipv6=1; ip -n leaf link set far0 up")
    yield
    capture(state="absent")
    shell("ip link del near0; ip link del cable0; ip netns del leaf")
    assert not TOP.exists()
    assert processes.find([TOP]) == []


def test_it_is_foretold_started_once_changed_stopped_and_removed() -> None:
    for options in (
        {"links": ["near0", "leaf/far0"]},
        {"links": ["near0", "leaf/far0"], "filter": "arp"},
        {"state": "stopped"},
        {"links": ["near0"], "filter": "arp"},
        {"links": ["near0"], "state": "absent"},
    ):
        foretold = run_module("capture", check=True, lab="maple", **options)
        first = capture(**options)
        assert (first["changed"], foretold["diff"]) == (True, first["diff"])
        assert capture(**options)["changed"] is False
    assert [one["name"] for one in capture(state="stopped")["captures"]] == ["leaf.far0"]


def test_every_packet_is_there_from_the_start_to_the_stop() -> None:
    """Nothing is waited for in between: the first frame follows the module's return, and the stop the last frame."""
    capture(links=["leaf/far0"], direction="in")
    assert replay("near0", frames=[FRAME], loops=3000, speed=0)["frames"] == 3000
    (stopped,) = capture(state="stopped")["captures"]
    assert stopped["packets"] == {"captured": 3000, "received": 3000, "dropped": 0}
    assert [frame.data for frame in frames(stopped["files"][0])] == [bytes.fromhex(FRAME)] * 3000


def test_options_narrow_what_is_taken() -> None:
    other = FRAME.replace("88b5", "88b6")
    capture(links=["near0"], name="sent", direction="out", filter="ether proto 0x88b5", snaplen=20)
    capture(links=["near0"], name="received", direction="in")
    replay("near0", frames=[FRAME, other])
    assert taken(name="sent") == [bytes.fromhex(FRAME)[:20]]
    assert taken(name="received") == []


def test_a_ring_keeps_the_newest() -> None:
    capture(links=["leaf/far0"], ring={"files": 2, "size": 1}, direction="in")
    counted = [f"ffffffffffff 020000000042 88b5 {number:08x}" + "61" * 1400 for number in range(2500)]
    replay("near0", frames=counted, speed=0)
    (stopped,) = capture(state="stopped")["captures"]
    kept = [int.from_bytes(frame.data[14:18], "big") for path in stopped["files"] for frame in frames(path)]
    assert len(stopped["files"]) == 2
    assert 700 < len(kept) < 1600
    assert kept == list(range(2500 - len(kept), 2500))


def test_one_that_was_killed_is_started_again() -> None:
    capture(links=["near0"])
    (process,) = processes.find([TOP])
    os.kill(process.pid, signal.SIGKILL)
    assert capture(links=["near0"])["changed"] is True
    assert [one["state"] for one in capture(links=["near0"])["captures"]] == ["running"]


def test_one_at_an_interface_that_was_made_anew_is_started_again() -> None:
    capture(links=["leaf/far0"])
    shell("ip link del near0; ip link add near0 up type veth peer name far0 netns leaf; ip -n leaf link set far0 up")
    assert capture(links=["leaf/far0"])["changed"] is True
    replay("near0", frames=[FRAME])
    assert bytes.fromhex(FRAME) in taken()


def test_all_mistakes_are_told_before_anything_starts() -> None:
    failed = run_module("capture", lab="maple", links=["near0", "far0"], filter="ether foo")
    assert "filter: tcpdump does not understand 'ether foo'" in failed["msg"]
    assert "Cannot capture at 'far0': the lab host has no such interface" in failed["msg"]
    failed = run_module("capture", lab="maple", links=["near0"], via="tap")
    assert failed["msg"] == "Cannot open the cable of 'near0': it is no tap, whose cable a program could hold; leave out via."
    failed = run_module("capture", lab="maple", links=["cable0"], via="tap", filter="arp", ring={"files": 1, "size": 1})
    assert [line.partition(":")[0] for line in failed["msg"].splitlines()] == ["ring.files", "filter", "ring"]
    assert run_module("capture", lab="maple")["msg"] == "links: is missing; say where to capture"
    assert not TOP.exists()


def test_a_tap_that_somebody_holds_is_left_to_him() -> None:
    with subprocess.Popen(
        ["python3", "-c", "import fcntl, struct, sys\nf = open('/dev/net/tun', 'r+b', 0)\n"
         "fcntl.ioctl(f, 0x400454CA, struct.pack('16sH22x', b'cable0', 0x1002))\nprint(1, flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        cases: tuple[tuple[str, dict[str, Any]], ...] = (
            ("capture", {"lab": "maple", "links": ["cable0"]}),
            ("replay", {"link": "cable0", "frames": [FRAME]}),
        )
        for module, options in cases:
            assert run_module(module, via="tap", **options)["msg"] == "Cannot open the tap 'cable0': another process has it open."
        holder.communicate(b"")
    assert not TOP.exists()


@pytest.mark.parametrize("header", [False, True])
def test_both_ends_of_a_tap_whatever_is_ahead_of_its_frames(header: bool) -> None:
    """A tap with the virtio header stays one, and frames are read and written without it."""
    shell("ip link del cable0")
    wanted = {"name": "cable0", "lab": "maple", "vnet_hdr": header, "up": True, "adopt": True}
    done("tap", **wanted)
    capture(links=["cable0"], via="tap")
    capture(links=["cable0"], name="seen")
    out, into = FRAME, FRAME.replace("88b5", "88b6")
    replay("cable0", frames=[out])
    replay("cable0", frames=[into], via="tap")
    assert bytes.fromhex(out) in taken(links=["cable0"])
    assert bytes.fromhex(into) not in taken(links=["cable0"])
    assert {bytes.fromhex(out), bytes.fromhex(into)} <= set(taken(name="seen"))
    replay("cable0", frames=[into], via="tap")
    assert done("tap", **wanted)["changed"] is False


def test_frames_are_sent_in_time_as_often_and_with_the_addresses_that_are_asked(tmp_path: Path) -> None:
    capture(links=["near0"], direction="out")
    sent = replay("near0", frames=[FRAME] * 4, rate=20, loops=2, source_mac="02:00:00:00:00:07", destination_mac="02:00:00:00:00:08")
    assert sent["seconds"] >= 0.35
    (stopped,) = capture(state="stopped")["captures"]
    found = list(frames(stopped["files"][0]))
    assert [frame.data for frame in found] == [bytes.fromhex("020000000008 020000000007" + FRAME[25:])] * 8
    file = tmp_path / "again.pcap"
    file.write_bytes(Path(stopped["files"][0]).read_bytes())
    assert replay("near0", path=str(file))["seconds"] >= (found[-1].time - found[0].time) / 1e9 - 0.001


def test_what_cannot_be_sent_is_skipped_and_counted() -> None:
    result = replay("near0", frames=[FRAME, "ffffffffffff 0200", FRAME + "61" * 2000])
    assert (result["frames"], result["bytes"], result["skipped"]) == (1, 74, 2)


def test_check_mode_sends_nothing() -> None:
    capture(links=["near0"])
    foretold = run_module("replay", check=True, link="near0", frames=[FRAME])
    assert (foretold["changed"], foretold["frames"]) == (True, 0)
    assert bytes.fromhex(FRAME) not in taken()


def test_an_interface_that_is_down_is_told() -> None:
    shell("ip link set near0 down; ip link set cable0 down")
    assert run_module("replay", link="near0", frames=[FRAME])["msg"] == "Cannot send by 'near0': it is down."
    assert (
        run_module("replay", link="cable0", via="tap", frames=[FRAME])["msg"] == "Cannot use the cable of 'cable0': the interface is down."
    )
