# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries: there, missing, broken, too old."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils._library import require

Library = Callable[[str, str], None]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Return a function that installs a library of one file, with its version as a distribution has it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def install(name: str, version: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "part.py").write_text("answer = 42\n")
        if version:
            (tmp_path / f"{name}-{version}.dist-info").mkdir()
            (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    return install


@pytest.mark.parametrize(("version", "minimum"), [("1.2", "1.2"), ("1.10", "1.9"), ("0.7.2.post1", "0.7.2"), ("3.0", ""), ("2", "1.5.1")])
def test_a_library_that_is_new_enough_is_returned(library: Library, version: str, minimum: str) -> None:
    library("cherry", version)
    assert isinstance(require("cherry", "python3-cherry", minimum), ModuleType)
    assert require("cherry.part", "python3-cherry", minimum).answer == 42


@pytest.mark.parametrize(("version", "minimum"), [("0.6.1", "0.7.2"), ("1.9", "1.10"), ("", "1.0")])
def test_one_that_is_too_old_is_named_with_its_place(library: Library, tmp_path: Path, version: str, minimum: str) -> None:
    library("cherry", version)
    with pytest.raises(LabError, match="too old") as raised:
        require("cherry.part", "python3-cherry-tree", minimum)
    for fact in (minimum, version or "of unknown version", str(tmp_path / "cherry"), sys.executable, "package python3-cherry-tree"):
        assert fact in str(raised.value)


def test_a_missing_one_is_named_with_package_and_interpreter() -> None:
    with pytest.raises(LabError, match=r"'plum'.*No module named 'plum'.*package python3-plum-tree") as raised:
        require("plum.part", "python3-plum-tree")
    assert sys.executable in str(raised.value)


def test_what_a_broken_one_says_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "damson.py").write_text("import stone_that_is_not_there\n")
    with pytest.raises(LabError, match="stone_that_is_not_there"):
        require("damson", "python3-damson")
