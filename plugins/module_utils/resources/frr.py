# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers: the daemons of FRR as services of a node, each with what is its own of the node's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._errors import LabErrors
from .._paths import run_dir
from ._frr_text import configurations
from .service import Service, service_from

# Where distributions put the daemons.
PLACES = ("/usr/lib/frr", "/usr/libexec/frr", "/usr/lib64/frr", "/usr/lib/frr/sbin", "/usr/sbin")
_USER = "frr"
# One that is asked takes back what it has told its neighbours, and FRR 8.4's do not believe it again when it is back at once
# (they keep its link states at the greatest age, for half an hour); one that is gone without a word is learnt anew.
_UNASKED = frozenset(("ospf6d",))
_NAME, _GENERATED, _OWN = "name.conf", "generated.conf", "own.conf"

# Since FRR 9 one daemon configures others (mgmtd): those have no option for a file of their own and are told by vtysh. So is
# every daemon of what somebody has written: only vtysh knows which line is whose. The daemon is the process that is watched, and
# what tells it is not; where that fails, the daemon ends, and its log says why.
_START = r"""# Starts a daemon of FRR. Parameters: the directory of the router's sockets, the program, its arguments.
sockets=$1 daemon=${2##*/}
shift
[ -x "$1" ] || { echo "There is no program '$1': install the package frr."; exit 127; }
here=$PWD
# A view of its own of the places that no option changes: what is there would be one for all routers of the machine, and stay.
exec 8<. 9<"$sockets"
{
    mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs -o mode=1777 tmpfs /var/tmp &&
        mkdir -p "$here" "$sockets" /run/frr && mount -c --bind /proc/self/fd/8 "$here" && mount -c --bind /proc/self/fd/9 "$sockets"
} || exit
for place in /run/frr /var/lib/frr; do
    [ ! -d $place ] || mount -c --bind /proc/self/fd/9 $place || exit
done
exec 8<&- 9<&-
cd "$here" || exit
later=generated.conf
if "$1" --help 2>&1 | grep -q -e --config_file; then
    # IS-IS wants it line by line: read as one, its first news wait for half a minute whatever its configuration says. But the
    # name, which it tells its neighbours, vtysh keeps to itself.
    if [ "$daemon" = isisd ]; then first=name.conf; else first=generated.conf later=; fi
    set -- "$@" --config_file "$PWD/$first"
fi
[ ! -s own.conf ] || later="$later own.conf"
rm -f "$sockets/$daemon.vty"
case $daemon in
zebra)
    rm -f "$sockets/zserv.api"
    # The others tell a zebra each route once: to one that takes the place of another they would not say a word.
    for file in "$sockets"/*.pid; do
        [ "$file" != "$sockets/mgmtd.pid" ] && read -r pid <"$file" 2>/dev/null || continue
        tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$file" && kill -KILL "$pid"
    done
    ;;
mgmtd) ;;
*)
    # One that does not find zebra looks again only ten seconds later, and until then knows no interfaces.
    tries=0
    until [ -S "$sockets/zserv.api" ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.05; done
    ;;
esac
if [ -n "$later" ]; then
    ( (
        until [ -S "$sockets/$daemon.vty" ]; do
            kill -0 $$ 2>/dev/null || exit
            sleep 0.05
        done
        for file in $later; do
            vtysh --vty_socket "$sockets" -d "$daemon" -f "$file" || kill $$
        done
    ) & )
fi
exec "$@"
"""


def sockets(lab: str, node: str) -> Path:
    """Return the directory of a router's sockets, 'vtysh --vty_socket' needs it. Sockets' paths have 107 characters at most (unix(7))."""
    return run_dir(lab) / "frr" / node


def frr_services(item: Mapping[str, Any], lab: str, exists: Callable[[Path], bool] = Path.exists) -> list[Service]:
    """Return the services that make a node a router. Raise LabErrors."""
    place = next((place for place in map(Path, PLACES) if exists(place / "zebra")), None)
    told = configurations(item)
    if place and exists(place / "mgmtd"):
        # It tells zebra, staticd and others theirs.
        told = {"mgmtd": "".join(told.get(daemon, "") for daemon in ("zebra", "staticd")), **told}
    missing = [daemon for daemon in told if place and not exists(place / daemon)]
    if missing:
        raise LabErrors([f"The router '{item['node']}' needs the program {place}/{missing[0]}; install the package of FRR that has it."])
    directory = str(sockets(lab, item["node"]))
    own = {_OWN: item["config"].strip("\n") + "\n"} if item.get("config") else {}
    return [
        service_from(
            {
                "netns": item["netns"],
                "name": f"frr.{daemon}",
                "command": [
                    *("sh", "start", directory, f"{place or PLACES[0]}/{daemon}"),
                    *("--vty_socket", directory, "--socket", f"{directory}/zserv.api", "--pid_file", f"{directory}/{daemon}.pid"),
                    *("--vty_port", "0", "--log", "stdout", "--log-level", "informational"),
                ],
                "files": {"start": _START, _NAME: f"hostname {item['node']}\n", _GENERATED: text, **own},
                "owner": _USER,
                "shared": directory if daemon == "zebra" else "",
                "unasked": daemon in _UNASKED,
                "check": ["vtysh", "-C", "-f", _OWN] if own and daemon == "zebra" else [],
            },
            lab,
        )
        for daemon, text in told.items()
    ]
