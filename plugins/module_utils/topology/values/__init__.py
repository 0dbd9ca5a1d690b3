# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value in a topology file may be: each type reads what the user wrote and returns its canonical form."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Problems = list[str]


@dataclass(frozen=True)
class Type:
    """A kind of value. ``name`` completes "must be ..."; ``parse`` raises ValueError, with a text of its own if that says more."""

    name: str
    parse: Callable[[Any], Any]

    def read(self, value: Any, path: str, problems: Problems) -> Any:
        """Return the canonical value; if there is none, add a problem and return None."""
        try:
            return self.parse(value)
        except ValueError as error:
            problems.append(f"{path}: {error.args[0] if error.args else f'must be {self.name}, not {shown(value)}'}")
            return None


@dataclass(frozen=True)
class ListOf:
    """A list of values of one type; a single value counts as a list of one."""

    name: str
    item: Type | Block

    def read(self, value: Any, path: str, problems: Problems) -> Any:
        """Read each item; all that are wrong are reported."""
        if not isinstance(value, list):
            return (self.item.read(value, path, problems),)
        return tuple(self.item.read(item, f"{path}[{number}]", problems) for number, item in enumerate(value))


@dataclass(frozen=True)
class MapOf:
    """A mapping from names of the user's to values of one kind."""

    name: str
    item: Type | Block

    def read(self, value: Any, path: str, problems: Problems) -> Any:
        """Read each item; all that are wrong are reported."""
        if not isinstance(value, dict):
            problems.append(f"{path}: must be {self.name}, not {shown(value)}")
            return None
        return {str(name): self.item.read(part, f"{path}.{name}", problems) for name, part in value.items()}


@dataclass(frozen=True)
class Variant:
    """A mapping whose key ``type`` says which of several blocks it is; the type alone will do. It is read as one with ``type`` in it."""

    name: str
    blocks: Mapping[str, Block]

    def read(self, value: Any, path: str, problems: Problems) -> Any:
        """Read it as the block of its type."""
        mapping = {"type": value} if isinstance(value, str) else value
        if not isinstance(mapping, dict) or mapping.get("type") is None:
            problems.append(f"{path}: must be {self.name}, not {shown(value)}")
            return None
        kind = mapping["type"]
        if not isinstance(kind, str) or kind not in self.blocks:
            known = f" (known: {', '.join(self.blocks)})"
            problems.append(f"{path}.type: no type {shown(kind)}{suggestion(kind, self.blocks) or known}")
            return None
        rest = {key: part for key, part in mapping.items() if key != "type"}
        values = self.blocks[kind].read(rest, path, problems, beside=("type",))
        return None if values is None else {"type": kind, **values}


@dataclass(frozen=True)
class Key:
    """A key of a block: its type, its meaning, an example in YAML, its default and how to say that default."""

    type: Type | ListOf | MapOf | Block | Variant
    text: str
    example: str
    default: Any = None
    default_text: str = ""
    required: bool = False


@dataclass(frozen=True)
class Block:
    """A mapping with known keys. ``short`` expands other values to a mapping; ``make`` builds the canonical thing."""

    name: str
    keys: Mapping[str, Key]
    make: Callable[..., Any] = dict
    short: Callable[[Any], Any] = lambda value: value

    def read(self, value: Any, path: str, problems: Problems, beside: Collection[str] = ()) -> Any:
        """Return what make builds of every key's value, those left out included; None if something is wrong.

        beside are further keys that could stand there, for messages.
        """
        mapping, before = self.short(value), len(problems)
        if mapping is None and value is not None:
            return None  # written out, but switched off
        if not isinstance(mapping, dict):
            problems.append(f"{path or 'topology'}: must be {self.name}, not {shown(value)}")
            return None
        values = {**self.defaults(), **self.given(mapping, path, problems, beside)}
        self.check_missing(mapping, path, problems)
        return self.make(**values) if len(problems) == before else None

    def check_missing(self, mapping: Mapping[Any, Any], path: str, problems: Problems) -> None:
        """Say which required keys a mapping lacks."""
        for name, key in self.keys.items():
            if key.required and mapping.get(name) is None:
                problems.append(f"{path or 'topology'}: the key '{name}' is missing; it must be {key.type.name}")

    def defaults(self) -> dict[str, Any]:
        """Return the default of every key."""
        return {name: key.default for name, key in self.keys.items()}

    def given(self, mapping: Mapping[Any, Any], path: str, problems: Problems, beside: Collection[str] = ()) -> dict[str, Any]:
        """Return the values that mapping gives; a key without a value counts as left out, one that is wrong too."""
        values = {}
        for name, value in mapping.items():
            key = self.keys.get(name) if isinstance(name, str) else None
            if key is None:
                known = sorted({*self.keys, *beside})
                hint = suggestion(name, known) or f" (known: {', '.join(known)})"
                problems.append(f"{path or 'topology'}: unknown key {shown(name)}{hint}")
            elif value is not None:
                before = len(problems)
                read = key.type.read(value, f"{path}.{name}" if path else name, problems)
                if len(problems) == before:
                    values[name] = read
        return values


def shown(value: Any) -> str:
    """Return a value as messages show it: short, and recognisable as what stands in the file."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"'{value}'" if isinstance(value, str) else "nothing" if value is None else str(value)
    return text if len(text) <= 70 else f"{text[:60]}...'"


def suggestion(word: Any, known: Collection[str]) -> str:
    """Return ' (did you mean ...?)' when a known word is near."""
    near = difflib.get_close_matches(word, known, n=1) if isinstance(word, str) else []
    return f" (did you mean '{near[0]}'?)" if near else ""
