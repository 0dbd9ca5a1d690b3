# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out of a lab: forwarding on its switches and the uplink, NAT, and accept rules in packet filters that drop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal

from .._errors import LabError, LabErrors
from .._marks import mark
from .._paths import run_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import nft, notes, sysctl
from . import _firewall
from ._gates import Gate, forward_rules
from ._network import Survey, made_anew, require_present
from ._nft_text import FAMILY, removal_text, table_name, table_text

AUTO, NONE = "auto", "none"
_GLOBAL = "net/ipv4/ip_forward"


@dataclass(frozen=True)
class Forwarding:
    """What leaves a lab, and where; uplink '' is forwarding between the lab's own networks only. Unset fields mean: in order."""

    lab: str
    interfaces: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    uplink: str = ""
    nat_rules: Literal["loaded", "changed", "missing"] = "loaded"
    blocked_by: tuple[str, ...] = ()
    not_forwarding: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the lab: it has one way out."""
        return self.lab

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the interfaces that must forward what comes in."""
        return tuple(dict.fromkeys((*self.interfaces, *((self.uplink,) if self.uplink else ()))))


def forwarding_from(item: Mapping[str, Any], lab: str) -> Forwarding:
    """Return what a share or a module's options ask for. Raise LabErrors."""
    problems = [f"subnet '{subnet}': {problem}" for subnet in item["subnets"] for problem in _subnet_problems(subnet)]
    if problems:
        raise LabErrors(problems)
    uplink = "" if item["uplink"] == NONE else item["uplink"]
    return Forwarding(lab, tuple(sorted(item["interfaces"])), tuple(sorted(item["subnets"])), uplink)


def _subnet_problems(subnet: str) -> list[str]:
    try:
        IPv4Network(subnet)
    except ValueError as error:
        return [f"{error}; write an IPv4 network, such as 192.168.100.0/24."]
    return []


def default_uplink(excluded: Sequence[str] = (), routes: str | None = None) -> str | None:
    """Return the interface of the best default route in routes (/proc/net/route), None if there is none."""
    text = Path("/proc/thread-self/net/route").read_text(encoding="ascii") if routes is None else routes
    best: list[tuple[int, str]] = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        up, rejects = int(fields[3], 16) & 1, int(fields[3], 16) & 0x200  # RTF_UP, RTF_REJECT (linux/route.h)
        if fields[1] == fields[7] == "00000000" and up and not rejects and fields[0] not in excluded:
            best.append((int(fields[6]), fields[0]))
    return min(best)[1] if best else None


class ForwardingDriver:
    """Keep a lab's table, its kernel settings and its accept rules."""

    kind = "forwarding"

    def __init__(self) -> None:
        self._default_uplink: str | None = None
        self.present: frozenset[str] = frozenset()
        self.uplink = ""

    def observe(self, goal: Goal[Forwarding], scope: Scope) -> Mapping[str, Forwarding]:
        """Compare the ruleset and the kernel's settings with what the lab's last run noted."""
        wanted = next(iter(goal.want), None)
        self.present = frozenset(Survey.of(scope).devices())
        if wanted:
            nft.require()
        if wanted and wanted.uplink == AUTO:
            self._default_uplink = default_uplink(wanted.interfaces)
        elif wanted and wanted.uplink and sysctl.read(_setting(wanted.uplink)) is None:
            raise LabError(
                f"Lab '{wanted.lab}' has no way out: there is no interface '{wanted.uplink}'; name another one by the option 'uplink'."
            )
        gates = _firewall.gates("forward")
        noted = notes.read(_state_file(scope.lab))
        listing = nft.table(FAMILY, table_name(scope.lab))
        comment = mark(scope.lab)
        accepted = any(found.comment == comment for gate in gates for found in gate.marked)
        if not (noted or listing is not None or accepted or sysctl.held(scope.lab)):
            return {}
        have = Forwarding(scope.lab, tuple(noted.get("interfaces", ())), tuple(noted.get("subnets", ())), noted.get("uplink", ""))
        return {scope.lab: replace(have, **self._health(have, noted, listing, gates))}

    def _health(self, have: Forwarding, noted: Mapping[str, Any], listing: str | None, gates: Sequence[Gate]) -> dict[str, Any]:
        as_loaded = listing is not None and noted.get("digests") == _digests(have, listing)
        held = sysctl.held(have.lab)
        return {
            "nat_rules": "loaded" if as_loaded else "missing" if listing is None else "changed",
            "blocked_by": _firewall.shut(gates, mark(have.lab), forward_rules(have.interfaces)),
            "not_forwarding": tuple(name for name in have.devices if not (_setting(name) in held and sysctl.read(_setting(name)) == "1")),
        }

    def plan(
        self, have: Mapping[str, Forwarding], goal: Goal[Forwarding], scope: Scope, earlier: Sequence[Change[Any]]
    ) -> list[Change[Forwarding]]:
        """Compare; an interface that is made anew in this run has lost its setting."""
        want = tuple(self._resolved(target) for target in goal.want)
        self.uplink = next((target.uplink for target in want), "")
        for target in want:
            require_present(target.devices, "forward packets of", self.present, scope, earlier)
        made = made_anew(earlier)
        lost = {
            lab: replace(found, not_forwarding=tuple(sorted({*found.not_forwarding, *made.intersection(found.devices)})))
            for lab, found in have.items()
        }
        return compare(self.kind, lost, replace(goal, want=want), scope)

    def _resolved(self, wanted: Forwarding) -> Forwarding:
        if wanted.uplink != AUTO:
            return wanted
        if self._default_uplink is None:
            raise LabError(
                f"Lab '{wanted.lab}' has no way out: this machine has no default route to take the interface of; "
                f"name the interface by the option 'uplink', or set it to 'none' to keep the lab's traffic in."
            )
        return replace(wanted, uplink=self._default_uplink)

    def remove(self, changes: Sequence[Change[Forwarding]], scope: Scope) -> None:
        """Take back what the lab's mark is on."""
        for change in changes:
            _firewall.settle("forward", mark(change.key), ())
            if nft.table(FAMILY, table_name(change.key)) is not None:
                nft.load(removal_text(change.key), f"remove the rules of lab '{change.key}'")
            sysctl.release(change.key)
            _state_file(change.key).unlink(missing_ok=True)

    def apply(self, changes: Sequence[Change[Forwarding]], scope: Scope) -> None:
        """Load the table, open the other filters, and let the kernel forward last, when NAT is in place."""
        for change in changes:
            wanted = change.after
            if wanted is None:
                continue
            nft.load(table_text(wanted.lab, wanted.subnets, wanted.uplink), f"load the NAT rules of lab '{wanted.lab}'")
            _firewall.settle("forward", mark(wanted.lab), forward_rules(wanted.interfaces))
            sysctl.hold(wanted.lab, {_setting(name): "1" for name in wanted.devices}, witness=_GLOBAL)
            _note(wanted)


def _setting(interface: str) -> str:
    # Enough for IPv4: the kernel asks the interface that a packet came in by (net/ipv4/route.c, ip_route_input_slow), and
    # unlike ip_forward it leaves the machine's other interfaces as they are.
    return f"net/ipv4/conf/{interface}/forwarding"


def _state_file(lab: str) -> Path:
    return run_dir(lab) / "forwarding.json"


def _note(loaded: Forwarding) -> None:
    listing = nft.table(FAMILY, table_name(loaded.lab)) or ""
    state = {
        "interfaces": loaded.interfaces,
        "subnets": loaded.subnets,
        "uplink": loaded.uplink,
        "digests": _digests(loaded, listing),
    }
    notes.write(_state_file(loaded.lab), state)


def _digests(loaded: Forwarding, listing: str) -> list[str]:
    """Return what tells a table that was changed by hand, or loaded by an older version of this text."""
    texts = (table_text(loaded.lab, loaded.subnets, loaded.uplink), listing)
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]
