# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab keeps its files. Everything below a lab's two directories belongs to the lab and goes with it."""

from __future__ import annotations

import os
from pathlib import Path

RUN = Path("/run/netvirt")
STATE = Path("/var/lib/netvirt")
IMAGES = STATE / "images"
OVN = RUN / ".ovn"  # what the labs of a machine share of OVN; no lab has such a name


def run_dir(lab: str) -> Path:
    """Return the directory of what lives as long as the machine is up: sockets, leases, generated configuration."""
    return RUN / lab


def state_dir(lab: str) -> Path:
    """Return the directory of what outlives a reboot: disks, seeds, console logs."""
    return STATE / lab


def space_dir(lab: str, name: str) -> Path:
    """Return the directory of what holds a container's namespaces."""
    return run_dir(lab) / "spaces" / name


def enter_script(lab: str, name: str) -> Path:
    """Return the script that runs a command inside all of a container's namespaces."""
    return space_dir(lab, name) / "enter"


def make_public(path: Path) -> None:
    """Make a directory, with its parents, that everyone may read whatever the umask is: QEMU and others run as other users."""
    if not path.is_dir():
        make_public(path.parent)
        # It has its mode at once: a run that is killed leaves none that only root may read.
        before = os.umask(0o022)
        try:
            path.mkdir(mode=0o755, exist_ok=True)
        finally:
            os.umask(before)
