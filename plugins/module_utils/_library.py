# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries: imported when first needed, with an error that says what to install where."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

from ._errors import LabError


def require(name: str, package: str, minimum: str = "") -> ModuleType:
    """Return the module ``name``; ``package`` is the distribution's package that has it. Raise LabError.

    The version compared with ``minimum`` is the one of the top-level library: the name's first part.
    """
    library = name.partition(".")[0]
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise LabError(
            f"The Python library '{library}' cannot be used by {sys.executable} ({error}); "
            f"install the package {package}, or set ansible_python_interpreter to an interpreter that has it."
        ) from error
    if minimum and _numbers(found := _version(library)) < _numbers(minimum):
        where = getattr(sys.modules[library], "__file__", None) or "an unknown place"
        raise LabError(
            f"The Python library '{library}' is too old for {sys.executable}: {minimum} or newer is needed, {where} is {found}; "
            f"update the package {package}, or set ansible_python_interpreter to an interpreter that has a newer one."
        )
    return module


def _version(library: str) -> str:
    from importlib import metadata  # it takes longer than most modules of ours, and few libraries have a minimum

    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules[library], "__version__", "of unknown version"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
