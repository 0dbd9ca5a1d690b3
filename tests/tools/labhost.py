# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated lab hosts: machines of their own for tests, made of namespaces and an overlay of /.

A lab host has this machine's programs and a copy-on-write view of its files (what it writes is gone with it), its own
network, processes, /run, /tmp and host name. Shared with the machine are only the checkout and what --bind names. Its
interface uplink0 (203.0.113.2) leads to an outside (namespace 'outside', 203.0.113.1) that knows no way back to a lab's
networks, and serves http://198.51.100.10/ (answers with the address it was asked from) and DNS for outside.test.

A lab host is nothing but its processes: found by the name of process 1, gone when that is killed. Several of them around
one, with networks between them, are a cluster (cluster.py).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
LIBC = ctypes.CDLL(None, use_errno=True)
NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET, NEWNS = 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000, 0x00020000
PR_SET_PDEATHSIG = 1
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Reaps orphans; ends on SIGTERM. Bash, because it takes 2 MB and is everywhere.
INIT = "trap 'exit 0' TERM; while :; do sleep 1000000 & wait $!; done"

# The new root: everything is mounted on a tmpfs over /run, which no checkout is in and which the host gets anew anyway.
# Parameters: the host's name, then per bind the mode (rw or ro) and the path.
ROOT = r"""
set -e
name=$1; shift
mount --make-rprivate /
disks=$(awk '$1 ~ "^/dev/" && $2 ~ "^/(usr|var|opt|srv|home|root)" && !seen[$2]++ {print $2}' /proc/self/mounts)
mount -t tmpfs -o mode=755 labhost /run
cd /run; mkdir upper work root
mount -t overlay "$name" -o lowerdir=/,upperdir=upper,workdir=work root
for disk in $disks; do
    mkdir -p "upper$disk.upper" "upper$disk.work"
    mount -t overlay "$name" -o "lowerdir=$disk,upperdir=upper$disk.upper,workdir=upper$disk.work" "root$disk"
done
cd root
mount -t tmpfs -o mode=1777 tmp tmp
while [ $# -gt 0 ]; do
    if [ -d "$2" ]; then mkdir -p ".$2"; else mkdir -p ".${2%/*}"; [ -e ".$2" ] || : >".$2"; fi
    mount --rbind "$2" ".$2"; [ "$1" = rw ] || mount -o remount,bind,ro ".$2"
    shift 2
done
mount -t tmpfs -o mode=755 run run; mkdir run/lock
mount -t sysfs sysfs sys
mount -t proc proc proc
# Settings of the whole machine are out of reach; those of the network are the host's own.
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys; mount --bind /proc/sys/net proc/sys/net
mount -t tmpfs -o mode=755 dev dev; mkdir dev/pts dev/shm dev/net
for node in null zero full random urandom tty kvm net/tun vhost-net fuse loop-control; do
    if [ -e /dev/$node ]; then : >dev/$node; mount --bind /dev/$node dev/$node; fi
done
ln -s /proc/self/fd dev/fd; ln -s pts/ptmx dev/ptmx
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
rm -rf var/lib/openvswitch/* etc/openvswitch/* etc/openvswitch/.conf* var/log/openvswitch/* etc/netns
find var/lib/netvirt -mindepth 1 -maxdepth 1 ! -name images -exec rm -rf {} + 2>/dev/null || :
rm -f etc/resolv.conf; echo nameserver 198.51.100.10 >etc/resolv.conf
echo "$name" >etc/hostname; printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >etc/hosts
mkdir .old; pivot_root . .old; cd /; umount -l /.old; rmdir /.old; mount --make-rshared /
"""

# Parameter: the outside's program.
NETWORK = r"""
set -e
ip link set lo up; sysctl -qw net.ipv4.ip_forward=0
ip netns add outside; ip link add uplink0 type veth peer name eth0 netns outside
ip addr add 203.0.113.2/24 dev uplink0; ip link set uplink0 up; ip route add default via 203.0.113.1
ip -n outside link set lo up; ip -n outside addr add 198.51.100.10/32 dev lo
ip -n outside addr add 203.0.113.1/24 dev eth0; ip -n outside link set eth0 up
ip netns exec outside sysctl -qw net.ipv4.ip_forward=0
ip netns exec outside /usr/bin/python3 "$1" >/dev/null 2>&1 </dev/null &
"""


def check(result: int, what: str) -> None:
    """Raise OSError if a call of the C library failed."""
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def hosts() -> dict[str, int]:
    """Return the process 1 of every lab host of this machine, less those inside another lab host."""
    found = {}
    depth = _depth(Path("/proc/self")) + 1
    for entry in Path("/proc").iterdir():
        try:
            name = (entry / "cmdline").read_bytes().split(b"\0")[0] if entry.name.isdigit() else b""
            if name.startswith(b"labhost:") and _depth(entry) == depth:
                found[name[8:].decode()] = int(entry.name)
        except OSError:
            continue
    return found


def _depth(process: Path) -> int:
    """Return how many PID namespaces a process is in, as this /proc shows it (proc(5), NSpid)."""
    return next(len(line.split()) for line in (process / "status").read_text().splitlines() if line.startswith("NSpid:"))


def become_host(name: str, binds: list[str], lasting: bool, report: int) -> None:
    """Turn this process, the first of a new PID namespace, into the lab host; say 'up' on report, or what went wrong."""
    check(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
    os.setsid()
    check(LIBC.unshare(NEWNS | NEWNET | NEWUTS | NEWIPC | NEWCGROUP), "unshare")
    check(LIBC.sethostname(name.encode(), len(name.encode())), "sethostname")
    environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
    outside = str(CHECKOUT / "tests/tools/outside.py")
    for script, parameters in ((ROOT, [name, *binds]), (NETWORK, [outside])):
        done = subprocess.run(["/bin/sh", "-c", script, "sh", *parameters], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip())
    os.chdir("/")
    if lasting:
        check(LIBC.prctl(PR_SET_PDEATHSIG, 0), "prctl")
    os.write(report, b"up")
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.closerange(3, 1024)
    os.execve("/bin/bash", [f"labhost:{name}", "-c", INIT], environment)


def up(name: str, bind: list[str], lasting: bool = True) -> int:
    """Start a lab host and return its process 1; unless it is lasting, it dies with this process."""
    if name in hosts():
        raise SystemExit(f"labhost: {name} is up already")
    images = "/var/lib/netvirt/images"
    binds = [part for path in dict.fromkeys([str(CHECKOUT), *bind]) for part in ("rw", path)]
    binds += ["ro", images] if os.path.isdir(images) and images not in bind else []
    read, write = os.pipe()
    check(LIBC.unshare(NEWPID), "unshare")
    pid = os.fork()
    if pid == 0:
        try:
            become_host(name, binds, lasting, write)
        except BaseException as error:
            os.write(write, str(error).encode())
        os._exit(1)
    os.close(write)
    with os.fdopen(read) as report:
        answer = report.read()
    if answer != "up":
        raise SystemExit(f"labhost: cannot start {name}: {answer or 'it died'}")
    while hosts().get(name) != pid:
        time.sleep(0.001)  # until it has its name
    return pid


def run(pid: int, command: list[str]) -> int:
    """Run a command in a lab host, in the same directory where that exists there."""
    entry = ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "-C"]
    return subprocess.call([*entry, "/bin/sh", "-c", 'cd "$0" 2>/dev/null || cd /; exec "$@"', os.getcwd(), *command])


def down(name: str) -> None:
    """End a lab host; everything in it goes with its process 1."""
    pid = hosts().get(name)
    if pid is None:
        return
    os.kill(pid, signal.SIGKILL)
    while _state(pid) not in ("", "Z"):  # process 1 ends as the last of its host
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="labhost", description=(__doc__ or "").partition("\n")[0], epilog="COMMAND follows '--'.")
    actions = parser.add_subparsers(dest="action", required=True)
    for action, text in {
        "up": "start a lab host that lasts until 'down'",
        "once": "start a lab host, run -- COMMAND in it, and end it with the command (or with this process)",
        "run": "run -- COMMAND in a lab host",
        "shell": "work in a lab host",
        "down": "end lab hosts",
        "list": "list lab hosts and their process 1",
    }.items():
        sub = actions.add_parser(action, help=text)
        if action != "list":
            sub.add_argument("name", nargs={"down": "+", "once": "?"}.get(action), default=f"once{os.getpid()}")
        if action in ("up", "once"):
            sub.add_argument(
                "--bind", action="append", default=[], metavar="PATH", help="share a path of the machine, besides the checkout"
            )
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, command = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    if bool(command) != (options.action in ("run", "once")):
        parser.error("'run' and 'once' need -- COMMAND, the others have none")
    if os.geteuid() != 0:
        # sudo puts a PATH of its own in place even of a preserved one.
        os.execvp("sudo", ["sudo", "--preserve-env", "--", "env", f"PATH={os.environ['PATH']}", sys.executable, __file__, *arguments])
    if options.action == "list":
        print("".join(f"{name} {pid}\n" for name, pid in sorted(hosts().items())), end="")
    elif options.action == "down":
        for name in options.name:
            down(name)
    elif options.action == "up":
        up(options.name, options.bind)
    elif options.action == "once":
        pid = up(options.name, options.bind, lasting=False)
        try:
            return run(pid, command)
        finally:
            down(options.name)
    elif options.name not in hosts():
        parser.error(f"{options.name} is not up")
    else:
        return run(hosts()[options.name], command or [os.environ.get("SHELL", "/bin/bash")])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
