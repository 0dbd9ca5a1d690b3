# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download an image: resumed where it broke off, checked as a whole, and in place only when it is right."""

from __future__ import annotations

import errno
import gzip
import http.client
import json
import lzma
import os
import shutil
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from ansible.module_utils.urls import open_url

from .._errors import LabError
from . import checksums

BLOCK = 1 << 20
STALLED = 30.0  # seconds without a byte
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each further try; a try that brought something starts over
MIB = 1 << 20
_TRANSIENT = (urllib.error.URLError, http.client.HTTPException, OSError)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OPENERS: Mapping[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Partial:
    """An unfinished download: the bytes so far, and beside them what identifies the version that they are of."""

    path: Path

    @property
    def notes(self) -> Path:
        """Return the file beside the bytes."""
        return self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, url: str) -> str | None:
        """Return what to send as If-Range (RFC 9110, 13.1.5), or None if there is nothing to go on from."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return notes.get("validator") if self.size and notes.get("url") == url else None

    def begin(self, url: str, validator: str | None) -> None:
        """Forget the bytes, and note what the next ones are of."""
        self.path.write_bytes(b"")
        self.notes.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")

    def discard(self) -> None:
        """Remove everything."""
        for path in (self.path, self.notes):
            if path.exists():
                path.unlink()


def fetch_text(url: str, what: str) -> str:
    """Return a small text from a URL; what names it in the LabError if that fails."""
    try:
        with _open(url, {}) as answer:
            return cast(bytes, answer.read(BLOCK)).decode("utf-8", "replace")
    except _TRANSIENT as error:
        raise LabError(f"Cannot get {what} from {url}: {_reason(error)}.") from error


def fetch(url: str, checksum: str, partial: Partial, pauses: tuple[float, ...] = PAUSES) -> None:
    """Bring the bytes of url, whose checksum is "algorithm:digits", into partial, from wherever it stands. Raise LabError."""
    tries = iter(pauses)
    while True:
        before = partial.size
        problem = _attempt(url, partial)
        if problem is None:
            break
        if partial.size > before:
            tries = iter(pauses)
        pause = next(tries, None)
        if pause is None:
            kept = f"; {partial.size // MIB} MiB are kept, the next run goes on from there" if partial.size else ""
            raise LabError(f"Cannot download {url}: {_reason(problem)}{kept}.") from problem
        time.sleep(pause)
    check(partial, checksum, url)


def check(partial: Partial, checksum: str, url: str) -> None:
    """Compare the checksum of a finished download; one that is wrong is removed. Raise LabError."""
    algorithm, _colon, wanted = checksum.partition(":")
    found = checksums.of_file(partial.path, algorithm)
    if found != wanted:
        partial.discard()
        raise LabError(
            f"The download of {url} is not what it should be: its {algorithm} is {found}, expected was {wanted}; "
            "it has been removed. Check the checksum, or whether the publisher has released a new version."
        )


def unpack(packed: Path, suffix: str, target: Path) -> None:
    """Write the decompressed content of packed (suffix .xz or .gz) to target, holes as holes. Raise LabError."""
    try:
        with _OPENERS[suffix](packed, "rb") as source, target.open("wb") as output:
            copy_sparse(cast(BinaryIO, source), output)
    except (OSError, EOFError, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise LabError(f"Cannot decompress the image into '{target.parent}': the disk is full; make room, then run again.") from error
        raise LabError(f"Cannot decompress the image '{packed.name}' ({suffix}): {error}.") from error


def copy_sparse(source: BinaryIO, output: BinaryIO) -> None:
    """Copy source to output, leaving out blocks of zeros."""
    while block := source.read(BLOCK):
        if block.count(0) == len(block):
            output.seek(len(block), os.SEEK_CUR)
        else:
            output.write(block)
    output.truncate()


def _attempt(url: str, partial: Partial) -> Exception | None:
    """Do one request; return None if the file is complete, an error that may pass if not. Raise LabError for one that does not pass."""
    try:
        _transfer(url, partial)
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code not in (408, 429):  # too slow, too many requests: those pass
            raise LabError(f"Cannot download {url}: the server said {error.code} {error.reason}.") from error
        return error
    except _TRANSIENT as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            partial.discard()
            raise LabError(
                f"Cannot download {url}: the disk that {partial.path.parent} is on is full; make room, then run again."
            ) from error
        return error
    return None


def _transfer(url: str, partial: Partial) -> None:
    """Do one request. Raise an error of _TRANSIENT unless the file is complete afterwards."""
    validator = partial.validator(url)
    headers = {"Accept-Encoding": "identity", "User-Agent": "netvirt.lab"}
    if validator:
        headers.update({"Range": f"bytes={partial.size}-", "If-Range": validator})
    with _answer(url, headers) as answer:
        if answer is None:
            return
        if not _continues(answer, partial.size):
            partial.begin(url, _strong_validator(answer.headers))
        left = int(answer.headers["Content-Length"]) if answer.headers.get("Content-Length") else None
        _require_room(partial, left, url)
        with partial.path.open("ab") as output:
            while block := answer.read(BLOCK if left is None else min(BLOCK, left)):
                output.write(block)
                left = None if left is None else left - len(block)
        if left:
            raise http.client.IncompleteRead(b"", left)


def _open(url: str, headers: Mapping[str, str]) -> Any:
    # The bytes as they are sent, for the checksum; no password from a ~/.netrc, which a mirror has no use for.
    return open_url(url, headers=dict(headers), timeout=STALLED, decompress=False, use_netrc=False)


@contextmanager
def _answer(url: str, headers: Mapping[str, str]) -> Iterator[Any]:
    """Open a URL; yield None if the partial file turns out to be complete already."""
    try:
        with _open(url, headers) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        # 416: no byte is left after those that we have, or they are too many; the checksum tells.
        if error.code != 416:
            raise
        yield None


def _continues(answer: Any, size: int) -> bool:
    """Say whether an answer goes on after the bytes that are here, instead of beginning anew."""
    return answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {size}-")


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what identifies this very version of a file: a weak ETag does not (RFC 9110, 8.8.1)."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _require_room(partial: Partial, length: int | None, url: str) -> None:
    free = shutil.disk_usage(partial.path.parent).free
    if length is not None and length > free:
        raise LabError(
            f"Cannot download {url}: {length / MIB:.0f} MiB are to come and {partial.path.parent} has {free / MIB:.0f} MiB free; make room."
        )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server said {error.code} {error.reason}"
    if isinstance(error, http.client.IncompleteRead):
        return f"the transfer broke off {error.expected} bytes before its end"
    return str(error.reason) if isinstance(error, urllib.error.URLError) else str(error) or type(error).__name__
