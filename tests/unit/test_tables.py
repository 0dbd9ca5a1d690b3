# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that playbooks show have a line for each row, however long, in either form in which Ansible tells results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
NODES = ["orchard" * 12, "meadow" * 14]
VALUE = {"median": 7.5, "least": 7.5, "most": 7.5, "unit": "Mbit/s", "values": [7.5]}
GIVEN: dict[str, dict[str, Any]] = {
    "verify": {"__verify": {"table": [f"{node}  7.5 Mbit/s" for node in NODES]}},
    "benchmark": {
        "__benchmark_results": [{"node": node, "interface": "eth0", "model": "veth", "measures": {"tcp_to_host": VALUE}} for node in NODES]
    },
}


def shown(playbook: str) -> dict[str, Any]:
    """Return the play of a playbook, but of its tasks the one that shows the table, of results that are given."""
    (play,) = yaml.safe_load((CHECKOUT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8"))
    tasks = [task for task in play["tasks"] if task["name"] == "Show the table"]
    return {"hosts": "localhost", "gather_facts": False, "vars": {**play["vars"], **GIVEN[playbook]}, "tasks": tasks}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_long_row_is_one_line(form: str, tmp_path: Path) -> None:
    (tmp_path / "show.yml").write_text(yaml.safe_dump([shown(playbook) for playbook in GIVEN]), encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), str(tmp_path / "show.yml")],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": form, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if any(node in line for node in NODES)]
    assert [row.rstrip('",').endswith(" 7.5 Mbit/s") for row in rows] == [True] * 4
