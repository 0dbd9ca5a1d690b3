# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishers' lists of checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.images.checksums import of_file, parse

A, B, LONG = "a1" * 32, "b2" * 32, "c3" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{B}  other.img\n{A}  disk.img\n", f"sha256:{A}"),
        (f"{B} *other.img\n{A} *disk.img\n", f"sha256:{A}"),
        (f"{A}  ./images/disk.img\n", f"sha256:{A}"),
        (f"{A.upper()}  disk.img\r\n", f"sha256:{A}"),
        (f"{LONG}  disk.img\n", f"sha512:{LONG}"),
        (f"SHA256 (other.img) = {B}\nSHA256 (disk.img) = {A}\n", f"sha256:{A}"),
        (f"SHA2-256(disk.img)= {B}\nSHA256(disk.img)= {A}\n", f"sha256:{A}"),
        (f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# disk.img: 5 bytes\nSHA256 (disk.img) = {A}\n", f"sha256:{A}"),
        (f"{LONG}\n", f"sha512:{LONG}"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert parse(text, "disk.img", "https://images.test/SUMS") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{A}  disk.img.xz\n",
        f"{A}  my-disk.img\n",
        f"{A[:40]}  disk.img\n",
        f"{A}\n{B}\n",
        "<html>not found</html>",
        f"{A}{A[:32]}  disk.img\n",
    ],
)
def test_what_says_nothing_of_the_file(text: str) -> None:
    with pytest.raises(LabError, match=r"https://images\.test/SUMS has none for 'disk\.img'"):
        parse(text, "disk.img", "https://images.test/SUMS")


def test_of_file(tmp_path: Path) -> None:
    content = b"x" * (3 << 20) + b"end"
    (tmp_path / "file").write_bytes(content)
    assert of_file(tmp_path / "file", "sha512") == hashlib.sha512(content).hexdigest()
