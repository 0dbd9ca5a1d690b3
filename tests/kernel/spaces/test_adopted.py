# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace that is somebody else's, as a container's: it gets links of the lab, and nothing else of it is touched."""

from __future__ import annotations

import copy
import difflib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabErrors

from ..changes.conftest import Lab, shell
from ..playbooks import trace

PORT = Lab("port")
OTHER = Lab("other")


class Container:
    """A process that plays a container: with a network that its own runtime has set up."""

    def __init__(self) -> None:
        own = "ip link set lo up; ip link add own0 type bridge; ip addr add 172.31.0.9/24 dev own0; ip link set own0 up"
        ready = f"{own}; echo up; exec sleep 1000000"
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", ready], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        assert self.process.stdout.readline() == "up\n"
        self.before = self.network()

    @property
    def pid(self) -> int:
        return self.process.pid

    def run(self, line: str) -> str:
        return shell(f"nsenter -t {self.pid} -n {line}")

    def network(self) -> Any:
        """Return all that its runtime could wonder about."""
        links = json.loads(self.run("ip -j addr"))
        shown = [(link["ifname"], link.get("ifalias"), "UP" in link["flags"]) for link in links]
        addresses = [address["local"] for link in links for address in link["addr_info"] if address["scope"] != "link"]
        return shown, addresses, self.run("ip route"), self.run("nft list ruleset"), self.run("sysctl -n net.ipv4.ip_forward")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def container() -> Iterator[Container]:
    before = trace()
    made = Container()
    try:
        yield made
    finally:
        PORT.bring(None)
        OTHER.bring(None)
        made.end()
    assert list(difflib.unified_diff(before, trace(), lineterm="", n=0)) == []


def data(pid: int) -> dict[str, Any]:
    return {
        "nodes": {
            "quay": {"kind": "bridge", "ipv4": "10.72.0.1/24"},
            "ship": {"adopt": {"pid": pid}, "sysctls": {"net.ipv4.ip_forward": 1}, "services": {"horn": "sleep 1000000"}},
            "boat": {"ipv4": "10.72.0.3"},
        },
        "links": [
            {"endpoints": ["ship:lab0", "quay"], "ipv4": "10.72.0.2"},
            "boat quay",
            {"endpoints": ["ship:lab1", "boat"], "ipv4": {"ship": "10.73.0.1/30", "boat": "10.73.0.2/30"}},
        ],
    }


def names(container: Container) -> set[str]:
    return {link["ifname"] for link in json.loads(container.run("ip -j link"))}


def test_a_container_gets_links_and_loses_them_and_nothing_else(container: Container) -> None:
    done = PORT.changed(data(container.pid))
    assert done["after"]["netns"]["port.ship"]["source"] == f"/proc/{container.pid}/ns/net"
    assert names(container) == {"lo", "own0", "lab0", "lab1"}
    for line in ("ip netns exec port.boat ping -c 1 -W 5 10.72.0.2", "ip netns exec port.boat ping -c 1 -W 5 10.73.0.1"):
        shell(line)
    container.run("ping -c 1 -W 5 10.72.0.3")
    assert "default" not in container.run("ip route")
    assert container.run("ip -o link show lo").count("netvirt") == 0
    PORT.changed(None)
    assert container.network() == container.before
    assert not os.path.exists("/run/netns/port.ship")


def test_a_container_that_was_started_again_is_found_and_linked_anew(container: Container) -> None:
    PORT.bring(data(container.pid))
    again = Container()
    try:
        done = PORT.changed(data(again.pid))
        assert done["before"]["netns"] == {"port.ship": {"source": f"/proc/{container.pid}/ns/net"}}
        assert done["after"]["netns"] == {"port.ship": {"source": f"/proc/{again.pid}/ns/net"}}
        assert names(container) == {"lo", "own0"}
        assert names(again) == {"lo", "own0", "lab0", "lab1"}
        again.run("ping -c 1 -W 5 10.72.0.3")
        again.run("ping -c 1 -W 5 10.73.0.2")
        PORT.changed(None)
        assert again.network() == container.before
    finally:
        again.end()


def test_the_same_file_with_another_namespace_is_drift(container: Container, tmp_path: Path) -> None:
    place = tmp_path / "net"
    place.touch()
    shell(f"mount --bind /proc/{container.pid}/ns/net {place}")
    again = Container()
    try:
        wanted = data(1)
        wanted["nodes"]["ship"]["adopt"] = {"path": str(place)}
        PORT.changed(wanted)
        shell(f"umount {place}; mount --bind /proc/{again.pid}/ns/net {place}")
        assert PORT.changed(wanted)["before"]["netns"] == {"port.ship": {"source": f"formerly {place}"}}
        assert names(again) == {"lo", "own0", "lab0", "lab1"}
        assert names(container) == {"lo", "own0"}
        # Torn down while the file is no more.
        shell(f"umount {place}")
        PORT.changed(None)
        assert again.network() == container.before
    finally:
        again.end()


def test_one_that_has_ended_leaves_nothing_behind(container: Container) -> None:
    PORT.bring(data(container.pid))
    gone = data(container.pid)
    container.end()
    with pytest.raises(LabErrors, match="does the container run, and is this its process"):
        PORT.bring(gone)
    PORT.changed(None)


def test_two_labs_and_another_name_for_it_do_not_disturb_each_other(container: Container) -> None:
    shell(f"touch /run/netns/afterdeck && mount --bind /proc/{container.pid}/ns/net /run/netns/afterdeck")
    try:
        mine, theirs = data(container.pid), copy.deepcopy(data(container.pid))
        theirs["links"] = [{"endpoints": ["ship:lab7", "boat"], "ipv4": {"ship": "10.74.0.1/30", "boat": "10.74.0.2/30"}}]
        theirs["nodes"] = {"ship": {"adopt": {"pid": container.pid}}, "boat": None}
        PORT.changed(mine)
        OTHER.changed(theirs)
        assert PORT.bring(mine) == {"before": {}, "after": {}}
        assert names(container) == {"lo", "own0", "lab0", "lab1", "lab7"}
        PORT.changed(None)
        assert names(container) == {"lo", "own0", "lab7"}
        OTHER.changed(None)
    finally:
        shell("umount /run/netns/afterdeck; rm /run/netns/afterdeck")


@pytest.mark.parametrize(
    ("adopt", "problem"),
    [
        ({"pid": 999999999}, "No such file or directory; does the container run"),
        ({"path": "/proc/self/ns/net"}, "it is the lab host's own network"),
        ({"path": "/proc/self/ns/uts"}, "it is no network namespace"),
        ({"path": "/etc/hostname"}, "it is no network namespace"),
    ],
)
def test_what_cannot_be_adopted_is_told_before_anything_is_made(container: Container, adopt: dict[str, Any], problem: str) -> None:
    wanted = data(1)
    wanted["nodes"]["ship"]["adopt"] = adopt
    with pytest.raises(LabErrors, match=problem):
        PORT.bring(wanted)
    assert not os.path.exists("/run/netns/port.boat")
