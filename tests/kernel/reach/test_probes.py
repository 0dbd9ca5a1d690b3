# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes from inside real namespaces: echoes, ports, names, many at once."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.reach.engine import probe_all
from ansible_collections.netvirt.lab.plugins.module_utils.transport import dns
from ansible_collections.netvirt.lab.plugins.module_utils.transport.namespaces import inside
from ansible_collections.netvirt.lab.plugins.module_utils.transport.neighbours import Neighbours
from ansible_collections.netvirt.lab.plugins.module_utils.transport.probes import Outcome, Probe

from .conftest import Pond, run


@contextmanager
def answering(netns: str, address: str, port: int) -> Iterator[list[bytes]]:
    """Answer datagrams in a namespace while the body runs; the list is of those that came."""
    with inside(netns):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    came: list[bytes] = []

    def serve() -> None:
        while True:
            data, sender = server.recvfrom(2048)
            if data == b"end":
                return
            came.append(data)
            server.sendto(data, sender)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield came
    finally:
        with inside(netns), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"end", (address, port))
        thread.join(10)
        server.close()


def test_tcp(pond: Pond) -> None:
    web = {"from": ["h1", "localhost"], "to": "h2", "tcp": 80}
    with inside("pond.h2"):
        server = socket.create_server(("10.43.0.12", 80))
    with server:
        assert pond.failures(web) == []
        (first, second) = pond.failures({**web, "reach": False})
        assert first == ("'h1' can reach 10.43.0.12 port 80/tcp (h2): it does, and should not. Path: h1:eth0 - sw - h2:eth0.")
        assert second.startswith("'localhost' can reach")
    (told, _second) = pond.failures(web)
    assert told.endswith("(h2): connection refused. Path: h1:eth0 - sw - h2:eth0. Likely: nobody listens at tcp port 80 there.")
    assert pond.failures({**web, "reach": False}) == []
    run("ip -n pond.h2 link set eth0 down")
    (told, _second) = pond.failures(web)
    assert "Likely: h2:eth0 is down." in told


def test_udp(pond: Pond) -> None:
    ask = {"from": "h1", "to": "h2", "udp": 7}
    both = [ask, {**ask, "reach": False}]
    with answering("pond.h2", "10.43.0.12", 7) as came:
        (told,) = pond.failures(*both)
        assert told.startswith("'h1' can reach 10.43.0.12 port 7/udp")
        assert set(came) == {b"\0"}
    (told,) = pond.failures(*both)
    assert told.startswith("'h1' cannot reach 10.43.0.12 port 7/udp (h2): connection refused.")
    with inside("pond.h2"):
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind(("10.43.0.12", 7))
        assert pond.failures(*both) == []
        run("ip -n pond.h2 link set eth0 down")
        (told,) = pond.failures(*both)
    assert told.endswith("Likely: h2:eth0 is down.")


def test_ipv6(pond: Pond) -> None:
    for number in (1, 2):
        run(f"ip -n pond.h{number} address add fd43::{number}/64 dev eth0 nodad")
    assert pond.failures({"from": "h1", "to": ["fd43::2", "fd43::1"]}, {"from": "h1", "to": "fd43::2", "mtu": 1500}) == []
    (told,) = pond.failures({"from": "h1", "to": "fd43::3"})
    assert told.endswith("Likely: nobody answers h1's ND requests for fd43::3.")


def test_names_are_asked_of_the_namespaces_own_server(pond: Pond, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "servers", lambda netns: (["10.43.0.13"] if netns == "pond.h1" else [], ["pond.internal"]))
    command = [
        "dnsmasq",
        "-k",
        "-C",
        "/dev/null",
        "-p",
        "53",
        "-a",
        "10.43.0.13",
        "-z",
        "-R",
        "-h",
        "--host-record=h2.pond.internal,10.43.0.12",
    ]
    server = subprocess.Popen(["ip", "netns", "exec", "pond.h3", *command, "--pid-file="], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 5
        probe = Probe("pond.h1", "dns", "10.43.0.13", name="h2.pond.internal")
        while probe_all([probe], 1) != [Outcome("answered", "10.43.0.12")]:
            assert time.monotonic() < deadline
        assert pond.failures({"from": "pond.h1", "to": "h2"}, share={}) == []
        (told,) = pond.failures({"from": "pond.h1", "to": "h9"}, share={})
        assert "there is no name 'h9'" in told
        (told,) = pond.failures({"from": "pond.h2", "to": "h2"}, share={})
        assert "there is no name 'h2'" in told
    finally:
        server.kill()
        server.wait()


def test_without_a_topology_namespaces_and_addresses_do(pond: Pond) -> None:
    assert (
        pond.failures({"from": "pond.h[1:3]", "to": ["10.43.0.14", "10.43.0.1"]}, {"from": "localhost", "to": "10.43.0.11"}, share={}) == []
    )
    run("ip -n pond.h1 route del default")
    (told,) = pond.failures({"from": "pond.h1", "to": "10.99.0.1"}, share={})
    assert told == (
        "'pond.h1' cannot reach 10.99.0.1: network is unreachable. Likely: pond.h1 has no route to 10.99.0.1 (network is unreachable)."
    )


def crowd(pond: Pond) -> tuple[list[Probe], dict[str, str]]:
    """Return more pairs than may be under way at once, by giving each namespace seven addresses; and whose addresses they are."""
    owners = {f"10.43.0.1{number}": f"pond.h{number}" for number in range(1, 7)}
    for number in range(1, 7):
        for net in range(1, 7):
            owners[f"10.43.{net}.{number}"] = f"pond.h{number}"
            run(f"ip -n pond.h{number} address add 10.43.{net}.{number}/16 dev eth0")
    return [Probe(f"pond.h{number}", "ping", address) for number in range(1, 7) for address in owners], owners


def test_what_a_crowd_leaves_in_the_neighbour_tables_is_taken_away(pond: Pond) -> None:
    run("ip -n pond.h1 neighbour add 10.43.0.99 lladdr 02:00:00:00:00:99 dev eth0")
    run("ip netns exec pond.h1 ping -q -c1 -W2 10.43.0.12")
    probes, owners = crowd(pond)
    assert {outcome.kind for outcome in probe_all(probes, 20, owners)} == {"answered"}
    left = subprocess.run(["ip", "-n", "pond.h1", "neighbour"], capture_output=True, text=True, check=True).stdout
    known = {line.split()[0] for line in left.splitlines()}
    assert {"10.43.0.99", "10.43.0.12"} <= known
    assert len(known) < 20


def test_who_was_lent_a_wrong_mac_address_asks_for_the_right_one(pond: Pond, monkeypatch: pytest.MonkeyPatch) -> None:
    probes, owners = crowd(pond)
    lend = Neighbours.lend
    lent: set[str] = set()

    def wrong(self: Neighbours, entries: Collection[tuple[int, str, bytes]]) -> None:
        lent.update(address for _index, address, _mac in entries)
        lend(self, [(index, address, b"\2\0\0\0\0\1") for index, address, _mac in entries])

    monkeypatch.setattr(Neighbours, "lend", wrong)
    assert {outcome.kind for outcome in probe_all(probes, 20, owners)} == {"answered"}
    assert len(lent) > 30


def test_a_budget_that_is_too_short_is_kept(pond: Pond) -> None:
    begin = time.monotonic()
    outcomes = probe_all([Probe("pond.h1", "ping", f"10.43.0.{number}") for number in range(100, 250)], 0.5)
    assert time.monotonic() - begin < 10
    assert {outcome.kind for outcome in outcomes} == {"silent"}
