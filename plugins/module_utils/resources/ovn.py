# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's part in OVN: its chassis, and the databases if it is the central one; for all labs together, which note what they need.

The labs of a machine share one ovn-controller, as two cannot have tunnels between the same machines. What of it there must be
follows from the notes of all labs, so the last lab to go takes it away; what others have of OVN on the machine is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._errors import LabErrors
from .._lock import PATIENCE, held
from .._paths import OVN, RUN, run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import notes, ovn, ovsdb
from ..transport.processes import Process
from ._network import Survey
from ._underlay import Tunnels, carriers, refuse_geneve, require_underlay
from .ovs import best_datapath

MARK = "netvirt-ovn"  # in the external_ids of what is the machine's and no lab's; in those of Open vSwitch itself it names the labs
_LIMIT, _LIMITED = "vlan-limit", "netvirt-ovn-vlan-limit"  # ovn-controller sets it, for all bridges; what it was before
_INDEX = "ovn-chassis-idx-netvirt-"  # what ovn-controller notes of tunnels in other_config, and leaves there
_NOTE = "ovn.json"
_TABLES = {
    "Open_vSwitch": ("cur_cfg", "external_ids", "other_config", "datapaths", "bridges"),
    "Bridge": ("name", "external_ids"),
    "Datapath": ("external_ids",),
}


@dataclass(frozen=True)
class Fabric:
    """What a lab needs of a machine: its name in OVN, its address for tunnels, the southbound database; lacking is what of it is not there.

    mappings are bridges by the name of the network that they lead to; packets is the largest that a tunnel must carry, in bytes.
    """

    chassis: str
    lab: str | None = None
    address: str | None = None
    remote: str | None = None
    bridge: str | None = None
    central: bool | None = None
    port: int | None = None
    mappings: Mapping[str, str] | None = None
    packets: int = field(default=0, metadata={"hidden": True})
    lacking: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the lab, which has one part of a machine, whatever its name in OVN."""
        return self.lab or ""


_NOTED = ("chassis", "address", "remote", "bridge", "central", "port", "mappings")


def fabric_from(item: Mapping[str, Any], lab: str) -> Fabric:
    """Return what a share asks of a machine."""
    return Fabric(lab=lab, **{"remote": ovn.SOUTHBOUND, "port": 0, **{name: item[name] for name in (*_NOTED, "packets") if name in item}})


class OvnDriver:
    """Start and set up OVN on a machine for a lab, and end it with the last one."""

    kind = "ovn"

    def observe(self, goal: Goal[Fabric], scope: Scope) -> Mapping[str, Fabric]:
        """Read the lab's note, and see what of all labs' needs is not met."""
        known = _noted()
        self._others = {lab: one for lab, one in known.items() if lab != scope.lab}
        self._survey = Survey.of(scope)
        own = known.get(scope.lab) or (None if goal.want else _forgotten(scope.lab, known))
        return {} if own is None else {own.key: replace(own, lacking=tuple(_lacking(known)) if goal.want else ())}

    def plan(self, have: Mapping[str, Fabric], goal: Goal[Fabric], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Fabric]]:
        """Compare; refuse what does not go together with other labs, or what the machine has not."""
        problems = [problem for one in goal.want for lab, other in self._others.items() for problem in _conflicts(one, lab, other)]
        problems += [problem for one in goal.want if one.central and one.port for problem in ovn.taken(one.address or "", one.port)]
        problems += _unshared(self._others, earlier)
        if goal.want and not scope.check:
            problems += ovn.missing(_commands(dict(enumerate(goal.want))))
        if problems:
            raise LabErrors(problems)
        tunnelling = [one for one in goal.want if one.packets]
        require_underlay([Tunnels(one.address or "", one.packets, "ovn") for one in tunnelling], self._survey)
        if tunnelling:
            refuse_geneve(self._survey, earlier)
        _require_reachable(tunnelling, self._survey)
        return compare(self.kind, have, goal, scope)

    def remove(self, changes: Sequence[Change[Fabric]], scope: Scope) -> None:
        """Forget the lab, and end what no other needs."""
        settle(without=scope.lab)

    def apply(self, changes: Sequence[Change[Fabric]], scope: Scope) -> None:
        """Note what the lab needs, and see that it is there."""
        for change in changes:
            values = asdict(change.target)
            notes.write(run_dir(scope.lab) / _NOTE, {name: values[name] for name in _NOTED})
        settle()


def _unshared(others: Mapping[str, Fabric], earlier: Sequence[Change[Any]]) -> list[str]:
    """Say which new devices take the port that tunnels of other labs' OVN need, now or when a second lab host joins."""
    links = [change for change in earlier if change.kind == "link" and change.action in ("create", "replace")]
    new = [change.key for change in links if change.target.kind == "geneve"]
    return [
        f"Geneve's port of this machine, which '{name}' would have, is for OVN, which the lab '{lab}' uses; use fabric: vxlan or gre, or "
        f"take '{lab}' down."
        for name in new[:1]
        for lab, other in others.items()
        if other.remote != ovn.SOUTHBOUND
    ]


def _require_reachable(want: Sequence[Fabric], survey: Survey) -> None:
    """Raise LabErrors where Open vSwitch tunnels by itself and not by the kernel: it can do so from bridges of its own only."""
    if not want or best_datapath() != "netdev" or not ovsdb.running(None):
        return
    with ovsdb.Database(None, {"Bridge": ("name", "datapath_type")}) as switch:
        bridges = {row.name for row in switch.rows("Bridge") if row.datapath_type == "netdev"}
    there = carriers(survey)
    stuck = {one.address or "": there[one.address or ""].name for one in want if there[one.address or ""].name not in bridges}
    if stuck:
        raise LabErrors(
            "Open vSwitch has no kernel datapath here, and its userspace datapath tunnels from addresses of its own bridges only: "
            f"{address} is that of '{name}'. Load the kernel module openvswitch; or make a bridge with datapath_type=netdev and the port "
            f"'{name}', and move the address to it."
            for address, name in stuck.items()
        )


def _noted() -> dict[str, Fabric]:
    """Return what each lab of this machine needs."""
    found: dict[str, Fabric] = {}
    for path in sorted(RUN.glob(f"*/{_NOTE}")):
        values = notes.read(path)
        if set(_NOTED) <= values.keys():
            found[path.parent.name] = Fabric(lab=path.parent.name, **{name: values[name] for name in _NOTED})
    return found


def is_last(lab: str) -> bool:
    """Say whether no other lab of this machine uses OVN."""
    return not _noted().keys() - {lab}


def _forgotten(lab: str, noted: Mapping[str, Fabric]) -> Fabric | None:
    """Return what a lab has left here that has no note any more: Open vSwitch's database outlives a reboot, the note does not.

    Who took the last note away, and was killed then, has left the directory of all.
    """
    if not noted and OVN.exists():
        return Fabric("", lab)
    if not ovsdb.running(None):
        return None
    with ovsdb.Database(None, {"Open_vSwitch": ("external_ids",)}) as switch:
        ids = dict(switch.root.external_ids)
    remote = "ovn-remote-"
    known = next((name[len(remote) :] for name in ids if _is_setting(name) and name.startswith(remote)), "")
    return Fabric(known, lab) if lab in ids.get(MARK, "").split() else None


def _conflicts(one: Fabric, lab: str, other: Fabric) -> list[str]:
    differing = [name for name in ("chassis", "address", "remote") if getattr(one, name) != getattr(other, name)]
    return [
        f"The lab '{lab}' uses OVN on this machine with another {name}, {getattr(other, name)} and not {getattr(one, name)}; "
        "give both labs the same lab hosts' addresses (netvirt_underlay) and the same central (netvirt_ovn_central), "
        f"and take '{lab}' down before it is built anew with them."
        for name in differing
    ]


def _commands(known: Mapping[Any, Fabric]) -> dict[str, list[str]]:
    """Return the daemons that must run for all labs, in the order in which they start."""
    central = next((one for one in known.values() if one.central), None)
    first = next(iter(known.values()), None)
    return {
        **(ovn.central(central.address or "", central.port or 0) if central else {}),
        **(ovn.controller(first.chassis) if first else {}),
    }


def _settings(known: Mapping[str, Fabric]) -> dict[str, str]:
    """Return the external_ids of Open vSwitch: the labs, and what ovn-controller reads by names that end in the chassis."""
    first = next(iter(known.values()), None)
    if first is None:
        return {}
    pairs = sorted(f"{network}:{bridge}" for one in known.values() for network, bridge in (one.mappings or {}).items())
    values = {
        "ovn-remote": first.remote,
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": first.address,
        "ovn-bridge": first.bridge,
        "ovn-bridge-mappings": ",".join(pairs),
    }
    return {MARK: " ".join(sorted(known)), **{f"{name}-{first.chassis}": value for name, value in values.items() if value}}


def _is_setting(name: str) -> bool:
    return name == MARK or (name.startswith("ovn-") and "-netvirt-" in name)


def _lacking(known: Mapping[str, Fabric]) -> list[str]:
    """Say what of the needs of all labs is not there."""
    alive = ovn.running()
    found = [f"the daemon {argv[0]} ({name})" for name, argv in _commands(known).items() if not _runs(name, argv, alive)]
    if not ovsdb.running(None):
        return [*found, "Open vSwitch"]
    with ovsdb.Database(None, _TABLES) as switch:
        ids, wanted = switch.root.external_ids, _settings(known)
        found += [f"the setting {name}" for name, value in wanted.items() if ids.get(name) != value]
        found += [f"no setting {name}" for name in ids if _is_setting(name) and name not in wanted]
        bridges = {row.name: row for row in switch.rows("Bridge")}
        found += [f"the bridge {name}" for name in _bridges(known) if name not in bridges]
    return found


def _runs(name: str, argv: Sequence[str], alive: Mapping[str, Process]) -> bool:
    return name in alive and [*alive[name].argv] == [*argv]


def _bridges(known: Mapping[str, Fabric]) -> set[str]:
    return {one.bridge for one in known.values() if one.bridge}


def settle(without: str = "") -> None:
    """Bring OVN on this machine to what the labs' notes ask for, but for one that goes. Raise LabError."""
    with held(OVN, PATIENCE, "OVN"):
        known = {lab: one for lab, one in _noted().items() if lab != without}
        wanted, alive = _commands(known), ovn.running()
        ovn.stop({name: one for name, one in alive.items() if not _runs(name, wanted.get(name, ()), alive)})
        if known or ovsdb.running(None):
            with ovsdb.Database(None, _TABLES) as switch:
                switch.change(_edition(switch, known), "set up Open vSwitch for OVN", follow=switch.daemon_runs())
        for name, argv in wanted.items():
            if not _runs(name, argv, alive):
                ovn.start(name, argv)
        for left in OVN.iterdir() if not known else ():
            left.unlink()
        if without:
            # Last: who is killed before it tries again, and nobody else settles meanwhile.
            (run_dir(without) / _NOTE).unlink(missing_ok=True)


def _edition(switch: ovsdb.Database, known: Mapping[str, Fabric]) -> Callable[[Callable[[str], Any]], None]:
    def build(insert: Callable[[str], Any]) -> None:
        root, wanted = switch.root, _settings(known)
        for name in root.external_ids:
            if _is_setting(name) and name not in wanted:
                root.delkey("external_ids", name)
        for name, value in wanted.items():
            if root.external_ids.get(name) != value:
                root.setkey("external_ids", name, value)
        own = {row.name: row for row in switch.rows("Bridge") if MARK in row.external_ids}
        for name in own.keys() - _bridges(known):
            root.delvalue("bridges", own[name])
        for name in _bridges(known) - own.keys():
            root.addvalue("bridges", _bridge(insert, name))
        _set_datapath(insert, root, bool(known))
        _set_limit(root, bool(known))
        for name in () if known else root.other_config:
            if name.startswith(_INDEX):
                root.delkey("other_config", name)

    return build


def _bridge(insert: Callable[[str], Any], name: str) -> Any:
    """Insert an integration bridge as ovn-architecture(7) wants it."""
    interface, port, bridge = insert("Interface"), insert("Port"), insert("Bridge")
    interface.name = port.name = bridge.name = name
    interface.type = "internal"
    port.interfaces = [interface]
    bridge.ports = [port]
    bridge.datapath_type = best_datapath()
    bridge.fail_mode = "secure"
    bridge.other_config = {"disable-in-band": "true"}
    bridge.external_ids = {MARK: "true"}
    return bridge


def _set_limit(root: Any, present: bool) -> None:
    """Remember what ovn-controller is about to change, or give it back."""
    before = root.external_ids.get(_LIMITED)
    if present and before is None:
        root.setkey("external_ids", _LIMITED, root.other_config.get(_LIMIT, ""))
    elif not present and before is not None:
        root.delkey("external_ids", _LIMITED)
        if before:
            root.setkey("other_config", _LIMIT, before)
        else:
            root.delkey("other_config", _LIMIT)


def _set_datapath(insert: Callable[[str], Any], root: Any, present: bool) -> None:
    """Make the row that describes a datapath, or remove it: ovn-controller would make one that nobody knows whose it is."""
    kind = best_datapath()
    current = root.datapaths.get(kind)
    if present and current is None:
        row = insert("Datapath")
        row.external_ids = {MARK: "true"}
        root.setkey("datapaths", kind, row)
    elif not present and current is not None and MARK in current.external_ids:
        root.delkey("datapaths", kind)
