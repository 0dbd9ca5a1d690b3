# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built images, booted by QEMU's emulation: they come up, let in whom they should, and go down when asked."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.images import store

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]
MAC = "52:54:00:9a:00:17"


class Guest:
    """A QEMU guest with one NIC in user mode, which leads nowhere but to its own port 22."""

    def __init__(self, home: Path, user: str) -> None:
        self.home, self.user = home, user
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def console(self) -> str:
        return (self.home / "console").read_text(errors="replace")

    def start(self, memory: int, nic: str, *arguments: str) -> None:
        network = f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"
        self.process = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-cpu", "max", "-m", str(memory), "-display", "none", "-nodefaults"),
                *("-netdev", network, "-device", f"{nic},netdev=n0,mac={MAC}", "-serial", f"file:{self.home}/console", "-monitor", "none"),
                *("-qmp", f"unix:{self.home}/qmp,server=on,wait=off", *arguments),
            ]
        )

    def ssh(self, command: str, patience: float = 60) -> subprocess.CompletedProcess[str]:
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=10"]
        argv = ["ssh", "-i", str(self.home / "key"), "-p", str(self.port), *(part for option in options for part in ("-o", option))]
        return subprocess.run([*argv, f"{self.user}@127.0.0.1", command], capture_output=True, text=True, check=False, timeout=patience)

    def say(self, command: str, patience: float = 60) -> str:
        done = self.ssh(command, patience)
        assert done.returncode == 0, (command, done.stderr, self.console[-2000:])
        return done.stdout.strip()

    def wait(self, patience: float) -> None:
        """Wait until it lets us in; user mode accepts connections before the guest does, so that only a banner counts."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with closing(socket.socket()) as probe:
                probe.settimeout(5)
                try:
                    probe.connect(("127.0.0.1", self.port))
                    up = probe.recv(4) == b"SSH-"
                except OSError:
                    up = False
            if up and self.ssh("true").returncode == 0:
                return
            time.sleep(1)
        raise AssertionError(f"no login after {patience} s; the console ends:\n{self.console[-3000:]}")

    def press_power_button(self) -> None:
        with closing(socket.socket(socket.AF_UNIX)) as qmp:
            qmp.connect(str(self.home / "qmp"))
            lines = qmp.makefile()
            assert "QMP" in lines.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                qmp.sendall(json.dumps({"execute": command}).encode() + b"\n")
                assert "error" not in lines.readline()

    def gone_within(self, seconds: float) -> bool:
        assert self.process is not None
        try:
            return self.process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False


@pytest.fixture
def guest(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Guest]:
    image = request.param
    if store.manifest(image) is None:
        pytest.skip(f"the image '{image}' is not built here: make image")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    started = Guest(tmp_path, store.image(image).user)
    yield started
    if started.process is not None:
        started.process.kill()
        started.process.wait()


def tiny_arguments(guest: Guest, *words: str) -> list[str]:
    found = store.artifacts("tiny")
    key = base64.b64encode((guest.home / "key.pub").read_bytes()).decode()
    line = " ".join([found.cmdline, "netvirt.hostname=sparrow", f"netvirt.key={key}", *words])
    return ["-kernel", str(found.kernel), "-initrd", str(found.initrd), "-append", line]


@pytest.mark.parametrize("guest", ["tiny"], indirect=True)
def test_tiny_with_dhcp(guest: Guest) -> None:
    guest.start(192, "e1000", *tiny_arguments(guest))
    guest.wait(120)
    programs = "iperf3 ping wget nslookup ip ethtool udhcpc bridge"
    shown = guest.say(
        f"hostname; ip -br address show eth0; ethtool -i eth0 | head -n 1; for p in {programs}; do command -v $p || exit; done"
    )
    assert shown.startswith("sparrow\neth0")
    assert "10.0.2.15/24" in shown
    assert "\ndriver: e1000\n" in shown
    assert "netvirt: eth0 has 10.0.2.15/24" in guest.console
    guest.press_power_button()
    assert guest.gone_within(30)


@pytest.mark.parametrize("guest", ["tiny"], indirect=True)
def test_tiny_with_static_addresses_and_two_nics(guest: Guest) -> None:
    """The second NIC is of a kind whose driver comes first: names follow the command line nevertheless."""
    second = ["-netdev", "hubport,id=n1,hubid=0", "-device", "e1000,netdev=n1,mac=52:54:00:9a:00:18"]
    static = f"netvirt.address={MAC},10.0.2.15/24,10.0.2.2"
    others = ["netvirt.address=52:54:00:9a:00:18,192.168.77.9/25,", "netvirt.address=52:54:00:9a:00:18,2001:db8:77::9/64,"]
    guest.start(192, "virtio-net-pci", *second, *tiny_arguments(guest, static, *others))
    guest.wait(120)
    macs, shown, route = guest.say(
        "cat /sys/class/net/eth?/address | xargs; ip -br address show eth1; ip route show default; ! pidof udhcpc"
    ).splitlines()
    assert macs == f"{MAC} 52:54:00:9a:00:18"
    assert "192.168.77.9/25" in shown
    assert "2001:db8:77::9/64" in shown
    assert route.strip() == "default via 10.0.2.2 dev eth0"
    guest.ssh("poweroff")
    assert guest.gone_within(30)


@pytest.mark.parametrize("guest", ["tiny"], indirect=True)
def test_tiny_lets_in_nobody_else(guest: Guest) -> None:
    guest.start(192, "virtio-net-pci", *tiny_arguments(guest))
    guest.wait(120)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", guest.home / "other"], check=True)
    (guest.home / "other").replace(guest.home / "key")
    assert "Permission denied" in guest.ssh("true").stderr


@pytest.mark.parametrize("boot", ["kernel", "disk"])
@pytest.mark.parametrize("guest", ["debian-12"], indirect=True)
def test_debian(guest: Guest, boot: str) -> None:
    found = store.artifacts("debian-12")
    disk, seed = guest.home / "disk.qcow2", guest.home / "seed"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(found.disk), "-F", "raw", disk, "3G"], check=True)
    seed.mkdir()
    user = {"hostname": "heron", "ssh_authorized_keys": [(guest.home / "key.pub").read_text()], "runcmd": ["touch /var/lib/ran"]}
    network = {"version": 2, "ethernets": {"lan": {"match": {"macaddress": MAC}, "set-name": "eth0", "dhcp4": True}}}
    (seed / "user-data").write_text("#cloud-config\n" + json.dumps(user))
    (seed / "meta-data").write_text(json.dumps({"instance-id": "one"}))
    (seed / "network-config").write_text(json.dumps(network))
    write_iso(seed, guest.home / "seed.iso")
    drives = ["-drive", f"file={disk},if=virtio,cache=unsafe", "-drive", f"file={guest.home}/seed.iso,if=virtio,format=raw,readonly=on"]
    direct = ["-kernel", str(found.kernel), "-initrd", str(found.initrd), "-append", found.cmdline] if boot == "kernel" else []
    guest.start(512, "virtio-net-pci", *drives, *direct)
    guest.wait(300)
    result = guest.say("until [ -e /run/cloud-init/result.json ]; do sleep 1; done; cat /run/cloud-init/result.json", 180)
    assert json.loads(result) == {"v1": {"datasource": "DataSourceNoCloud [seed=/dev/vdb][dsmode=net]", "errors": []}}
    if boot == "disk":
        check_debian(guest)
    guest.press_power_button()
    assert guest.gone_within(120)


def check_debian(guest: Guest) -> None:
    """Look at what a user counts on, in one login: an emulated guest takes a second for each."""
    modules = "8139cp 8139too e1000 e1000e ne2k-pci pcnet32 virtio_net 8021q openvswitch sch_netem vxlan"
    questions = {
        "name": "hostname",
        "address": "ip -br address show eth0",
        "size": "df -m --output=size / | tail -n 1",
        "python": "python3 -c 'import sys; print(sys.version_info >= (3, 9))'",
        "programs": "command -v iperf3 ping tcpdump nft wget > /dev/null && echo all",
        "root": "sudo -n test -e /var/lib/ran && echo yes",
        "modules": f"/sbin/modinfo -n {modules} | wc -l",
        "tun": "test -c /dev/net/tun && echo yes",
        "failed": "systemctl --failed --no-legend",
        "timers": "systemctl list-timers --no-legend",
    }
    script = "; ".join(f"echo {name}=$({question})" for name, question in questions.items())
    answers = dict(line.split("=", 1) for line in guest.say(script, 120).splitlines())
    assert "10.0.2.15/24" in answers.pop("address")
    assert int(answers.pop("size")) > 2700, "the file system fills the larger disk"
    assert answers == {
        "name": "heron",
        "python": "True",
        "programs": "all",
        "root": "yes",
        "modules": str(len(modules.split())),
        "tun": "yes",
        "failed": "",
        "timers": "",
    }


def write_iso(directory: Path, target: Path) -> None:
    """Write a NoCloud seed with a program of the distribution's, so that this does not test what it tests with."""
    tool = shutil.which("genisoimage") or shutil.which("xorrisofs")
    if tool is None:
        pytest.skip("needs genisoimage or xorrisofs")
    files = sorted(directory.iterdir())
    subprocess.run([tool, "-quiet", "-output", target, "-volid", "cidata", "-joliet", "-rock", *files], check=True, capture_output=True)
