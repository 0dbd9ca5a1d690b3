# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for routers: who is asked, when it ends, and what is told when it is given up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils import _routing
from ansible_collections.netvirt.lab.plugins.module_utils._adjacency import Router, Session
from ansible_collections.netvirt.lab.plugins.module_utils._routing import Routing
from ansible_collections.netvirt.lab.plugins.module_utils.transport.vty import ask

WEST = Router("west", "lab.west", (Session("OSPFv2", "east", "10.255.0.2", "eth0"),), frozenset({"10.2.0.0/24"}))
EAST = Router("east", "lab.east", (Session("OSPFv2", "west", "10.255.0.1", "eth1"),), frozenset())


class World:
    """What routers say and know, and what time it is."""

    def __init__(self) -> None:
        self.states = {"west": "Full/-", "east": "Full/-"}
        self.routes = {"lab.west": frozenset({"10.2.0.0/24"}), "lab.east": frozenset({"10.1.0.0/24"})}
        self.time = 100.0
        self.asked: list[str] = []

    def ask(self, path: Path, command: str) -> Any:
        assert (path.name, command) == ("ospfd.vty", "show ip ospf neighbor json")
        name = path.parent.name
        self.asked.append(name)
        session = {"west": WEST, "east": EAST}[name].sessions[0]
        return {"neighbors": {session.key: [{"nbrState": self.states[name], "ifaceName": f"{session.interface}:10.0.0.1"}]}}


class Kernel:
    def __init__(self, world: World, netns: str) -> None:
        self.destinations = lambda: world.routes[netns]

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_of: object) -> None:
        pass


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(_routing, "ask", world.ask)
    monkeypatch.setattr(_routing, "Netlink", lambda netns: Kernel(world, netns))
    return world


def waits(routing: Routing) -> list[str]:
    return [next(routing.stages(name), "") for name in ("west", "east")]


def test_what_is_there_at_once_is_ready_at_once(world: World) -> None:
    routing = Routing("lab", [WEST, EAST], 60, now=lambda: world.time)
    assert waits(routing) == ["routing (its neighbours)"] * 2
    routing.look()
    assert waits(routing) == ["", ""]
    assert routing.warnings == []
    routing.look()
    assert world.asked == ["west", "east"]


def test_who_lacks_something_is_asked_again_and_all_once_more_until_nothing_moves(world: World) -> None:
    routing = Routing("lab", [WEST, EAST], 60, now=lambda: world.time)
    world.states["west"] = "Init/-"

    def look(seconds: float) -> list[str]:
        world.time += seconds
        world.asked.clear()
        routing.look()
        return world.asked

    assert look(0) == ["west", "east"]
    assert waits(routing) == ["routing (OSPFv2 with east on eth0: Init)", "routing (the routes of other routers)"]
    assert look(0.2) == []
    world.states["west"], world.routes["lab.west"] = "Full/-", frozenset()
    assert look(0.5) == ["west"]
    assert waits(routing)[0] == "routing (no route to 10.2.0.0/24)"
    world.routes["lab.west"] = frozenset({"10.2.0.0/24"})
    assert look(0.5) == ["west"]
    assert waits(routing)[0]
    # Of east nobody knows what it must learn.
    world.routes["lab.east"] = frozenset({"10.1.0.0/24", "10.9.0.0/24"})
    assert look(0.5) == ["west", "east"]
    assert waits(routing)[0]
    look(0.6)
    assert waits(routing)[0]
    look(0.6)
    assert waits(routing) == ["", ""]
    assert routing.warnings == []


def test_after_a_while_it_is_a_warning(world: World) -> None:
    routing = Routing("lab", [WEST, EAST], 5, now=lambda: world.time)
    world.states["east"], world.routes["lab.west"] = "ExStart/-", frozenset()
    routing.look()
    world.time += 5
    routing.look()
    assert waits(routing) == ["", ""]
    assert routing.warnings == ["Routing is not complete after 5 seconds: east, OSPFv2 with west on eth1: ExStart."]


def test_routes_are_missed_where_all_neighbours_are_there(world: World) -> None:
    routing = Routing("lab", [WEST, EAST], 0, now=lambda: world.time)
    world.routes["lab.west"] = frozenset()
    routing.look()
    assert routing.warnings == ["Routing is not complete after 0 seconds: west: no route to 10.2.0.0/24."]


def test_without_routers_there_is_nothing_to_wait_for() -> None:
    routing = Routing("lab", [], 60)
    routing.look()
    assert waits(routing) == ["", ""]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """Give a daemon's socket, and the answers that it has left."""
    path, answers = tmp_path / "ospfd.vty", [b'{"a"', b": 1}", b"\0\0\0", b"\0"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            client, _address = server.accept()
            with client:
                assert client.recv(99) == b"show all json\0"
                for answer in answers:
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield path, answers
        thread.join()


def test_a_daemon_is_asked_at_its_socket(daemon: tuple[Path, list[bytes]]) -> None:
    assert ask(daemon[0], "show all json") == {"a": 1}


@pytest.mark.parametrize("answers", [[b"% Unknown command\n", b"\0\0\0\2"], [b"{"], []], ids=["unknown", "cut", "silent"])
def test_a_daemon_that_says_nothing_of_use(daemon: tuple[Path, list[bytes]], answers: list[bytes]) -> None:
    daemon[1][:] = answers
    assert ask(daemon[0], "show all json") is None


def test_no_daemon(tmp_path: Path) -> None:
    assert ask(tmp_path / "none", "show") is None
