# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of the labs below inventory/: captured at links while something happens, and sent."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from ansible_collections.netvirt.lab.plugins.module_utils._capture_options import captures
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Goal, Scope, converge
from ansible_collections.netvirt.lab.plugins.module_utils._replay import replay_from, replayed
from ansible_collections.netvirt.lab.plugins.module_utils.resources._bridge_look import look
from ansible_collections.netvirt.lab.plugins.module_utils.resources.capture import CaptureDriver, described
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load
from ansible_collections.netvirt.lab.plugins.module_utils.transport.pcap import frames

from ..playbooks import CHECKOUT, Playbooks

# The modules' defaults.
CAPTURE: dict[str, Any] = {"links": [], "name": None, "state": "running", "filter": "", "direction": "inout"}
CAPTURE |= {"snaplen": 262144, "ring": None, "via": "interface"}
REPLAY: dict[str, Any] = {"path": None, "frames": None, "via": "interface", "speed": 1.0, "rate": None, "loops": 1}
REPLAY |= {"source_mac": None, "destination_mac": None}


def shell(line: str) -> str:
    """Run a command line that succeeds and return what it says."""
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(condition: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until a condition holds; fail if it does not within patience seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Packets:
    """The modules capture and replay with the share of one lab."""

    def __init__(self, lab: str) -> None:
        text = (CHECKOUT / "inventory" / lab / "topology.netvirt.yml").read_text(encoding="utf-8")
        self.share = compile_share(load(yaml.safe_load(text)))

    def capture(self, **options: Any) -> list[dict[str, Any]]:
        """Do what the module does, in this process, as labs have many captures."""
        lab = self.share["lab"]
        wanted = captures({**CAPTURE, **options}, self.share, lab)
        names = [one.name for one in wanted]
        absent = options.get("state") == "absent"
        scope = Scope(lab)
        with lab_lock(scope):
            converge([Goal(CaptureDriver(), () if absent else tuple(wanted), tuple(names) if absent else ())], scope)
            return described(lab, names)

    def replay(self, link: str, **options: Any) -> dict[str, Any]:
        """Do what the module does."""
        return replayed(replay_from({**REPLAY, "link": link, **options}, self.share), check=False)

    @contextmanager
    def seen(self, *links: str, **options: Any) -> Iterator[dict[str, list[bytes]]]:
        """Capture at links while the body runs; behind it the frames are there by link."""
        found: dict[str, list[bytes]] = {}
        names = {link: one["name"] for link, one in zip(links, self.capture(links=list(links), **options), strict=True)}
        try:
            yield found
            files = {one["name"]: one["files"] for one in self.capture(state="stopped", links=list(links))}
            found.update({link: [frame.data for path in files[name] for frame in frames(path)] for link, name in names.items()})
        finally:
            self.capture(state="absent", links=list(links))


def forwarding(bridge: str) -> dict[str, Any]:
    """Return where a bridge has learned that addresses are: the port and the age by MAC address."""
    (found,) = look("", bridge, None, ["fdb"])
    return {entry["mac"]: (entry["port"], entry["age"]) for entry in found["fdb"] if not entry["local"]}


def mac(netns: str, interface: str = "eth0") -> str:
    """Return the MAC address of a namespace's interface."""
    return shell(f"ip netns exec {netns} cat /sys/class/net/{interface}/address").strip()


def frame(destination: str, source: str, kind: int = 0x88B5, text: str = "") -> str:
    """Return a frame in hexadecimal digits; 88b5 is the EtherType for experiments (IEEE 802)."""
    return f"{destination} {source} {kind:04x} {text.encode().hex()}".replace(":", "")


def ip(data: bytes) -> tuple[str, str, int]:
    """Return source, destination and TTL of a frame with an IPv4 packet."""
    assert data[12:14] == b"\x08\x00"
    return socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34]), data[22]


def guest(lab: Playbooks, name: str, command: str) -> str:
    """Run a command in a guest by plain ssh, as site.yml says, and return what it says."""
    (settings,) = lab.folder.glob("data/netvirt/*/ssh_config")
    return shell(f"ssh -F {shlex.quote(str(settings))} {name} {shlex.quote(command)}")
