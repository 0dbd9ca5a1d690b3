# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This code as one file that Python runs: for what is to go on, or to come again, when the module that ran it is long over."""

from __future__ import annotations

import io
import pkgutil
import zipfile
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ._paths import make_public

_PACKAGE = __name__.rpartition(".")[0]


def written(path: Path, module: str) -> Path:
    """Write a program that calls main() of a module of this package with its arguments; a module's payload has all that it imports."""
    make_public(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(packed(module))
    return fresh.replace(path)


def packed(module: str) -> bytes:
    """Return the program; the same code is the same bytes."""
    call = f"import sys\n\nfrom {_PACKAGE}.{module} import main\n\nmain(sys.argv[1:])\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as program:
        for name, source in (("__main__.py", call), *_sources()):
            program.writestr(zipfile.ZipInfo(name), source, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _sources() -> Iterator[tuple[str, str]]:
    """Yield the files of this package, wherever it was loaded from; the packages around it are empty."""
    parts = _PACKAGE.split(".")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth]) + "/__init__.py", ""
    package = import_module(_PACKAGE)
    yield f"{_PACKAGE.replace('.', '/')}/__init__.py", ""
    for found in sorted(pkgutil.walk_packages(package.__path__, f"{_PACKAGE}."), key=lambda found: found.name):
        spec = find_spec(found.name)
        source = spec.loader.get_source(found.name) if spec and spec.loader else None  # type: ignore[attr-defined]
        yield found.name.replace(".", "/") + ("/__init__.py" if found.ispkg else ".py"), source or ""
