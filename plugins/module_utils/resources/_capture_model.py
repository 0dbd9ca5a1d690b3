# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture is, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .._paths import run_dir

NOTE, LOG, READER_FILE = "capture.json", "log", "reader.py"
# What is noted of a capture, besides the index of its interface.
NOTED = ("netns", "interface", "via", "filter", "direction", "snaplen", "ring")


@dataclass(frozen=True)
class Capture:
    """What is written of an interface's packets; via its cable ('tap') these are the frames that the kernel sends out of a tap.

    It is stale if it still listens at a former interface of that name.
    snaplen is in bytes, ring the number of files and the size of each in MB, () for one file that grows.
    """

    name: str
    lab: str | None = None
    netns: str | None = None
    interface: str | None = None
    via: Literal["interface", "tap"] | None = None
    filter: str | None = None
    direction: Literal["in", "out", "inout"] | None = None
    snaplen: int | None = None
    ring: tuple[int, ...] | None = None
    state: Literal["running", "stopped", "stale"] = "running"

    @property
    def key(self) -> str:
        """Return the name."""
        return self.name

    @property
    def home(self) -> Path:
        """Return the capture's own directory."""
        return top(self.lab or "") / self.name

    @property
    def path(self) -> Path:
        """Return the file that is written; with a ring its name has a number behind it."""
        return self.home / f"{self.name}.pcap"


def top(lab: str) -> Path:
    """Return the directory of a lab's captures."""
    return run_dir(lab) / "captures"


def log(capture: Capture) -> str:
    """Return what a capture's process has said."""
    try:
        return (capture.home / LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
