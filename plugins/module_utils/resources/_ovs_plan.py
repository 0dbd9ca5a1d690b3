# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change for bridges and ports to be as wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, Union

from .._errors import LabErrors
from .._plan import Change, Goal, Scope, compare, merge
from ._ovs_model import Bridge, Controller, Mirror, Port
from ._ovs_queues import useless_queues

T = TypeVar("T", Bridge, Port)
Thing = Union[Bridge, Port]

_EMPTY = {"controllers": Controller("", "", "", ""), "mirrors": Mirror("", False, (), (), (), "", "")}


def plan_bridges(
    have: Mapping[str, Bridge], goal: Goal[Any], scope: Scope, earlier: Sequence[Change[Any]], devices: Collection[str]
) -> list[Change[Any]]:
    """Return the changes of bridges and of ports. Raise LabErrors.

    devices are the network devices of this machine; what earlier changes do to them is taken into account.
    """
    wanted = [_settled_bridge(bridge, have.get(bridge.name), scope) for bridge in goal.want]
    coming = {one.bridge for change in earlier if change.kind == "ovn" and (one := change.after) is not None}
    problems = _conflicts(have, wanted, goal, scope, _left(devices, earlier), coming)
    bridges: list[Change[Any]] = []
    ports: list[Change[Any]] = []
    try:
        own = tuple(bridge for bridge in wanted if not bridge.existing)
        kept = {name: bridge for name, bridge in have.items() if name not in {one.name for one in wanted if one.existing}}
        bridges = list(compare("ovs_bridge", kept, replace(goal, want=own), scope))
    except LabErrors as error:
        problems.extend(error.problems)
    else:
        gone = [change.before for change in bridges if change.after is None and change.before is not None]
        try:
            ports = _plan_ports(have, wanted, gone, goal, scope, _made(earlier))
        except LabErrors as error:
            problems.extend(error.problems)
    if problems:
        raise LabErrors(problems)
    return bridges + ports


def _plan_ports(
    have: Mapping[str, Bridge], wanted: Sequence[Bridge], gone: Sequence[Bridge], goal: Goal[Any], scope: Scope, made: Collection[str]
) -> list[Change[Any]]:
    """Plan the wanted ports, then those that go: with their bridge, by name, or because nobody lists them."""
    targets = {port.name: port for bridge in wanted for port in bridge.ports}
    present = {
        port.name: replace(port, fault="its network device is made anew") if port.name in made and not port.fault else port
        for bridge in have.values()
        for port in bridge.ports
        if port.name != bridge.name or (port.name in targets and targets[port.name].bridge == bridge.name)
    }
    doomed = {port.name: port for bridge in gone for port in bridge.ports if port.name != bridge.name and port.name not in targets}
    for bridge in wanted:
        for port in have[bridge.name].ports if bridge.name in have else ():
            unlisted = port.name not in targets and port.name != bridge.name
            if unlisted and (bridge.purge == "all" or (bridge.purge == "own" and port.lab == scope.lab)):
                doomed[port.name] = port
    settled = tuple(_settled(_without_qos(port, present.get(port.name), goal), present.get(port.name)) for port in targets.values())
    absent = tuple(name for bridge in wanted for name in bridge.absent_ports if name in present and present[name].bridge == bridge.name)
    left = {name: port for name, port in present.items() if name not in doomed}
    changes = compare("ovs_port", left, Goal(goal.driver, settled, absent, goal.purge), scope, replace_on=("bridge", "fault"))
    return [*changes, *(Change("ovs_port", port, None) for port in doomed.values())]


def _without_qos(target: Port, current: Port | None, goal: Goal[Any]) -> Port:
    """Return target with its queueing given back where the lab asked for it, and the goal, which is all of the lab, no longer does."""
    ended = goal.purge and target.qos is None and current is not None and current.own_qos
    return replace(target, qos="", qos_rate="", queues=()) if ended else target


def _settled_bridge(target: Bridge, current: Bridge | None, scope: Scope) -> Bridge:
    """Return target with its maps and records complete; whoever made a bridge stays its owner when it is adopted for its room."""
    bridge = replace(
        _settled(target, current),
        lab=current.lab if current is not None and scope.adopt else target.lab,
        **{name: _filled(name, target, current) for name in _EMPTY},
    )
    # The bridge's own port goes with the bridge, whoever uses it.
    local = {port.name: port.lab for port in (current.ports if current else ()) if port.name == target.name}
    return replace(bridge, ports=tuple(replace(port, lab=local[port.name]) if port.name in local else port for port in target.ports))


def _settled(target: T, current: T | None) -> T:
    """Return target with unmanaged fields as they are, and its maps with the keys that it does not name."""
    filled = merge(current, target) if current is not None else target
    maps: dict[str, Any] = {
        name: {key: item for key, item in {**(getattr(current, name, None) or {}), **value}.items() if item != ""}
        for name, value in vars(target).items()
        if isinstance(value, Mapping)
    }
    return replace(filled, **maps) if maps else filled


def _filled(name: str, target: Bridge, current: Bridge | None) -> Any:
    """Return target's controllers or mirrors, each with its unmanaged fields as they are."""
    wanted = getattr(target, name)
    present = getattr(current, name, None) or ()
    if wanted is None:
        return present if current else None
    known = {_name(one): one for one in present}
    return tuple(merge(known.get(_name(one), _EMPTY[name]), one) for one in wanted)


def _name(record: Any) -> str:
    return str(record.target if isinstance(record, Controller) else record.name)


def _conflicts(
    have: Mapping[str, Bridge], wanted: Sequence[Bridge], goal: Goal[Any], scope: Scope, devices: Collection[str], coming: Collection[str]
) -> list[str]:
    """Say what no plan can bring about; coming are bridges of others that earlier changes make."""
    homes = {port.name: bridge for bridge in have.values() for port in bridge.ports}
    managed = {bridge.name for bridge in wanted}.union(goal.absent)
    managed.update(name for name, bridge in have.items() if goal.purge and bridge.lab == scope.lab)
    problems: list[str] = []
    claimed: dict[str, str] = {}
    for bridge in wanted:
        if bridge.existing and bridge.name not in have and bridge.name not in coming:
            problems.append(f"The bridge '{bridge.name}' does not exist; make it, or correct its name.")
        if bridge.name not in have and bridge.name in homes:
            problems.append(f"Cannot make the bridge '{bridge.name}': bridge '{homes[bridge.name].name}' has a port of that name.")
        elif bridge.name not in have and bridge.name in devices:
            problems.append(f"Cannot make the bridge '{bridge.name}': a network device of that name exists; choose another name.")
        for port in bridge.ports:
            home = homes.get(port.name)
            if claimed.setdefault(port.name, bridge.name) != bridge.name:
                problems.append(f"Port '{port.name}' is wanted in the bridges '{claimed[port.name]}' and '{bridge.name}'; choose one.")
            if home is not None and home.name != bridge.name and not _movable(port, home, managed, goal, scope):
                problems.append(
                    f"Port '{port.name}' is wanted in bridge '{bridge.name}', but it is in bridge '{home.name}'; "
                    f"remove it there first ('ovs-vsctl del-port {home.name} {port.name}')."
                )
            if home is None and port.type == "internal" and port.name in devices and port.name != bridge.name:
                problems.append(f"Cannot make the internal port '{port.name}': a network device of that name exists; choose another name.")
        problems.extend(_wrong_ports(bridge, have.get(bridge.name), scope))
    return problems


def _movable(port: Port, home: Bridge, managed: Collection[str], goal: Goal[Any], scope: Scope) -> bool:
    """Say whether a port is the lab's to move; all of the lab leaves no port of its own in another's bridge either."""
    current = next(one for one in home.ports if one.name == port.name)
    return current.lab == scope.lab and (goal.purge or home.name in managed) and port.name != home.name


def _wrong_ports(bridge: Bridge, current: Bridge | None, scope: Scope) -> list[str]:
    """Say what is wrong with the bridge as it would be, its unlisted ports included."""
    kept = {port.name: port for port in (current.ports if current else ()) if port.name not in bridge.absent_ports}
    for port in list(kept.values()):
        if bridge.purge == "all" or (bridge.purge == "own" and port.lab == scope.lab):
            del kept[port.name]
    types = {name: port.type for name, port in kept.items()}
    types.update({port.name: port.type for port in bridge.ports if port.type is not None or port.name not in kept})
    problems = []
    patches = [name for name, kind in types.items() if kind == "patch"]
    if bridge.rstp and patches:
        problems.append(
            f"Bridge '{bridge.name}' wants rstp and has the patch port '{patches[0]}': ovs-vswitchd deadlocks and aborts on that "
            "(lib/rstp.c, seen with 3.1), again and again; link the bridges by a veth pair, or use stp."
        )
    problems.extend(useless_queues(bridge))
    problems.extend(
        f"Mirror '{mirror.name}' of bridge '{bridge.name}' names '{name}', which is no port of it."
        for mirror in bridge.mirrors or ()
        for name in (*(mirror.select_src_port or ()), *(mirror.select_dst_port or ()), mirror.output_port)
        if name and name not in types and name != bridge.name
    )
    return problems


def _made(earlier: Sequence[Change[Any]]) -> set[str]:
    """Return the names of this host's links that earlier changes make."""
    return {change.key for change in earlier if change.kind == "link" and change.action in ("create", "replace")}


def _left(devices: Collection[str], earlier: Sequence[Change[Any]]) -> set[str]:
    return set(devices).difference(change.key for change in earlier if change.kind == "link" and change.action == "remove")
