# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups for a simulated lab host, which has none: a part of the machine's own, of whatever version that has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

# Parameters: the controller, the name of the part.
_MOUNT = """
set -e
mkdir -p /run/groups/all /run/groups/$1
if [ "$1" = v2 ]; then mount -t cgroup2 all /run/groups/all; else mount -t cgroup -o "$1" all /run/groups/all; fi
mkdir -p "/run/groups/all/$2"
mount --bind "/run/groups/all/$2" "/run/groups/$1"
umount /run/groups/all
"""
_UNMOUNT = """
umount "/run/groups/$1"
if [ "$1" = v2 ]; then mount -t cgroup2 all /run/groups/all; else mount -t cgroup -o "$1" all /run/groups/all; fi
rmdir "/run/groups/all/$2"
umount /run/groups/all
"""


def _shell(script: str, *parameters: str) -> None:
    subprocess.run(["sh", "-c", script, "sh", *parameters], check=True, capture_output=True)


@pytest.fixture(scope="module")
def control_groups() -> Iterator[None]:
    """Mount the controllers cpu and memory of version 1, and the hierarchy of version 2; skip where the kernel lends none."""
    name, mounted = f"netvirt-test-{os.getpid()}", []
    try:
        for controller in ("cpu", "memory", "v2"):
            try:
                _shell(_MOUNT, controller, name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"the kernel lends no control group of the controller {controller}: {error.stderr.decode().strip()}")
            mounted.append(controller)
        yield
    finally:
        for controller in mounted:
            _shell(_UNMOUNT, controller, name)
