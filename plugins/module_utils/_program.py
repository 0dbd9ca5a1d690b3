# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This code as one file that Python runs: for what is to go on, or to come again, when the module that ran it is long over."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from ._paths import make_public

_PACKAGE = __name__.rpartition(".")[0]


def written(path: Path, module: str) -> Path:
    """Write a program that calls main() of a module of this package with its arguments; a module's payload has all that it imports."""
    make_public(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(packed(module))
    return fresh.replace(path)


def packed(module: str, interpreter: str = "") -> bytes:
    """Return the program, which can be called by itself if it names its interpreter; the same code is the same bytes."""
    call = f"import sys\n\nfrom {_PACKAGE}.{module} import main\n\nmain(sys.argv[1:])\n"
    content = io.BytesIO()
    content.write(f"#!{interpreter}\n".encode() if interpreter else b"")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as program:
        for name, source in (("__main__.py", call.encode()), *_sources()):
            program.writestr(zipfile.ZipInfo(name), source, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _sources() -> Iterator[tuple[str, bytes]]:
    """Yield the files of this package, from wherever it was loaded, sorted; packages that have no file of their own get an empty one."""
    found = {"/".join(_PACKAGE.split(".")[:depth]): b"" for depth in range(1, _PACKAGE.count(".") + 1)}
    found = {f"{name}/__init__.py": source for name, source in found.items()}
    found.update(_below(files(_PACKAGE), _PACKAGE.replace(".", "/")))
    yield from sorted(found.items())


def _below(folder: Any, name: str) -> Iterator[tuple[str, bytes]]:
    yield f"{name}/__init__.py", b""
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _below(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{name}/{entry.name}", entry.read_bytes()
