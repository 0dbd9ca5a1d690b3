# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster: several lab hosts around this one, reached by SSH, with an underlay, of which nothing is left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from .test_labhost import LABHOST, everything, labhost


def ssh(member: str, command: str, code: int = 0) -> str:
    done = subprocess.run(["ssh", member, command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def before() -> str:
    return everything()


@pytest.fixture(scope="module")
def cluster(before: str) -> Iterator[None]:
    labhost("cluster", "up", "2", "--mtu", "1550")
    yield
    labhost("cluster", "down")
    assert everything() == before


def test_members_are_machines_that_are_logged_in_to(cluster: None) -> None:
    assert [ssh(member, "hostname").strip() for member in ("m1", "m2")] == ["m1", "m2"]
    ssh("m1", "ip netns add birch; touch /etc/birch")
    assert "birch" not in ssh("m2", "ip netns")
    ssh("m2", "test -e /etc/birch", code=1)


def test_the_underlay_has_the_mtu_that_was_asked_for(cluster: None) -> None:
    ssh("m1", "ping -c 1 -W 5 -M do -s 1522 198.18.0.2")
    ssh("m1", "ping -c 1 -W 1 -M do -s 1523 198.18.0.2", code=1)


def test_the_controller_is_in_the_management_network_only(cluster: None) -> None:
    assert "192.0.2.254" in ssh("m2", "echo $SSH_CONNECTION")
    assert "via 203.0.113.1" in subprocess.run(["ip", "route", "get", "198.18.0.1"], capture_output=True, text=True, check=True).stdout


def test_there_is_one_cluster_at_a_time(cluster: None) -> None:
    assert "already" in labhost("cluster", "up", "1", code=2)


def test_the_machine_itself_gets_none() -> None:
    argv = ["unshare", "--pid", "--fork", "--mount-proc", LABHOST, "cluster", "up", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "start one first" in done.stderr
