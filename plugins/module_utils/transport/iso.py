# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISO 9660 images of a few small text files, as cloud-init's NoCloud data source wants them."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import LabError
from .._library import require


@dataclass(frozen=True)
class Iso:
    """What an image holds; ``maker`` is the application identifier of its volume descriptor (ECMA-119, 8.4.20)."""

    label: str
    maker: str
    files: Mapping[str, str]


def require_library() -> Any:
    """Return pycdlib. Raise LabError if it is missing."""
    return require("pycdlib", "python3-pycdlib")


def render(iso: Iso) -> bytes:
    """Return the image, with Joliet and Rock Ridge names."""
    image = require_library().PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=iso.label, app_ident_str=iso.maker)
    for name, text in sorted(iso.files.items()):
        data = text.encode()
        plain = name.upper().replace("-", "_")
        image.add_fp(io.BytesIO(data), len(data), f"/{plain}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()


def read(path: Path) -> Iso | None:
    """Return what the image at path holds; None if it is none, or has no Joliet names."""
    image = require_library().PyCdlib()
    try:
        image.open(str(path))
    except OSError as error:
        raise LabError(f"Cannot read the image '{path}': {error.strerror}.") from error
    except Exception:  # pycdlib raises struct.error, its own and others on what is no image
        return None
    try:
        descriptor = image.pvd
        return Iso(
            label=descriptor.volume_identifier.decode("ascii", "replace").rstrip(" \0"),
            maker=descriptor.application_identifier.text.decode("ascii", "replace").rstrip(" \0"),
            files=dict(_files(image)) if image.has_joliet() else {},
        )
    finally:
        image.close()


def _files(image: Any) -> list[tuple[str, str]]:
    names = [child.file_identifier().decode("utf-16_be") for child in image.list_children(joliet_path="/") if child.is_file()]
    found = []
    for name in names:
        data = io.BytesIO()
        image.get_file_from_iso_fp(data, joliet_path=f"/{name}")
        found.append((name.partition(";")[0], data.getvalue().decode("utf-8", "replace")))
    return found


def replace(path: Path, data: bytes, owner: int, group: int, mode: int) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchown(descriptor, owner, group)
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        os.replace(fresh, path)
    except OSError as error:
        raise LabError(f"Cannot write the image '{path}': {error.strerror}.") from error
    finally:
        fresh.unlink(missing_ok=True)
