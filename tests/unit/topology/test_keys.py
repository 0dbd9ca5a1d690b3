# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of a lab is made once, whole, whoever asks first."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.plugin_utils.keys import private_key, public_text


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_one_pair_for_all_who_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(public_text, ["quarry"] * 8))
    assert len(texts) == 1
    private = private_key("quarry")
    assert private.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in private.parent.iterdir()) == ["id_ed25519", "id_ed25519.pub"]
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout
    assert derived.split()[:2] == texts.pop().split()[:2]  # type: ignore[union-attr]


def test_labs_have_keys_of_their_own() -> None:
    assert public_text("quarry") != public_text("orchard")


def test_looking_makes_no_key(home: Path) -> None:
    assert public_text("quarry", create=False) is None
    assert list(home.iterdir()) == []


def test_a_run_that_was_killed_half_way_leaves_no_half_pair() -> None:
    public = private_key("quarry").with_suffix(".pub")
    public.parent.mkdir(parents=True)
    public.write_text("ssh-ed25519 stale")
    assert "stale" not in (public_text("quarry") or "")


def test_a_pair_without_its_public_half_is_an_error() -> None:
    public_text("quarry")
    private_key("quarry").with_suffix(".pub").unlink()
    with pytest.raises(LabError, match="No such file or directory; remove it, and the lab gets a new one"):
        public_text("quarry")


def test_without_the_variable_the_key_lies_in_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert private_key("quarry") == Path("/home/ada/.local/share/netvirt/quarry/id_ed25519")
