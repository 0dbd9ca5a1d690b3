# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of an uplink on its switch: moved, kept there, given back; and given back by the guard when a run dies or nobody comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._lock import lab_lock
from ansible_collections.netvirt.lab.plugins.module_utils._plan import Scope, converge, diff
from ansible_collections.netvirt.lab.plugins.module_utils._share import share_goals
from ansible_collections.netvirt.lab.plugins.module_utils._uplinks import confirmed
from ansible_collections.netvirt.lab.plugins.module_utils.resources.uplink import UplinkDriver
from ansible_collections.netvirt.lab.plugins.module_utils.topology.compile import compile_share, load

LAB = "ferry"
OWN = {"10.66.0.2/24", "10.66.0.3/24", "2001:db8:66::2/64"}
PATIENCE = 60  # seconds that a loaded machine may take


def shell(line: str) -> str:
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def addresses(device: str) -> set[str]:
    found = json.loads(shell(f"ip -j addr show {device}"))[0]["addr_info"]
    return {f"{one['local']}/{one['prefixlen']}" for one in found if one["scope"] != "link"}


def route() -> Any:
    return json.loads(shell("ip -j route show 10.67.0.0/16"))[0]


def lab(home: str = "quay", timeout: int = 60, **uplink: Any) -> dict[str, Any]:
    nodes = {
        "quay": {"kind": "bridge", "device": "quay0"},
        "pier": {"kind": "bridge", "device": "pier0"},
        "sea": {"kind": "uplink", "device": "nic0", "move_addresses": True, "confirm_timeout": timeout, **uplink},
    }
    return compile_share(load({"name": LAB, "nodes": nodes, "links": [["sea", home]]}))


def run(share: dict[str, Any], check: bool = False) -> Any:
    scope = Scope(LAB, check=check)
    with lab_lock(scope):
        return diff(converge(share_goals(share, LAB, (), None, {}), scope))


def confirm() -> list[str]:
    with lab_lock(Scope(LAB)):
        return confirmed(Scope(LAB))


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def guards() -> str:
    return shell(f"ps ax -o args | grep '[n]etvirt/{LAB}/' || true")


@pytest.fixture(autouse=True)
def nic() -> Iterator[None]:
    """Give an interface of the machine's own, nic0, by which the machine is reached from a namespace, and see it in the end as it was."""
    shell("ip netns add office; ip link add nic0 type veth peer name desk0 netns office; ip -n office addr add 10.66.0.1/24 dev desk0")
    shell("ip -n office link set desk0 up; ip link set nic0 up; ip addr add 10.66.0.2/24 dev nic0; ip addr add 10.66.0.3/24 dev nic0")
    shell("ip -6 addr add 2001:db8:66::2/64 dev nic0 nodad; ip addr change 10.66.0.2/24 dev nic0 valid_lft 5000 preferred_lft 4000")
    shell("ip route add 10.67.0.0/16 via 10.66.0.1 metric 9 src 10.66.0.3")
    yield
    run({})
    assert "master" not in json.loads(shell("ip -j link show nic0"))[0]
    assert addresses("nic0") == OWN
    assert (route()["dev"], route()["metric"], route()["prefsrc"]) == ("nic0", 9, "10.66.0.3")
    (lease,) = [one for one in json.loads(shell("ip -j addr show nic0"))[0]["addr_info"] if one["local"] == "10.66.0.2"]
    assert 4000 < lease["valid_life_time"] <= 5000, "the lease ends when it would have"
    assert not guards()
    assert not Path("/run/netvirt", LAB).exists() or not list(Path("/run/netvirt", LAB).iterdir())
    shell("ip link del nic0; ip netns del office; rmdir /run/netvirt/ferry /run/netvirt 2>/dev/null || true")


def test_moved_kept_and_given_back() -> None:
    foretold = run(lab(), check=True)
    assert addresses("nic0") == OWN
    assert run(lab()) == foretold
    assert addresses("quay0") == OWN
    assert addresses("nic0") == set()
    assert (route()["dev"], route()["metric"], route()["prefsrc"]) == ("quay0", 9, "10.66.0.3")
    shell("ip netns exec office ping -c1 -W5 10.66.0.2")
    assert guards()
    assert run(lab()) == diff([])
    assert confirm() == ["nic0"]
    assert confirm() == []
    assert not guards()
    # What others do is repaired: an address comes back to the interface, another is lost on the switch, a route too.
    for harm in (
        "ip addr add 10.66.0.2/24 dev nic0",
        "ip addr del 10.66.0.3/24 dev quay0",
        "ip route del 10.67.0.0/16",
        "ip link del quay0",
    ):
        shell(harm)
        foretold = run(lab(), check=True)
        assert foretold != diff([])
        assert run(lab()) == foretold
        assert run(lab()) == diff([])
        assert addresses("nic0") == set()
        assert addresses("quay0") == OWN
        assert route()["dev"] == "quay0"
    # To another switch of the lab, and to none.
    foretold = run(lab("pier"), check=True)
    assert run(lab("pier")) == foretold
    assert addresses("pier0") == OWN
    assert run(lab("pier")) == diff([])


def test_nobody_comes() -> None:
    run(lab(timeout=1))
    assert addresses("quay0") == OWN
    until(lambda: addresses("nic0") == OWN and not guards())
    assert addresses("quay0") == set()
    with pytest.raises(LabError, match=r"Nobody came in by 'quay0' within 1 seconds .* 'nic0' has them again"):
        confirm()
    assert run(lab()) != diff([])
    assert confirm() == ["nic0"]


@pytest.mark.parametrize("moment", ["apply", "remove"])
def test_a_run_that_is_killed(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if moment == "remove":
        run(lab(timeout=1))
        confirm()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(UplinkDriver, moment, lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
        run(lab(timeout=1) if moment == "apply" else {})
    os.waitpid(child, 0)
    # It was about to move them, the interface being a port already; or about to give them back.
    until(lambda: addresses("nic0") == OWN and not guards())
    assert "master" not in json.loads(shell("ip -j link show nic0"))[0]
    run(lab())
    assert confirm() == ["nic0"]
    assert addresses("quay0") == OWN


def test_nothing_is_moved_if_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/bin/false")
        with pytest.raises(LabError, match=r"The guard, .*, does not start, so nothing is moved"):
            run(lab())
    assert addresses("nic0") == OWN
    run(lab())
    assert addresses("quay0") == OWN
    assert confirm() == ["nic0"]


def test_what_answered_before_must_answer_again() -> None:
    share = lab(check=["10.66.0.1"])
    run(share)
    # ARP goes on, which is not what it answered by before.
    shell("ip netns exec office nft 'table inet deaf { chain in { type filter hook input priority 0; drop; }; }'")
    with pytest.raises(LabError, match=r"^10\.66\.0\.1 answered before .* moved to 'quay0', and not since: 'nic0' has them again"):
        confirm()
    assert addresses("nic0") == OWN
    with pytest.raises(LabError, match=r"address 10\.66\.0\.1 does not answer even before the uplink 'nic0' is moved; correct its check"):
        run(share)
    assert addresses("nic0") == OWN


def test_a_route_by_several_ways_is_refused() -> None:
    shell("ip route add 10.68.0.0/16 nexthop via 10.66.0.1 nexthop dev lo")
    for check in (True, False):
        with pytest.raises(LabError, match=r"'nic0' has a route that leads by other interfaces too \(10\.68\.0\.0/16\)"):
            run(lab(), check=check)
    assert addresses("nic0") == OWN
    shell("ip route del 10.68.0.0/16")
