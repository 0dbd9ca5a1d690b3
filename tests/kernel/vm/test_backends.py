# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's own backends under VMs without a system: they start, are read back, and change as far as a running QEMU allows."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.transport.qmp import Qmp

from .conftest import Bench, actions, shell, wait_for

pytestmark = pytest.mark.guest
SMALL = {"memory": 32, "accel": "tcg", "stop_timeout": 0}


def vm(name: str, *backends: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, **SMALL, "nics": [{"model": "e1000", "backend": backend} for backend in backends], **more}


def listening(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def forwarding(*ports: int) -> dict[str, Any]:
    return vm("hen", {"type": "user", "hostfwd": [f"tcp:127.0.0.1:{port}-:{port + 1}" for port in ports]})


def test_forwarded_ports_are_changed_under_the_running_guest(bench: Bench) -> None:
    assert bench.told(forwarding(23001, 23002)) == [("vm", "create", frozenset())]
    pid = bench.pid("hen")
    assert (listening(23001), listening(23002), listening(23003)) == (True, True, False)
    assert bench.told(forwarding(23002, 23003)) == [("vm", "update", frozenset({"nics"}))]
    assert (listening(23001), listening(23002), listening(23003)) == (False, True, True)
    assert bench.told(forwarding()) == [("vm", "update", frozenset({"nics"}))]
    assert (listening(23002), listening(23003)) == (False, False)
    assert (bench.pid("hen"), bench.waiting) == (pid, {})


def test_a_port_that_somebody_took_away_comes_back(bench: Bench) -> None:
    bench.run(forwarding(23004))
    command = '{"execute": "qmp_capabilities"}{"execute": "human-monitor-command", "arguments": {"command-line": "hostfwd_remove %s"}}'
    shell(f"(echo '{command % 'eth0.net tcp:127.0.0.1:23004'}'; sleep 1) | socat - UNIX-CONNECT:{bench.file('hen', 'qmp.sock')}")
    assert not listening(23004)
    assert bench.told(forwarding(23004)) == [("vm", "update", frozenset({"nics"}))]
    assert listening(23004)


def test_a_port_that_is_taken(bench: Bench) -> None:
    with closing(socket.create_server(("127.0.0.1", 23005))):
        with pytest.raises(LabError, match=r"Cannot start VM 'hen': .*23005"):
            bench.run(forwarding(23005))
        bench.run(forwarding(23006))
        with pytest.raises(LabError, match=r"QEMU cannot forward tcp:127\.0\.0\.1:23005-10\.0\.2\.15:23006 to 'eth0'"):
            bench.run(forwarding(23005))


PAIR = (vm("ask", {"type": "socket", "connect": "127.0.0.1:23010"}), vm("zoo", {"type": "socket", "listen": "127.0.0.1:23010"}))
STREAM = (
    vm("ask", {"type": "stream", "connect": "127.0.0.1:23011"}),
    vm("zoo", {"type": "stream", "listen": "127.0.0.1:23011"}),
)
# A folder that the QEMU which waits may write to: its own.
UNIX = (
    vm("ask", {"type": "stream", "connect": "unix:/run/netvirt/paddock/vm/zoo/wire"}),
    vm("zoo", {"type": "stream", "listen": "unix:/run/netvirt/paddock/vm/zoo/wire"}),
)


@pytest.mark.parametrize("pair", [PAIR, STREAM, UNIX], ids=["socket", "stream", "unix"])
def test_who_connects_is_started_after_who_waits_and_again_when_that_was(bench: Bench, pair: Any) -> None:
    ask, zoo = pair
    assert bench.told(ask, zoo) == [("vm", "create", frozenset())] * 2
    # The one that waits is started anew, in one run with the other...
    more = {**zoo, "memory": 40, "on_change": "restart"}
    before = bench.pid("ask")
    bench.run(ask, more)
    assert (bench.waiting, bench.pid("ask")) == ({"ask": ["nics"]}, before)
    assert [change.key for change in bench.run({**ask, "on_change": "restart"}, more)] == ["ask"]
    assert bench.pid("ask") != before
    assert bench.run(ask, more) == []
    # ... or without it.
    subprocess.run(["kill", "-9", str(bench.pid("zoo"))], check=True)
    both = [{**one, "on_change": "restart"} for one in (ask, more)]
    wait_for(lambda: {change.key for change in bench.run(*both, check=True)} == {"ask", "zoo"})
    assert {change.key for change in bench.run(*both)} == {"ask", "zoo"}
    assert bench.run(*both) == []


def test_backends_that_need_nobody_start_and_are_read_back(bench: Bench) -> None:
    many = [
        "none",
        {"type": "mcast", "group": "239.255.7.7:23020"},
        {"type": "udp", "local": "127.0.0.1:23021", "remote": "127.0.0.1:23022"},
        {"type": "dgram", "local": "127.0.0.1:23023", "remote": "127.0.0.1:23024"},
        {"type": "dgram", "remote": "239.255.7.8:23025"},
        {"type": "dgram", "local": "unix:/run/netvirt/paddock/vm/ark/own", "remote": "unix:/run/netvirt/paddock/vm/ark/other"},
        {"type": "l2tpv3", "src": "127.0.0.1", "dst": "127.0.0.1", "srcport": 23026, "dstport": 23027, "counter": True},
        {"type": "hubport", "hub": 2, "uplink": "user"},
    ]
    assert bench.told(vm("ark", *many)) == [("vm", "create", frozenset())]
    assert shell("ps -C qemu-system-x86_64 -o user=").split() == ["netvirt"]


def test_another_backend_waits_for_a_restart(bench: Bench) -> None:
    bench.run(vm("hen", "user"))
    assert bench.run(vm("hen", {"type": "user", "net": "10.7.0.0/24"})) == []
    assert bench.waiting == {"hen": ["nics"]}
    assert bench.told(vm("hen", {"type": "user", "net": "10.7.0.0/24"}, on_change="restart")) == [("vm", "replace", frozenset({"nics"}))]


def test_the_uplink_of_a_hub_is_changed_under_the_running_guest(bench: Bench) -> None:
    def hub(uplink: Any) -> dict[str, Any]:
        return vm("hen", {"type": "hubport", "hub": 1, "uplink": uplink}, {"type": "hubport", "hub": 1})

    def told() -> str:
        asked = "human-monitor-command", "info network"
        with Qmp(bench.file("hen", "qmp.sock"), 20) as qmp:
            return str(qmp.execute(asked[0], command_line=asked[1]))

    bench.run(hub({"type": "user", "hostfwd": ["tcp:127.0.0.1:23030-:80"]}))
    pid = bench.pid("hen")
    assert bench.told(hub({"type": "user", "net": "10.8.0.0/24"})) == [("vm", "update", frozenset({"nics"}))]
    assert "net=10.8.0.0" in told()
    assert not listening(23030)
    assert bench.told(hub(None)) == [("vm", "update", frozenset({"nics"}))]
    assert "10.8.0.0" not in told()
    udp = {"type": "udp", "local": "127.0.0.1:23031", "remote": "127.0.0.1:23032"}
    assert bench.told(hub(udp)) == [("vm", "update", frozenset({"nics"}))]
    assert "udp=127.0.0.1:23032" in told()
    assert (bench.pid("hen"), bench.waiting) == (pid, {})
    stream = {"type": "stream", "listen": "127.0.0.1:23033"}
    assert bench.told(hub(stream)) == [("vm", "update", frozenset({"nics"}))]
    wait_for(lambda: listening(23033))  # QEMU does that in a thread
    assert bench.told(hub(udp)) == [("vm", "update", frozenset({"nics"}))]
    assert not listening(23033)
    assert not bench.lured("hen")
    # After a restart it is what the arguments say.
    bench.run({**hub(udp), "memory": 40, "on_change": "restart"})
    assert bench.run({**hub(udp), "memory": 40}) == []


def test_what_joins_guests_is_plugged_into_the_running_one(bench: Bench) -> None:
    stream = {"type": "stream", "listen": "127.0.0.1:23034"}
    dgram = {"type": "dgram", "local": "127.0.0.1:23035", "remote": "127.0.0.1:23036"}
    bench.run(vm("hen", "user"))
    pid = bench.pid("hen")
    assert bench.told(vm("hen", "user", stream, dgram)) == [("vm", "update", frozenset({"nics"}))]
    assert (bench.pid("hen"), bench.waiting) == (pid, {})
    wait_for(lambda: listening(23034))  # QEMU does that in a thread
    assert "127.0.0.1:23035" in shell("ss -Hlun")


@pytest.fixture
def bridge() -> Iterator[str]:
    shell("ip link add br-yard type bridge && ip link set br-yard up")
    yield "br-yard"
    shell("ip link del br-yard")


def ports(bridge: str) -> str:
    return shell(f"ip -br link show master {bridge}")


def test_qemu_makes_a_tap_and_runs_the_scripts(bench: Bench, bridge: str, tmp_path: Path) -> None:
    up, down = (f"#!/bin/sh\nip link set $1 {words}\necho {words} >> {tmp_path}/said\n" for words in (f"up master {bridge}", "nomaster"))
    own = {"type": "tap", "device": "tap-yard", "script": up, "downscript": down}
    assert actions(bench.run(vm("hen", own))) == [("vm", "create")]
    assert "tap-yard" in ports(bridge)
    assert any("'hen' runs as root" in notice for notice in bench.notices)
    assert bench.run(vm("hen", {**own, "script": up + "# more\n"})) == []
    assert bench.waiting == {"hen": ["nics"]}
    bench.run(vm("hen", own, state="stopped"))
    assert (tmp_path / "said").read_text() == f"up master {bridge}\nnomaster\n"
    assert "tap-yard" not in shell("ip -br link")


def test_a_script_that_fails_is_told(bench: Bench) -> None:
    with pytest.raises(LabError, match="Cannot start VM 'hen'"):
        bench.run(vm("hen", {"type": "tap", "script": "#!/bin/sh\nexit 3\n"}))


def test_the_bridge_helper(bench: Bench, bridge: str) -> None:
    one = vm("hen", {"type": "bridge", "bridge": bridge})
    acl = Path("/etc/qemu/bridge.conf")
    assert not acl.exists()
    with pytest.raises(LabError, match=rf"VM 'hen' wants the bridge '{bridge}', which {acl} does not allow; add the line 'allow {bridge}'"):
        bench.run(one)
    acl.parent.mkdir(exist_ok=True)
    acl.write_text(f"allow {bridge}\n")
    try:
        assert bench.told(one) == [("vm", "create", frozenset())]
        assert "tap" in ports(bridge)
        bench.run(vm("hen", {"type": "bridge", "bridge": bridge}, state="stopped"))
        assert ports(bridge) == ""
    finally:
        acl.unlink()


def test_a_switch_of_vde(bench: Bench, tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    place = tmp_path / "switch"
    with subprocess.Popen(
        ["vde_switch", "--sock", str(place), "--mode", "666"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as switch:
        wait_for((place / "ctl").exists, 30)
        assert bench.told(vm("hen", {"type": "vde", "sock": str(place)})) == [("vm", "create", frozenset())]
        switch.terminate()


def test_models_come_from_the_installed_qemu(bench: Bench, tap: Callable[..., str]) -> None:
    one = vm("hen", "none")
    one["nics"][0]["model"] = "pcnt"
    with pytest.raises(LabError, match=r"There is no NIC model 'pcnt' for VM 'hen' in this machine's QEMU \(did you mean pcnet"):
        bench.run(one)
