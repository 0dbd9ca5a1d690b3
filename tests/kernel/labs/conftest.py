# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labs below inventory/, each brought up once for the tests of its module, and seen to go without a trace."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pytest

from ..playbooks import CHECKOUT, Playbooks, cluster, trace


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playbooks]:
    """Give the lab that the module's ``LAB`` names, a folder below inventory/: it is up, a second run changes nothing, and it is verified.

    It is on this lab host, or on so many of a cluster as the module's ``MACHINES`` says.
    """
    with cluster(getattr(request.module, "MACHINES", 0)) as members:
        before = {machine: trace(machine) for machine in ("", *members)}
        lab = Playbooks(tmp_path_factory.mktemp("home"), CHECKOUT / "inventory" / request.module.LAB)
        try:
            assert lab.changed("netvirt.lab.site") > 0
            # The roles of all labs are the same, and are run again elsewhere (test_lab.py, molecule).
            assert lab.changed("netvirt.lab.site", "--skip-tags", "host_prep,image") == 0
            assert lab.changed("netvirt.lab.verify") == 0
            yield lab
        finally:
            lab.changed("netvirt.lab.teardown")
        for machine, lines in before.items():
            assert list(difflib.unified_diff(lines, trace(machine), machine, machine, lineterm="", n=0)) == []
