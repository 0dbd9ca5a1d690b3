# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write an initramfs: a cpio archive in the format "newc" (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath


class Initramfs:
    """The files of an initramfs, in memory. Parents are made as needed, everything belongs to root, times are 0."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes]] = {}

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Add a directory."""
        self._put(path, stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Add a file with the given content."""
        self._put(path, stat.S_IFREG | mode, content.encode() if isinstance(content, str) else content)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source: Path, path: str, mode: int | None = None) -> None:
        """Add a copy of a file of this machine."""
        self.file(path, source.read_bytes(), stat.S_IMODE(os.stat(source).st_mode) if mode is None else mode)

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def _put(self, path: str, mode: int, content: bytes) -> None:
        parent = str(PurePosixPath(path).parent)
        if parent != "." and parent not in self._entries:
            self.directory(parent)
        self._entries[path] = (mode, content)

    def write(self, target: Path) -> None:
        """Write the archive, uncompressed: an emulated processor unpacks slower than QEMU hands over."""
        with target.open("wb") as output:
            for number, (path, (mode, content)) in enumerate(self._entries.items(), 1):
                output.write(_record(number, path, mode, content))
            output.write(_record(0, "TRAILER!!!", 0, b""))


def _record(number: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return header + _padding(len(header)) + content + _padding(len(content))


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
