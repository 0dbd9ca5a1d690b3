# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings that several labs share: the first holder's run notes the old value, the last one's brings it back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .. import _paths
from .._errors import LabError
from . import notes

_TREE = Path("/proc/sys")
_FILE = "sysctl.json"


def read(key: str) -> str | None:
    """Return a setting, by its path below /proc/sys (an interface's name may have dots); None if there is no such setting."""
    try:
        return (_TREE / key).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def path_of(name: str) -> str:
    """Return the path of a setting: as in sysctl(8), whichever of '.' and '/' comes first separates, and the other is part of a name."""
    first = next((character for character in name if character in "./"), "/")
    return name if first == "/" else name.translate(str.maketrans("./", "/."))


def canonical(value: str) -> str:
    """Return a value as it compares: the kernel separates several numbers by tabs."""
    return " ".join(value.split())


def settle(key: str, value: str, whose: str) -> None:
    """Give a setting of this network namespace a value unless it has it. Raise LabError; whose completes its sentence."""
    current = read(key)
    if current is None:
        raise LabError(f"Cannot set '{key}' {whose} to {value}: there is no such setting in a network namespace; does the interface exist?")
    if canonical(current) != canonical(value):
        _write(key, value, f" {whose}")


def held(lab: str) -> dict[str, str]:
    """Return the settings that the lab holds, with the value it gave them."""
    return {key: entry["value"] for key, entry in notes.read(_paths.RUN / _FILE).items() if lab in entry["holders"]}


def hold(lab: str, settings: Mapping[str, str], witness: str) -> None:
    """Give settings their values for the lab, and let go of what else it held.

    ``witness`` is a setting whose writing changes these ones too: if it has another value at the end, somebody
    has meanwhile decided for the whole machine, and the old value stays gone.
    """
    with _locked() as entries:
        _release(entries, lab, keep=settings)
        for key, value in settings.items():
            current = read(key)
            if current is None:
                raise LabError(f"Cannot set '{key}' to {value}: the kernel has no such setting; does the interface exist?")
            entry = entries.setdefault(key, {"value": value, "original": current, "witness": [witness, read(witness)], "holders": []})
            entry["holders"] = sorted({*entry["holders"], lab})
        # Noted before written: a run killed in between leaves a note too many, never a value without one.
        _save(_paths.RUN / _FILE, entries)
        for key, value in settings.items():
            if read(key) != value:
                _write(key, value)


def release(lab: str) -> None:
    """Let go of everything the lab holds."""
    if held(lab):
        with _locked() as entries:
            _release(entries, lab, keep={})


def _release(entries: dict[str, Any], lab: str, keep: Mapping[str, str]) -> None:
    for key, entry in list(entries.items()):
        if lab not in entry["holders"] or key in keep:
            continue
        entry["holders"].remove(lab)
        if entry["holders"]:
            continue
        del entries[key]
        witness, then = entry["witness"]
        # A value that is no longer ours belongs to whoever wrote it.
        if read(key) == entry["value"] != entry["original"] and read(witness) == then:
            _write(key, entry["original"])


def _write(key: str, value: str, whose: str = "") -> None:
    try:
        (_TREE / key).write_text(value, encoding="ascii")
    except OSError as error:
        raise LabError(f"Cannot set the kernel setting '{key}'{whose} to {value}: {error.strerror}.") from error


@contextmanager
def _locked() -> Iterator[dict[str, Any]]:
    path = _paths.RUN / _FILE
    while True:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            # The directory is locked, not the file: the last holder removes the file.
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.parent.exists() and os.path.samestat(os.fstat(descriptor), os.stat(path.parent)):
                break
            os.close(descriptor)
    try:
        entries = notes.read(path)
        try:
            yield entries
        finally:
            _save(path, entries)
    finally:
        with suppress(OSError):
            path.parent.rmdir()
        os.close(descriptor)


def _save(path: Path, entries: Mapping[str, Any]) -> None:
    if not entries:
        path.unlink(missing_ok=True)
        return
    notes.write(path, entries)
