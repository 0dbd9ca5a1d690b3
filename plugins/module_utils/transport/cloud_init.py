# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloud-init's own opinion of a document, on machines that have cloud-init installed."""

from __future__ import annotations

import tempfile

from .processes import attempt, which


def objection(document: str, text: str) -> str | None:
    """Return what ``cloud-init schema`` finds wrong with a document ('user-data' or 'network-config'), None if nothing."""
    program = which("cloud-init")
    if program is None or (document == "user-data" and not text.startswith("#cloud-config")):
        return None
    arguments = [program, "schema"]
    if document != "user-data":
        # Since 24.2; before, only user-data could be checked.
        if "--schema-type" not in attempt([*arguments, "--help"], timeout=30).stdout:
            return None
        arguments += ["--schema-type", document]
    with tempfile.NamedTemporaryFile("w", prefix="netvirt-", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        done = attempt([*arguments, "--config-file", file.name], timeout=60)
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split()).replace(file.name, document)
    return said or f"exit code {done.code}" if done.code else None
