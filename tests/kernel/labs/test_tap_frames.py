# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab tap_frames: both ends of a tap, and what the bridge makes of frames that are written to either."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.netvirt.lab.plugins.module_utils.resources.capture import described
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import frames

from ..playbooks import TOPOLOGY, Playbooks
from .captures import Packets, forwarding, frame, mac, shell, until

LAB = "tap_frames"
PACKETS = Packets(LAB)
EVERYONE = "ff:ff:ff:ff:ff:ff"
NEWCOMER = "02:00:00:00:00:42"


def port() -> dict[str, Any]:
    (found,) = json.loads(shell("bridge -j link show dev tap0"))
    return {"state": found["state"], "carrier": "NO-CARRIER" not in found["flags"]}


def test_a_tap_that_nobody_has_open_is_a_cable_without_a_machine(lab: Playbooks) -> None:
    until(lambda: port() == {"state": "disabled", "carrier": False})
    PACKETS.capture(links=["guest:eth0"], via="tap")
    assert port() == {"state": "forwarding", "carrier": True}
    PACKETS.capture(state="absent")


def test_what_is_written_to_the_tap_arrives_at_it_and_is_forwarded(lab: Playbooks) -> None:
    written = frame(EVERYONE, NEWCOMER, text="written")
    with PACKETS.seen("tap0", direction="in", filter="ether proto 0x88b5") as at_tap, PACKETS.seen("ann:eth0", "bob:eth0") as at_ends:
        assert PACKETS.replay("guest:eth0", via="tap", frames=[written])["frames"] == 1
    sent = bytes.fromhex(written)
    assert at_tap["tap0"] == [sent]
    assert [len([one for one in at_ends[end] if one == sent]) for end in ("ann:eth0", "bob:eth0")] == [1, 1]


def test_what_is_sent_out_of_the_tap_goes_to_its_reader_and_not_to_the_bridge(lab: Playbooks) -> None:
    """The same frame at the same interface: by a packet socket it leaves by the cable, the bridge behind the interface never sees it."""
    stranger = "02:00:00:00:00:43"
    sent = frame(EVERYONE, stranger, text="sent")
    with PACKETS.seen("guest:eth0", via="tap") as read:
        # tcpdump sees what goes either way, which is why it tells nothing of what the bridge gets.
        with PACKETS.seen("tap0", direction="out", filter="ether proto 0x88b5") as at_tap, PACKETS.seen("ann:eth0") as at_ann:
            assert PACKETS.replay("tap0", frames=[sent])["frames"] == 1
        assert stranger not in forwarding("plaza")
    assert at_tap["tap0"] == [bytes.fromhex(sent)]
    assert bytes.fromhex(sent) in read["guest:eth0"]
    assert bytes.fromhex(sent) not in at_ann["ann:eth0"]


def test_a_ping_into_the_void_is_read_from_the_tap_as_arp_requests(lab: Playbooks) -> None:
    with PACKETS.seen("guest:eth0", via="tap") as read:
        asked = subprocess.run("ip netns exec ann ping -c2 -i0.2 -W1 10.77.0.77", shell=True, capture_output=True, check=False)
        assert asked.returncode == 1
    requests = [one for one in read["guest:eth0"] if one[12:14] == b"\x08\x06" and one[38:42] == bytes((10, 77, 0, 77))]
    assert requests
    assert {(one[:6].hex(":"), one[6:12].hex(":")) for one in requests} == {(EVERYONE, mac("ann"))}
    # All that is asked is who has the address: the ping itself waits for an answer and never leaves.
    assert not [one for one in read["guest:eth0"] if one[12:14] == b"\x08\x00" and one[23] == 1]


def test_a_replayed_frame_teaches_the_bridge_where_its_source_is(lab: Playbooks) -> None:
    """The bridge believes the last frame that it saw: with ann's address, bob's pings to ann go to the tap until ann says something."""
    ann, bob = mac("ann"), mac("bob")
    shell("ip netns exec ann ping -c1 10.77.0.2")
    assert forwarding("plaza")[ann][0] != "tap0"
    with PACKETS.seen("guest:eth0", via="tap") as read, PACKETS.seen("ann:eth0", filter="icmp") as at_ann:
        PACKETS.replay("guest:eth0", via="tap", frames=[frame(bob, NEWCOMER, text="here"), frame(bob, ann, text="here too")])
        table = forwarding("plaza")
        assert (table[NEWCOMER][0], table[ann][0]) == ("tap0", "tap0")
        lost = subprocess.run(
            f"ip -n bob neigh replace 10.77.0.1 lladdr {ann} dev eth0 && ip netns exec bob ping -c1 -W1 10.77.0.1", shell=True, check=False
        )
        assert lost.returncode == 1
        shell("ip netns exec ann ping -c1 10.77.0.2")
        assert forwarding("plaza")[ann][0] != "tap0"
        shell("ip netns exec bob ping -c1 -W5 10.77.0.1")
    stolen = [one for one in read["guest:eth0"] if one[:12] == bytes.fromhex((ann + bob).replace(":", "")) and one[12:14] == b"\x08\x00"]
    assert len(stolen) == 1
    assert stolen[0] not in at_ann["ann:eth0"]
    # With the cable pulled out, the bridge forgets what it has learned there.
    until(lambda: NEWCOMER not in forwarding("plaza"))


def test_a_capture_fetched_by_the_playbook_is_replayed_by_the_other(lab: Playbooks, tmp_path: Path) -> None:
    asking = ["ip", "netns", "exec", "ann", "ping", "-q", "-i0.2", "-p", "c0ffee", "10.77.0.2"]
    with subprocess.Popen(asking, stdout=subprocess.DEVNULL) as ping:
        given = {"links": "ann plaza", "filter": "icmp[0] == 8", "seconds": 2, "dest": tmp_path}
        lab.changed(
            "netvirt.lab.capture", *(word for key, value in given.items() for word in ("-e", json.dumps({f"capture_{key}": str(value)})))
        )
        ping.terminate()
    captured = [one.data for one in frames(str(tmp_path / "ann.eth0.pcap"))]
    assert len(captured) > 1
    with PACKETS.seen("bob:eth0", direction="in", filter="icmp[0] == 8") as at_bob:
        lab.changed(
            "netvirt.lab.replay", "-e", f"replay_file={tmp_path}/ann.eth0.pcap", "-e", "replay_link=guest:eth0", "-e", "replay_via=tap"
        )
    assert at_bob["bob:eth0"] == captured


def test_captures_are_not_the_topologys_but_go_with_it(lab: Playbooks) -> None:
    """They run on while the lab is brought up again; that they are gone with it is seen at its end."""
    PACKETS.capture(links=["guest:eth0"], via="tap")
    PACKETS.capture(links=["ann", "bob", "plaza"])
    assert lab.changed(*TOPOLOGY) == 0
    names = ["guest.eth0", "ann.eth0", "bob.eth0", "plaza"]
    assert [one["state"] for one in described("tap-frames", names)] == ["running"] * 4
