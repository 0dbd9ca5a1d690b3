# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This collection's modules in the form that they travel in, kept from one run of Ansible to the next.

Ansible packs a module with all that it imports anew in each run, file by file, and the lab host compiles it anew in each task:
seconds for a module that carries an engine. What is kept is what Ansible has packed, with the byte code beside each source; a lab
host of another version of Python passes over that. It is in $XDG_CACHE_HOME/netvirt/payloads or ~/.cache/netvirt/payloads, in
a directory named by the state of the sources: what they were packed from before is removed.

Where Ansible keeps such files for the length of one run is its own affair (ansible/executor/module_common.py). If a version of it
does that in another way, nothing is found and nothing kept, and a run takes as long as it would without this.
"""

from __future__ import annotations

import atexit
import base64
import dataclasses
import hashlib
import importlib.util
import io
import marshal
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from ansible import constants
from ansible.release import __version__

_PLUGINS = Path(__file__).parents[1]
_MODULES = f"{__name__.rsplit('.', 2)[0]}.modules."
# What the pieces of a payload of another shape raise: as a pickle, as a dataclass, as base64, as a zip.
_SHAPE = (pickle.UnpicklingError, EOFError, ImportError, AttributeError, IndexError, TypeError, ValueError, zipfile.BadZipFile)
_UNCHECKED = (1).to_bytes(4, "little") + bytes(8)  # byte code that is not compared with its source (PEP 552)


@cache
def keep() -> None:
    """Give this run what earlier ones have packed, and keep at its end what it packs; each once."""
    with suppress(OSError, RuntimeError):  # there may be no home (Path.home)
        kept, packed = _kept(), Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache")
        packed.mkdir(parents=True, exist_ok=True)
        known = [file.name for file in kept.iterdir()] if kept.is_dir() else []
        for name in known:
            _give(kept / name, packed / name)
        atexit.register(_keep_new, packed, kept, known, os.getpid())


def _give(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # on another file system
        shutil.copyfile(file, target)


def _kept() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netvirt" / "payloads" / _state()


def _state() -> str:
    """Return a digest of all that decides what is packed."""
    told = [__version__, sys.version]
    for folder in ("module_utils", "modules"):
        for path, _folders, names in os.walk(_PLUGINS / folder):
            stats = ((name, os.stat(f"{path}/{name}")) for name in names if name.endswith(".py"))
            told.extend(f"{path}/{name} {stat.st_mtime_ns} {stat.st_size}" for name, stat in stats)
    return hashlib.sha256("\n".join(sorted(told)).encode()).hexdigest()[:16]


def _keep_new(packed: Path, kept: Path, known: Collection[str], pid: int) -> None:
    if os.getpid() != pid:
        return
    with suppress(OSError, *_SHAPE):
        for file in _new(packed, known):
            payload = _compiled(file.read_bytes())
            if not kept.is_dir():
                shutil.rmtree(kept.parent, ignore_errors=True)
                kept.mkdir(mode=0o700, parents=True)
            part = kept.with_name(f"{kept.name}-{os.urandom(8).hex()}")
            part.write_bytes(payload)
            part.rename(kept / file.name)


def _new(packed: Path, known: Collection[str]) -> Iterator[Path]:
    for file in packed.iterdir():
        if file.name.startswith(_MODULES) and file.name not in known and not file.name.endswith((".lock", "-part")):
            yield file


def _compiled(payload: bytes) -> bytes:
    if payload.startswith(base64.b64encode(b"PK\3")):  # ansible-core before 2.19
        return _with_byte_code(payload)
    module = pickle.loads(payload)
    return pickle.dumps(dataclasses.replace(module, zip_data=_with_byte_code(module.zip_data)))


def _with_byte_code(packed: bytes) -> bytes:
    """Return a base64 zip with a .pyc beside each .py, as zipimport takes it."""
    file = io.BytesIO(base64.b64decode(packed))
    with zipfile.ZipFile(file) as archive:  # to append, any file would do
        sources = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, source in sources.items():
            code = compile(source, name, "exec", dont_inherit=True)
            archive.writestr(f"{name}c", importlib.util.MAGIC_NUMBER + _UNCHECKED + marshal.dumps(code))
    return base64.b64encode(file.getvalue())
