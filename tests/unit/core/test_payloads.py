# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules are packed once and sent as they were kept, until a source changes."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import io
import json
import marshal
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.netvirt.lab.plugins.plugin_utils import payloads

CHECKOUT = Path(__file__).parents[3]
LAB = {"plugin": "netvirt.lab.topology", "name": "orchard", "nodes": {"barn": "bridge"}}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Give a copy of the collection, whose sources may change."""
    copy = tmp_path / "ansible_collections" / "netvirt" / "lab"
    copy.mkdir(parents=True)
    shutil.copytree(CHECKOUT / "plugins", copy / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "meta", copy / "meta")
    (tmp_path / "orchard.netvirt.yml").write_text(json.dumps(LAB), encoding="utf-8")
    return copy


def answered(home: Path) -> dict[str, Any]:
    """Return what the module host_info says of this machine, asked by a run of Ansible."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(home), "XDG_CACHE_HOME": str(home / "cache"), "ANSIBLE_NOCOLOR": "1"}
    environment.update(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true", PYTHONDONTWRITEBYTECODE="1")
    environment.pop("ANSIBLE_CONFIG", None)
    program = Path(sys.executable).with_name("ansible")
    command = [str(program), "-i", "orchard.netvirt.yml", "lab_hosts", "-m", "netvirt.lab.host_info"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.partition("=>")[2]))


def kept(home: Path) -> Path:
    (file,) = (home / "cache" / "netvirt" / "payloads").glob("*/*")
    return file


def instead(file: Path, source: str) -> None:
    """Let what is kept of a module do something else, by its byte code alone."""
    module = pickle.loads(file.read_bytes())
    packed, other = zipfile.ZipFile(io.BytesIO(base64.b64decode(module.zip_data))), io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        for name in packed.namelist():
            content = packed.read(name)
            if name.endswith("modules/host_info.pyc"):
                content = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + marshal.dumps(compile(source, name, "exec"))
            archive.writestr(name, content)
    file.write_bytes(pickle.dumps(dataclasses.replace(module, zip_data=base64.b64encode(other.getvalue()))))


@pytest.mark.skipif(Path("/usr/bin/python3").resolve().name != Path(sys.executable).resolve().name, reason="byte code of another Python")
def test_what_was_packed_is_used_until_a_source_changes(collection: Path, tmp_path: Path) -> None:
    said = answered(tmp_path)
    first = kept(tmp_path)
    assert first.parent.stat().st_mode & 0o777 == 0o700
    instead(first, "print('{\"kept\": true}')\nraise SystemExit")
    assert answered(tmp_path)["kept"] is True
    (collection / "plugins" / "modules" / "host_info.py").touch()
    again = answered(tmp_path)
    assert (again["families"], "kept" in again) == (said["families"], False)
    assert not first.exists(), "what is of no use any more stays"
    assert kept(tmp_path).name == first.name


@dataclasses.dataclass
class Packed:
    """What Ansible packs, or something like it."""

    zip_data: Any


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no pickle", id="no pickle"),
        pytest.param(b"cno_such_module\nThing\n.", id="of a module that is gone"),
        pytest.param(b"cos\nno_such_name\n.", id="of a class that is gone"),
        pytest.param(pickle.dumps({"zip_data": b""}), id="no dataclass"),
        pytest.param(pickle.dumps(SimpleNamespace(zip_data=base64.b64encode(b"PK\5\6" + bytes(18)))), id="no dataclass, with a zip"),
        pytest.param(pickle.dumps(Packed(None)), id="no bytes"),
        pytest.param(pickle.dumps(Packed(b"non")), id="no base64"),
        pytest.param(pickle.dumps(Packed(base64.b64encode(b"no zip"))), id="no zip"),
        pytest.param(base64.b64encode(b"PK\3\4 no zip"), id="no zip, of an earlier Ansible"),
    ],
)
def test_what_another_ansible_packs_in_another_form_is_not_kept(payload: bytes, tmp_path: Path) -> None:
    packed, kept = tmp_path / "packed", tmp_path / "kept" / "state"
    packed.mkdir()
    (packed / f"{payloads._MODULES}tap-ZIP_DEFLATED").write_bytes(payload)
    payloads._keep_new(packed, kept, (), os.getpid())
    assert not kept.parent.exists()


def test_a_run_without_a_home_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # whom nobody knows
    payloads.keep.__wrapped__()
