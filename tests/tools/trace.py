# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List what a lab could leave behind on this machine, one sorted line each, so that before == after proves it left nothing.

python3 tests/tools/trace.py >before; ...; python3 tests/tools/trace.py | diff before -
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

LAB_FILES = ("/run/netvirt", "/var/lib/netvirt", "/etc/netns")
LAB_PATHS = (b"/run/netvirt/", b"/var/lib/netvirt/")
LAB_OWNER = b"NETVIRT_OWNER="  # in the environment of what a lab's services and commands have started
LAB_PROGRAMS = (b"qemu-system", b"dnsmasq", b"dhclient", b"udhcpc", b"dhcpcd", b"iperf3", b"zebra")
SETTINGS = ("net/ipv4/ip_forward", "net/ipv4/conf/*/forwarding", "net/ipv4/conf/*/rp_filter", "net/ipv6/conf/*/forwarding", "net/bridge/*")


def links() -> Iterator[str]:
    for namespace in ("", *_names("/run/netns")):
        within = ["-n", namespace] if namespace else []
        for link in json.loads(_output("ip", *within, "-j", "-d", "addr") or "[]"):
            if link:
                yield f"{namespace or '-'} {_link(link)}"


def _link(link: dict[str, Any]) -> str:
    parts = [link["ifname"], link.get("linkinfo", {}).get("info_kind", "-"), f"mtu={link['mtu']}", link.get("address", "-")]
    parts += [flag for flag in ("UP", "PROMISC") if flag in link["flags"]]
    parts += [f"{key}={link[key]}" for key in ("master", "ifalias", "altnames") if key in link]
    parts += sorted(f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] != "link")
    return " ".join(parts)


def routes() -> Iterator[str]:
    """Leave out what IPv6 makes by itself for each link, a second later or two: the links are listed."""
    for family in ("-4", "-6"):
        for kind in ("route show table all", "rule"):
            lines = (line.strip() for line in _output("ip", family, *kind.split()).splitlines())
            yield from (f"{kind.split()[0]} {family} {line}" for line in lines if "fe80::" not in line and "ff00::" not in line)


def namespaces() -> list[str]:
    return _names("/run/netns")


def openvswitch() -> Iterator[str]:
    """Yield nothing when its daemon does not run: an empty one is the same to a lab."""
    for table, columns in (("Bridge", "name,external_ids"), ("Port", "name,external_ids"), ("Open_vSwitch", "other_config")):
        said = _output("ovs-vsctl", "--timeout=3", "--format=csv", "--no-headings", f"--columns={columns}", "list", table)
        yield from (f"{table} {line}" for line in said.splitlines() if line != "{}")


def firewall() -> Iterator[str]:
    """Yield the rules of nftables (those of iptables-nft among them) and of the old iptables, without counters."""
    path: list[str] = []
    for line in _output("nft", "--stateless", "list", "ruleset").splitlines():
        text = line.strip()
        if text.endswith("{"):
            path.append(text[:-2])
            yield f"nft {' / '.join(path)}"
        elif text == "}":
            path.pop()
        elif text:
            yield f"nft {' / '.join(path)} / {text}"
    for version in ("", "6"):
        if Path(f"/proc/net/ip{version}_tables_names").is_file() and Path(f"/proc/net/ip{version}_tables_names").read_text():
            rules = _output(f"ip{version}tables-legacy-save").splitlines()
            yield from (f"legacy{version} {rule}" for rule in rules if rule.startswith("-A"))


def settings() -> Iterator[str]:
    for pattern in SETTINGS:
        for file in Path("/proc/sys").glob(pattern):
            yield f"{file.relative_to('/proc/sys')} {file.read_text().strip()}"


def processes() -> Iterator[str]:
    own = os.readlink("/proc/self/ns/pid")
    for entry in _names("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == own:
                argv = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                named = os.path.basename(argv[0]).startswith(LAB_PROGRAMS) or any(path in part for part in argv for path in LAB_PATHS)
                if named or LAB_OWNER in Path(f"/proc/{entry}/environ").read_bytes():
                    yield b" ".join(argv).decode(errors="replace").strip()
        except OSError:
            continue


def files() -> Iterator[str]:
    for top in LAB_FILES:
        for directory, below, names in os.walk(top):
            if directory == "/var/lib/netvirt" and "images" in below:
                below.remove("images")
            yield from (os.path.join(directory, name) for name in ("", *names))


def mounts() -> Iterator[str]:
    """Leave out /run/netns itself: who makes the first namespace mounts it, and it stays, as ip-netns(8) has it."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[1] != "/run/netns":
            yield " ".join(line.split()[:3])


def groups() -> Iterator[str]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place, kind = line.split()[1:3]
        if kind.startswith("cgroup"):
            yield from (directory for directory, _below, _names in os.walk(f"{place}/netvirt"))


KINDS: dict[str, Callable[[], Iterable[str]]] = {
    "link": links,
    "route": routes,
    "namespace": namespaces,
    "ovs": openvswitch,
    "firewall": firewall,
    "setting": settings,
    "process": processes,
    "file": files,
    "mount": mounts,
    "group": groups,
}


def snapshot() -> list[str]:
    """Return everything, sorted; each line starts with its kind."""
    return sorted({f"{kind}: {line}" for kind, listed in KINDS.items() for line in listed()})


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    print("\n".join(snapshot()))
