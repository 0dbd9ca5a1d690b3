# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch bridges with their ports: as many as there are, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._errors import LabErrors
from .._marks import owner
from .._plan import Change, Goal, Scope
from ..transport import genetlink, ovsdb, packets
from ..transport.netlink import Netlink
from ._existing import occupied
from ._network import Survey
from ._ovs_model import MARK, Bridge, Port, Qos
from ._ovs_plan import plan_bridges
from ._ovs_queues import lacking_queueing
from ._ovs_rows import TABLES, Writer, faults, read_bridges, unused_qos

# ovs-vswitchd waits for one RCU grace period of the kernel (14 ms, or several times that on a busy machine) per port that
# it lets go, and meanwhile forwards nothing for anybody. The bridges which stay can bear some tenths of a second: how many ports
# that is the first ones tell. If none stays, nobody waits.
BEARABLE = 0.3
_FEWEST, _FIRST, _ALONE = 5, 10, 1000
# Ports that are no socket of the daemon's cost nothing to let go.
_VIRTUAL = frozenset({"patch", "vxlan", "geneve", "gre", "erspan", "ip6gre", "ip6erspan", "lisp", "stt", "gtpu", "bareudp"})


@dataclass(frozen=True)
class HostDatapath:
    """The best datapath of this host, and whether its userspace one finishes checksums (userspace-tso-enable)."""

    type: str
    userspace_tso: bool


def host_datapath(database: str | None = None) -> HostDatapath:
    """Ask the kernel for its datapath, and Open vSwitch for its settings. Raise LabError if it does not run."""
    with ovsdb.Database(database, {"Open_vSwitch": ("other_config",)}) as switch:
        return HostDatapath(best_datapath(), switch.root.other_config.get("userspace-tso-enable") == "true")


def best_datapath() -> str:
    """Return 'system' if the kernel has Open vSwitch's datapath, else 'netdev'."""
    return "system" if genetlink.available("ovs_datapath") else "netdev"


class OvsDriver:
    """Make, change and remove bridges and ports. A port's change is of kind 'ovs_port'."""

    kind = "ovs_bridge"

    def __init__(self, database: str | None = None, lent: Collection[str] = ()) -> None:
        self._address = database
        self._lent = lent  # interfaces whose addresses go to the bridge with them
        self._switch: ovsdb.Database | None = None
        self._have: Mapping[str, Bridge] = {}
        self._devices: Mapping[str, int] = {}
        self._datapath = ""
        self._unused: list[Qos] = []
        self._occupied: list[str] = []
        self._left_over: set[str] = set()

    def observe(self, goal: Goal[Bridge], scope: Scope) -> Mapping[str, Bridge]:
        """Read all bridges. Where nothing is wanted, Open vSwitch need not run, but then its file must not hold the lab's bridges."""
        if not goal.want and not ovsdb.running(self._address):
            self._require_nothing_stored(goal, scope)
            return {}
        self._switch = ovsdb.Database(self._address, TABLES)
        if goal.want:
            self._switch.require_daemon()
            self._datapath = best_datapath()
        self._devices = Survey.of(scope).devices()
        listened = packets.listened()
        have = self._have = read_bridges(self._switch.rows("Bridge"))
        self._unused = unused_qos(self._switch.rows, scope.lab) if goal.purge else []
        self._occupied = _occupied(goal.want, have, self._devices, scope.lab, self._lent)
        self._left_over = _left_over(goal.want, have, self._devices)
        return {name: _with_stale_ports(bridge, self._devices, listened) for name, bridge in have.items()}

    def plan(self, have: Mapping[str, Bridge], goal: Goal[Bridge], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Any]]:
        """Compare; a new bridge that does not say which datapath it wants gets the host's best."""
        want = tuple(
            replace(bridge, datapath_type=self._datapath) if bridge.datapath_type is None and bridge.name not in have else bridge
            for bridge in goal.want
        )
        self._occupied += lacking_queueing(want)
        changes = plan_bridges(have, replace(goal, want=want), scope, earlier, self._devices.keys() - self._left_over)
        if self._occupied:
            raise LabErrors(self._occupied)
        used = {port.qos for bridge in want for port in bridge.ports}
        return [*changes, *(Change("ovs_qos", qos, None) for qos in self._unused if qos.name not in used)]

    def remove(self, changes: Sequence[Change[Any]], scope: Scope) -> None:
        """Remove in transactions that other bridges can bear and wait for each, so that the daemon serves them in between.

        When it returns, the daemon has let everything go; if the daemon does not run, there is nothing to let go.
        """
        switch = self._connected()
        doomed = [change.before for change in changes if change.before is not None and not isinstance(change.before, Qos)]
        follow = switch.daemon_runs()
        gone = {thing.name for thing in doomed if isinstance(thing, Bridge)}
        bridges = {row.name: row for row in switch.rows("Bridge")}
        ports = {row.name: row for row in switch.rows("Port")}
        others = bool(bridges.keys() - gone)
        size = _FIRST if others else _ALONE
        waiting = sorted(doomed, key=lambda thing: isinstance(thing, Bridge))
        while waiting:
            count = _together(waiting, size)
            start = time.monotonic()
            removal = _removal(switch, waiting[:count], bridges, ports)
            switch.change(removal, "remove bridges and ports from Open vSwitch", follow, count)
            if others:
                size = max(_FEWEST, int(size * min(2.0, BEARABLE / (time.monotonic() - start))))
            waiting = waiting[count:]
        self._drop_unused(scope.lab)

    def apply(self, changes: Sequence[Change[Any]], scope: Scope) -> None:
        """Create and update everything in one transaction, wait for the daemon, and ask it for what it could not do. Raise LabErrors."""
        switch = self._connected()
        switch.change(_edition(switch, changes, self._have), "change the bridges and ports of Open vSwitch", amount=len(changes))
        touched = [Port(change.key, bridge=change.key) if change.kind == self.kind else change.after for change in changes if change.after]
        self._drop_unused(scope.lab)
        problems = faults(touched, switch.rows("Port"))
        if problems:
            raise LabErrors(problems)

    def _drop_unused(self, lab: str) -> None:
        """Remove what no port uses any more of the lab's rows of table QoS: they are nobody's part, and would stay."""
        switch = self._connected()
        unused = unused_qos(switch.rows, lab)
        if unused:
            switch.change(_qos_removal(switch, unused), "remove rows of tables QoS and Queue from Open vSwitch", follow=False)

    def _connected(self) -> ovsdb.Database:
        if self._switch is None:
            raise ovsdb.not_running(self._address)
        return self._switch

    def _require_nothing_stored(self, goal: Goal[Bridge], scope: Scope) -> None:
        for row in ovsdb.stored():
            if row["name"] in goal.absent or (goal.purge and row["external_ids"].get(MARK) == scope.lab):
                raise ovsdb.not_running(self._address)


def _with_stale_ports(bridge: Bridge, devices: Mapping[str, int], listened: frozenset[int]) -> Bridge:
    """Mark the ports whose device has gone, or has come again without the daemon listening to it.

    The daemon does not notice: ofport and error stay as they were, and ifindex follows the new device
    (lib/netdev-linux.c). A daemon in another network namespace has its devices there, and then nothing can be told.
    """
    if bridge.name not in devices:
        return bridge
    ports = []
    for port in bridge.ports:
        reason = port.fault
        if not reason and port.type == "" and port.name != bridge.name:
            for name in port.interfaces or (port.name,):
                if name not in devices:
                    reason = "its network device is gone"
                elif bridge.datapath_type == "netdev" and devices[name] not in listened:
                    reason = "its network device was made anew, and ovs-vswitchd does not listen to it"
        ports.append(replace(port, fault=reason))
    return replace(bridge, ports=tuple(ports))


def _together(waiting: Sequence[Bridge | Port], size: int) -> int:
    """Return how many of what is to go, from the first on, cost the daemon as much as so many ports."""
    cost = 0
    for count, thing in enumerate(waiting):
        if cost >= size:
            return count
        cost += not (isinstance(thing, Port) and thing.type in _VIRTUAL)
    return len(waiting)


def _removal(
    switch: ovsdb.Database, doomed: Sequence[Bridge | Port], bridges: Mapping[str, Any], ports: Mapping[str, Any]
) -> Callable[[Callable[[str], Any]], None]:
    def build(insert: Callable[[str], Any]) -> None:
        for thing in doomed:
            if isinstance(thing, Bridge):
                # The server removes what only the bridge referred to.
                switch.root.delvalue("bridges", bridges[thing.name])
            elif thing.name in ports:  # an uplink has been taken out by who gives it its addresses back
                bridges[thing.bridge].delvalue("ports", ports[thing.name])

    return build


def _qos_removal(switch: ovsdb.Database, unused: Sequence[Qos]) -> Callable[[Callable[[str], Any]], None]:
    def build(insert: Callable[[str], Any]) -> None:
        writer = Writer(insert, switch.root, switch.rows)
        for qos in unused:
            writer.drop_qos(qos)

    return build


def _occupied(want: Sequence[Bridge], have: Mapping[str, Bridge], devices: Mapping[str, int], lab: str, lent: Collection[str]) -> list[str]:
    """Say which network devices of the machine, that are no ports yet, must not become any. The lab's own bridges let go first."""
    known = {port.name for bridge in have.values() for port in bridge.ports}
    joining = {name for bridge in want for port in bridge.ports if not port.type for name in port.interfaces or (port.name,)}
    joining = (joining & devices.keys()) - known
    if not joining:
        return []
    with Netlink() as kernel:
        links = kernel.links()
        addresses: dict[int, list[str]] = {link.index: [] for link in links}
        for address in kernel.addresses():
            addresses[address.index].append(address.address)
    addresses.update({link.index: [] for link in links if link.name in lent})
    names = {link.index: link.name for link in links}
    own = {link.index for link in links if owner(link.alias) == lab}
    found = (
        occupied(replace(link, master=0) if link.master in own else link, addresses[link.index], names, {})
        for link in links
        if link.name in joining
    )
    return [problem for problem in found if problem]


def _left_over(want: Sequence[Bridge], have: Mapping[str, Bridge], devices: Mapping[str, int]) -> set[str]:
    """Return the wanted bridges whose device a daemon of the userspace datapath has left that ended, and whose database is lost.

    It makes them persistent (lib/netdev-linux.c), and takes them up again. They are known by their address, which is the bridge's.
    """
    suspects = [bridge for bridge in want if bridge.name in devices and bridge.name not in have]
    missing = {bridge.name: (bridge.other_config or {}).get("hwaddr") for bridge in suspects}
    if not missing:
        return set()
    with Netlink() as kernel:
        return {link.name for link in kernel.links() if link.kind == "tun" and link.mac == missing.get(link.name) and not link.alias}


def _edition(switch: ovsdb.Database, changes: Sequence[Change[Any]], have: Mapping[str, Bridge]) -> Callable[[Callable[[str], Any]], None]:
    bridges: list[tuple[Bridge | None, Any]] = [(change.before, change.after) for change in changes if change.kind == OvsDriver.kind]
    ports = [change for change in changes if change.kind != OvsDriver.kind]
    listed = {change.key for change in ports}
    # A mirror forgot the port that was taken out of it.
    mirrors = {bridge.name: (bridge, before) for before, bridge in bridges}
    for change in ports:
        home: Any = change.after
        if change.action == "replace" and home.bridge in have:
            mirrors[home.bridge] = (mirrors.get(home.bridge, (have[home.bridge], None))[0], None)

    def build(insert: Callable[[str], Any]) -> None:
        writer = Writer(insert, switch.root, switch.rows)
        for before, bridge in bridges:
            if before is not None:
                writer.set_bridge(bridge, before)
                continue
            writer.add_bridge(bridge)
            if bridge.name not in listed:
                writer.add_port(Port(bridge.name, bridge.lab, bridge.name, type="internal"))
        for change in ports:
            port: Any = change.after
            if change.action == "update":
                writer.set_port(port, change.before)
            else:
                writer.add_port(replace(port, type="internal") if port.name == port.bridge else port)
        writer.finish()
        for bridge, before in mirrors.values():
            writer.set_mirrors(bridge, before)

    return build
