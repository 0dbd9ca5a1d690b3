# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accept rules of a lab in other programs' packet filters: read, compare and change them on the machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .._errors import LabError
from ..transport import nft
from ._gates import Gate, Hook, Rule, iptables_edit, iptables_gate, nft_bases, nft_edit, nft_gate

PREFIX = "netvirt:"
_TABLES = ("filter", "mangle", "security")


def gates(hook: Hook) -> list[Gate]:
    """Return everybody else's base chains of a hook, with the rules in them that carry a lab's mark."""
    objects = nft.ruleset()
    found = []
    for base in nft_bases(objects, hook):
        gate = _compatible(base["family"], base["table"], base["name"], hook)
        found.append(gate or nft_gate(objects, base, PREFIX))
    return found + _legacy(hook)


def _compatible(family: str, table: str, chain: str, hook: Hook) -> Gate | None:
    """Read a chain by iptables if iptables made it: one nft rule in its table, and iptables refuses to read that table."""
    if family not in ("ip", "ip6") or table not in _TABLES or chain != hook.upper():
        return None
    program = nft.iptables(family, "nft")
    listing = nft.rules_of(program, table) if program else None
    return iptables_gate(program, family, table, hook, listing, PREFIX) if program and listing is not None else None


def _legacy(hook: Hook) -> list[Gate]:
    found = []
    for family in ("ip", "ip6"):
        for table in nft.legacy_tables(family):
            program = nft.iptables(family, "legacy") if table in _TABLES else None
            listing = nft.rules_of(program, table) if program else None
            if program and listing is not None and f"-P {hook.upper()} " in listing:
                found.append(iptables_gate(program, family, table, hook, listing, PREFIX))
    return found


def shut(found: Sequence[Gate], comment: str, rules: Collection[Rule]) -> tuple[str, ...]:
    """Name the chains that lack the rules, or that hold others with the same comment."""
    return tuple(gate.name for gate in found if not gate.fits(comment, rules))


def settle(hook: Hook, comment: str, rules: Sequence[Rule]) -> None:
    """Give every chain of a hook that may drop exactly these rules with the comment; no rules means none of them stays."""
    native: list[str] = []
    for gate in gates(hook):
        if gate.fits(comment, rules):
            continue
        if gate.owner:
            raise LabError(
                f"Cannot let the lab's packets through the chain '{gate.name}': its table lets only the program that made it change it; "
                f"set NftablesTableOwner=no in /etc/firewalld/firewalld.conf and restart firewalld, or do without NAT and DHCP."
            )
        if gate.program:
            nft.edit_rules(gate.program, gate.table, iptables_edit(gate, comment, rules))
        else:
            native += nft_edit(gate, comment, rules)
    if native:
        nft.load("\n".join([*native, ""]), "let the lab's packets through the other packet filters of this machine")
