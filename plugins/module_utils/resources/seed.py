# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NoCloud seeds: small ISO images that tell cloud-init in a guest who and where it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._errors import LabError, LabErrors
from .._paths import state_dir
from .._plan import Change, Goal, Scope, compare
from ..transport import iso, qemu
from ._vm_process import define

LABEL = "cidata"
_MAKER = "netvirt:"
_SECRET_NAME = re.compile(r"passw|secret|token|private|chpasswd", re.IGNORECASE)
_HASH = re.compile(r"\$[0-9a-z]+\$[./0-9A-Za-z$=,]+")
_MASK = "********"
_HEADER = "#cloud-config"


@dataclass(frozen=True)
class Seed:
    """A seed by its path. The three documents are what a diff may show; ``secrets`` stands for what they mask."""

    path: str
    lab: str | None = None
    user_data: Any = None
    meta_data: Any = None
    network_config: Any = None
    secrets: str | None = field(default=None, metadata={"secret": True})
    owner: int | None = None
    group: int | None = None
    mode: str | None = None  # octal, as chmod(1) takes it
    files: Mapping[str, str] = field(default_factory=dict, compare=False, metadata={"hidden": True})

    @property
    def key(self) -> str:
        """Return its path."""
        return self.path


def seed(
    path: str,
    lab: str | None,
    files: Mapping[str, str],
    owner: int | None = None,
    group: int | None = None,
    mode: str | None = None,
) -> Seed:
    """Return the seed that holds files, by the names that NoCloud gives them. Raise LabError if mode is no octal number."""
    if mode is not None and not re.fullmatch("0?[0-7]{3,4}", mode):
        raise LabError(f"The mode '{mode}' of the seed '{path}' is no octal number like '0640'.")
    secrets: list[str] = []
    shown = {name: visible(text, secrets) for name, text in sorted(files.items())}
    return Seed(
        path=path,
        lab=lab,
        user_data=shown.get("user-data", ""),
        meta_data=shown.get("meta-data", ""),
        network_config=shown.get("network-config", ""),
        secrets=hashlib.sha256("\0".join(secrets).encode()).hexdigest() if secrets else "",
        owner=owner,
        group=group,
        mode=None if mode is None else f"{int(mode, 8):04o}",
        files=dict(files),
    )


def visible(text: str, secrets: list[str]) -> Any:
    """Return a document as a diff may show it, a structure if it is JSON, else its lines; what is masked is added to secrets."""
    try:
        return _masked(json.loads(text.removeprefix(_HEADER)), secrets)
    except ValueError:
        pass
    if _SECRET_NAME.search(text):
        # Without a YAML parser there is no telling which line is the secret.
        secrets.append(text)
        return (_MASK,)
    return tuple(_masked(text.splitlines(), secrets))


def _masked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked_entry(key, entry, secrets) for key, entry in value.items()}
    if isinstance(value, list):
        return [_masked(entry, secrets) for entry in value]
    if isinstance(value, str) and _HASH.search(value):
        secrets.append(value)
        return _HASH.sub(_MASK, value)
    return value


def _masked_entry(key: str, entry: Any, secrets: list[str]) -> Any:
    if isinstance(entry, bool) or not _SECRET_NAME.search(key):
        return _masked(entry, secrets)
    secrets.append(json.dumps(entry))
    return _MASK


class SeedDriver:
    """Write and remove seeds; one that holds what it should is left as it is, whatever its bytes."""

    kind = "seed"

    def __init__(self) -> None:
        self._homeless: list[str] = []

    def observe(self, goal: Goal[Seed], scope: Scope) -> Mapping[str, Seed]:
        """Read the images back."""
        if goal.want:
            iso.require_library()
        self._homeless = [
            seed.path for seed in goal.want if not _is_own(Path(seed.path), scope.lab) and not Path(seed.path).parent.is_dir()
        ]
        paths = {target.path for target in goal.want}.union(goal.absent)
        if goal.purge:
            paths.update(map(str, state_dir(scope.lab).glob("*/seed.iso")))
        return {path: _observed(path, scope.lab) for path in sorted(paths) if os.path.lexists(path)}

    def plan(self, have: Mapping[str, Seed], goal: Goal[Seed], scope: Scope, earlier: Sequence[Change[Any]]) -> list[Change[Seed]]:
        """Compare contents."""
        if self._homeless:
            raise LabErrors(f"The directory of the seed '{path}' does not exist; make it first." for path in self._homeless)
        return compare(self.kind, have, goal, scope)

    def remove(self, changes: Sequence[Change[Seed]], scope: Scope) -> None:
        """Delete seeds, and the directory of a VM of which nothing else is left."""
        for change in changes:
            path = Path(change.key)
            path.unlink(missing_ok=True)
            if _is_own(path, scope.lab):
                with suppress(OSError):
                    path.parent.rmdir()

    def apply(self, changes: Sequence[Change[Seed]], scope: Scope) -> None:
        """Write seeds whole or not at all; where only owner or mode differ, set those."""
        for change, target in [(change, change.after) for change in changes if change.after is not None]:
            path = Path(target.path)
            if change.action == "update" and change.differing <= {"owner", "group", "mode"}:
                os.chown(path, _or_kept(target.owner), _or_kept(target.group))
                path.chmod(int(target.mode or "0640", 8))
                continue
            if _is_own(path, scope.lab):
                define(path.parent.name, scope.lab)
            image = iso.render(iso.Iso(LABEL, f"{_MAKER}{scope.lab}", target.files))
            group = qemu.group() if target.group is None else target.group
            iso.replace(path, image, _or_kept(target.owner), group, int(target.mode or "0640", 8))


def _or_kept(number: int | None) -> int:
    # chown(2) leaves what is -1 as it is.
    return -1 if number is None else number


def _is_own(path: Path, lab: str) -> bool:
    return path.parent.parent == state_dir(lab)


def _observed(path: str, lab: str) -> Seed:
    image = iso.read(Path(path)) if os.path.isfile(path) else None
    maker = image.maker if image else ""
    # Everything in the lab's directory is the lab's, whole or not.
    marked = maker[len(_MAKER) :] if maker.startswith(_MAKER) else None
    state = os.stat(path, follow_symlinks=False)
    return seed(
        path,
        lab if _is_own(Path(path), lab) else marked,
        image.files if image and image.label == LABEL else {},
        state.st_uid,
        state.st_gid,
        f"{state.st_mode & 0o7777:04o}",
    )
