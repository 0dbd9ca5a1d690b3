# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of a lab, on the controller."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError


def private_key(lab: str) -> Path:
    """Return where the private key of a lab lies, or will; the public one is beside it."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "netvirt" / lab / "id_ed25519"


def public_text(lab: str, create: bool = True) -> str | None:
    """Return the lab's public key, made on first use; None if there is none and none shall be made. Raise LabError."""
    private = private_key(lab)
    public = private.with_suffix(".pub")
    try:
        if not private.exists():
            if not create:
                return None
            _generate(private, lab)
        return public.read_text(encoding="ascii").strip()
    except OSError as error:
        raise LabError(
            f"Cannot use the key pair {private} of lab '{lab}': {error.strerror}; remove it, and the lab gets a new one."
        ) from error


def _generate(private: Path, lab: str) -> None:
    """Make the pair beside its place and move it there, the private key last: where that is, the pair is whole."""
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = os.open(private.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Several forks, or several playbooks, may want the first key at once.
        fcntl.flock(directory, fcntl.LOCK_EX)
        if private.exists():
            return
        with tempfile.TemporaryDirectory(dir=private.parent, prefix=".new-") as scratch:
            fresh = Path(scratch, private.name)
            _keygen(fresh, lab)
            fresh.with_suffix(".pub").replace(private.with_suffix(".pub"))
            fresh.replace(private)
    finally:
        os.close(directory)


def _keygen(path: Path, lab: str) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"netvirt:{lab}", "-f", str(path)]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LabError(f"Cannot make a key pair for lab '{lab}': ssh-keygen: {error.strerror}; install the OpenSSH client.") from error
    if done.returncode:
        raise LabError(f"Cannot make a key pair for lab '{lab}': ssh-keygen said: {done.stderr.strip()}")
