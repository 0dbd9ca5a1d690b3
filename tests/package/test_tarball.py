# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as its users get it: built, installed elsewhere, its plugins found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
KINDS = {"modules": "module", "inventory": "inventory", "become": "become", "lookup": "lookup", "filter": "filter"}
SURPLUS = (".cache", ".venv", ".git", ".ci", ".mypy_cache", "__pycache__")


def tool(name: str, *arguments: str, collections: Path) -> str:
    program = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, f"{name} is not installed"
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run([program, *arguments], cwd=collections, env=environment, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("built")
    tool("ansible-galaxy", "collection", "build", str(CHECKOUT), "--output-path", str(output), collections=output)
    (built,) = output.glob("netvirt-lab-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    tool("ansible-galaxy", "collection", "install", str(tarball), "--collections-path", str(target), "--offline", collections=target)
    return target


def test_the_tarball_has_what_users_need_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    assert {"MANIFEST.json", "COPYING", "README.md", "meta/runtime.yml"} <= set(names)
    assert [name for name in names if set(name.split("/")) & set(SURPLUS)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_of_the_checkout_is_found_once_installed(kind: str, installed: Path) -> None:
    written = {f"netvirt.lab.{path.stem}" for path in (CHECKOUT / "plugins" / kind).glob("*.py")}
    listed = tool("ansible-doc", "--list", "--type", KINDS[kind], "netvirt.lab", collections=installed)
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("netvirt.lab.")} == written


def test_every_playbook_can_be_named(installed: Path) -> None:
    for playbook in (CHECKOUT / "playbooks").glob("*.yml"):
        said = tool("ansible-playbook", "--syntax-check", "-i", "localhost,", f"netvirt.lab.{playbook.stem}", collections=installed)
        assert "playbook: " in said
