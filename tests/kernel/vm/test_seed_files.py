# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds on disk, by the module as a user runs it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils.transport import iso

from .conftest import run_module, shell

USER_DATA = {"hostname": "quill", "users": [{"name": "ida", "hashed_passwd": "$6$salt$abcdef"}], "runcmd": ["true"]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "quill.iso"


def seed(place: Path, **options: Any) -> dict[str, Any]:
    """Run the module as check mode, for real and again; return what the real run said."""
    given = {"path": str(place), "lab": "scribe", **options}
    foretold = run_module("cloud_seed", check=True, **given)
    done = run_module("cloud_seed", **given)
    assert not done.get("failed"), done
    assert (foretold["changed"], foretold["diff"]) == (done["changed"], done["diff"])
    assert run_module("cloud_seed", **given)["changed"] is False
    return done


def test_create_repeat_change_remove(place: Path) -> None:
    done = seed(place, user_data=USER_DATA, hostname="quill")
    assert done["changed"] is True
    assert "abcdef" not in str(done["diff"])
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    written = place.stat().st_ino

    # Another file of the same content is as good.
    image = iso.read(place)
    assert image
    assert (image.label, image.maker, sorted(image.files)) == ("cidata", "netvirt:scribe", ["meta-data", "user-data"])
    place.write_bytes(iso.render(image))
    assert seed(place, user_data=USER_DATA, hostname="quill")["changed"] is False

    done = seed(place, user_data=USER_DATA, hostname="quill", mode="0600", owner="65534")
    assert done["diff"]["after"] == {"seed": {str(place): {"mode": "0600", "owner": 65534}}}
    assert (place.stat().st_ino, place.stat().st_uid) == (written, 65534)

    done = seed(place, user_data={**USER_DATA, "hostname": "pen"}, hostname="quill")
    assert set(done["diff"]["after"]["seed"][str(place)]) == {"user_data", "meta_data"}
    assert (stat.S_IMODE(place.stat().st_mode), place.stat().st_uid) == (0o600, 65534)
    assert place.stat().st_ino != written
    assert seed(place, state="absent")["changed"] is True
    assert not place.exists()
    assert os.listdir(place.parent) == []


def test_a_kernel_reads_it(place: Path) -> None:
    seed(place, user_data="#!/bin/sh\ntrue\n", network_config={"version": 2, "ethernets": {}})
    assert "cidata" in shell(f"blkid -p {place}")
    label = place.read_bytes()[16 * 2048 + 40 :][:6]
    assert label == b"cidata"


@pytest.mark.parametrize("content", [b"a user's own file", b""])
def test_a_foreign_file_is_refused(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    cases: list[dict[str, Any]] = [{}, {"state": "absent"}]
    for options in cases:
        failed = run_module("cloud_seed", path=str(place), lab="scribe", **options)
        assert failed["msg"].startswith(f"The seed '{place}' exists and was not made by netvirt.lab"), failed
    assert place.read_bytes() == content
    assert seed(place, adopt=True)["changed"] is True


def test_another_labs_seed_is_refused(place: Path) -> None:
    run_module("cloud_seed", path=str(place), lab="painter")
    assert "belongs to lab 'painter'" in run_module("cloud_seed", path=str(place), lab="scribe", state="absent")["msg"]


def test_bad_documents_and_places(place: Path) -> None:
    failed = run_module("cloud_seed", path=str(place), user_data={"runcmd": "ls"}, network_config={"version": 4})
    assert failed["msg"].splitlines() == [
        "user_data.runcmd: it must be a list, not text.",
        "network_config.version: it must be 1 or 2, not 4.",
    ]
    assert run_module("cloud_seed", path="/none/such/x.iso")["msg"] == (
        "The directory of the seed '/none/such/x.iso' does not exist; make it first."
    )
    assert not place.exists()
