# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tunnels need of the machine: its address among the lab hosts, packets that are large enough, a number of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from .._errors import LabErrors
from .._plan import Change
from ..topology.tunnels import KINDS, headers
from ..transport import tunnels
from ..transport.rtnetlink import LinkRecord
from ._link_model import Link
from ._network import Survey, lost


@dataclass(frozen=True)
class Tunnels:
    """Tunnels that come from an address of the machine, for packets of so many bytes."""

    local: str
    packets: int
    fabric: str

    @property
    def needed(self) -> int:
        """Return the MTU that the underlay needs for them."""
        return self.packets + headers(self.local, self.fabric)


def require_underlay(tunnels: Sequence[Tunnels], survey: Survey) -> None:
    """Raise LabErrors if the machine has not the address that tunnels come from, or its interface is too small for them."""
    if not tunnels:
        return
    there = carriers(survey)
    problems = []
    for local in dict.fromkeys(one.local for one in tunnels):
        largest = max((one for one in tunnels if one.local == local), key=lambda one: one.needed)
        needed = largest.needed
        if local not in there:
            problems.append(
                f"This machine has not the address {local}, by which it is to be reached by the other lab hosts; give the one that it "
                "has as the lab host's variable netvirt_underlay."
            )
        elif there[local].mtu < needed:
            carrier = there[local]
            problems.append(
                f"The interface '{carrier.name}' of the underlay has an MTU of {carrier.mtu} bytes, and tunnels for packets of "
                f"{largest.packets} bytes need {needed}; raise it, or set netvirt_underlay_mtu of the lab hosts to {carrier.mtu}."
            )
    if problems:
        raise LabErrors(problems)


def carriers(survey: Survey) -> dict[str, LinkRecord]:
    """Return the machine's own addresses, each with the interface that has it."""
    links = {record.index: record for record in survey.links("")}
    return {str(ip_interface(record.address).ip): links[record.index] for record in survey.addresses("") if record.index in links}


def require_tunnels(want: Sequence[Link], survey: Survey) -> None:
    """Raise LabErrors if the machine cannot have the tunnels that are wanted of it."""
    wanted = [(link, link.local) for link in want if link.kind in KINDS and link.local]
    require_underlay([Tunnels(local, link.mtu or 0, KINDS[str(link.kind)]) for link, local in wanted], survey)
    geneve = [(link, local) for link, local in wanted if link.kind == "geneve"]
    if not geneve:
        return
    problems = [
        f"Geneve's port {tunnels.GENEVE_PORT} of this machine is that of '{record.name}' already, a device for tunnels to anywhere, such "
        "as Open vSwitch has for its own or OVN's, and the kernel shares it with no other; use fabric: vxlan or gre, or end those."
        for record in survey.links("")
        if tunnels.has_geneve_port(record.kind, record.data) and tunnels.shared(record.kind, record.data)
    ]
    ways = {(link.remote or "", local) for link, local in geneve}
    problems += [
        f"This machine sends to {remote} from {own}, as its routes say, and so does Geneve; the other lab hosts expect {local} "
        f"(netvirt_underlay). Give {own} as that, or a route to {remote} the source {local}, or use fabric: vxlan or gre."
        for remote, local in sorted(ways)
        if (own := tunnels.source(remote)) not in ("", local)
    ]
    if problems:
        raise LabErrors(problems)


def refuse_geneve(survey: Survey, earlier: Sequence[Change[Any]]) -> None:
    """Raise LabErrors if a device has the port that Open vSwitch needs for Geneve tunnels of its own, and stays."""
    there = [record for record in survey.links("") if tunnels.has_geneve_port(record.kind, record.data)]
    own = [record.name for record in there if tunnels.shared(record.kind, record.data) and record.name.startswith("genev_sys_")]
    names = [record.name for record in there if record.name not in (*own, *lost(earlier))]
    if names:
        raise LabErrors(
            [
                f"Geneve's port {tunnels.GENEVE_PORT} of this machine is that of '{names[0]}' already, and OVN's tunnels need it for "
                "themselves; end what has it. If that is a lab (fabric: geneve), build it with fabric: vxlan or gre."
            ]
        )


_NUMBERS = {"vxlan": "VXLAN", "geneve": "Geneve network", "gre": "GRE key"}


def number_problems(want: Sequence[Link], have: Mapping[str, Link], changes: Sequence[Change[Link]]) -> list[str]:
    """Say which numbers other devices have that stay: on this machine, or where a device leads to one other only, to that one."""
    going = {change.key for change in changes if change.action in ("remove", "replace")}
    wanted = {link.key for link in want}
    taken = {_number(link): link.key for link in have.values() if link.vni and link.key not in going and link.key not in wanted}
    return [
        f"The {_NUMBERS[KINDS[str(link.kind)]]} {link.vni} of '{link.key}' is the one of '{taken[_number(link)]}' on this machine already; "
        "give its switch another (vni)."
        for link in want
        if link.vni and _number(link) in taken
    ]


def _number(link: Link) -> tuple[str | None, int | None, str]:
    return link.kind, link.vni, link.remote or ""
