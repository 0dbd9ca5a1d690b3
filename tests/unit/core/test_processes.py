# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of programs that cannot be started."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.netvirt.lab.plugins.module_utils._errors import LabError
from ansible_collections.netvirt.lab.plugins.module_utils.transport import processes


@pytest.mark.parametrize(("program", "package"), [("ip", "iproute2"), ("ovs-ctl", "openvswitch-switch"), ("no-such", "that has it")])
def test_a_program_that_is_missing_is_named_with_its_package(tmp_path: Path, program: str, package: str) -> None:
    message = rf"Cannot start '{tmp_path}/{program}': No such file or directory; install the package {package}\."
    with pytest.raises(LabError, match=message):
        processes.attempt([f"{tmp_path}/{program}"])
    with pytest.raises(LabError, match=message):
        processes.logged([f"{tmp_path}/{program}"], {}, timeout=1)
