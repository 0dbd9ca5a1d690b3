# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of a lab, as a user reaches them: by plain ssh with the configuration that site.yml has written.

The scripts of a guest share a connection, as agreeing on keys is most of the work for an emulated processor.
"""

from __future__ import annotations

import subprocess

from ..playbooks import Playbooks


def ssh(lab: Playbooks, name: str, guest: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a guest of the lab of that name."""
    config = lab.folder / "data" / "netvirt" / name / "ssh_config"
    shared = ["ControlMaster=auto", f"ControlPath={lab.folder}/mux-%n", "ControlPersist=30"]
    options = [part for option in ("ConnectTimeout=60", *shared) for part in ("-o", option)]
    argv = ["ssh", *options, "-F", str(config), guest, script]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)


def said(lab: Playbooks, name: str, guest: str, script: str) -> str:
    """Return what a script that succeeds prints in a guest."""
    done = ssh(lab, name, guest, script)
    assert done.returncode == 0, (guest, script, done.stdout, done.stderr)
    return done.stdout


def reaches(lab: Playbooks, name: str, guest: str, address: str, by: str = "") -> bool:
    """Say whether a guest reaches an address by ping, by an interface if one is named; the first packets may be lost to ARP."""
    way = f"-I {by} " if by else ""
    return ssh(lab, name, guest, f"for n in 1 2 3; do ping {way}-c 1 -W 3 {address} && exit; done; exit 1").returncode == 0
