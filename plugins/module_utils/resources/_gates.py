# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs' packet filters: which of their chains may drop a lab's packets, and the rules that let them pass. Pure.

A packet must be accepted by every base chain of its hook (nft(8)), so a rule of our own table cannot help: each foreign
chain that may drop gets rules at its head. They carry the mark as their comment, by which they are found again.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Hook = Literal["forward", "input"]
# What a rule is about: packets that come from an interface, answers that leave by it, or requests to a service on the lab host.
Rule = tuple[Literal["from", "to", "udp", "tcp"], str]

_NFT_MATCH = {
    "from": 'iifname "{0}"',
    "to": 'oifname "{0}" ct state {{ established, related }}',
    "udp": 'iifname "{0}" udp dport {{ 53, 67 }}',
    "tcp": 'iifname "{0}" tcp dport 53',
}
_IPTABLES_MATCH = {
    "from": "-i {0}",
    "to": "-o {0} -m conntrack --ctstate RELATED,ESTABLISHED",
    "udp": "-i {0} -p udp -m multiport --dports 53,67",
    "tcp": "-i {0} -p tcp -m tcp --dport 53",
}
_DOCKER = "DOCKER-USER"


@dataclass(frozen=True)
class Marked:
    """A rule that carries a lab's mark; ``handle`` is what its removal names, in place says that nothing foreign is ahead of it."""

    comment: str
    rule: Rule
    handle: str
    in_place: bool


@dataclass(frozen=True)
class Gate:
    """A base chain of somebody else. ``program`` is the iptables that owns its table, '' for nft; ``entry`` is where accept rules go."""

    program: str
    family: str
    table: str
    chain: str
    entry: str
    drops: bool
    owner: str = ""
    marked: tuple[Marked, ...] = field(default=())

    @property
    def name(self) -> str:
        """Return the chain's name as nft or iptables users know it."""
        return f"{self.family} {self.table} {self.chain}" + (" (legacy)" if "legacy" in self.program else "")

    def fits(self, comment: str, rules: Collection[Rule]) -> bool:
        """Say whether exactly these rules carry the comment, and all where they work."""
        ours = [mark for mark in self.marked if mark.comment == comment]
        wanted = sorted(rules) if self.drops else []
        return sorted(mark.rule for mark in ours) == wanted and all(mark.in_place for mark in ours)


def forward_rules(interfaces: Iterable[str]) -> list[Rule]:
    """Return what lets a lab's packets out and the answers in; requests from outside stay the firewall's matter."""
    return [rule for name in interfaces for rule in (("from", name), ("to", name))]


def service_rules(interfaces: Iterable[str]) -> list[Rule]:
    """Return what lets a lab's machines ask the lab host for an address and for names."""
    return [rule for name in interfaces for rule in (("udp", name), ("tcp", name))]


def nft_edit(gate: Gate, comment: str, rules: Iterable[Rule]) -> list[str]:
    """Return the nft commands that replace the comment's rules in a gate."""
    place = f"{gate.family} {gate.table}"
    lines = [f"delete rule {place} {mark.handle}" for mark in gate.marked if mark.comment == comment]
    if gate.drops:
        lines += [f'insert rule {place} {gate.entry} {_NFT_MATCH[kind].format(name)} accept comment "{comment}"' for kind, name in rules]
    return lines


def iptables_edit(gate: Gate, comment: str, rules: Iterable[Rule]) -> list[str]:
    """Return the iptables commands that replace the comment's rules in a gate."""
    lines = [f"-D {mark.handle}" for mark in gate.marked if mark.comment == comment]
    if gate.drops:
        told = f'-m comment --comment "{comment}" -j ACCEPT'
        lines += [f"-I {gate.entry} 1 {_IPTABLES_MATCH[kind].format(name)} {told}" for kind, name in rules]
    return lines


def nft_bases(objects: Sequence[Mapping[str, Any]], hook: Hook) -> list[Mapping[str, Any]]:
    """Return the foreign base chains of a hook that IP packets pass."""
    chains = [item["chain"] for item in objects if "chain" in item]
    return [
        chain
        for chain in chains
        if chain.get("hook") == hook and chain["family"] in ("ip", "ip6", "inet") and not chain["table"].startswith("netvirt-")
    ]


def nft_gate(objects: Sequence[Mapping[str, Any]], base: Mapping[str, Any], prefix: str) -> Gate:
    """Read a base chain of the ruleset; prefix is how marks begin."""
    family, table = base["family"], base["table"]
    rules: dict[str, list[Mapping[str, Any]]] = {}
    for item in objects:
        if "rule" in item and (item["rule"]["family"], item["rule"]["table"]) == (family, table):
            rules.setdefault(item["rule"]["chain"], []).append(item["rule"])
    marked: list[Marked] = []
    ahead = True
    for rule in rules.get(base["name"], ()):
        comment = rule.get("comment", "")
        if comment.startswith(prefix):
            marked.append(Marked(comment, _nft_rule(rule["expr"]), f"{base['name']} handle {rule['handle']}", ahead))
        else:
            ahead = False
    drops = base.get("policy") == "drop" or _nft_drops(rules, base["name"], set(), prefix)
    return Gate("", family, table, base["name"], base["name"], drops, _owner(objects, family, table), tuple(marked))


def _owner(objects: Sequence[Mapping[str, Any]], family: str, table: str) -> str:
    """Return the table's name if the program that made it lets nobody else change it (nft(8), flag 'owner')."""
    for item in objects:
        found = item.get("table", {})
        if (found.get("family"), found.get("name")) == (family, table) and "owner" in (found.get("flags") or ()):
            return table
    return ""


def _nft_rule(expressions: Any) -> Rule:
    kind, name = "from", ""
    for part in _walk(expressions):
        left, right = part.get("left"), part.get("right")
        if not isinstance(left, Mapping):
            continue
        key = left.get("meta", {}).get("key")
        if key in ("iifname", "oifname"):
            name = str(right)
            kind = "to" if key == "oifname" else kind
        kind = left.get("payload", {}).get("protocol", kind)
    return kind, name  # type: ignore[return-value]


def _nft_drops(rules: Mapping[str, Sequence[Mapping[str, Any]]], chain: str, seen: set[str], prefix: str) -> bool:
    """Say whether a packet can be dropped in a chain or in one that it leads to; a named verdict map may hold anything."""
    if chain in seen:
        return False
    seen.add(chain)
    for rule in rules.get(chain, ()):
        if rule.get("comment", "").startswith(prefix):
            continue
        for part in _walk(rule["expr"]):
            xt = part.get("xt") or {}
            if "drop" in part or "reject" in part or (xt.get("type") == "target" and xt.get("name") in ("DROP", "REJECT")):
                return True
            if isinstance(part.get("vmap"), Mapping) and isinstance(part["vmap"].get("data"), str):
                return True
            for jump in ("jump", "goto"):
                if jump in part and _nft_drops(rules, part[jump]["target"], seen, prefix):
                    return True
    return False


def _walk(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for part in value.values():
            yield from _walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from _walk(part)


def iptables_gate(program: str, family: str, table: str, hook: Hook, listing: str, prefix: str) -> Gate:
    """Read a built-in chain from what 'iptables -S' prints."""
    base = hook.upper()
    rules: dict[str, list[tuple[str, list[str]]]] = {}
    policy = ""
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:2] == ["-P", base]:
            policy = words[2]
        elif words[:1] == ["-A"]:
            rules.setdefault(words[1], []).append((line[3:], words[2:]))
    first = next((words for _line, words in rules.get(base, ()) if not _comment(words).startswith(prefix)), [])
    # Docker keeps this chain ahead of its own, whenever it starts, and never touches what is in it (Docker's manual).
    entry = _DOCKER if hook == "forward" and first == ["-j", _DOCKER] else base
    marked: list[Marked] = []
    for chain in (base, _DOCKER) if hook == "forward" else (base,):
        ahead = chain == entry
        for line, words in rules.get(chain, ()):
            comment = _comment(words)
            if comment.startswith(prefix):
                marked.append(Marked(comment, _iptables_rule(words), line, ahead))
            else:
                ahead = False
    drops = policy == "DROP" or _iptables_drops(rules, base, set(), prefix)
    return Gate(program, family, table, base, entry, drops, "", tuple(marked))


def _comment(words: Sequence[str]) -> str:
    return _after(words, "--comment")


def _after(words: Sequence[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words[:-1] else ""


def _iptables_rule(words: Sequence[str]) -> Rule:
    if "-o" in words:
        return "to", _after(words, "-o")
    return _after(words, "-p") or "from", _after(words, "-i")  # type: ignore[return-value]


def _iptables_drops(rules: Mapping[str, Sequence[tuple[str, list[str]]]], chain: str, seen: set[str], prefix: str) -> bool:
    if chain in seen:
        return False
    seen.add(chain)
    for _line, words in rules.get(chain, ()):
        target = _after(words, "-j") or _after(words, "-g")
        if not _comment(words).startswith(prefix) and (target in ("DROP", "REJECT") or _iptables_drops(rules, target, seen, prefix)):
            return True
    return False
