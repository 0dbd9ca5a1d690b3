# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables and iptables, by their own programs: the only ones that read and write every version's rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import LabError
from .processes import attempt, command, which

_PACKAGE = "install the package nftables"
_SETS = re.compile(r"^\t(?:set|map) \S+ \{\n.*?^\t\}\n", re.MULTILINE | re.DOTALL)
_CHANGING = re.compile(r"^\t\tflags [^\n]*\b(?:dynamic|timeout)\b", re.MULTILINE)
_ELEMENTS = re.compile(r"^\t\telements = \{.*?\}\n", re.MULTILINE | re.DOTALL)
_LATER = "Interface does not exist"


def require() -> None:
    """Raise LabError if the packet filter cannot be changed."""
    _nft()


def installed() -> bool:
    """Say whether there is a packet filter to ask."""
    return which("nft") is not None


def ruleset() -> list[Mapping[str, Any]]:
    """Return all tables, chains and rules of the machine (libnftables-json(5)), without the contents of named sets.

    Where there is no program that could have made rules there are none: a half-prepared machine can be torn down.
    """
    if not which("nft"):
        return []
    return list(json.loads(command([_nft(), "-j", "-t", "list", "ruleset"], "read the nftables ruleset"))["nftables"])


def table(family: str, name: str) -> str | None:
    """Return a table as nft prints it, without counters; None if it is not there."""
    program = which("nft")
    done = attempt([program, "-s", "list", "table", family, name]) if program else None
    return done.stdout if done and not done.code else None


def listing() -> str:
    """Return the whole ruleset as nft prints it, without counters and without what packets put into sets."""
    if not which("nft"):
        return ""
    printed = command([_nft(), "-s", "list", "ruleset"], "read the nftables ruleset")
    return _SETS.sub(lambda found: _ELEMENTS.sub("", found[0]) if _CHANGING.search(found[0]) else found[0], printed)


def problems(text: str) -> list[str]:
    """Return what nft finds wrong with a script, changing nothing; an interface that is missing may come before it is loaded."""
    done = attempt([_nft(), "-c", "-f", "-"], stdin=text)
    if not done.code:
        return []
    said = [line.partition(":")[2].replace(" Error:", "") for line in done.stderr.splitlines() if "Error: " in line]
    return [line for line in said if _LATER not in line] if said else [done.stderr.strip()]


def load(text: str, purpose: str) -> None:
    """Apply a script of nft commands, all or nothing."""
    command([_nft(), "-f", "-"], purpose, stdin=text)


def rules_of(program: str, name: str) -> str | None:
    """Return a table of iptables as 'iptables -S' prints it; None if this program cannot read it."""
    done = attempt([program, "-t", name, "-S"])
    return None if done.code else done.stdout


def edit_rules(program: str, name: str, lines: Sequence[str]) -> None:
    """Apply iptables commands (-D ..., -I ...) to one table, all or nothing, and leave the rest of the table alone."""
    text = "\n".join((f"*{name}", *lines, "COMMIT", ""))
    command([f"{program}-restore", "--noflush", "--wait"], f"change the rules of {program}", stdin=text)


def iptables(family: str, variant: str) -> str | None:
    """Return the program for a family (ip, ip6) and a kind of kernel tables (nft, legacy); None if it is not installed."""
    name = {"ip": "iptables", "ip6": "ip6tables"}[family]
    exact = which(f"{name}-{variant}")
    if exact:
        return exact
    plain = which(name)
    said = attempt([plain, "--version"]).stdout if plain else ""
    return plain if ("nf_tables" in said) == (variant == "nft") and said else None


def legacy_tables(family: str) -> list[str]:
    """Return the tables of the old iptables that this network namespace has; asking the program itself would make them."""
    try:
        return Path(f"/proc/net/{family}_tables_names").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def _nft() -> str:
    program = which("nft")
    if not program:
        raise LabError(f"Cannot read or change the packet filter: there is no program 'nft'; {_PACKAGE}.")
    return program
