# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums: what publishers write into their files of sums, and the sum of a file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from .._errors import LabError

ALGORITHMS = {64: "sha256", 128: "sha512"}  # by the number of hexadecimal digits
_GNU = re.compile(r"(?P<sum>[0-9a-fA-F]{64,128})(?: [ *](?P<name>.+))?")  # sha256sum(1)
_BSD = re.compile(r"SHA(?:256|512) ?\((?P<name>.+)\) ?= ?(?P<sum>[0-9a-fA-F]{64,128})")  # sha256(1) of the BSDs, and openssl's


def parse(text: str, name: str, origin: str) -> str:
    """Return "algorithm:sum" of the file called name from a publisher's list; origin is named in the LabError if it is not there.

    A list that consists of one bare sum is taken to be about that file.
    """
    entries = [match for line in text.splitlines() if (match := _GNU.fullmatch(line.strip()) or _BSD.fullmatch(line.strip()))]
    for match in entries:
        listed = match.group("name")
        bare = listed is None and len(entries) == 1
        digits = match.group("sum").lower()
        if (bare or (listed or "").rpartition("/")[2] == name) and len(digits) in ALGORITHMS:
            return f"{ALGORITHMS[len(digits)]}:{digits}"
    raise LabError(
        f"The list of checksums {origin} has none for '{name}'; the publisher may have moved the image: give its URL and sha256."
    )


def of_file(path: Path, algorithm: str) -> str:
    """Return the sum of a file, in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
