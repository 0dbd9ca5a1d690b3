# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several lab hosts around the one that this runs in, which is their controller: m1, m2 and so on, reached by 'ssh m1'.

Each has two networks with the others: mgmt0 (192.0.2.N/24, the controller is 192.0.2.254) for SSH, and under0 (198.18.0.N/24)
as the underlay of tunnels, which the controller is not in. Both switches are in the controller's namespace 'cluster'. All else
is as in any lab host, uplink0 too. A cluster goes with its controller, or by 'down', which leaves nothing of it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

LABHOST = Path(__file__).resolve().parents[1] / "labhost"
FOLDER = Path("/run/cluster")
SSH_CONFIG = Path("/etc/ssh/ssh_config.d/cluster.conf")
SPACE = "cluster"
MANAGEMENT, UNDERLAY, CONTROLLER = "192.0.2", "198.18.0", 254

CONFIG = f"""Host m? m?? {MANAGEMENT}.*
    IdentityFile {FOLDER}/key
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    User root
"""
SWITCHES = f"""
set -e
ip netns add {SPACE}
for switch in mgmt under; do
    ip -n {SPACE} link add $switch type bridge mcast_snooping 0; ip -n {SPACE} link set $switch mtu "$1" up
done
ip link add cluster0 type veth peer name controller netns {SPACE}
ip -n {SPACE} link set controller master mgmt up
ip addr add {MANAGEMENT}.{CONTROLLER}/24 dev cluster0; ip link set cluster0 up
"""
# In the controller. Parameters: the member's number, its process 1, the underlay's MTU.
CABLES = f"""
set -e
ip -n {SPACE} link add "mgmt$1" type veth peer name mgmt0 netns "$2"
ip -n {SPACE} link add "under$1" type veth peer name under0 netns "$2"
ip -n {SPACE} link set "mgmt$1" master mgmt up; ip -n {SPACE} link set "under$1" mtu "$3" master under up
"""
# In the member. Parameters: its number, the underlay's MTU, the controller's public key. Only what needs no PAM and no service.
MEMBER = f"""
set -e
ip addr add {MANAGEMENT}.$1/24 dev mgmt0; ip link set mgmt0 up
ip addr add {UNDERLAY}.$1/24 dev under0; ip link set under0 mtu "$2" up
rm -f /root/.bashrc /root/.profile; mkdir -p -m 700 /root/.ssh; echo "$3" >/root/.ssh/authorized_keys
dropbearkey -t ed25519 -f /run/ssh_host_key >/dev/null 2>&1
setsid dropbear -s -r /run/ssh_host_key -p {MANAGEMENT}.$1:22 </dev/null >/dev/null 2>&1
"""


def up(count: int, mtu: int, bind: list[str]) -> None:
    """Start the members side by side, and return when they can be logged in to."""
    _shell(SWITCHES, str(mtu))
    FOLDER.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(FOLDER / "key")], check=True)
    SSH_CONFIG.write_text(CONFIG + "".join(f"Host m{one}\n    HostName {MANAGEMENT}.{one}\n" for one in range(1, count + 1)))
    options = [part for path in bind for part in ("--bind", path)]
    starts = [subprocess.Popen([LABHOST, "up", f"m{one}", *options]) for one in range(1, count + 1)]
    if max(start.wait() for start in starts):
        raise SystemExit("labhost: the cluster did not come up")
    key = (FOLDER / "key.pub").read_text().strip()
    processes = members()
    for one in range(1, count + 1):
        _shell(CABLES, str(one), processes[f"m{one}"], str(mtu))
        _shell(MEMBER, str(one), str(mtu), key, within=f"m{one}")


def down() -> None:
    """End the members and take away what joined them."""
    for process in _controlmasters():
        os.kill(process, signal.SIGTERM)
    if names := list(members()):
        subprocess.run([LABHOST, "down", *names], check=True)
    if Path(f"/run/netns/{SPACE}").exists():
        _shell(f"ip link del cluster0 2>/dev/null || :; ip netns del {SPACE}")
    while Path("/sys/class/net/cluster0").exists():
        time.sleep(0.01)
    SSH_CONFIG.unlink(missing_ok=True)
    shutil.rmtree(FOLDER, ignore_errors=True)


def members() -> dict[str, str]:
    """Return the process 1 of each member."""
    listed = subprocess.run([LABHOST, "list"], capture_output=True, text=True, check=True).stdout
    return {name: pid for name, pid in map(str.split, listed.splitlines()) if re.fullmatch(r"m\d+", name)}


def _controlmasters() -> list[int]:
    """Return the connections that Ansible keeps open; only those of this lab host are in its /proc, and of its members."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
                if title.startswith(b"ssh: ") and b"[mux]" in title and os.readlink(entry / "ns/pid") == os.readlink("/proc/self/ns/pid"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _shell(script: str, *parameters: str, within: str = "") -> None:
    entry = [str(LABHOST), "run", within, "--"] if within else []
    done = subprocess.run([*entry, "/bin/sh", "-c", script, "sh", *parameters], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"labhost: {done.stderr.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="labhost cluster", description=(__doc__ or "").partition("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    start = actions.add_parser("up", help="start lab hosts m1, m2, ... around this one")
    start.add_argument("count", type=int, metavar="N", choices=range(1, 100), help="how many (1 to 99)")
    start.add_argument("--mtu", type=int, default=1600, help="the underlay's MTU (1600: room for a VXLAN of 1500)")
    start.add_argument("--bind", action="append", default=[], metavar="PATH", help="share a path of this lab host")
    actions.add_parser("down", help="end them")
    options = parser.parse_args()
    if not Path("/proc/1/cmdline").read_bytes().startswith(b"labhost:"):
        parser.error("a cluster surrounds a lab host: start one first, as by 'tests/labhost once -- tests/labhost cluster up 3'")
    if options.action == "down":
        down()
    elif members() or FOLDER.exists():
        parser.error("there is a cluster already")
    else:
        try:
            up(options.count, options.mtu, options.bind)
        except BaseException:
            down()
            raise


if __name__ == "__main__":
    main()
