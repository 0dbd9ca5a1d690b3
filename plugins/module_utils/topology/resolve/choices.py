# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that are chosen by names: the same on every run, and who comes later in the file gives way."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Container, Iterable
from ipaddress import ip_network
from itertools import count

from ..names import digest
from ..values import Problems

# More are never looked at, also not of an IPv6 network.
_MOST = 1 << 20
_NUMBER = re.compile(r"[0-9]{1,9}$")


def trailing(name: str) -> int | None:
    """Return the number that a name ends with."""
    found = _NUMBER.search(name)
    return int(found[0]) if found else None


def choose(parts: Iterable[str], preferred: int | None, size: int, taken: Container[int]) -> int | None:
    """Return the preferred number if it is below size and free, else the first free one from a hash of the parts on, None without any."""
    if preferred is not None and 0 <= preferred < size and preferred not in taken:
        return preferred
    start = int.from_bytes(digest(*parts)[:8], "big") % size
    return next((number % size for number in range(start, start + size) if number % size not in taken), None)


def room(bits: int) -> int:
    """Return how many hosts a subnet with that many bits for them has; one of two or one uses all (RFC 3021)."""
    return 1 << bits if bits <= 1 else (1 << bits) - 2


class Pool:
    """A network that pieces are taken from; what the file itself uses of it is kept free."""

    def __init__(self, name: str, network: str, prefix: int, used: Collection[str], problems: Problems) -> None:
        whole = ip_network(network)
        self._path = f"pools.{name}"
        self._problems = problems
        self._whole = whole
        self._shift = max(0, whole.max_prefixlen - max(prefix, whole.prefixlen))
        self._size = min(_MOST, 1 << max(0, whole.max_prefixlen - self._shift - whole.prefixlen))
        self._start = int(whole.network_address)
        self._taken: set[int] = set()
        ranges = sorted(self._units(other) for other in used)
        self._used: list[tuple[int, int]] = []
        for first, last in ranges:
            if self._used and first <= self._used[-1][1]:
                self._used[-1] = (self._used[-1][0], max(last, self._used[-1][1]))
            elif first <= last:
                self._used.append((first, last))

    def _units(self, network: str) -> tuple[int, int]:
        """Return the first and the last piece that another network overlaps; none if the first is after the last."""
        other = ip_network(network)
        if other.version != self._whole.version or not other.overlaps(self._whole):
            return 0, -1
        first, last = int(other.network_address), int(other.broadcast_address)
        return max(0, first - self._start) >> self._shift, min(self._size - 1, (last - self._start) >> self._shift)

    def __contains__(self, number: object) -> bool:
        """Say whether a piece is taken."""
        if number in self._taken:
            return True
        at = bisect_right(self._used, (number, self._size)) - 1
        return at >= 0 and isinstance(number, int) and self._used[at][0] <= number <= self._used[at][1]

    def take(self, parts: Iterable[str], preferred: int | None, hosts: int, path: str) -> str | None:
        """Return a piece with room for that many hosts, by its preferred number or a hash of the parts. None is reported."""
        wide = next(wide for wide in count() if hosts <= room(self._shift + wide))
        block = _Blocks(self, wide)
        wish = None if preferred is None else preferred >> wide
        number = choose(parts, wish, self._size >> wide, block) if self._size >> wide else None
        if number is None:
            self._problems.append(f"{path}: {self._whole}, {self._path}, has no room left for a subnet of {hosts} addresses; widen it")
            return None
        self._taken.update(range(number << wide, (number + 1) << wide))
        start = self._start + (number << (wide + self._shift))
        return str(ip_network((start, self._whole.max_prefixlen - self._shift - wide)))


class _Blocks(Container[int]):
    """The pieces of a pool in blocks of 2**wide."""

    def __init__(self, pool: Pool, wide: int) -> None:
        self._pool = pool
        self._wide = wide

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and any(piece in self._pool for piece in range(number << self._wide, (number + 1) << self._wide))
